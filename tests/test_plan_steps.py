"""The steps for facts of coding, color and container, and commands that, run as they are, make a file pass."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

import preflight
from preflight.judge import judge
from preflight.limit import compile_limit
from preflight.media import NONE, Media
from preflight.plans import tracks
from preflight.plans.encoding import Subject
from preflight.report import Plan
from preflight.ruleset import RuleSet, compile_ruleset
from tests.rows import each_row

CLIP = Media(
    kind="video", format="mp4", size=9_000_000, width=1920, height=1080, duration=5.0, fps=24.0,
    bit_depth=8, chroma="4:2:0", color_model="ycbcr", primaries="bt709", transfer="bt709", hdr=NONE,
    scan="progressive", video_codec="h264", video_profile="high", video_level=4.0, video_bit_rate=5_000_000,
    keyframe_interval=2.0, audio_codec="aac", audio_profile="lc", audio_bit_rate=128_000, sample_rate=48_000,
    channels=2, bit_rate=5_200_000, video_tracks=1, audio_tracks=1, has_alpha=False, fragmented=False,
    edit_list=False, location=False,
)  # fmt: skip
HDR = CLIP._replace(video_codec="hevc", bit_depth=10, primaries="bt2020", transfer="smpte2084", hdr="pq")
PHOTO = Media(
    kind="image", format="jpeg", size=90_000, width=640, height=640, bit_depth=8, chroma="4:2:0",
    color_model="ycbcr", primaries="bt709", transfer="iec61966-2-1", hdr=NONE, coding="baseline",
    has_alpha=False, animated=False, multi_picture=False, location=False,
)  # fmt: skip
AUDIO_FILE = Media(
    kind="audio", format="wav", size=90_000, duration=5.0, audio_codec="pcm", audio_bit_rate=2_304_000,
    bit_rate=2_304_000, sample_rate=48_000, channels=2, sample_bits=24,
)  # fmt: skip


def only(*values: Any) -> dict[str, Any]:
    return {"any_of": list(values)}


def rules_for(kind: str, **limits: Any) -> RuleSet:
    head = {"title": "Mine", "stage": "post", "source": "x", "as_of": "2026-11-20", "basis": "published"}
    return compile_ruleset("mine", {**head, kind: limits})


def planned(media: Media, **limits: Any) -> Plan | None:
    return judge(media, rules_for(media.kind or "", **limits), name="in.bin").plan


def command(plan: Plan | None) -> str:
    return " ".join(plan.command or ()) if plan is not None else ""


@each_row(
    ("media", "limits", "sentence", "values", "words"),
    [
        (
            CLIP._replace(scan="interlaced"),
            {"scan": only("progressive")},
            "deinterlace it",
            {"scan": "progressive"},
            "-vf bwdif=mode=send_frame -c:v libx264 -pix_fmt yuv420p -preset medium -crf 17 -c:a copy ",
        ),
        (
            HDR,
            {"hdr": only(NONE)},
            "tone-map it to standard dynamic range",
            {"primaries": "bt709", "transfer": "bt709", "hdr": NONE},
            "tonemap=hable",
        ),
        (
            CLIP._replace(primaries="bt2020", transfer="bt2020-10"),
            {"primaries": only("bt709")},
            "convert it to BT.709",
            {"primaries": "bt709", "transfer": "bt709"},
            "zscale=pin=bt2020:tin=bt2020-10:p=bt709:t=bt709:m=bt709:r=tv",
        ),
        (
            CLIP._replace(bit_depth=10, chroma="4:2:2"),
            {"bit_depth": {"max": 8}, "chroma": only("4:2:0")},
            "convert it to 4:2:0 with 8 bits per component",
            {"bit_depth": 8, "chroma": "4:2:0"},
            "-pix_fmt yuv420p ",
        ),
        (
            CLIP._replace(bit_depth=8),
            {"bit_depth": {"min": 10}},
            "convert it to 4:2:0 with 10 bits per component",
            {"bit_depth": 10, "chroma": "4:2:0"},
            "-pix_fmt yuv420p10le",
        ),
        (
            CLIP._replace(color_model="rgb"),
            {"color_model": only("ycbcr")},
            "convert it to YCbCr",
            {"color_model": "ycbcr"},
            "-pix_fmt yuv420p",
        ),
        (
            CLIP._replace(has_alpha=True),
            {"has_alpha": only(False)},
            "flatten the transparency",
            {"has_alpha": False},
            "premultiply",
        ),
        (
            CLIP,
            {"video_profile": only("baseline", "constrained baseline", "main"), "video_level": {"max": 3.9}},
            "",
            None,
            "",
        ),
        (
            CLIP._replace(video_level=5.1),
            {"video_profile": only("main"), "video_level": {"max": 4.2}},
            "re-encode its video with profile main and level 4.2",
            {"video_profile": "main", "video_level": 4.2},
            "-profile:v main -preset medium -crf 17 -level:v 4.2",
        ),
        (
            CLIP,
            {"video_bit_rate": {"max": 1_000_000}, "keyframe_interval": {"max": 1}},
            "re-encode its video with at most 900,000 bit/s and a key frame every 0.9 s",
            {"video_bit_rate": 900_000, "keyframe_interval": 0.9},
            "-maxrate 900000 -bufsize 900000 -force_key_frames expr:gte(t,n_forced*0.9)",
        ),
        (
            CLIP,
            {"bit_rate": {"max": 1_200_000}},
            "re-encode its video with at most 900,000 bit/s",
            {"video_bit_rate": 900_000},
            "-maxrate 900000",
        ),
        (
            CLIP._replace(audio_profile="he"),
            {"audio_profile": only("lc")},
            "re-encode its audio with profile lc",
            {"audio_profile": "lc"},
            "-c:v copy -c:a aac",
        ),
        (
            CLIP._replace(channels=6),
            {"channels": {"max": 2}, "sample_rate": {"max": 44_100}, "audio_bit_rate": {"max": 100_000}},
            "re-encode its audio with at most 96,000 bit/s, 44,100 Hz and 2 channels",
            {"audio_bit_rate": 96_000, "sample_rate": 44_100, "channels": 2},
            "-c:v copy -c:a aac -b:a 96000 -ar 44100 -ac 2",
        ),
        (
            CLIP._replace(edit_list=True),
            {"edit_list": only(False)},
            "re-encode it with its edit list applied",
            {"edit_list": False},
            "-c:v libx264 -pix_fmt yuv420p -preset medium -crf 17 -c:a aac",
        ),
        (
            CLIP._replace(fragmented=True),
            {"fragmented": only(False)},
            "defragment it without re-encoding",
            {"fragmented": False},
            "-c copy -movflags +faststart in-bin-fixed.mp4",
        ),
        (
            CLIP._replace(audio_tracks=3),
            {"audio_tracks": {"max": 1}},
            "keep one audio track without re-encoding",
            {"audio_tracks": 1},
            "-map 0:V:0 -map 0:a:0? -map 0:s? -c copy ",
        ),
        (
            CLIP._replace(location=True),
            {"location": only(False)},
            "remove the recording location without re-encoding",
            {"location": False},
            "-c copy -movflags +faststart -metadata location= -metadata location-eng=",
        ),
        (
            AUDIO_FILE,
            {"sample_bits": only(16), "sample_rate": only(16_000), "channels": {"max": 1}},
            "re-encode its audio with 16,000 Hz, 1 channel and 16 bits per sample",
            {"sample_rate": 16_000, "channels": 1, "sample_bits": 16},
            "-c:a pcm_s16le -ar 16000 -ac 1",
        ),
        (
            PHOTO._replace(color_model="cmyk", primaries=None, transfer=None),
            {"color_model": only("ycbcr", "rgb")},
            "convert it to sRGB",
            {"color_model": "ycbcr", "primaries": "bt709", "transfer": "iec61966-2-1"},
            "preflight fix ",
        ),
        (
            PHOTO._replace(primaries="smpte432"),
            {"primaries": only("bt709")},
            "convert it to sRGB",
            {"primaries": "bt709", "transfer": "iec61966-2-1"},
            "preflight fix ",
        ),
        (
            PHOTO._replace(format="png", color_model="rgb", chroma=None, bit_depth=16),
            {"bit_depth": {"max": 8}},
            "convert it to 8 bits per component",
            {"bit_depth": 8},
            "preflight fix ",
        ),
        (
            PHOTO._replace(chroma="4:4:4"),
            {"chroma": only("4:2:0")},
            "convert it to 4:2:0",
            {"chroma": "4:2:0"},
            "preflight fix ",
        ),
        (
            PHOTO._replace(coding="progressive"),
            {"coding": only("baseline")},
            "transcode it to baseline",
            {"coding": "baseline"},
            "preflight fix ",
        ),
        (
            PHOTO._replace(format="png", has_alpha=True),
            {"has_alpha": only(False)},
            "flatten the transparency",
            {"has_alpha": False},
            "preflight fix ",
        ),
        (
            PHOTO._replace(format="gif", color_model="palette", animated=True, frames=3),
            {"animated": only(False)},
            "keep only the first frame",
            {"animated": False},
            "preflight fix ",
        ),
        (
            PHOTO._replace(multi_picture=True),
            {"multi_picture": only(False)},
            "keep only the first picture",
            {"multi_picture": False},
            "",
        ),
        (
            PHOTO._replace(location=True),
            {"location": only(False)},
            "remove the recording location",
            {"location": False},
            "preflight fix ",
        ),
        (
            PHOTO._replace(hdr="pq", format="avif"),
            {"hdr": only(NONE)},
            "tone-map it to standard dynamic range",
            None,
            "",
        ),
    ],
)
def test_step_sets_the_facts_that_are_outside_their_limits(
    media: Media, limits: dict[str, Any], sentence: str, values: dict[str, Any] | None, words: str
) -> None:
    plan = planned(media, **limits)
    assert (plan.sentence if plan is not None else "") == sentence
    assert words in command(plan)
    if values is not None and plan is not None:
        (step,) = plan.steps
        assert {name: value for name, value in step.as_json().items() if name not in ("action", "facts")} == values
        assert set(step.facts) == {fact for fact in limits if getattr(media, fact) != values.get(fact)}


@each_row(
    ("media", "limits"),
    [
        (CLIP, {"hdr": {**only("pq"), "required": True}}),
        (HDR, {"hdr": only(NONE), "transfer": only("smpte2084")}),
        (HDR, {"bit_depth": {"max": 8}, "hdr": only("pq")}),  # 8 bits are too few for it
        (CLIP, {"scan": only("interlaced")}),
        (CLIP, {"has_alpha": only(True)}),
        (CLIP, {"video_profile": only("stereo high")}),
        (CLIP, {"video_level": {"max": 3.1}}),  # too large and too fast for it
        (CLIP._replace(fps=None), {"video_level": {"max": 3.1}}),
        (CLIP, {"video_bit_rate": {"min": 9_000_000}}),
        (CLIP, {"audio_bit_rate": {"min": 320_000}}),
        (CLIP, {"video_bit_rate": {"min": 99, "max": 100}}),
        (CLIP, {"audio_profile": only("he")}),
        (CLIP, {"fragmented": only(True)}),
        (CLIP, {"edit_list": only(True)}),
        (CLIP, {"video_tracks": {"min": 2}}),
        (CLIP._replace(audio_codec="none", audio_tracks=0), {"audio_tracks": {"min": 1}}),
        (CLIP, {"fps": {"max": 20}, "video_profile": only("high"), "chroma": only("4:2:0"), "scan": only("x")}),
        (AUDIO_FILE, {"sample_bits": only(8)}),
        (AUDIO_FILE, {"audio_bit_rate": {"max": 64_000}, "format": only("wav", "flac")}),
        (AUDIO_FILE, {"channels": {"min": 9}}),
        (PHOTO, {"bit_depth": {"min": 16}}),
        (PHOTO, {"color_model": only("cmyk")}),
        (PHOTO, {"has_alpha": only(True)}),
        (PHOTO._replace(format="jp2"), {"animated": only(True)}),
    ],
)
def test_there_is_no_plan_where_no_step_would_do(media: Media, limits: dict[str, Any]) -> None:
    assert any(
        finding.severity in ("error", "unknown")
        for finding in judge(media, rules_for(media.kind or "", **limits)).findings
    )
    assert planned(media, **limits) is None


def test_encoding_for_one_fact_keeps_to_the_limits_on_others() -> None:
    limits = {
        "fps": {"max": 20}, "video_profile": only("high", "main"), "video_level": {"max": 4.1},
        "keyframe_interval": {"max": 5}, "chroma": only("4:2:0"),
    }  # fmt: skip
    plan = planned(CLIP._replace(chroma="4:2:0"), **limits)
    assert plan is not None
    assert [step.action for step in plan.steps] == ["change_fps"]
    assert "-level:v 4.1 -force_key_frames expr:gte(t,n_forced*4.5)" in command(plan)


def test_interlaced_video_is_deinterlaced_whenever_it_is_encoded() -> None:
    plan = planned(CLIP._replace(scan="interlaced"), height={"max": 720})
    assert plan is not None
    assert [(step.action, step.facts) for step in plan.steps] == [("deinterlace", ()), ("scale", ("height",))]
    assert "-vf bwdif=mode=send_frame,scale=1280:720" in command(plan)


def test_hdr_video_is_tone_mapped_for_eight_bits() -> None:
    plan = planned(HDR, bit_depth={"max": 8})
    assert plan is not None
    assert [step.action for step in plan.steps] == ["tone_map", "change_pixel_format"]


def test_ten_bits_are_kept_where_they_are_accepted() -> None:
    assert "-pix_fmt yuv420p10le" in command(planned(HDR, fps={"max": 20}, video_codec=only("hevc")))
    assert "-pix_fmt yuv420p " in command(planned(HDR, fps={"max": 20}, video_codec=only("h264")))


@each_row(("transfer", "primaries"), [(None, "bt2020"), ("smpte2084", "other")])
def test_hdr_of_unknown_colors_has_a_step_without_command(transfer: str | None, primaries: str) -> None:
    plan = planned(HDR._replace(transfer=transfer, primaries=primaries, hdr="dolby_vision"), hdr=only(NONE))
    assert plan is not None
    assert plan.command is None


@each_row(
    ("codec", "size", "fps", "highest", "level"),
    [
        ("h264", (1920, 1080), 30, 4.1, 4.1),
        ("h264", (1920, 1080), 60, 4.1, None),
        ("h264", (1920, 1080), 60, 5.0, 5.0),
        ("h264", (1280, 720), 30, 3.1, 3.1),
        ("h264", (1280, 720), 31, 3.1, None),
        ("hevc", (1920, 1080), 60, 4.1, 4.1),
        ("hevc", (3840, 2160), 60, 5.0, None),
        ("vp9", (1920, 1080), 30, 4.1, None),
    ],
)
def test_level_is_the_highest_accepted_one_that_the_video_fits_in(
    codec: str, size: tuple[int, int], fps: float, highest: float, level: float | None
) -> None:
    limits = {"video_level": compile_limit("video_level", {"max": highest})}
    coding = tracks.video_target(codec, Subject.of(CLIP), size, fps, limits)
    assert (coding and coding.video_level) == level


@each_row(
    ("codec", "level", "samples", "rate"),
    [
        *(("h264", level, 256 * size, 256 * rate) for level, size, rate in (
            (1.0, 99, 1485), (1.1, 396, 3000), (1.2, 396, 6000), (1.3, 396, 11_880), (2.1, 792, 19_800),
            (2.2, 1620, 20_250), (3.0, 1620, 40_500), (3.1, 3600, 108_000), (3.2, 5120, 216_000),
            (4.0, 8192, 245_760), (4.2, 8704, 522_240), (5.0, 22_080, 589_824), (5.1, 36_864, 983_040),
            (5.2, 36_864, 2_073_600), (6.0, 139_264, 4_177_920),
        )),
        *(("hevc", level, size, rate) for level, size, rate in (
            (1.0, 36_864, 552_960), (2.0, 122_880, 3_686_400), (2.1, 245_760, 7_372_800), (3.0, 552_960, 16_588_800),
            (3.1, 983_040, 33_177_600), (4.0, 2_228_224, 66_846_720), (4.1, 2_228_224, 133_693_440),
            (5.0, 8_912_896, 267_386_880), (5.1, 8_912_896, 534_773_760), (5.2, 8_912_896, 1_069_547_520),
            (6.0, 35_651_584, 1_069_547_520), (6.1, 35_651_584, 2_139_095_040), (6.2, 35_651_584, 4_278_190_080),
        )),
    ],
)  # fmt: skip
def test_levels_have_the_bounds_of_the_standards(codec: str, level: float, samples: int, rate: int) -> None:
    """H.264 table A-1, in macroblocks; H.265 tables A.8 and A.9."""
    limits = {"video_level": compile_limit("video_level", {"max": level})}
    for size, fps, fits in (
        ((16, samples // 16), 1, True),
        ((16, samples // 16 + 1), 1, False),
        ((16, 16), rate / 256, True),
        ((16, 16), (rate + 1) / 256, False),
    ):
        coding = tracks.video_target(codec, Subject.of(CLIP), size, fps, limits)
        assert (coding is not None and coding.video_level == level) is fits


def test_vorbis_is_kept_for_a_sample_rate_that_opus_lacks() -> None:
    media = Media(kind="audio", format="ogg", duration=5.0, audio_codec="vorbis", sample_rate=48_000, channels=2)
    assert "-c:a libvorbis -b:a 192000 -ar 16000" in command(planned(media, sample_rate={"max": 16_000}))


def run(path: Path, kind: str, **limits: Any) -> Media:
    """Run the command of the plan for a file, check that its result passes, and return the facts of it."""
    rules = rules_for(kind, **limits)
    (result,) = preflight.check(path, rules).results
    assert result.verdict == "fail"
    assert result.plan is not None
    assert result.plan.command is not None
    program, *words = result.plan.command
    if program == "preflight":  # which loads rule sets by name, and this one has no file
        fixed = preflight.fix(path, rules, words[-1])
        assert fixed.outcome == "fixed", fixed.problem
    else:
        argv = [program, "-nostdin", *words]
        subprocess.run(argv, cwd=path.parent, check=True, capture_output=True, timeout=60)
    after = preflight.check(path.parent / words[-1], rules)
    assert after.verdict == "pass", after.findings
    assert after.media is not None
    return after.media


class TestPictures:
    def test_deep_gray_picture_keeps_its_brightness(self, tmp_path: Path) -> None:
        Image.new("I;16", (64, 64), 30_000).save(tmp_path / "a.png")
        run(tmp_path / "a.png", "image", bit_depth={"max": 8})
        with Image.open(tmp_path / "a-fixed.png") as fixed:
            assert fixed.convert("L").getpixel((0, 0)) == pytest.approx(30_000 / 257, abs=1)

    def test_transparent_pixels_become_white(self, tmp_path: Path) -> None:
        Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(tmp_path / "a.png")
        run(tmp_path / "a.png", "image", has_alpha=only(False))
        with Image.open(tmp_path / "a-fixed.png") as fixed:
            assert fixed.getpixel((0, 0)) == (255, 255, 255)

    def test_print_colors_become_srgb(self, tmp_path: Path) -> None:
        shutil.copy("fixtures/quirks/jpeg-cmyk.jpg", tmp_path / "a.jpg")
        after = run(tmp_path / "a.jpg", "image", color_model=only("ycbcr"))
        assert (after.primaries, after.transfer) == ("bt709", "iec61966-2-1")

    def test_profile_is_kept_unless_colors_are_converted(self, tmp_path: Path) -> None:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        Image.new("RGB", (64, 64)).save(tmp_path / "a.jpg", icc_profile=profile)
        run(tmp_path / "a.jpg", "image", width={"max": 32})
        with Image.open(tmp_path / "a-fixed.jpg") as fixed:
            assert fixed.info["icc_profile"] == profile

    @pytest.mark.parametrize("name", ["gif-animated.gif", "png-animated.png"])
    def test_animation_becomes_its_first_frame(self, tmp_path: Path, name: str) -> None:
        assert run(Path(shutil.copy(f"fixtures/quirks/{name}", tmp_path)), "image", animated=only(False)).frames == 1

    def test_gain_map_is_left_out(self, tmp_path: Path) -> None:
        path = Path(shutil.copy("fixtures/quirks/jpeg-gain-map.jpg", tmp_path))
        assert run(path, "image", hdr=only(NONE)).hdr == NONE

    def test_location_is_removed(self, tmp_path: Path) -> None:
        path = Path(shutil.copy("fixtures/quirks/heic-gps.heic", tmp_path))
        assert run(path, "image", location=only(False)).location is False


QUICK = ("-preset", "ultrafast")
PICTURES = ("-f", "lavfi", "-i", "testsrc2=s=64x48:d=2:r=25")
TONE = ("-f", "lavfi", "-i", "sine=frequency=300:duration=2:sample_rate=48000")
CONSTANT = ["-x264-params", "nal-hrd=cbr", "-b:v", "900k", "-minrate", "900k", "-maxrate", "900k", "-bufsize", "900k"]
X264 = ("-c:v", "libx264", *QUICK)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
class TestVideos:
    @pytest.mark.parametrize(
        ("name", "kind", "limits"),
        [
            ("mp4-hdr-pq.mp4", "video", {"hdr": only(NONE), "bit_depth": {"max": 8}}),
            ("mp4-fragmented.mp4", "video", {"fragmented": only(False)}),
            ("mp4-two-audio-tracks.mp4", "video", {"audio_tracks": {"max": 1}}),
            ("mp4-two-video-tracks.mp4", "video", {"video_tracks": {"max": 1}}),
            ("mp4-location.mp4", "video", {"location": only(False)}),
            ("mov-location-key.mov", "video", {"location": only(False)}),
        ],
    )
    def test_command_fixes_fixture(self, tmp_path: Path, name: str, kind: str, limits: dict[str, Any]) -> None:
        run(Path(shutil.copy(f"fixtures/quirks/{name}", tmp_path)), kind, **limits)

    @pytest.mark.parametrize(
        ("name", "options", "limits"),
        [
            ("a.mp4", (*X264, "-vf", "setfield=tff", "-flags", "+ildct+ilme"), {"scan": only("progressive")}),
            ("a.mp4", (*X264, "-pix_fmt", "yuv422p10le"), {"chroma": only("4:2:0"), "bit_depth": {"max": 8}}),
            ("a.mp4", X264, {"chroma": only("4:2:2"), "bit_depth": {"min": 10}}),
            ("a.mp4", X264, {"video_profile": only("main")}),
            ("a.mp4", (*X264, "-level:v", "5.1"), {"video_level": {"max": 4.1}}),
            ("a.mp4", (*X264, "-g", "100"), {"keyframe_interval": {"max": 1}}),
            ("a.mp4", (*X264, *CONSTANT), {"video_bit_rate": {"max": 200_000}}),
            ("a.mp4", ("-c:v", "libx264rgb", *QUICK), {"color_model": only("ycbcr")}),
            ("a.mp4", (*X264, "-ac", "6"), {"channels": {"max": 2}, "sample_rate": {"max": 44_100}}),
        ],
    )
    def test_command_fixes_video(
        self, tmp_path: Path, name: str, options: tuple[str, ...], limits: dict[str, Any]
    ) -> None:
        run(clip(tmp_path / name, *options), "video", **limits)

    def test_transparency_of_a_video_becomes_white(self, tmp_path: Path) -> None:
        black = ("-f", "lavfi", "-i", "color=black@0.25:s=64x48:d=1:r=5,format=yuva420p")
        path = ffmpeg(tmp_path / "a.webm", *black, "-c:v", "libvpx-vp9")
        assert run(path, "video", has_alpha=only(False)).has_alpha is False
        picture = ffmpeg(tmp_path / "a.png", "-i", os.fspath(tmp_path / "a-fixed.webm"), "-frames:v", "1")
        with Image.open(picture) as shown:
            assert shown.convert("L").getpixel((9, 9)) == pytest.approx(191, abs=4)

    def test_edit_list_is_applied(self, tmp_path: Path) -> None:
        clip(tmp_path / "whole.mp4", *X264)
        path = ffmpeg(tmp_path / "a.mp4", "-ss", "0.7", "-i", os.fspath(tmp_path / "whole.mp4"), "-c", "copy")
        run(path, "video", edit_list=only(False))

    @pytest.mark.parametrize(
        ("name", "options", "limits"),
        [
            ("a.wav", ("-c:a", "pcm_s24le"), {"sample_bits": only(16), "sample_rate": only(16_000)}),
            ("a.mp3", ("-b:a", "320k"), {"audio_bit_rate": {"max": 128_000}}),
            ("a.flac", ("-sample_fmt", "s32"), {"sample_bits": only(16)}),
            ("a.ogg", ("-c:a", "libvorbis"), {"sample_rate": {"max": 16_000}}),
        ],
    )
    def test_command_fixes_audio(
        self, tmp_path: Path, name: str, options: tuple[str, ...], limits: dict[str, Any]
    ) -> None:
        run(ffmpeg(tmp_path / name, *TONE, *options), "audio", **limits)


def clip(path: Path, *options: str) -> Path:
    return ffmpeg(path, *PICTURES, *TONE, *options)


def ffmpeg(path: Path, *words: str) -> Path:
    argv = ["ffmpeg", "-v", "error", "-nostdin", *words, os.fspath(path)]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    return path
