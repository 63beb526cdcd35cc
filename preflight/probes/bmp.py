"""Read BMP and OS/2 bitmaps (Microsoft [MS-WMF] 2.2.2; OS/2 2.0 "Bitmap file format"): one fixed header, then pixels.

A file header of 14 bytes is followed by an information header that begins with its own length: 12 (OS/2 1), 16-64
(OS/2 2), 40 (Windows 3), 52, 56 (with masks), 108 (V4), 124 (V5). Longer headers than 16 bytes only add fields.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from preflight.media import Media, Need, size_facts
from preflight.sources import EndOfFile, Source

_HEADER_BYTES: Final = 14 + 56
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
_MAX_HEIGHT: Final = 0x7FFF_FFFF


def read(source: Source, _need: Need, _name: str) -> Media:
    """Return size and transparency of a BMP. Raise `SourceError` or `EndOfFile`."""
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
    return Media(
        kind="image",
        format="bmp",
        size=source.size,
        **size_facts(width, height),
        frames=1,
        has_alpha=_has_alpha(head, header_bytes, compression),
        notes=tuple(notes),
    )


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
