"""Plans: the steps that make a file pass, and a command that, run as it is, does make it pass."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import preflight
from preflight import catalog
from preflight.judge import judge
from preflight.limit import compile_limit
from preflight.media import NONE, Media
from preflight.plans import geometry
from preflight.plans.choices import Choices
from preflight.plans.encoding import Subject
from preflight.report import Plan, Report, Step
from preflight.ruleset import RuleSet, compile_ruleset
from tests.conftest import Run
from tests.rows import each_row

ATLAS = catalog.load("atlas")
CLIP = Media(
    kind="video",
    format="mp4",
    size=9_000_000,
    width=1280,
    height=720,
    duration=5.0,
    fps=24.0,
    video_codec="h264",
    audio_codec="aac",
)
PHOTO = Media(kind="image", format="jpeg", size=90_000, width=640, height=640, has_alpha=False)
SOUND = Media(kind="audio", format="mp3", size=90_000, duration=5.0, audio_codec="mp3")

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def planned(media: Media, rules: str | RuleSet = "atlas", name: str | None = "in.bin") -> Plan | None:
    """Return the plan for a media."""
    return judge(media, catalog.load(rules) if isinstance(rules, str) else rules, name=name).plan


def hint(media: Media, rules: str | RuleSet = "atlas") -> str:
    """Return the first hint for a media."""
    findings = judge(media, catalog.load(rules) if isinstance(rules, str) else rules).findings
    return next((finding.hint for finding in findings if finding.hint), "")


def command(media: Media, rules: str | RuleSet = "atlas", name: str | None = "in.bin") -> str:
    """Return the command of the plan for a media, as a shell would be given it; empty where there is none."""
    plan = planned(media, rules, name)
    return shlex.join(plan.command) if plan is not None and plan.command is not None else ""


@each_row(
    ("media", "sentence", "started"),
    [
        (PHOTO._replace(width=280), "scale it to 300×686", "preflight fix "),
        (PHOTO._replace(width=2000), "crop it to 1600×640", "preflight fix "),
        (PHOTO._replace(width=160, height=1000), "crop it to 160×400 and scale it to 300×750", "preflight fix "),
        (PHOTO._replace(format="avif"), "convert it to jpeg", "preflight fix "),
        (CLIP._replace(duration=1.0), "make it at least 2 s long", ""),
        (
            CLIP._replace(duration=16.0),
            "keep the first 14.8 s without re-encoding",
            "ffmpeg -i in.bin -map 0:V -map '0:a?' -map '0:s?' -c copy -t 14.8 ",
        ),
        (
            CLIP._replace(fps=12.0),
            "convert it to 24 frames per second",
            "ffmpeg -i in.bin -map 0:V:0 -map '0:a?' -map '0:s?' -vf fps=24 -c:v libx264 ",
        ),
        (
            CLIP._replace(fps=120.0),
            "convert it to 60 frames per second",
            "ffmpeg -i in.bin -map 0:V:0 -map '0:a?' -map '0:s?' -vf fps=60 -c:v libx264 ",
        ),
        (
            CLIP._replace(format="mkv"),
            "remux it to mp4 without re-encoding",
            "ffmpeg -i in.bin -map 0:V -map '0:a?' -c copy -movflags +faststart in-bin-fixed.mp4",
        ),
        (
            CLIP._replace(format="m4v"),
            "remux it to mp4 without re-encoding",
            "ffmpeg -i in.bin -map 0:V -map '0:a?' -map '0:s?' -c copy -",
        ),
        (
            CLIP._replace(format="avi"),
            "convert it to mp4",
            "ffmpeg -i in.bin -map 0:V:0 -map '0:a?' -c:v libx264 -pix_fmt yuv420p -preset medium -crf 17 -c:a aac ",
        ),
        (
            CLIP._replace(format="mkv", audio_codec="opus"),
            "convert it to mp4",
            "ffmpeg -i in.bin -map 0:V:0 -map '0:a?' -c:v copy -c:a aac -b:a 192000 ",
        ),
        (SOUND._replace(format="flac"), "convert it to wav", "ffmpeg -i in.bin -map 0:a:0 -c:a pcm_s16le in-bin-"),
        (
            SOUND._replace(duration=20.0),
            "keep the first 14.8 s without re-encoding",
            "ffmpeg -i in.bin -map 0:a:0 -map '0:v?' -c copy -disposition:v attached_pic -t 14.8 in-bin-",
        ),
    ],
)
def test_hint_is_a_sentence_and_command_is_apart(media: Media, sentence: str, started: str) -> None:
    assert hint(media) == sentence
    plan = planned(media)
    if started:
        assert plan is not None
        assert plan.sentence == sentence
        assert command(media).startswith(started)
    else:
        assert plan is None


def test_size_of_a_picture_has_the_command_that_searches_a_quality() -> None:
    plan = planned(PHOTO._replace(width=280, size=40_000_000))
    assert plan is not None
    assert plan.sentence == "scale it to 300×686 and compress it to below 30 MB"
    assert plan.steps[-1] == Step("compress", ("size",), size=29_999_999)
    assert (plan.command or ())[:2] == ("preflight", "fix")


def test_steps_name_the_new_values_of_facts() -> None:
    bad = CLIP._replace(format="avi", width=3000, height=1000, duration=60.0, fps=90.0)
    plan = planned(bad)
    assert plan is not None
    assert plan.steps == (
        Step("crop", ("aspect_ratio", "pixels"), width=2500, height=1000),
        Step("scale", ("aspect_ratio", "pixels"), width=1520, height=608),
        Step("change_fps", ("fps",), fps=60.0),
        Step("trim", ("duration",), duration=14.8),
        Step("convert", ("format",), format="mp4"),
    )
    assert plan.sentence == (
        "crop it to 2500×1000, scale it to 1520×608, convert it to 60 frames per second, keep the first 14.8 s and "
        "convert it to mp4"
    )
    assert plan.steps[0].as_json() == {
        "action": "crop",
        "facts": ["aspect_ratio", "pixels"],
        "width": 2500,
        "height": 1000,
    }


def test_remuxing_plan_moves_the_index_too() -> None:
    rules = mine(video={"format": {"any_of": ["mp4"]}, "streamable": {"any_of": [True]}})
    plan = planned(CLIP._replace(format="mov", streamable=False), rules)
    assert plan is not None
    assert [step.action for step in plan.steps] == ["remux", "move_index"]
    assert plan.sentence == "remux it to mp4 and move the index (moov) to the front without re-encoding"


def test_plan_considers_only_findings_that_count() -> None:
    media = CLIP._replace(fps=12.0, size=99_000_000)
    plan = judge(media, ATLAS).plan
    assert plan is not None
    assert plan.sentence == "convert it to 24 frames per second and compress it to at most 50 MB"
    assert (plan.command or ())[:2] == ("preflight", "fix")  # no single call of ffmpeg reaches a size
    result = judge(media, ATLAS, dropped=frozenset(["file_size_too_large"]))
    assert result.plan is not None
    assert result.plan.sentence == "convert it to 24 frames per second"


def test_passing_file_has_no_plan() -> None:
    assert planned(CLIP) is None
    assert planned(CLIP._replace(duration=15.1)) is None  # a warning


def test_hint_repeats_the_remark_of_the_rule_file() -> None:
    media = CLIP._replace(width=1920, height=1080)
    assert hint(media) == (
        "scale it to 1284×722 (in September 2026 the service stated 407,696 to 8,295,044: see rule set atlas@2026-09)"
    )
    assert command(media).startswith("ffmpeg -i in.bin -map 0:V:0 -map '0:a?' -map '0:s?' -vf scale=1284:722:flags=")


def test_one_command_fixes_everything() -> None:
    bad = CLIP._replace(format="avi", width=3000, height=1000, duration=60.0, fps=90.0, video_codec="mpeg4")
    assert len(judge(bad, ATLAS).findings) == 5
    assert command(bad, name="in.avi") == (
        "ffmpeg -i in.avi -map 0:V:0 -map '0:a?' -vf fps=60,crop=2500:1000:250:0:exact=1,"
        "scale=1520:608:flags=lanczos+accurate_rnd+full_chroma_int,setsar=r=sar:max=100 -c:v libx264 "
        "-pix_fmt yuv420p -preset medium -crf 17 -c:a aac -b:a 192000 -t 14.8 -movflags +faststart in-avi-fixed.mp4"
    )


@each_row(
    ("media", "rules"),
    [
        (CLIP._replace(width=200, size=99_000_000), "atlas"),  # the bytes, too
        (CLIP._replace(width=200, duration=1.0), "atlas"),  # too short
        (CLIP._replace(width=200, height=None), "atlas"),
        (PHOTO._replace(width=200, frames=3), "atlas"),  # an animation would become a still
        (PHOTO._replace(width=200, notes=("animated",)), "atlas"),
        (CLIP._replace(kind=None, format="zip"), "atlas"),
        (CLIP, "agentsflare"),
    ],
)
def test_there_is_no_command_where_none_would_do(media: Media, rules: str) -> None:
    assert command(media, rules) == ""


@each_row(
    ("name", "words"),
    [
        ("my clip.mov", ["my clip.mov", "my clip-mov-fixed.mp4"]),
        ("/a/b/clip.mov", ["/a/b/clip.mov", "/a/b/clip-mov-fixed.mp4"]),
        ("-x.mov", ["./-x.mov", "./-x-mov-fixed.mp4"]),
        ("a:b.mov", ["./a:b.mov", "./a:b-mov-fixed.mp4"]),
        ("$(reboot).mov", ["$(reboot).mov", "$(reboot)-mov-fixed.mp4"]),
        ("a\x1b[31m.mov", ["a\x1b[31m.mov", "a\x1b[31m-mov-fixed.mp4"]),
        (None, ["input.webm", "input-webm-fixed.mp4"]),
    ],
)
def test_command_names_the_file_and_its_result(name: str | None, words: list[str]) -> None:
    plan = planned(CLIP._replace(format="webm"), name=name)
    assert plan is not None
    assert plan.command is not None
    assert [plan.command[2], plan.command[-1]] == words


def test_results_of_different_files_have_different_names() -> None:
    names = ["a.mp4", "a.mov", "a.MP4", "b/a.mp4", "../a.mp4", "/a.mp4", "v1.2/a", "v1.2/b", ".mp4"]
    results = [shlex.split(command(CLIP._replace(duration=16.0), name=name))[-1] for name in names]
    assert len(set(results)) == len(names)
    assert results[:4] == ["a-fixed.mp4", "a-mov-fixed.mp4", "a-MP4-fixed.mp4", "b/a-fixed.mp4"]
    assert results[6] == "v1.2/a-fixed.mp4"


def test_command_does_not_overwrite_a_file(tmp_path: Path, run: Run) -> None:
    shutil.copy("fixtures/refused/png-too-narrow.png", tmp_path / "a.png")
    (tmp_path / "a-fixed.png").write_text("precious")
    words = shlex.split(command(PHOTO._replace(format="png", width=299), name="a.png"))[1:]
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert "a-fixed.png exists" in done.stdout
    assert (tmp_path / "a-fixed.png").read_text() == "precious"


def test_warning_has_no_hint() -> None:
    assert [finding.hint for finding in judge(CLIP._replace(duration=15.1), ATLAS).findings] == [None]


def mine(**sections: Any) -> RuleSet:
    head = {"title": "Mine", "stage": "register", "source": "x", "as_of": "2026-11-20", "basis": "published"}
    return compile_ruleset("mine", {**head, **sections})


@each_row(
    ("rules", "media", "said", "started"),
    [
        (
            mine(video={"video_codec": {"any_of": ["hevc"]}}),
            CLIP,
            "transcode it to hevc",
            "ffmpeg -i input.mp4 -map 0:V:0 -map '0:a?' -map '0:s?' -c:v libx265 ",
        ),
        (mine(video={"audio_codec": {"any_of": ["mp3"]}}), CLIP, "transcode it to mp3", "ffmpeg "),
        (mine(video={"audio_codec": {"any_of": [NONE]}}), CLIP, "remove the audio track", "ffmpeg "),
        (
            mine(video={"audio_codec": {"any_of": ["aac"], "required": True}}),
            CLIP._replace(audio_codec=NONE),
            "add an audio track",
            "",
        ),
        (
            mine(video={"format": {"any_of": ["webm"]}}),
            CLIP,
            "convert it to webm",
            "ffmpeg -i input.mp4 -map 0:V:0 -map '0:a?' -c:v libvpx-vp9 ",
        ),
        (
            mine(video={"fps": {"above": 24, "below": 60}}),
            CLIP._replace(fps=90.0),
            "convert it to 59 frames per second",
            "ffmpeg ",
        ),
        (
            mine(video={"fps": {"above": 24, "below": 60}}),
            CLIP._replace(fps=24.0),
            "convert it to 25 frames per second",
            "ffmpeg ",
        ),
        (mine(video={"duration": {"above": 2}}), CLIP._replace(duration=2.0), "make it longer than 2 s", ""),
        (mine(image={"format": {"any_of": ["psd"]}}), PHOTO, "", ""),
    ],
)
def test_plan_follows_rules_of_users(rules: RuleSet, media: Media, said: str, started: str) -> None:
    assert hint(media, rules) == said
    ready = command(media, rules, None)
    assert ready.startswith(started)
    assert bool(ready) == bool(started)


def test_converted_file_fits_the_limits_of_its_new_format() -> None:
    """LTX does not accept PCM in WAV, a limit on WAV only."""
    sound = SOUND._replace(format="flac", audio_codec="flac")
    assert command(sound, "ltx", None).endswith("-c:a libmp3lame -b:a 256000 input-flac-fixed.mp3")


def test_limits_of_the_old_format_do_not_count_after_a_conversion() -> None:
    rules = mine(
        video={
            "format": {"any_of": ["mp4"]},
            "width": {"max": 2000},
            "when": [{"format": "avi", "width": {"max": 600}}],
        }
    )
    plan = planned(CLIP._replace(format="avi"), rules)
    assert plan is not None
    assert [step.action for step in plan.steps] == ["convert"]


ANY_SIZE = Choices(max_upscale=1e9)
sides = st.integers(min_value=1, max_value=20_000)


@given(sides, sides, st.sampled_from(["image", "video"]), st.sampled_from(catalog.names()))
def test_shape_satisfies_every_limit(width: int, height: int, kind: str, name: str) -> None:
    section = catalog.load(name).sections.get(kind)
    if section is None:
        return
    limits = {limit.fact: limit for limit in section.limits}
    shape = geometry.plan_shape(Subject.of(Media(kind=kind, width=width, height=height)), limits, ANY_SIZE)
    if not isinstance(shape, geometry.Shape):
        return
    assert shape.crop[0] <= width
    assert shape.crop[1] <= height
    assert kind == "image" or not (shape.size[0] % 2 or shape.size[1] % 2)
    after = Media(width=shape.size[0], height=shape.size[1])
    for fact in ("width", "height", "pixels", "aspect_ratio"):
        assert fact not in limits or not limits[fact].side(getattr(after, fact))


@given(sides, sides, st.sampled_from(["atlas", "volcengine"]))
def test_picture_of_any_size_can_be_fixed(width: int, height: int, name: str) -> None:
    limits = {limit.fact: limit for limit in catalog.load(name).sections["image"].limits}
    picture = Subject.of(Media(kind="image", width=width, height=height))
    shape = geometry.plan_shape(picture, limits, ANY_SIZE)
    assert isinstance(shape, geometry.Shape)


def test_accepted_size_is_unchanged() -> None:
    limits = {"width": compile_limit("width", {"max": 640})}
    assert geometry.plan_shape(Subject.of(PHOTO), limits) == geometry.Shape((640, 640), (640, 640))


def argv_of(report: Report) -> list[str]:
    """Return the words of the command of a report's only plan, as a program would run them."""
    assert report.verdict == "fail"
    (result,) = report.results
    assert result.plan is not None
    assert result.plan.command is not None
    program, *words = result.plan.command
    return [program, *words] if program == "preflight" else [program, "-nostdin", *words]


def assert_command_fixes(path: Path, rules: str | RuleSet, run: Run) -> None:
    """Run the command of the plan, and check what it wrote."""
    words = argv_of(preflight.check(path, rules))
    if words[0] == "preflight":
        done = run(*words[1:], cwd=path.parent)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    else:
        subprocess.run(words, cwd=path.parent, check=True, capture_output=True, timeout=60)
    after = preflight.check(path.parent / words[-1], rules, strict=True)
    assert after.verdict == "pass", after.findings


def ffmpeg(path: Path, *words: str) -> Path:
    command = ["ffmpeg", "-v", "error", "-nostdin", *words, os.fspath(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return path


def film(width: int, height: int, seconds: float, rate: int = 24) -> list[str]:
    return ["-f", "lavfi", "-i", f"color=c=gray:s={width}x{height}:r={rate}:d={seconds}"]


QUICK = ["-preset", "ultrafast"]
TONE = ["-f", "lavfi", "-i", "sine=frequency=300:duration=17:sample_rate=8000"]
SHORT = mine(
    video={
        "format": {"any_of": ["mp4"]},
        "video_codec": {"any_of": ["h264"]},
        "audio_codec": {"any_of": ["aac"]},
        "aspect_ratio": {"min": 0.4, "max": 2.5},
        "pixels": {"min": 4096, "max": 9000},
        "duration": {"max": 1},
        "fps": {"min": 24, "max": 60},
    }
)
"""Limits as those of atlas, on clips of a hundred pixels and a second, which are encoded in no time."""


class TestPictures:
    @pytest.mark.parametrize(
        ("mode", "size", "name"),
        [
            ("RGB", (200, 900), "narrow.jpg"),
            ("CMYK", (200, 300), "print.jpg"),
            ("RGBA", (900, 200), "clear.png"),
            ("P", (200, 300), "palette.png"),
            ("P", (200, 300), "palette.gif"),
            ("L", (200, 300), "grey.bmp"),
            ("1", (200, 300), "fax.tif"),
            ("RGBA", (900, 200), "wide.webp"),
            ("I;16", (200, 300), "deep.png"),
            ("RGB", (400, 400), "other.jp2"),
        ],
    )
    def test_command_fixes_pictures_of_every_mode(
        self, tmp_path: Path, mode: str, size: tuple[int, int], name: str, run: Run
    ) -> None:
        options = {"compression": "group4"} if mode == "1" else {}
        Image.new(mode, size).save(tmp_path / name, **options)
        assert_command_fixes(tmp_path / name, "atlas", run)

    def test_command_fixes_rotated_picture(self, tmp_path: Path, run: Run) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (1000, 300)).save(tmp_path / "turned.jpg", exif=exif)
        assert_command_fixes(tmp_path / "turned.jpg", "atlas", run)

    def test_command_fixes_heic_picture(self, tmp_path: Path, run: Run) -> None:
        import pillow_heif

        pillow_heif.from_pillow(Image.new("RGB", (200, 300))).save(tmp_path / "small.heic")
        assert_command_fixes(tmp_path / "small.heic", "atlas", run)


@needs_ffmpeg
class TestClips:
    @pytest.mark.parametrize(
        ("rules", "width", "height", "seconds"),
        [
            pytest.param(SHORT, 97, 31, 1.5, id="short"),
            pytest.param("atlas", 961, 301, 16.5, id="atlas", marks=pytest.mark.slow),
        ],
    )
    def test_one_command_fixes_geometry_frame_rate_and_duration(
        self, tmp_path: Path, rules: str | RuleSet, width: int, height: int, seconds: float, run: Run
    ) -> None:
        clip = film(width, height, seconds, 12)
        path = ffmpeg(tmp_path / "all.mkv", *clip, *TONE, "-shortest", "-c:v", "mjpeg", "-c:a", "aac")
        assert_command_fixes(path, rules, run)

    @pytest.mark.parametrize(
        ("rules", "width", "height", "seconds"),
        [
            pytest.param(SHORT, 81, 65, 0.5, id="short"),
            pytest.param("atlas", 801, 641, 3, id="atlas", marks=pytest.mark.slow),
        ],
    )
    def test_odd_sides_become_even(
        self, tmp_path: Path, rules: str | RuleSet, width: int, height: int, seconds: float, run: Run
    ) -> None:
        path = ffmpeg(tmp_path / "odd.mov", *film(width, height, seconds, 90), "-c:v", "mjpeg")
        assert_command_fixes(path, rules, run)

    @pytest.mark.parametrize(
        ("rules", "width", "height", "seconds"),
        [
            pytest.param(SHORT, 64, 64, 0.5, id="short"),
            pytest.param("seedance-2.0", 1280, 720, 2, id="seedance-2.0", marks=pytest.mark.slow),
        ],
    )
    def test_codecs(
        self, tmp_path: Path, rules: str | RuleSet, width: int, height: int, seconds: float, run: Run
    ) -> None:
        tracks = [*film(width, height, seconds), *TONE, "-t", str(seconds)]
        path = ffmpeg(tmp_path / "old.mp4", *tracks, "-c:v", "mpeg4", "-c:a", "ac3")
        assert_command_fixes(path, rules, run)


def remuxed(path: Path, rules: RuleSet) -> Media:
    """Run the command of the plan, check that it only copies and that its result passes; return its facts."""
    report = preflight.check(path, rules)
    words = argv_of(report)
    plan = report.results[0].plan
    assert plan is not None
    assert plan.sentence.endswith("without re-encoding")
    assert words[words.index("-c") + 1] == "copy"
    subprocess.run(words, cwd=path.parent, check=True, capture_output=True, timeout=60)
    after = preflight.check(path.parent / words[-1], rules, strict=True)
    assert after.verdict == "pass", after.findings
    assert report.media is not None
    assert after.media is not None
    assert (after.media.video_codec, after.media.audio_codec) == (report.media.video_codec, report.media.audio_codec)
    return after.media


SPEECH = ["-f", "lavfi", "-i", "sine=frequency=300:duration=1:sample_rate=48000"]
CODED = ["-t", "1", "-c:v", "libx264", *QUICK, "-pix_fmt", "yuv420p", "-c:a", "aac"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a clip in each container and with audio files, which one process makes."""
    folder = tmp_path_factory.mktemp("clips")
    names = ["clip.m4v", "clip.mov", "clip.mkv", "clip.flv", "clip.ts"]
    films = [word for name in names for word in (*CODED, str(folder / name))]
    audio = [word for name in ("a.mp4", "a.m4a", "a.mkv") for word in ("-vn", "-c:a", "aac", str(folder / name))]
    ffmpeg(folder / "clip.3gp", *film(64, 48, 1), *SPEECH, *films, *audio, *CODED)
    return folder


CONTAINERS = [
    *("clip.mov", "clip.mkv", "clip.ts"),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("clip.m4v", "clip.flv", "clip.3gp")),
]


@needs_ffmpeg
class TestRemuxing:
    """Files in which only the container is not accepted are copied, not encoded again."""

    @pytest.mark.parametrize("name", CONTAINERS)
    def test_video_in_another_container_is_copied_to_mp4(self, clips: Path, name: str) -> None:
        rules = mine(
            video={"format": {"any_of": ["mp4"]}, "video_codec": {"any_of": ["h264"]}, "streamable": {"any_of": [True]}}
        )
        assert remuxed(clips / name, rules).format == "mp4"

    def test_remux_drops_subtitles(self, tmp_path: Path) -> None:
        (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
        path = ffmpeg(tmp_path / "a.mkv", *film(64, 48, 1), *SPEECH, "-i", str(tmp_path / "words.srt"), *CODED)
        remuxed(path, mine(video={"format": {"any_of": ["mov"]}}))
        assert b"subrip" in path.read_bytes() or b"S_TEXT" in path.read_bytes()
        assert b"text" not in (tmp_path / "a-mkv-fixed.mov").read_bytes()

    def test_hevc_from_matroska_gets_hvc1_tag(self, tmp_path: Path) -> None:
        coded = ["-c:v", "libx265", *QUICK, "-pix_fmt", "yuv420p", "-x265-params", "log-level=none"]
        path = ffmpeg(tmp_path / "a.mkv", *film(64, 48, 1), *coded)
        remuxed(path, mine(video={"format": {"any_of": ["mp4"]}}))
        assert b"hvc1" in (tmp_path / "a-mkv-fixed.mp4").read_bytes()

    def test_index_at_the_end_is_moved_to_the_front(self, tmp_path: Path) -> None:
        path = shutil.copy("fixtures/quirks/mp4-moov-at-end.mp4", tmp_path / "a.mp4")
        rules = mine(video={"format": {"any_of": ["mp4"]}, "streamable": {"any_of": [True]}})
        assert "-c copy -movflags +faststart" in " ".join(argv_of(preflight.check(path, rules)))
        assert remuxed(path, rules).streamable is True

    def test_encoded_result_gets_index_at_front(self, tmp_path: Path) -> None:
        path = ffmpeg(tmp_path / "a.mp4", *film(64, 48, 1, 12), *CODED)
        rules = mine(video={"fps": {"min": 24}, "streamable": {"any_of": [True]}})
        words = argv_of(preflight.check(path, rules))
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=60)
        assert preflight.check(tmp_path / words[-1], rules).verdict == "pass"

    @pytest.mark.parametrize(("name", "accepted"), [("a.mp4", "m4a"), ("a.m4a", "mp4"), ("a.mkv", "m4a")])
    def test_audio_only_file_is_copied(self, clips: Path, name: str, accepted: str) -> None:
        assert remuxed(clips / name, mine(audio={"format": {"any_of": [accepted]}})).format == accepted

    def test_odd_sides_are_unchanged_by_copying(self, tmp_path: Path) -> None:
        coded = ["-f", "lavfi", "-i", "testsrc=s=65x49:d=1", "-c:v", "libx264", *QUICK, "-pix_fmt", "yuv444p"]
        path = ffmpeg(tmp_path / "odd.mkv", *coded)
        assert remuxed(path, mine(video={"format": {"any_of": ["mp4"]}})).width == 65

    def test_container_that_supports_the_codecs_is_preferred(self, tmp_path: Path) -> None:
        path = ffmpeg(tmp_path / "a.mkv", *film(64, 48, 1), "-c:v", "libvpx-vp9", "-deadline", "realtime")
        assert remuxed(path, mine(video={"format": {"any_of": ["mp4", "webm"]}})).format == "webm"


@each_row(
    ("media", "limits"),
    [
        (CLIP._replace(format="mkv", video_codec="vp9"), {}),  # no codec that MP4 usually holds
        (CLIP._replace(format="mkv"), {"video_codec": {"any_of": ["hevc"]}}),
        (CLIP._replace(format="mkv", video_codec=None), {}),
        (CLIP._replace(format="avi"), {}),  # no timestamps to copy
    ],
)
def test_plan_does_not_copy_tracks_that_must_be_encoded(media: Media, limits: dict[str, Any]) -> None:
    result = judge(media, mine(video={"format": {"any_of": ["mp4"]}, **limits}))
    assert not any("without re-encoding" in (finding.hint or "") for finding in result.findings)
    assert result.plan is None or "-c copy" not in " ".join(result.plan.command or ())


def test_accepted_audio_is_copied_when_video_is_encoded() -> None:
    ready = command(CLIP._replace(fps=12.0, width=1000, height=700))
    assert "-vf fps=24 -c:v libx264 -pix_fmt yuv420p -preset medium -crf 17 -c:a copy " in ready


@each_row(
    ("limits", "said"),
    [
        ({"fps": {"any_of": [25, 30]}}, "convert it to 25 frames per second"),
        ({"aspect_ratio": {"any_of": [1]}}, "crop it to 720×720"),
        ({"aspect_ratio": {"any_of": [0.5625, 1]}}, "crop it to 720×720"),
        ({"width": {"any_of": [640, 1920]}}, "scale it to 1920×1080"),
        ({"height": {"any_of": [1080]}}, "scale it to 1920×1080"),
        ({"width": {"any_of": [512]}, "height": {"any_of": [512]}}, "crop it to 720×720 and scale it to 512×512"),
        ({"pixels": {"any_of": [230_400]}}, "scale it to 640×360"),
        ({"fps": {"any_of": [0]}}, ""),
        ({"width": {"any_of": [-5, 0]}}, ""),
        ({"aspect_ratio": {"any_of": [0, -1]}}, ""),
        ({"pixels": {"max": -1}}, ""),
        ({"duration": {"max": 0}}, ""),
    ],
)
def test_hint_targets_listed_values(limits: dict[str, Any], said: str) -> None:
    result = judge(CLIP, mine(video=limits))
    assert result.findings[0].severity == "error"
    assert (result.findings[0].hint or "") == said
    assert (result.plan.sentence if result.plan else "") == said
    assert bool(command(CLIP, mine(video=limits))) == bool(said)


@each_row("fact", ["sample_rate", "channels"])
def test_hint_adds_required_audio_track(fact: str) -> None:
    rules = mine(video={fact: {"min": 1, "required": True}})
    assert [one.hint for one in judge(CLIP._replace(audio_codec=NONE), rules).findings] == ["add an audio track"]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an audio file in each format, which one process makes."""
    folder = tmp_path_factory.mktemp("sounds")
    ffmpeg(folder / "long.flac", *TONE, str(folder / "long.mp3"), str(folder / "long.wav"))
    return folder


@needs_ffmpeg
class TestSounds:
    @pytest.mark.parametrize("name", ["long.mp3", "long.wav", "long.flac"])
    def test_command_shortens_audio(self, sounds: Path, name: str, run: Run) -> None:
        assert_command_fixes(sounds / name, "atlas", run)

    def test_command_changes_audio_format(self, tmp_path: Path, run: Run) -> None:
        with wave.open(os.fspath(tmp_path / "plain.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(32000))
        assert_command_fixes(tmp_path / "plain.wav", "ltx", run)


@each_row("note", ["nothing_shown", "no_media_data", "truncated", "no_moov"])
def test_incomplete_file_has_hints_but_no_plan(note: str) -> None:
    film = CLIP._replace(fps=12.0)
    assert command(film)
    assert hint(film._replace(notes=(note,))) == "convert it to 24 frames per second"
    assert planned(film._replace(notes=(note,))) is None


@each_row("change", [{"notes": ("bad_header",)}, {"encrypted": True}, {"notes": ("leading_garbage",)}])
def test_file_that_tools_cannot_open_has_a_plan_without_command(change: dict[str, Any]) -> None:
    plan = planned(CLIP._replace(fps=12.0, **change))
    assert plan is not None
    assert plan.steps
    assert plan.command is None


def test_hint_names_the_edit_list_that_hides_everything() -> None:
    film = CLIP._replace(duration=0.0, notes=("edit_list", "nothing_shown"))
    assert hint(film) == "correct or remove the edit list, which leaves out all of the media"
