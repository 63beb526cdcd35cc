"""BMP pictures whose bit fields Pillow refuses."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from PIL import Image

from preflight.fixer.picture.bitfields import decode_bit_fields
from tests.fixer.pictures import answered, applied, recipe_of, saved
from tests.rows import each_row


def bmp(bits: int, masks: tuple[int, ...], pixels: list[list[int]], *, top_down: bool = False) -> bytes:
    """Return a BMP with the four masks of BITMAPV3INFOHEADER."""
    width, height = len(pixels[0]), len(pixels)
    form = "H" if bits == 16 else "I"
    rows = [struct.pack(f"<{width}{form}", *row) for row in pixels]
    rows = [row + bytes(-len(row) % 4) for row in rows]
    body = b"".join(rows if top_down else rows[::-1])
    header = struct.pack("<IiiHHIIiiII", 56, width, -height if top_down else height, 1, bits, 3, 0, 0, 0, 0, 0)
    header += struct.pack("<4I", *masks)
    return struct.pack("<2sIHHI", b"BM", 70 + len(body), 0, 0, 70) + header + body


@each_row(
    ("bits", "masks", "pixel", "color"),
    [
        (16, (0x0F00, 0x00F0, 0x000F, 0), 0x0F80, (255, 136, 0)),
        (16, (0x0F00, 0x00F0, 0x000F, 0xF000), 0x8F80, (255, 136, 0, 136)),
        (16, (0xFF00, 0x00FF, 0, 0), 0xFF80, (255, 128, 0)),
        (32, (0xFFF0_0000, 0x000F_FF00, 0xFF, 0), 0xFFF8_0080, (255, 128, 128)),
        (32, (0x3FF, 0xFFC00, 0x3FF0_0000, 0xC000_0000), 0xC000_03FF, (255, 0, 0, 255)),
    ],
)
def test_bits_of_a_mask_become_a_band(bits: int, masks: tuple[int, ...], pixel: int, color: tuple[int, ...]) -> None:
    result = applied(bmp(bits, masks, [[pixel] * 3, [0] * 3]), recipe_of("bmp", "png", whole=(3, 2)))
    assert result.getpixel((2, 0)) == color
    assert result.getpixel((0, 1))[:3] == (0, 0, 0)
    assert result.size == (3, 2)


def test_rows_may_begin_at_the_top() -> None:
    data = bmp(16, (0x0F00, 0x00F0, 0x000F, 0), [[0x0F00], [0x000F]], top_down=True)
    result = decode_bit_fields(BytesIO(data))
    assert result is not None
    assert [result.getpixel((0, y)) for y in (0, 1)] == [(255, 0, 0), (0, 0, 255)]


def test_missing_pixels_are_damage() -> None:
    data = bmp(16, (0x0F00, 0x00F0, 0x000F, 0), [[0] * 40] * 40)[:-100]
    with pytest.raises(ValueError, match="pixels are missing"):
        decode_bit_fields(BytesIO(data))
    assert "is damaged" in answered(data, recipe_of("bmp", "png"))["refused"]


@each_row("data", [b"", b"BM", saved(Image.new("RGB", (4, 4)), "BMP")])
def test_other_files_are_left_to_other_decoders(data: bytes) -> None:
    assert decode_bit_fields(BytesIO(data)) is None


def test_more_pixels_than_are_decoded_are_refused() -> None:
    data = bytearray(bmp(16, (0x0F00, 0x00F0, 0x000F, 0), [[0]]))
    data[18:26] = struct.pack("<ii", 1 << 20, 1 << 20)
    assert decode_bit_fields(BytesIO(bytes(data))) is None
