"""A result is compared with its source: the same frames, in the same size, by ffmpeg or by Pillow."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from preflight.errors import FfmpegError
from preflight.fixer.ffmpeg import Ffmpeg, execute_ffmpeg, find_ffmpeg, input_args, output_args
from preflight.fixer.ffmpeg.quality import Compared, Quality, measure
from preflight.fixer.picture.similarity import similarity
from preflight.plans.encoding import MUXERS
from tests.fixer.programs import ffmpeg_at, program

SIZE = (160, 96)
LOSSLESS = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0")
SAME = pytest.approx(1.0, abs=0.0001)


@pytest.fixture(scope="module")
def real() -> Ffmpeg:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg on PATH")
    return find_ffmpeg()


@pytest.fixture(scope="module")
def clip(real: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """A video in which every frame differs, of a rate whose times are not whole milliseconds."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    words = ["-f", "lavfi", "-i", "testsrc2=s=160x96:d=1:r=30000/1001", *LOSSLESS]
    execute_ffmpeg(real, [*words, *output_args(str(path), "mp4")], timeout=30)
    return Compared(str(path), "mp4")


def changed(real: Ffmpeg, clip: Compared, path: Path, *words: str, format_name: str = "mp4") -> Compared:
    command = [*input_args(clip.path, "mov"), *words, *output_args(str(path), MUXERS[format_name])]
    execute_ffmpeg(real, command, timeout=30)
    return Compared(str(path), format_name)


class TestVideos:
    def test_copy_is_the_same(self, real: Ffmpeg, clip: Compared, tmp_path: Path) -> None:
        result = changed(real, clip, tmp_path / "copy.mkv", "-c", "copy", format_name="mkv")  # times in milliseconds
        assert measure(real, clip, result, SIZE, timeout=30).ssim == SAME

    def test_coarse_coding_is_less_similar(self, real: Ffmpeg, clip: Compared, tmp_path: Path) -> None:
        fine = changed(real, clip, tmp_path / "fine.mp4", "-c:v", "libx264", "-crf", "20")
        coarse = changed(real, clip, tmp_path / "coarse.mp4", "-c:v", "libx264", "-crf", "45")
        values = [measure(real, clip, result, SIZE, timeout=30).ssim or 0 for result in (fine, coarse)]
        assert 1 > values[0] > 0.95 > values[1] > 0.3

    @pytest.mark.slow
    def test_smaller_result_is_compared_in_its_size(self, real: Ffmpeg, clip: Compared, tmp_path: Path) -> None:
        result = changed(real, clip, tmp_path / "small.mp4", "-vf", "scale=80:48:flags=bicubic", *LOSSLESS)
        assert measure(real, clip, result, (80, 48), timeout=30).ssim == SAME

    def test_crop_is_applied_to_the_source(self, real: Ffmpeg, clip: Compared, tmp_path: Path) -> None:
        result = changed(real, clip, tmp_path / "crop.mp4", "-vf", "crop=96:96", *LOSSLESS)
        cropped = clip._replace(filters=["crop=96:96"])
        assert measure(real, cropped, result, (96, 96), timeout=30).ssim == SAME
        assert (measure(real, clip, result, (96, 96), timeout=30).ssim or 0) < 0.9

    def test_end_that_was_cut_off_is_not_compared(self, real: Ffmpeg, clip: Compared, tmp_path: Path) -> None:
        result = changed(real, clip, tmp_path / "start.mp4", "-t", "0.5", *LOSSLESS)
        assert measure(real, clip, result, SIZE, timeout=30).ssim == SAME

    def test_start_that_was_cut_off_is_cut_off_the_source(self, real: Ffmpeg, clip: Compared, tmp_path: Path) -> None:
        result = changed(real, clip, tmp_path / "end.mp4", "-ss", "0.5", *LOSSLESS)
        cut = clip._replace(filters=["trim=start=0.5"])
        assert measure(real, cut, result, SIZE, timeout=30).ssim == SAME

    @pytest.mark.slow
    def test_frame_rate_is_changed_alike(self, real: Ffmpeg, clip: Compared, tmp_path: Path) -> None:
        result = changed(real, clip, tmp_path / "slow.mp4", "-vf", "fps=12", *LOSSLESS)
        assert measure(real, clip._replace(filters=["fps=12"]), result, SIZE, timeout=30).ssim == SAME

    def test_vmaf_is_measured_where_ffmpeg_has_it(self, clip: Compared, tmp_path: Path) -> None:
        try:
            having = find_ffmpeg(filters=["libvmaf", "ssim"])
        except FfmpegError:
            pytest.skip("no ffmpeg with libvmaf")
        result = changed(having, clip, tmp_path / "copy.mp4", "-c", "copy")
        found = measure(having, clip, result, SIZE, timeout=30)
        assert found.ssim == SAME
        assert found.vmaf is not None
        assert found.vmaf > 95

    def test_values_of_both_filters_are_read(self, clip: Compared, tmp_path: Path) -> None:
        script = """echo '    title : SSIM Y:1 All:0.1' >&2
            echo '[Parsed_ssim_4 @ 0x1] SSIM Y:0.937295 (12.0) U:0.98 (17.8) V:0.97 (15.9) All:0.951300 (13.1)' >&2
            echo '[Parsed_libvmaf_11 @ 0x7f] VMAF score: 92.162828' >&2"""
        path = program(tmp_path / "ffmpeg", script)
        both = ffmpeg_at(path)._replace(filters=frozenset(("ssim", "libvmaf")), threads=2)
        assert measure(both, clip, clip, SIZE, timeout=30) == Quality(0.9513, 92.162828)

    def test_filters_that_ffmpeg_lacks_measure_nothing(self, clip: Compared) -> None:
        lacking = ffmpeg_at("/none")._replace(filters=frozenset())
        assert measure(lacking, clip, clip, SIZE, timeout=30) == Quality(None, None)

    def test_format_that_ffmpeg_does_not_read_gets_a_sentence(self, clip: Compared) -> None:
        with pytest.raises(FfmpegError, match=r"^ffmpeg does not read zip\. "):
            measure(ffmpeg_at("/none"), Compared("x", "zip"), clip, SIZE, timeout=30)


def pattern(size: tuple[int, int]) -> Image.Image:
    """A picture with edges, surfaces and color."""
    gray = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 100)
    turned = gray.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Image.merge("RGB", [gray, turned, gray.filter(ImageFilter.GaussianBlur(3))])


class TestPictures:
    def test_identical_pictures_have_similarity_1(self) -> None:
        assert similarity(pattern((200, 120)), pattern((200, 120))) == pytest.approx(1)

    def test_brightness_color_and_detail_count(self) -> None:
        picture = pattern((200, 120))
        bands = picture.split()
        variants = [
            picture.point(lambda value: value // 2),
            Image.merge("RGB", bands[::-1]),
            picture.filter(ImageFilter.GaussianBlur(2)),
            Image.new("RGB", picture.size),
        ]
        values = [similarity(picture, variant) for variant in variants]
        assert max(values) < 0.95
        assert min(values) == values[-1]

    def test_pictures_that_have_no_window_are_compared(self) -> None:
        assert similarity(Image.new("L", (1, 1), 9), Image.new("L", (1, 1), 9)) == pytest.approx(1)
        assert similarity(Image.new("L", (3, 500), 9), Image.new("L", (3, 500), 200)) < 0.5

    def test_source_is_scaled_to_the_result(self) -> None:
        picture = pattern((400, 240))
        assert similarity(picture, picture.resize((200, 120), Image.Resampling.LANCZOS)) == pytest.approx(1)

    def test_transparent_pixels_count_as_they_look(self) -> None:
        clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
        assert similarity(clear, Image.new("RGBA", (64, 64), (0, 255, 0, 0))) == pytest.approx(1)
        assert similarity(clear, Image.new("RGB", (64, 64), (255, 0, 0))) < 0.9

    def test_strips_of_a_tall_picture_add_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        picture = pattern((64, 300))
        blurred = picture.filter(ImageFilter.GaussianBlur(2))
        whole = similarity(picture, blurred)
        monkeypatch.setattr("preflight.fixer.picture.similarity._STRIP", 7)
        assert similarity(picture, blurred) == pytest.approx(whole, abs=1e-6)

    def test_value_is_that_of_ffmpeg(self, real: Ffmpeg, tmp_path: Path) -> None:
        gray = pattern((200, 124)).getchannel("R")
        blurred = gray.filter(ImageFilter.GaussianBlur(1))
        for name, picture in (("a", gray), ("b", blurred)):
            picture.save(tmp_path / f"{name}.pgm")
        words = ["-i", str(tmp_path / "a.pgm"), "-i", str(tmp_path / "b.pgm"), "-lavfi", "ssim", "-f", "null", "-"]
        said = subprocess.run([real.path, *words], capture_output=True, text=True, check=True).stderr
        brightness = float(re.findall(r"SSIM Y:([0-9.]+)", said)[0])
        assert similarity(gray, blurred) == pytest.approx(4 / 6 * brightness + 2 / 6, abs=0.001)
