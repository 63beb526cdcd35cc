"""What ffmpeg makes of the words of plans, on tiny video and audio files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import preflight
from preflight.formats import FORMATS
from preflight.limit import compile_limit
from preflight.media import NONE, Media
from preflight.plans.choices import DEFAULT_CHOICES, Choices, Trim
from preflight.plans.ffmpeg_args import FfmpegArgs, args_for, passes
from preflight.plans.losses import losses
from tests.plans.planned import changes_of, only

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
REQUIRED = {**only("aac"), "required": True}


def ffmpeg(*words: str, folder: Path | None = None) -> None:
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-y", *words]
    done = subprocess.run(argv, cwd=folder, check=False, capture_output=True, text=True, timeout=120)
    complaints = [line for line in done.stderr.splitlines() if line and not line.startswith(("x265 [", "encoded "))]
    assert (done.returncode, complaints) == (0, [])


def clip(path: Path, *options: str, source: str = "testsrc2=s=64x48:r=25:d=3", sound: bool = True) -> Path:
    tone = ("-f", "lavfi", "-i", "sine=frequency=300:duration=3:sample_rate=48000") if sound else ()
    ffmpeg("-f", "lavfi", "-i", source, *tone, *(options or X264), os.fspath(path))
    return path


def facts_of(path: Path) -> Media:
    return preflight.probe(path)


def fixed(path: Path, choices: Choices = DEFAULT_CHOICES, bit_rate: int | None = None, /, **lines: Any) -> Media:
    """Run the words of the plan, decode the result, and check it against the limits; return its facts."""
    changes = changes_of(facts_of(path), choices, **lines)
    output = path.parent / f"fixed.{FORMATS[changes.written].extensions[0]}"
    numbers = range(1, passes(changes) + 1) if bit_rate is not None and passes(changes) > 1 else (None,)
    for number in numbers:
        words = args_for(changes, bit_rate, number)
        assert words is not None
        ffmpeg(*argv_of(words, path, output), folder=path.parent)
    ffmpeg("-xerror", "-i", os.fspath(output), "-map", "0:V?", "-map", "0:a?", "-f", "null", "-")
    after = facts_of(output)
    for fact, line in lines.items():
        value = getattr(after, fact)
        assert compile_limit(fact, line).side(value, after.height) == 0, (fact, value)
    return after


def argv_of(words: FfmpegArgs, path: Path, output: Path) -> list[str]:
    target = "-" if words.muxer == "null" else os.fspath(output)
    source = [*words.source, "-f", words.demuxer, "-i", os.fspath(path)]
    return [*source, *words.inputs, *words.output, "-f", words.muxer, target]


def frame_times(path: Path) -> list[float]:
    words = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]
    text = subprocess.run([*words, os.fspath(path)], check=True, capture_output=True, text=True, timeout=60).stdout
    return sorted(float(line.strip(",")) for line in text.split())


def color_at(path: Path, seconds: float) -> tuple[int, ...]:
    """Return the color of the middle of the frame at a time."""
    picture = path.parent / "frame.png"
    ffmpeg("-i", os.fspath(path), "-ss", f"{seconds:g}", "-frames:v", "1", os.fspath(picture))
    with Image.open(picture) as opened:
        found = opened.convert("RGB").getpixel((opened.width // 2, opened.height // 2))
    assert isinstance(found, tuple)
    return found


def test_a_cut_at_the_end_copies_all_tracks(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", *X264, "-bf", "3")
    after = fixed(path, duration={"max": 2})
    assert after.duration == pytest.approx(1.8, abs=0.2)
    assert (after.video_codec, after.audio_codec) == ("h264", "aac")


def test_a_silent_track_is_as_long_as_the_video(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", sound=False)
    after = fixed(path, Choices(add_silence=True), audio_codec=REQUIRED, channels={"max": 1, "required": True})
    assert after.duration == pytest.approx(3, abs=0.05)
    assert (after.audio_codec, after.channels) == ("aac", 1)


def animation(path: Path) -> Path:
    """Write an animation of six colors whose frames are shown for different times, with odd sides."""
    frames = [Image.new("RGB", (65, 49), (50 * number, 0, 250 - 50 * number)) for number in range(6)]
    times = [100, 300, 50, 200, 500, 250]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0)
    return path


@pytest.mark.parametrize("name", ["a.gif", pytest.param("a.png", marks=pytest.mark.slow)])
def test_an_animation_becomes_a_video_with_its_times(tmp_path: Path, name: str) -> None:
    from preflight.fixer.planning import as_video

    path = animation(tmp_path / name)
    changes = changes_of(as_video(facts_of(path)), format=only("mp4"))
    words = args_for(changes)
    assert words is not None
    ffmpeg(*argv_of(words, path, tmp_path / "fixed.mp4"), folder=tmp_path)
    assert frame_times(tmp_path / "fixed.mp4") == pytest.approx([0, 0.1, 0.4, 0.45, 0.65, 1.15])
    assert facts_of(tmp_path / "fixed.mp4").dimensions == "64x48"
    red, _, blue = color_at(tmp_path / "fixed.mp4", 0.05)
    assert red < 70
    assert blue > 180


@pytest.mark.slow
class TestTimes:
    @pytest.mark.parametrize(("trim", "red"), [("start", 0), ("middle", 80), ("end", 160)])
    def test_the_chosen_part_is_kept(self, tmp_path: Path, trim: Trim, red: int) -> None:
        """The source is a fade from black to red in three seconds."""
        path = clip(tmp_path / "a.mp4", source="color=black:s=64x48:r=25:d=3,format=rgb24,geq=r='T*80':g=0:b=0")
        after = fixed(path, Choices(trim=trim), duration={"max": 1.2})
        assert after.duration == pytest.approx(1.0, abs=0.1)
        expected = (3 - 1.0) / 2 * 80 if trim == "middle" else (3 - 1.0) * 80 * (trim == "end")
        assert color_at(tmp_path / "fixed.mp4", 0)[0] == pytest.approx(expected, abs=12)
        assert red == pytest.approx(expected, abs=1)

    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.mov"])
    @pytest.mark.parametrize("extend", ["loop", "hold"])
    def test_a_short_video_becomes_longer(self, tmp_path: Path, name: str, extend: Any) -> None:
        codecs = ("-c:v", "libvpx-vp9", "-deadline", "realtime") if name == "a.webm" else X264
        path = clip(tmp_path / name, *codecs)
        after = fixed(path, Choices(extend=extend), duration={"min": 4, "max": 9})
        assert after.duration == pytest.approx(4.1, abs=0.1)

    @pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "a.m4a", "a.ogg"])
    @pytest.mark.parametrize("extend", ["loop", "hold"])
    def test_a_short_audio_becomes_longer(self, tmp_path: Path, name: str, extend: Any) -> None:
        ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", os.fspath(tmp_path / name))
        after = fixed(tmp_path / name, Choices(extend=extend), duration={"min": 4, "max": 9})
        assert after.duration == pytest.approx(4.1, abs=0.1)

    @pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "a.m4a", "a.ogg", "a.mka"])
    @pytest.mark.parametrize("trim", ["start", "end"])
    def test_a_long_audio_is_cut(self, tmp_path: Path, name: str, trim: Trim) -> None:
        ffmpeg("-f", "lavfi", "-i", "sine=duration=3", os.fspath(tmp_path / name))
        after = fixed(tmp_path / name, Choices(trim=trim), duration={"max": 2})
        assert after.duration == pytest.approx(1.8, abs=0.1)

    def test_variable_times_of_frames_stay(self, tmp_path: Path) -> None:
        dropped = "testsrc2=s=64x48:r=25:d=3,select='not(between(mod(n,7),2,4))'"
        path = clip(tmp_path / "a.mp4", "-fps_mode", "vfr", *X264, source=dropped)
        fixed(path, width={"max": 32})
        assert frame_times(tmp_path / "fixed.mp4") == pytest.approx(frame_times(path), abs=0.001)

    def test_a_variable_rate_becomes_constant_where_a_limit_demands_it(self, tmp_path: Path) -> None:
        dropped = "testsrc2=s=64x48:r=25:d=3,select='not(between(mod(n,7),2,4))'"
        path = clip(tmp_path / "a.mp4", "-fps_mode", "vfr", *X264, source=dropped)
        assert fixed(path, variable_fps=only(False)).variable_fps is False

    @pytest.mark.parametrize("most", [50, 20])
    def test_frames_become_fewer(self, tmp_path: Path, most: int) -> None:
        after = fixed(clip(tmp_path / "a.mp4"), frames={"max": most})
        assert (after.frames or 0) >= most * 0.9


NOISE = "testsrc2=s=128x96:r=25:d=3,noise=alls=60:allf=t"


@pytest.mark.slow
class TestSizes:
    @pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.mp4", "hevc"), ("a.webm", "vp9")])
    def test_two_passes_come_close_to_a_size(self, tmp_path: Path, name: str, codec: str) -> None:
        quick = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M")
        path = clip(tmp_path / name, *(quick if codec == "vp9" else X264), source=NOISE)
        most = path.stat().st_size // 4
        changes = changes_of(facts_of(path), size={"max": most}, video_codec=only(codec))
        assert changes.budget is not None
        rate = changes.budget.video_bit_rate
        after = fixed(path, DEFAULT_CHOICES, rate, size={"max": most * 1.15}, video_codec=only(codec))
        assert after.size == pytest.approx(most, rel=0.15)

    @pytest.mark.parametrize("accepted", ["mp3", "ogg", "m4a"])
    def test_a_lossless_audio_becomes_a_lossy_one(self, tmp_path: Path, accepted: str) -> None:
        ffmpeg("-f", "lavfi", "-i", "anoisesrc=duration=3", os.fspath(tmp_path / "a.wav"))
        lines = {"size": {"max": 60_000}, "format": only("wav", accepted)}
        changes = changes_of(facts_of(tmp_path / "a.wav"), **lines)
        assert changes.budget is not None
        after = fixed(tmp_path / "a.wav", DEFAULT_CHOICES, changes.budget.audio_bit_rate, **lines)
        assert (after.size or 0) > 25_000  # some versions of LAME stay far below the rate for noise


@pytest.mark.slow
class TestTracks:
    def test_all_audio_files_stay_unless_a_limit_is_on_their_number(self, tmp_path: Path) -> None:
        one = clip(tmp_path / "a.mp4")
        ffmpeg("-i", os.fspath(one), "-map", "0", "-map", "0:a", "-c", "copy", os.fspath(tmp_path / "b.mp4"))
        assert fixed(tmp_path / "b.mp4", width={"max": 32}).audio_tracks == 2
        assert fixed(tmp_path / "b.mp4", audio_tracks={"max": 1}).audio_tracks == 1
        before = facts_of(tmp_path / "b.mp4")
        assert losses(changes_of(before, audio_tracks={"max": 1}), before) == ("drops 1 of 2 audio tracks",)

    @pytest.mark.parametrize(
        ("name", "accepted"), [("a.mp3", "m4a"), ("a.mp3", "mp3"), ("a.m4a", "mp3"), ("a.flac", "wav")]
    )
    def test_cover_art_is_not_a_video(self, tmp_path: Path, name: str, accepted: str) -> None:
        Image.new("RGB", (65, 65), "red").save(tmp_path / "cover.jpg")
        cover = ("-i", os.fspath(tmp_path / "cover.jpg"), "-map", "0", "-map", "1", "-disposition:v", "attached_pic")
        options = ("-c:v", "mjpeg") if name != "a.flac" else ("-c:v", "copy")
        ffmpeg("-f", "lavfi", "-i", "sine=duration=3", *cover, *options, os.fspath(tmp_path / name))
        after = fixed(tmp_path / name, format=only(accepted), duration={"max": 2})
        assert (after.kind, after.format) == ("audio", accepted)

    def test_subtitles_of_matroska_are_left_out_of_mp4(self, tmp_path: Path) -> None:
        (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
        clip(tmp_path / "a.mp4")
        ffmpeg("-i", "a.mp4", "-i", "words.srt", "-c", "copy", "a.mkv", folder=tmp_path)
        fixed(tmp_path / "a.mkv", format=only("mp4"))
        assert b"tx3g" not in (tmp_path / "fixed.mp4").read_bytes()
        fixed(tmp_path / "a.mkv", width={"max": 32})
        assert b"Hello" in (tmp_path / "fixed.mkv").read_bytes()

    @pytest.mark.parametrize(("codec", "name"), [("opus", "mkv"), ("ac3", "mp4"), ("mp3", "mp4"), ("aac", "mp4")])
    def test_surround_is_encoded_by_every_codec(self, tmp_path: Path, codec: str, name: str) -> None:
        surround = ("-af", "aformat=channel_layouts=5.1(side)", "-c:a", "flac")
        path = clip(tmp_path / "a.mkv", *X264, *surround)
        assert facts_of(path).channels == 6
        after = fixed(path, audio_codec=only(codec), format=only(name))
        assert after.channels == (2 if codec == "mp3" else 6)

    def test_a_required_silence_fits_a_video_of_any_codec(self, tmp_path: Path) -> None:
        path = clip(tmp_path / "a.webm", "-c:v", "libvpx", sound=False)
        after = fixed(path, Choices(add_silence=True), audio_codec={**only("opus", NONE), "required": True})
        assert after.audio_codec in ("opus", NONE)


@pytest.mark.slow
class TestMetadata:
    @pytest.mark.parametrize("name", ["mp4-location.mp4", "mov-location-key.mov"])
    def test_only_the_location_is_removed(self, tmp_path: Path, name: str) -> None:
        source = Path(shutil.copy(f"fixtures/quirks/{name}", tmp_path))
        assert facts_of(source).location is True
        assert fixed(source, Choices(strip_location=True)).location is False

    def test_titles_stay_with_the_location_removed_and_go_with_the_metadata(self, tmp_path: Path) -> None:
        titled = ("-metadata", "title=Titled", "-metadata", "location=+48.0+011.0/")
        path = clip(tmp_path / "a.mp4", *X264, *titled)
        fixed(path, Choices(strip_location=True))
        kept = (tmp_path / "fixed.mp4").read_bytes()
        assert b"Titled" in kept
        assert b"+48.0" not in kept
        fixed(path, Choices(strip_metadata=True))
        assert b"Titled" not in (tmp_path / "fixed.mp4").read_bytes()

    @pytest.mark.parametrize("accepted", ["mp4", "mov"])
    def test_keys_of_quicktime_stay(self, tmp_path: Path, accepted: str) -> None:
        source = Path(shutil.copy("fixtures/quirks/mov-location-key.mov", tmp_path))
        after = fixed(source, format=only(accepted), width={"max": 64})
        assert (after.location, after.format) == (True, accepted)
        assert b"major_brand" not in (tmp_path / f"fixed.{accepted}").read_bytes()

    def test_a_wrong_brand_is_corrected_by_copying(self, tmp_path: Path) -> None:
        assert fixed(clip(tmp_path / "a.mp4"), brand=only("mp42")).brand == "mp42"
