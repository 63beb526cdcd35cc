"""Image file directories, as TIFF and what is built like it have them: header, entries, integer values (TIFF 6.0, 2).

Both byte orders, TIFF and BigTIFF. Tags that are not wanted are stepped over; entries need not be sorted.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, Literal, NamedTuple

from preflight.probes.tiff_tags import COMPRESSION, STRIP_LENGTHS, STRIP_OFFSETS, TILE_LENGTHS, TILE_OFFSETS
from preflight.sources import Source, Truncated

_INTEGERS: Final = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8, 6: 1, 8: 2, 9: 4, 17: 8}
"""Field type → bytes of one value: BYTE SHORT LONG IFD LONG8 IFD8, then the signed ones (TIFF 6.0 section 2)."""
_SIGNED: Final = (6, 8, 9, 17)
_ASCII: Final = 2

_FIRST: Final = 1024
"""Bytes read of a directory at first: 85 entries of TIFF, 50 of BigTIFF, and with it values that stand behind them."""
_ENTRIES: Final = 4096
"""Entries of one directory that are looked at; cameras write fewer than 100."""
_FARTHEST: Final = 1 << 62
"""No file reaches so far: an offset behind it comes from a broken or hostile one, and no system could seek to it."""

_Order = Literal["little", "big"]


class Shape(NamedTuple):
    """How directories are written: byte order, bytes of their number of entries, of a value or offset, one entry."""

    order: _Order
    number: int
    value: int
    entry: Struct


LITTLE: Final = Shape("little", 2, 4, Struct("<HHI4s"))
BIG: Final = Shape("big", 2, 4, Struct(">HHI4s"))
SHAPES: Final[dict[bytes, Shape]] = {
    b"II*\0": LITTLE,
    b"MM\0*": BIG,
    b"II+\0": Shape("little", 8, 8, Struct("<HHQ8s")),
    b"MM\0+": Shape("big", 8, 8, Struct(">HHQ8s")),
}
"""By the first four bytes of a TIFF or BigTIFF file."""


Entry = tuple[int, int, bytes]
"""Field type, count, and the value itself where it fits, else where it is."""


class Directory(NamedTuple):
    """The wanted entries by tag; where the next directory stands (0: nowhere); whether the file ends within.

    limited  it states more entries than are looked at
    """

    entries: dict[int, Entry]
    next: int
    cut: bool
    limited: bool


def first_offset(head: bytes, shape: Shape) -> int:
    """Return where the header `head` says that IFD0 stands."""
    return int.from_bytes(head[8:16] if shape.number == 8 else head[4:8], shape.order)


def read_directory(source: Source, shape: Shape, start: int, wanted: frozenset[int]) -> Directory:
    """Return the directory at `start`. Raise `Truncated` where not even its number of entries is there."""
    data = _read(source, start, _FIRST)
    if len(data) < shape.number:
        raise Truncated(f"the directory at {start} is beyond the end of the file")
    stated = int.from_bytes(data[: shape.number], shape.order)
    end = shape.number + min(stated, _ENTRIES) * shape.entry.size
    whole = end + shape.value
    if whole > len(data) == _FIRST:
        data += source.read_at(start + _FIRST, whole - _FIRST)
    present = data[shape.number : end]
    present = present[: len(present) // shape.entry.size * shape.entry.size]
    entries: dict[int, Entry] = {}
    for tag, kind, count, value in shape.entry.iter_unpack(present):
        if tag in wanted:
            entries.setdefault(tag, (kind, count, value))
    usable = stated <= _ENTRIES and len(data) >= whole
    following = int.from_bytes(data[end:whole], shape.order) if usable else 0
    return Directory(entries, following, len(data) < end, stated > _ENTRIES)


def integers(source: Source, shape: Shape, entry: Entry | None, limit: int) -> list[int]:
    """Return the first values of an entry, at most `limit`; none where it has another type or lies behind the end."""
    kind, count, value = entry or (0, 0, b"")
    width = _INTEGERS.get(kind, 0)
    if not width:
        return []
    if width * count > shape.value:
        value = _read(source, int.from_bytes(value, shape.order), width * min(count, limit))
    count = min(count, limit, len(value) // width)
    return [
        int.from_bytes(value[at : at + width], shape.order, signed=kind in _SIGNED)
        for at in range(0, count * width, width)
    ]


def positive(source: Source, shape: Shape, entry: Entry | None) -> int | None:
    """Return the first value of an entry where it is greater than 0."""
    return next((value for value in integers(source, shape, entry, 1) if value > 0), None)


def last(source: Source, shape: Shape, entry: Entry | None) -> int | None:
    """Return the last value of an entry; None where it lies behind the end."""
    kind, count, value = entry or (0, 0, b"")
    width = _INTEGERS.get(kind, 0)
    place = width * (count - 1)
    if width * count <= shape.value:
        found = value[place : place + width] if count else b""
    else:
        found = _read(source, int.from_bytes(value, shape.order) + place, width)
    return int.from_bytes(found, shape.order) if width and len(found) == width else None


def text(source: Source, shape: Shape, entry: Entry | None, limit: int) -> str:
    """Return the first `limit` bytes of a text entry; empty where it has another type or lies behind the end."""
    kind, count, value = entry or (0, 0, b"")
    if kind != _ASCII:
        return ""
    if count > shape.value:
        value = _read(source, int.from_bytes(value, shape.order), min(count, limit))
    return value[: min(count, limit)].partition(b"\0")[0].decode("latin-1").strip()


def picture_is_missing(source: Source, shape: Shape, directory: Directory) -> bool:
    """Return whether the last strip or tile is incomplete.

    Its stated length counts only if it is compressed: otherwise the picture size gives it, and old writers err. Needs
    two reads if there are many strips, whose table is elsewhere.
    """
    entries = directory.entries
    packed = positive(source, shape, entries.get(COMPRESSION)) not in (None, 1)
    for offsets, lengths in ((STRIP_OFFSETS, STRIP_LENGTHS), (TILE_OFFSETS, TILE_LENGTHS)):
        kind, count, _ = entries.get(offsets, (0, 0, b""))
        if kind not in _INTEGERS or not count or source.size is None:
            continue
        offset = last(source, shape, entries.get(offsets))
        length = last(source, shape, entries.get(lengths)) if packed and not source.requests else 0
        if offset is None or offset >= source.size or offset + (length or 0) > source.size:
            return True
    return False


def _read(source: Source, offset: int, length: int) -> bytes:
    return source.read_at(offset, length) if offset < _FARTHEST else b""
