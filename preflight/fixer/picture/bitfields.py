"""Decode BMP pictures whose pixels have unusual bit fields, such as four bits for each color, which Pillow refuses."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from PIL import Image, ImageMath

MAX_PIXELS: Final = 178_956_970
"""Maximum, as for other pictures that Pillow decodes."""
_HEADERS: Final = 70
"""Bytes of both headers with the four masks."""
_BIT_FIELDS: Final = frozenset((3, 6))
_ALPHA_BIT_FIELDS: Final = 6
_WITH_ALPHA_MASK: Final = 56
"""Size of a header with an alpha mask."""


def decode_bit_fields(file: BinaryIO) -> Image.Image | None:
    """Return the picture; None if it has no bit fields of 16 or 32 bits. Raise ValueError if pixels are missing.

    BITMAPINFOHEADER and those after it: size(4) width(4) height(4) planes(2) bits(2) compression(4); masks at 40.
    """
    file.seek(0)
    head = file.read(_HEADERS).ljust(_HEADERS, b"\0")
    start, length, width, height, bits, compression = struct.unpack_from("<IIii2xHI", head, 10)
    is_known = head.startswith(b"BM") and length >= 40 and compression in _BIT_FIELDS and bits in (16, 32)
    if not is_known or width < 1 or height == 0 or width * abs(height) > MAX_PIXELS:
        return None
    masks = struct.unpack_from("<4I", head, 54)
    if length < _WITH_ALPHA_MASK and compression != _ALPHA_BIT_FIELDS:
        masks = (*masks[:3], 0)
    stride = (width * bits + 31) // 32 * 4
    file.seek(start)
    data = file.read(stride * abs(height))
    if len(data) < stride * abs(height):
        raise ValueError("pixels are missing")
    mode = "I;16" if bits == 16 else "RGBA"
    pixels = Image.frombuffer(mode, (width, abs(height)), data, "raw", mode, stride, -1 if height > 0 else 1)
    bands = [_band(pixels, mask) for mask in (masks if masks[3] else masks[:3])]
    return Image.merge("RGBA" if masks[3] else "RGB", bands)


def _band(pixels: Image.Image, mask: int) -> Image.Image:
    """Return the bits of a mask as values from 0 to 255: the highest eight of more. A band without bits is black."""
    if not mask:
        return Image.new("L", pixels.size)
    shift = (mask & -mask).bit_length() - 1
    depth = mask.bit_length() - shift
    if depth > 8:
        shift, depth = shift + depth - 8, 8
    highest = (1 << depth) - 1
    found: Image.Image = ImageMath.lambda_eval(
        lambda images: (images["value"] >> shift) & highest, value=_numbers(pixels)
    )
    return found.convert("L").point([round(255 * min(value, highest) / highest) for value in range(256)])


def _numbers(pixels: Image.Image) -> Image.Image:
    """Return pixels as numbers of 32 bits."""
    if pixels.mode == "I;16":
        return pixels.convert("I")
    names = dict(zip("abcd", (band.convert("I") for band in pixels.split()), strict=True))
    numbers: Image.Image = ImageMath.lambda_eval(
        lambda images: images["a"] | (images["b"] << 8) | (images["c"] << 16) | (images["d"] << 24), **names
    )
    return numbers
