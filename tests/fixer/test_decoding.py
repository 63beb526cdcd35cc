"""Pictures that Pillow cannot decode: ffmpeg does, unless they are damaged."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageOps

from preflight.fixer import fix
from preflight.fixer.decoding import decode_by_ffmpeg, losses_of_decoding
from preflight.media import Media
from tests.fixer.complaint_files import encode
from tests.fixer.pictures import photograph, recipe_of

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")

PICTURE = Media(kind="image", format="png", width=40, height=24, bit_depth=8, color_model="rgb", has_alpha=False)


def decoded(path: Path, media: Media) -> Image.Image | None:
    data = decode_by_ffmpeg(str(path), media)
    return None if data is None else Image.open(BytesIO(data))


def unusual_tiff(path: Path) -> Path:
    """Write a TIFF of 16 bits of gray with transparency, which Pillow does not open."""
    return encode(path, "-f", "lavfi", "-i", "testsrc2=s=320x240", "-frames:v", "1", "-pix_fmt", "ya16le")


def test_unusual_tiff_is_converted(tmp_path: Path) -> None:
    source = unusual_tiff(tmp_path / "a.tiff")
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(source)
    result = fix(source, "amazon-rekognition")
    assert (result.outcome, result.problem) == ("fixed", None)
    assert "drops the metadata" in result.plan.losses
    expected = Image.open(encode(tmp_path / "b.png", "-i", f"file:{source}", "-pix_fmt", "rgba")).convert("RGB")
    with Image.open(result.output or "") as image:
        assert image.size == (320, 240)
        difference = ImageChops.difference(image.convert("RGB"), expected).convert("L")
    assert max(value for value, count in enumerate(difference.histogram()) if count) <= 2


@pytest.mark.parametrize(
    "orientation",
    [pytest.param(each, marks=() if each in (4, 5, 6) else pytest.mark.slow) for each in range(1, 9)],
)
def test_decoded_picture_is_upright(tmp_path: Path, orientation: int) -> None:
    source = tmp_path / "a.png"
    stored = photograph(40, 24)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(source, exif=exif)
    width, height = (24, 40) if orientation > 4 else (40, 24)
    found = decoded(source, PICTURE._replace(width=width, height=height, orientation=orientation))
    with Image.open(source) as image:
        expected = ImageOps.exif_transpose(image).convert("RGB")
    assert found is not None
    assert (found.size, found.tobytes()) == (expected.size, expected.tobytes())


class TestDamaged:
    def test_wrong_checksum_is_not_passed_over(self, tmp_path: Path) -> None:
        source = tmp_path / "a.png"
        photograph(40, 24).save(source)
        data = bytearray(source.read_bytes())
        name = data.index(b"IDAT")
        checksum = name + 4 + int.from_bytes(data[name - 4 : name])
        data[checksum] ^= 1
        source.write_bytes(data)
        assert decoded(source, PICTURE) is None

    def test_truncated_picture_is_not_decoded_in_part(self, tmp_path: Path) -> None:
        source = tmp_path / "a.jpg"
        photograph(320, 240).save(source)
        source.write_bytes(source.read_bytes()[:-400])
        assert decoded(source, PICTURE._replace(format="jpeg", width=320, height=240)) is None

    @pytest.mark.parametrize(
        "words",
        [
            (),
            pytest.param(("-compression_algo", "raw"), marks=pytest.mark.slow),
            pytest.param(("-compression_algo", "deflate"), marks=pytest.mark.slow),
        ],
    )
    def test_tiff_without_its_last_pixels_is_not_decoded(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        source = encode(
            tmp_path / "a.tiff",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=320x240",
            "-frames:v",
            "1",
            "-pix_fmt",
            "ya16le",
            *words,
        )
        media = PICTURE._replace(format="tiff", width=320, height=240, color_model="gray", has_alpha=True)
        assert decoded(source, media) is not None
        data = source.read_bytes()
        source.write_bytes(data[: len(data) // 2])
        assert decoded(source, media) is None


@pytest.mark.parametrize(
    "other",
    [
        {"color_model": "cmyk"},
        {"hdr": "pq"},
        {"animated": True},
        {"format": "jp2"},
        {"width": 0},
        {"width": 100_000_000},
    ],
    ids=str,
)
def test_picture_that_ffmpeg_may_not_give_right_is_left(tmp_path: Path, other: dict[str, Any]) -> None:
    photograph(40, 24).save(tmp_path / "a.png")
    assert decoded(tmp_path / "a.png", PICTURE._replace(**other)) is None


def test_losses_are_named_unless_they_are_wanted() -> None:
    deep = PICTURE._replace(bit_depth=16)
    assert losses_of_decoding(PICTURE, recipe_of()) == ("drops the metadata",)
    assert losses_of_decoding(PICTURE, recipe_of(strip_metadata=True)) == ()
    assert losses_of_decoding(deep, recipe_of(keeps_depth=True))[1:] == ("reduces the bit depth from 16 to 8",)
