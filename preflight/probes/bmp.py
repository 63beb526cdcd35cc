"""BMP and OS/2 bitmaps (Microsoft [MS-WMF] 2.2.2; OS/2 2.0 "Bitmap file format"): one fixed header, then pixels.

A file header of 14 bytes, then an information header that begins with its own length: 12 (OS/2 1), 16-64 (OS/2 2),
40 (Windows 3), 52, 56 (with masks), 108 (V4), 124 (V5). From 16 bytes on the fields are the same, only more of them.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from preflight.media import Media, Need
from preflight.sources import EndOfFile, Source

_HEADERS: Final = 14 + 56
_CORE: Final = 12
_WINDOWS: Final = frozenset((40, 52, 56, 108, 124))
_SHORT: Final = Struct("<HHHH")
_LONG: Final = Struct("<iiHH")
_RGB: Final = 0
_BITFIELDS: Final = 3
_ALPHA_BITFIELDS: Final = 6
_EMBEDDED: Final = (4, 5)
"""A JPEG or PNG in place of pixels: for printers."""
_DEPTHS: Final = frozenset((1, 2, 4, 8, 16, 24, 32, 64))
_LARGEST: Final = 0x7FFF_FFFF


def read(source: Source, need: Need, name: str) -> Media:
    """Size and transparency of a BMP. Raises `SourceError`, `EndOfFile`."""
    # OS/2's bitmap array, `BA`, puts another header of 14 bytes in front; its first bitmap is the picture.
    start = 14 if source.read_at(0, 2) == b"BA" else 0
    head = source.read_at(start, _HEADERS)
    extent = int.from_bytes(head[14:18], "little")
    if len(head) < (26 if extent == _CORE else 30):
        raise EndOfFile("a BMP without its information header")
    width, height, planes, depth = (_SHORT if extent == _CORE else _LONG).unpack_from(head, 18)
    compression = int.from_bytes(head[30:34], "little") if extent >= 20 else _RGB
    # A negative height means rows from the top down; a negative width means nothing.
    width, height = max(0, width), abs(height)
    notes = []
    if not (width and 0 < height <= _LARGEST and planes == 1 and (depth in _DEPTHS or compression in _EMBEDDED)):
        notes.append("bad_header")
    elif source.size is not None and _last_byte(head, extent, compression, width, height, depth) > source.size:
        notes.append("truncated")
    return Media(
        kind="image",
        format="bmp",
        size=source.size,
        width=width or None,
        height=height or None,
        stored_width=width or None,
        stored_height=height or None,
        frames=1,
        has_alpha=_alpha(head, extent, compression),
        notes=tuple(notes),
    )


def _last_byte(head: bytes, extent: int, compression: int, width: int, height: int, depth: int) -> int:
    """Where the pixels end, padding of the last row left out; 0 where they are compressed.

    Compression 3 means masks to Windows, Huffman codes to OS/2.
    """
    if compression == _RGB or (compression in (_BITFIELDS, _ALPHA_BITFIELDS) and extent in _WINDOWS):
        row = (width * depth + 7) // 8
        return int.from_bytes(head[10:14], "little") + (row + 3) // 4 * 4 * (height - 1) + row
    return 0


def _alpha(head: bytes, extent: int, compression: int) -> bool | None:
    """A fourth mask that is not empty. Without masks the fourth byte of a pixel of 32 bits is unused ([MS-WMF])."""
    if compression in _EMBEDDED and extent in _WINDOWS:
        return None
    masked = compression == _ALPHA_BITFIELDS or (compression == _BITFIELDS and 56 <= extent != 64)
    return masked and any(head[66:70])
