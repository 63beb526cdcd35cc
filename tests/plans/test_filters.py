"""The filters of videos, run by ffmpeg: pixels at known places show what is kept, and where."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from PIL import Image

import preflight
from preflight.judge import judge
from preflight.media import NONE, Media
from preflight.plans.changes import Changes
from preflight.plans.choices import DEFAULT_CHOICES, Anchor, Choices
from preflight.plans.encoding import Subject
from preflight.plans.ffmpeg_args import args_for
from preflight.plans.filters import needed_filters, video_filters
from preflight.plans.least_change import changes_for
from preflight.report import needs_change
from preflight.ruleset import RuleSet, compile_ruleset

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

RED, GREEN, BLUE, GRAY, BLACK, WHITE = (
    (224, 32, 32), (32, 192, 32), (32, 32, 224), (128, 128, 128), (0, 0, 0), (255, 255, 255),
)  # fmt: skip
Color = tuple[int, int, int]
OutputPathFor = tuple[float, float]

TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT = (0.06, 0.06), (0.94, 0.06), (0.06, 0.94), (0.94, 0.94)
CENTER = (0.5, 0.5)
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p")
X265 = ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt")
BT709 = "scale=out_color_matrix=bt709:out_range=tv,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"


def only(*values: Any) -> dict[str, Any]:
    return {"any_of": list(values)}


def rules_for(**limits: Any) -> RuleSet:
    head = {"title": "Mine", "stage": "post", "source": "x", "as_of": "2026-11-20", "basis": "published"}
    return compile_ruleset("mine", {**head, "video": limits})


def ffmpeg(*words: str | Path) -> bytes:
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(os.fspath, words)]
    return subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout


def corners(path: Path, *options: str, filters: str = BT709, size: tuple[int, int] = (160, 120)) -> Path:
    """Write a video with a red, green and blue corner and a black one, on gray. Each is encoded once."""
    path.write_bytes(_corners(path.suffix, options, filters, size))
    return path


@cache
def _corners(suffix: str, options: tuple[str, ...], filters: str, size: tuple[int, int]) -> bytes:
    width, height = size
    box = f"w={width // 4}:h={height // 4}:t=fill"
    drawn = ",".join(
        f"drawbox=x={x}:y={y}:color=0x{bytes(color).hex()}:{box}"
        for color, x, y in (
            (RED, 0, 0),
            (GREEN, width - width // 4, 0),
            (BLUE, 0, height - height // 4),
            (BLACK, width - width // 4, height - height // 4),
        )
    )
    source = f"color=c=0x{bytes(GRAY).hex()}:s={width}x{height}:d=0.4:r=10,format=gbrp,{drawn}"
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"film{suffix}"
        ffmpeg("-f", "lavfi", "-i", source, "-vf", filters, *(options or X264), path)
        return path.read_bytes()


def translucent(path: Path) -> Path:
    source = "color=c=0xE02020@0.5:s=64x48:d=0.4:r=5,format=yuva420p"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libvpx-vp9", path)
    return path


def turn(path: Path, degrees: int) -> Path:
    """Let players turn a video clockwise: the matrix is 40 bytes behind the name of a track header of version 0."""
    across, down = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    matrix = (across << 16, down << 16, 0, -down << 16, across << 16, 0, 0, 0, 1 << 30)
    data[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    return path


def changes_of(path: Path, choices: Choices = DEFAULT_CHOICES, **limits: Any) -> Changes:
    rules = rules_for(**limits)
    media = preflight.probe(path)
    findings = judge(media, rules).findings
    wrong = frozenset(each.fact for each in findings if each.fact and needs_change(each, strict=True))
    assert wrong
    return changes_for(wrong, Subject.of(media, exact=True), rules.sections["video"], choices)


def changed(path: Path, choices: Choices = DEFAULT_CHOICES, **limits: Any) -> Path:
    """Run ffmpeg with the changes that bring a video inside limits, and check that it passes."""
    changes = changes_of(path, choices, **limits)
    words = args_for(changes)
    assert words is not None
    result = path.with_name(f"{path.stem}-changed.mp4")
    ffmpeg(*words.source, "-i", path, *words.inputs, *words.output, "-f", words.muxer, result)
    report = preflight.check(result, rules_for(**limits))
    assert report.verdict == "pass", report.findings
    return result


def facts(path: Path) -> Media:
    return preflight.probe(path)


def colors_at(path: Path, places: Sequence[OutputPathFor]) -> list[Color]:
    """Return the colors of the first frame, as displayed, at places given as shares of width and height."""
    picture = path.with_suffix(".png")
    ffmpeg("-i", path, "-frames:v", "1", "-pix_fmt", "rgb24", picture)
    with Image.open(picture) as shown:
        found = [shown.getpixel((int(x * shown.width), int(y * shown.height))) for x, y in places]
    return [color for color in found if isinstance(color, tuple)]


def assert_colors(path: Path, expected: dict[OutputPathFor, Color], tolerance: int = 12) -> None:
    for found, (place, color) in zip(colors_at(path, list(expected)), expected.items(), strict=True):
        assert max(abs(one - other) for one, other in zip(found, color, strict=True)) <= tolerance, (place, found)


@needs_ffmpeg
class TestCropping:
    @pytest.mark.parametrize(
        ("anchor", "left", "right"),
        [
            ("left", RED, GRAY),
            pytest.param("center", GRAY, GRAY, marks=pytest.mark.slow),
            pytest.param("right", GRAY, GREEN, marks=pytest.mark.slow),
            pytest.param("bottom-right", GRAY, GREEN, marks=pytest.mark.slow),
        ],
    )
    def test_anchor_decides_what_is_kept(self, tmp_path: Path, anchor: Anchor, left: Color, right: Color) -> None:
        clip = corners(tmp_path / "a.mp4")
        result = changed(clip, Choices(anchor=anchor), aspect_ratio={"max": 0.5})
        assert (facts(result).width, facts(result).height) == (60, 120)
        assert_colors(result, {TOP_LEFT: left, TOP_RIGHT: right})

    @pytest.mark.parametrize(
        ("rotation", "expected"),
        [
            (90, {TOP_LEFT: BLUE, TOP_RIGHT: RED}),
            pytest.param(0, {TOP_LEFT: RED, BOTTOM_LEFT: BLUE}, marks=pytest.mark.slow),
            pytest.param(180, {TOP_LEFT: BLACK, TOP_RIGHT: BLUE}, marks=pytest.mark.slow),
            pytest.param(270, {TOP_LEFT: GREEN, TOP_RIGHT: BLACK}, marks=pytest.mark.slow),
        ],
    )
    def test_crop_is_that_of_the_video_as_displayed(
        self, tmp_path: Path, rotation: int, expected: dict[OutputPathFor, Color]
    ) -> None:
        turned = turn(corners(tmp_path / "a.mp4"), rotation)
        assert facts(turned).rotation == rotation
        long = "width" if rotation in (0, 180) else "height"
        anchor: Anchor = "left" if rotation == 0 else "top"
        result = changed(turned, Choices(anchor=anchor), **{long: {"max": 158}})
        assert facts(result).rotation == 0
        assert_colors(result, expected)

    def test_rotation_is_baked(self, tmp_path: Path) -> None:
        result = changed(turn(corners(tmp_path / "a.mp4"), 90), rotation=only(0))
        assert (facts(result).width, facts(result).height, facts(result).stored_width) == (120, 160, 120)
        assert_colors(result, {TOP_LEFT: BLUE, TOP_RIGHT: RED, BOTTOM_LEFT: BLACK, BOTTOM_RIGHT: GREEN})

    def test_odd_row_is_cropped_and_nothing_scaled(self, tmp_path: Path) -> None:
        clip = corners(
            tmp_path / "a.mov", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "2", filters="null", size=(161, 121)
        )
        changes = changes_of(clip, video_codec=only("h264"))
        assert video_filters(changes) == ["crop=160:120:0:0:exact=1"]
        assert_colors(changed(clip, video_codec=only("h264")), {TOP_LEFT: RED, BOTTOM_RIGHT: BLACK})


@needs_ffmpeg
class TestPadding:
    def test_padding_is_above_and_below(self, tmp_path: Path) -> None:
        result = changed(corners(tmp_path / "a.mp4"), Choices(fit="pad"), aspect_ratio={"max": 1})
        assert (facts(result).width, facts(result).height) == (160, 160)
        assert_colors(
            result, {TOP_LEFT: BLACK, BOTTOM_LEFT: BLACK, (0.06, 0.17): RED, (0.06, 0.83): BLUE, CENTER: GRAY}
        )

    @pytest.mark.slow
    def test_anchor_places_the_picture(self, tmp_path: Path) -> None:
        result = changed(corners(tmp_path / "a.mp4"), Choices(fit="pad", anchor="top"), aspect_ratio={"max": 1})
        assert_colors(result, {TOP_LEFT: RED, TOP_RIGHT: GREEN, BOTTOM_LEFT: BLACK, (0.5, 0.9): BLACK})

    @pytest.mark.slow
    def test_black_is_black_on_a_video_of_full_range(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mp4", *X264[:-1], "yuvj420p", filters="scale=out_range=pc")
        result = changed(clip, Choices(fit="pad"), aspect_ratio={"max": 1})
        assert_colors(result, {TOP_LEFT: BLACK, CENTER: GRAY, (0.06, 0.17): RED}, tolerance=16)

    def test_copy_behind_the_picture_is_blurred(self, tmp_path: Path) -> None:
        result = changed(corners(tmp_path / "a.mp4"), Choices(fit="blur"), aspect_ratio={"max": 1})
        assert_colors(result, {(0.06, 0.17): RED, (0.06, 0.83): BLUE, CENTER: GRAY})
        above, below = colors_at(result, [(0.02, 0.02), (0.5, 0.02)])
        assert above[0] > above[2] + 40
        assert max(below) - min(below) < 40
        assert min(below) > 60

    @pytest.mark.slow
    def test_blurred_video_keeps_ten_bits(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mp4", *X265, "yuv420p10le")
        result = changed(clip, Choices(fit="blur"), aspect_ratio={"max": 1}, video_codec=only("hevc"))
        assert facts(result).bit_depth == 10


@needs_ffmpeg
class TestPixels:
    def test_pixels_become_square(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mp4", filters=f"{BT709},setsar=4/3")
        result = changed(clip, pixel_aspect_ratio=only(1))
        assert (facts(result).width, facts(result).height, facts(result).pixel_aspect_ratio) == (212, 120, 1)
        assert_colors(result, {TOP_LEFT: RED, BOTTOM_RIGHT: BLACK})

    @pytest.mark.slow
    def test_scaled_video_keeps_the_shape_of_its_pixels(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mp4", filters=f"{BT709},setsar=64/45", size=(162, 122))
        result = changed(clip, width={"max": 90})
        assert facts(result).pixel_aspect_ratio == pytest.approx(64 / 45)

    @pytest.mark.slow
    def test_rounding_does_not_make_pixels_oblong(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mp4", size=(322, 242))
        words = video_filters(changes_of(clip, width={"max": 202})._replace(media=Subject.of(Media(kind="video"))))
        assert words is not None
        shown = ffmpeg("-i", clip, "-vf", ",".join([*words, "showinfo"]), "-f", "null", "-")
        assert not shown
        result = tmp_path / "b.mkv"
        ffmpeg("-i", clip, "-vf", ",".join(words), *X264, result)
        assert facts(result).pixel_aspect_ratio in (None, 1)

    def test_shape_of_pixels_is_stated_where_a_limit_is_on_it(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mov", "-c:v", "mjpeg", "-q:v", "2", filters=f"{BT709},setsar=0")
        assert facts(clip).pixel_aspect_ratio is None
        result = changed(clip, pixel_aspect_ratio=only(1), video_codec=only("h264"))
        assert facts(result).pixel_aspect_ratio == 1

    def test_interlaced_fields_become_frames_before_they_are_scaled(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mp4", *X264, "-flags", "+ildct+ilme", filters=f"{BT709},setfield=tff")
        words = video_filters(changes_of(clip, height={"max": 90}))
        assert words is not None
        assert [word.partition("=")[0] for word in words][:2] == ["bwdif", "scale"]
        assert facts(changed(clip, height={"max": 90})).scan == "progressive"

    def test_frames_are_dropped_first_and_repeated_last(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mp4")
        fewer = video_filters(changes_of(clip, fps={"max": 5}, width={"max": 80}))
        more = video_filters(changes_of(clip, fps={"min": 20}, width={"max": 80}))
        assert fewer is not None
        assert more is not None
        assert (fewer[0], more[-1]) == ("fps=5", "fps=20")


@needs_ffmpeg
class TestColors:
    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("a.mp4", ("-c:v", "libx264rgb", "-crf", "8", "-preset", "ultrafast")),
            pytest.param("a.mov", ("-c:v", "png"), marks=pytest.mark.slow),
        ],
    )
    def test_rgb_is_encoded_with_the_matrix_that_is_stated(
        self, tmp_path: Path, name: str, options: tuple[str, ...]
    ) -> None:
        clip = corners(tmp_path / name, *options, filters="format=rgb24")
        result = changed(clip, color_model=only("ycbcr"), video_codec=only("h264"), format=only("mp4"))
        assert color_of(result) == ["tv", "bt709", "bt709", "bt709"]
        assert_colors(result, {TOP_LEFT: RED, TOP_RIGHT: GREEN, BOTTOM_LEFT: BLUE, CENTER: GRAY})

    @pytest.mark.parametrize("pixels", ["yuvj420p", pytest.param("yuv420p10le", marks=pytest.mark.slow)])
    def test_full_range_looks_the_same_afterwards(self, tmp_path: Path, pixels: str) -> None:
        encoder = X264[:-1] if pixels == "yuvj420p" else X265
        clip = corners(
            tmp_path / "a.mp4", *encoder, pixels, "-color_range", "pc", filters=f"scale=out_range=pc,format={pixels}"
        )
        result = changed(clip, width={"max": 80})
        assert_colors(result, {TOP_LEFT: RED, TOP_RIGHT: GREEN, BOTTOM_LEFT: BLUE, CENTER: GRAY}, tolerance=16)

    @pytest.mark.slow
    def test_video_of_unstated_colors_is_converted(self, tmp_path: Path) -> None:
        clip = corners(tmp_path / "a.mp4", filters="null")
        media = facts(clip)
        changes = changes_of(clip, width={"max": 80})._replace(wrong=frozenset(("primaries",)))
        converted = changes_for(
            frozenset(("primaries",)), Subject.of(media), rules_for(primaries=only("bt709")).sections["video"]
        )
        words = video_filters(converted)
        assert changes.video is not None
        assert words is not None
        ffmpeg("-i", clip, "-vf", ",".join(words), *X264, tmp_path / "b.mp4")
        assert color_of(tmp_path / "b.mp4") == ["tv", "bt709", "bt709", "bt709"]
        assert_colors(tmp_path / "b.mp4", {TOP_LEFT: RED, TOP_RIGHT: GREEN, BOTTOM_LEFT: BLUE, CENTER: GRAY})

    def test_transparency_becomes_white(self, tmp_path: Path) -> None:
        clip = translucent(tmp_path / "a.webm")
        result = changed(clip, has_alpha=only(False))
        assert_colors(result, {CENTER: (240, 144, 144)})

    @pytest.mark.slow
    def test_transparency_becomes_white_where_the_codec_has_none(self, tmp_path: Path) -> None:
        clip = translucent(tmp_path / "a.webm")
        result = changed(clip, format=only("mp4"), video_codec=only("h264"))
        assert_colors(result, {CENTER: (240, 144, 144)})


@needs_ffmpeg
@pytest.mark.parametrize(
    ("transfer", "white"),
    [
        pytest.param("smpte2084", 0.58, id="PQ"),
        pytest.param("arib-std-b67", 0.75, id="HLG", marks=pytest.mark.slow),
    ],
)
def test_tone_mapping_keeps_gray_gray_and_white_bright(tmp_path: Path, transfer: str, white: float) -> None:
    """Reference white is 58 % of the signal of PQ and 75 % of that of HLG (BT.2408)."""
    level = round(64 + 876 * white)
    tags = f"colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}:range=tv"
    drawn = f"format=yuv420p10le,geq=lum='if(lt(X,128),{level},64)':cb=512:cr=512,setparams={tags}"
    clip = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=s=256x192:d=0.3:r=10", "-vf", drawn, *X265, "yuv420p10le", clip)
    assert facts(clip).hdr in ("pq", "hlg")
    result = changed(clip, hdr=only(NONE), height={"max": 128})  # x265 crashes at some sizes below 64 pixels
    assert color_of(result) == ["tv", "bt709", "bt709", "bt709"]
    bright, dark = colors_at(result, [(0.2, 0.5), (0.8, 0.5)])
    assert max(bright) - min(bright) <= 4
    assert 160 <= bright[1] <= 250
    assert max(dark) <= 6


HDR = Media(
    kind="video", format="mp4", width=640, height=480, primaries="bt2020", transfer="smpte2084", hdr="pq",
    bit_depth=10, chroma="4:2:0", color_model="ycbcr", scan="progressive", fps=24.0, video_codec="hevc",
    audio_codec=NONE, has_alpha=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "first"),
    [
        ({"width": {"max": 320}}, ["scale", "setsar", "zscale"]),
        ({"width": {"min": 1280}}, ["zscale", "format", "zscale", "tonemap", "zscale", "scale"]),
        # An odd crop, which `zscale` does not read where chroma samples are shared.
        ({"height": {"min": 960}, "aspect_ratio": {"max": 0.6275}}, ["crop", "scale", "setsar", "zscale"]),
    ],
)
def test_colors_are_converted_at_the_smaller_size(limits: dict[str, Any], first: list[str]) -> None:
    rules = rules_for(hdr=only(NONE), **limits)
    changes = changes_for(frozenset((*limits, "hdr")), Subject.of(HDR), rules.sections["video"])
    names = [word.partition("=")[0] for word in ",".join(video_filters(changes) or ()).split(",")]
    assert names[: len(first)] == first


@needs_ffmpeg
def test_scaled_video_looks_like_its_source(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:d=0.4:r=10", *X264, clip)
    result = changed(clip, width={"max": 160})
    compared = f"[0:v]scale=160:120:flags=bicubic[a];[1:v]scale=160:120[b];[a][b]ssim=stats_file={tmp_path}/ssim"
    ffmpeg("-i", clip, "-i", result, "-filter_complex", compared, "-f", "null", "-")
    values = [float(line.split("All:")[1].split()[0]) for line in (tmp_path / "ssim").read_text().splitlines()]
    assert min(values) >= 0.97


@needs_ffmpeg
def test_all_used_filters_are_required(tmp_path: Path) -> None:
    clip = corners(tmp_path / "a.mp4")
    blurred = changes_of(clip, Choices(fit="blur"), aspect_ratio={"max": 1}, fps={"max": 5})
    assert needed_filters(blurred) == {"fps", "scale", "split", "crop", "gblur", "setsar", "overlay"}
    assert needed_filters(changes_of(clip, location=only(True), fps={"max": 5})) == {"fps"}


def color_of(path: Path) -> list[str]:
    words = ["-show_entries", "stream=color_range,color_space,color_transfer,color_primaries", "-of", "csv=p=0"]
    argv = ["ffprobe", "-v", "error", *words, os.fspath(path)]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout.strip().split(",")
