"""Read camera raws in makers' own containers: RAF (Fujifilm), MRW (Minolta), X3F (Sigma), CRW (Canon CIFF), Kyocera's.

Facts of these formats: ExifTool's and LibRaw's documentation. Each reader reads the header and the one table that
states size and orientation; Kyocera's file states neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from preflight.media import Media, Need
from preflight.probes.exif import orientation_at
from preflight.probes.raw import PictureSize, make_media
from preflight.sources import EndOfFile, Source, read_exactly

_BY_DEGREES: Final = {0: 1, 90: 6, 180: 3, 270: 8}
"""Clockwise degrees to display, and the equivalent EXIF orientation."""
_UNKNOWN: Final[PictureSize] = (None, None)

_RAF_TABLE_BYTES: Final = 1024
"""Bytes read of a RAF's table: the sizes are its first entries."""
_RAF_CROPPED: Final = 0x111
_RAF_FULL: Final = 0x100
_MAX_MRW_BLOCKS: Final = 8
_MAX_CIFF_ENTRIES: Final = 256
_CIFF_PROPERTIES: Final = 0x300A
_CIFF_IMAGE: Final = 0x1810

_ByteOrder = Literal["little", "big"]


class _Picture(NamedTuple):
    """PictureSize as stored and EXIF orientation."""

    size: PictureSize = _UNKNOWN
    orientation: int | None = None


def read(source: Source, _need: Need, name: str) -> Media:
    """Return the facts of one of these files, with the note `truncated` if their table is incomplete."""
    reader = _READERS.get(name)
    try:
        picture = reader(source) if reader is not None else _Picture()
    except EndOfFile:
        return make_media(source, name, _UNKNOWN, None, truncated=True)
    return make_media(source, name, *picture)


def _raf(source: Source) -> _Picture:
    """Read a header, a JPEG with EXIF and a table of sizes. The size is RawImageCroppedSize."""
    header = read_exactly(source, 84, 16)
    jpeg, _, table, length = (int.from_bytes(header[at : at + 4]) for at in range(0, 16, 4))
    data = read_exactly(source, table, 4)
    data += source.read_at(table + 4, max(0, min(length, _RAF_TABLE_BYTES) - 4))
    sizes: dict[int, bytes] = {}
    at = 4
    for _ in range(int.from_bytes(data[:4])):
        tag, size = int.from_bytes(data[at : at + 2]), int.from_bytes(data[at + 2 : at + 4])
        at += 4 + size
        if at > len(data):
            break
        sizes.setdefault(tag, data[at - size : at])
    stated = sizes.get(_RAF_CROPPED) or sizes.get(_RAF_FULL) or b""
    return _Picture(_size(stated[2:4], stated[:2], "big"), _orientation_in_jpeg(source, jpeg))


def _orientation_in_jpeg(source: Source, start: int) -> int | None:
    """Return the orientation of a JPEG whose first segment is EXIF, as cameras write it."""
    head = source.read_at(start, 12)
    if head[:4] != b"\xff\xd8\xff\xe1" or head[6:10] != b"Exif":
        return None
    return orientation_at(source, start + 12, max(0, int.from_bytes(head[4:6]) - 8))


def _mrw(source: Source) -> _Picture:
    """Read blocks: PRD has the size, TTW a TIFF directory."""
    size, orientation = _UNKNOWN, None
    at = 8
    end = at + int.from_bytes(read_exactly(source, 4, 4))
    for _ in range(_MAX_MRW_BLOCKS):
        if at >= end or (size != _UNKNOWN and orientation):
            break
        header = read_exactly(source, at, 8)
        length = int.from_bytes(header[4:])
        if header[:4] == b"\0PRD":
            block = read_exactly(source, at + 8, 16)
            size = _size(block[14:16], block[12:14], "big")
        elif header[:4] == b"\0TTW":
            orientation = orientation_at(source, at + 8, length)
        at += 8 + length
    return _Picture(size, orientation)


def _x3f(source: Source) -> _Picture:
    """Read the header, whose layout changes with version 4."""
    major = int.from_bytes(read_exactly(source, 6, 2), "little")
    header = read_exactly(source, 40 if major >= 4 else 28, 12)
    return _Picture(_size(header[:4], header[4:8], "little"), _orientation(header[8:], "little"))


def _crw(source: Source) -> _Picture:
    """Read a heap, whose directory is at its end, and the heap of the picture's properties in it."""
    order: _ByteOrder = "little" if source.read_at(0, 2) == b"II" else "big"
    if source.size is None:
        return _Picture()
    start = int.from_bytes(read_exactly(source, 2, 4), order)
    properties = _ciff_entry(source, order, (start, source.size), _CIFF_PROPERTIES)
    image = properties and _ciff_entry(source, order, properties, _CIFF_IMAGE)
    if not image:
        return _Picture()
    data = read_exactly(source, image[0], 16)
    return _Picture(_size(data[:4], data[4:8], order), _orientation(data[12:], order))


def _ciff_entry(source: Source, order: _ByteOrder, heap: tuple[int, int], wanted: int) -> tuple[int, int] | None:
    """Return where an entry of the heap begins and ends; None if there is none."""
    start, end = heap
    directory = start + int.from_bytes(read_exactly(source, max(0, end - 4), 4), order)
    count = min(int.from_bytes(read_exactly(source, directory, 2), order), _MAX_CIFF_ENTRIES)
    entries = source.read_at(directory + 2, 10 * count)
    for at in range(0, len(entries) - 9, 10):
        tag, length, offset = (
            int.from_bytes(entries[at + begin : at + stop], order) for begin, stop in ((0, 2), (2, 6), (6, 10))
        )
        if tag == wanted:
            return start + offset, start + offset + length
    return None


def _size(width: bytes, height: bytes, order: _ByteOrder) -> PictureSize:
    """Return the size; 0 means not known."""
    return int.from_bytes(width, order) or None, int.from_bytes(height, order) or None


def _orientation(degrees: bytes, order: _ByteOrder) -> int | None:
    return _BY_DEGREES.get(int.from_bytes(degrees, order, signed=True) % 360)


_READERS: Final[dict[str, Callable[[Source], _Picture]]] = {"crw": _crw, "mrw": _mrw, "raf": _raf, "x3f": _x3f}
