"""Read BMP and OS/2 bitmaps (Microsoft [MS-WMF] 2.2.2; OS/2 2.0 "Bitmap file format"): one fixed header, then pixels.

A file header of 14 bytes is followed by an information header that begins with its own length: 12 (OS/2 1), 16-64
(OS/2 2), 40 (Windows 3), 52, 56 (with masks), 108 (V4), 124 (V5). Longer headers than 16 bytes only add fields.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from preflight.media import Media, Need, size_facts
from preflight.probes.color import SRGB, UNSTATED
from preflight.sources import EndOfFile, Source

_HEADER_BYTES: Final = 14 + 60
_CORE_BYTES: Final = 12
_WINDOWS_BYTES: Final = frozenset((40, 52, 56, 108, 124))
_CORE_FIELDS: Final = Struct("<HHHH")
_INFO_FIELDS: Final = Struct("<iiHH")
_RGB: Final = 0
_BITFIELDS: Final = 3
_ALPHA_BITFIELDS: Final = 6
_EMBEDDED: Final = (4, 5)
"""A JPEG or PNG instead of pixels: for printers."""
_DEPTHS: Final = frozenset((1, 2, 4, 8, 16, 24, 32, 64))
_MAX_PALETTE_DEPTH: Final = 8
_COMPONENT_BITS: Final = {16: 5, 24: 8, 32: 8, 64: 16}
"""Bits a pixel, and of each color without masks ([MS-WMF] 2.1.1.3; those of 64 are GDI+'s)."""
_COLORED_BYTES: Final = (108, 124)
_SRGB: Final = (b"BGRs", b" niW")
"""Color space types sRGB and Windows' default, which is sRGB ([MS-WMF] 2.1.1.14)."""
_MAX_HEIGHT: Final = 0x7FFF_FFFF


def read(source: Source, _need: Need, _name: str) -> Media:
    """Return the facts of a BMP. Raise `SourceError` or `EndOfFile`."""
    # An OS/2 bitmap array, `BA`, has another header of 14 bytes first; its first bitmap is the picture.
    start = 14 if source.read_at(0, 2) == b"BA" else 0
    head = source.read_at(start, _HEADER_BYTES)
    header_bytes = int.from_bytes(head[14:18], "little")
    if len(head) < (26 if header_bytes == _CORE_BYTES else 30):
        raise EndOfFile("a BMP without its information header")
    width, height, planes, depth = (_CORE_FIELDS if header_bytes == _CORE_BYTES else _INFO_FIELDS).unpack_from(head, 18)
    compression = int.from_bytes(head[30:34], "little") if header_bytes >= 20 else _RGB
    # A negative height means rows from the top down; a negative width is invalid.
    width, height = max(0, width), abs(height)
    notes = []
    if not (width and 0 < height <= _MAX_HEIGHT and planes == 1 and (depth in _DEPTHS or compression in _EMBEDDED)):
        notes.append("bad_header")
    elif source.size is not None and _last_byte(head, header_bytes, compression, width, height, depth) > source.size:
        notes.append("truncated")
    is_embedded = compression in _EMBEDDED and header_bytes in _WINDOWS_BYTES
    color = SRGB if header_bytes in _COLORED_BYTES and head[70:74] in _SRGB else UNSTATED
    return Media(
        kind="image",
        format="bmp",
        size=source.size,
        **size_facts(width, height),
        frames=1,
        animated=False,
        multi_picture=False,
        bit_depth=None if is_embedded else _bit_depth(head, header_bytes, compression, depth),
        color_model=None if is_embedded or not depth else "palette" if depth <= _MAX_PALETTE_DEPTH else "rgb",
        primaries=color.primaries,
        transfer=color.transfer,
        hdr="none",
        coding=None if is_embedded else "lossless",
        has_alpha=_has_alpha(head, header_bytes, compression),
        location=False,
        notes=tuple(notes),
    )


def _bit_depth(head: bytes, header_bytes: int, compression: int, depth: int) -> int | None:
    """Return the bits of a palette's index, or of the color with the most bits."""
    if depth <= _MAX_PALETTE_DEPTH:
        return depth or None
    if compression in (_BITFIELDS, _ALPHA_BITFIELDS) and header_bytes in _WINDOWS_BYTES:
        masks = (int.from_bytes(head[at : at + 4], "little") for at in (54, 58, 62))
        return max(mask.bit_count() for mask in masks) or None
    return _COMPONENT_BITS.get(depth)


def _last_byte(head: bytes, header_bytes: int, compression: int, width: int, height: int, depth: int) -> int:
    """Return where the pixels end, without the padding of the last row; 0 if they are compressed.

    Compression 3 means masks in Windows and Huffman codes in OS/2.
    """
    if compression == _RGB or (compression in (_BITFIELDS, _ALPHA_BITFIELDS) and header_bytes in _WINDOWS_BYTES):
        row = (width * depth + 7) // 8
        return int.from_bytes(head[10:14], "little") + (row + 3) // 4 * 4 * (height - 1) + row
    return 0


def _has_alpha(head: bytes, header_bytes: int, compression: int) -> bool | None:
    """Return whether a fourth mask is not empty; without masks the fourth byte of a pixel is unused ([MS-WMF])."""
    if compression in _EMBEDDED and header_bytes in _WINDOWS_BYTES:
        return None
    masked = compression == _ALPHA_BITFIELDS or (compression == _BITFIELDS and 56 <= header_bytes != 64)
    return masked and any(head[66:70])
