"""TIFF and BigTIFF, both byte orders; camera raw in a TIFF shell by its first directory (TIFF 6.0; libtiff's BigTIFF).

The picture is the first directory, IFD0, wherever it stands: often at the end of the file. Tags that are not wanted
are stepped over; entries need not be sorted.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, Literal, NamedTuple

from preflight.formats import IMAGE
from preflight.media import Media, Need
from preflight.probes.exif import TRANSPOSED
from preflight.sources import Source, Truncated

_WIDTH: Final = 256
_HEIGHT: Final = 257
_COMPRESSION: Final = 259
_PHOTOMETRIC: Final = 262
_STRIP_OFFSETS: Final = 273
_ORIENTATION: Final = 274
_STRIP_LENGTHS: Final = 279
_TILE_OFFSETS: Final = 324
_TILE_LENGTHS: Final = 325
_EXTRA_SAMPLES: Final = 338
_DNG_VERSION: Final = 50706
_WANTED: Final = frozenset(
    (
        *(_WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _ORIENTATION),
        *(_STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS, _EXTRA_SAMPLES, _DNG_VERSION),
    )
)
_SENSOR: Final = frozenset((32803, 34892))
"""PhotometricInterpretation of what a sensor gives: CFA, LinearRaw (TIFF/EP; DNG 1.7)."""
_CANON: Final = (b"CR\2\0", b"CR\3\0")
"""What stands behind the header of Canon's raw files, CR2."""

_INTEGERS: Final = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8, 6: 1, 8: 2, 9: 4, 17: 8}
"""Field type → bytes of one value: BYTE SHORT LONG IFD LONG8 IFD8, then the signed ones (TIFF 6.0 section 2)."""
_SIGNED: Final = (6, 8, 9, 17)
_ALPHA: Final = frozenset((1, 2))
"""ExtraSamples: associated and unassociated alpha; 0 is data of any other sort."""

_FIRST: Final = 1024
"""Bytes read of a directory at first: 85 entries of TIFF, 50 of BigTIFF, and with it values that stand behind them."""
_ENTRIES: Final = 4096
"""Entries of one directory that are looked at; cameras write fewer than 100."""
_EXTRA: Final = 16
"""Extra samples that are looked at."""
_FARTHEST: Final = 1 << 62
"""No file reaches so far: an offset behind it comes from a broken or hostile one, and no system could seek to it."""
_PAGES: Final = 64
_PAGES_REMOTE: Final = 8
"""Directories counted in a local file, and where each may be a request; more leave the number of frames unknown."""

_Order = Literal["little", "big"]


class _Shape(NamedTuple):
    """How directories are written: byte order, bytes of their number of entries, of a value or offset, one entry."""

    order: _Order
    number: int
    value: int
    entry: Struct


_SHAPES: Final[dict[bytes, _Shape]] = {
    b"II*\0": _Shape("little", 2, 4, Struct("<HHI4s")),
    b"MM\0*": _Shape("big", 2, 4, Struct(">HHI4s")),
    b"II+\0": _Shape("little", 8, 8, Struct("<HHQ8s")),
    b"MM\0+": _Shape("big", 8, 8, Struct(">HHQ8s")),
}


_Entry = tuple[int, int, bytes]
"""Field type, count, and the value itself where it fits, else where it is."""


class _Directory(NamedTuple):
    """The wanted entries by tag; where the next directory stands (0: nowhere); whether the file ends within."""

    entries: dict[int, _Entry]
    next: int
    cut: bool


def read(source: Source, need: Need, name: str) -> Media:
    """The facts of a TIFF file. Reads its header, IFD0, and for `frames` the directories that IFD0 leads to."""
    head = source.read_at(0, 16)
    shape = _SHAPES.get(head[:4])
    if shape is None or len(head) < 16:
        raise Truncated("a TIFF file has a header and a directory")
    start = int.from_bytes(head[8:16] if shape.number == 8 else head[4:8], shape.order)
    if not start:
        return Media(IMAGE, name, source.size, notes=("bad_header",))
    directory = _directory(source, shape, start)
    entries = directory.entries
    width = _positive(source, shape, entries.get(_WIDTH))
    height = _positive(source, shape, entries.get(_HEIGHT))
    orientation = _positive(source, shape, entries.get(_ORIENTATION))
    turned = orientation in TRANSPOSED
    extra = _integers(source, shape, entries.get(_EXTRA_SAMPLES), _EXTRA)
    notes: tuple[str, ...] = ()
    if directory.cut or _picture_is_missing(source, shape, directory):
        notes = ("truncated",)
    elif not width or not height:
        notes = ("bad_header",)
    elif _is_raw(source, shape, entries, head):
        notes = ("uncommon_coding",)
    return Media(
        kind=IMAGE,
        format=name,
        size=source.size,
        width=height if turned else width,
        height=width if turned else height,
        stored_width=width,
        stored_height=height,
        orientation=orientation if orientation in range(1, 9) else None,
        frames=_pages(source, shape, start, directory.next) if "frames" in need.facts else None,
        has_alpha=None if directory.cut else not _ALPHA.isdisjoint(extra),
        notes=notes,
    )


def _is_raw(source: Source, shape: _Shape, entries: dict[int, _Entry], head: bytes) -> bool:
    """A camera's raw file, whose first directory often is a preview: few decoders of TIFF take it for a picture."""
    if _DNG_VERSION in entries or head[8:12] in _CANON:
        return True
    return not _SENSOR.isdisjoint(_integers(source, shape, entries.get(_PHOTOMETRIC), 1))


def _read(source: Source, offset: int, length: int) -> bytes:
    return source.read_at(offset, length) if offset < _FARTHEST else b""


def _directory(source: Source, shape: _Shape, start: int) -> _Directory:
    """The directory at `start`. Raises `Truncated` where not even its number of entries is there."""
    data = _read(source, start, _FIRST)
    if len(data) < shape.number:
        raise Truncated(f"the directory at {start} is behind the end")
    stated = int.from_bytes(data[: shape.number], shape.order)
    end = shape.number + min(stated, _ENTRIES) * shape.entry.size
    whole = end + shape.value
    if whole > len(data) == _FIRST:
        data += source.read_at(start + _FIRST, whole - _FIRST)
    present = data[shape.number : end]
    present = present[: len(present) // shape.entry.size * shape.entry.size]
    entries: dict[int, _Entry] = {}
    for tag, kind, count, value in shape.entry.iter_unpack(present):
        if tag in _WANTED:
            entries.setdefault(tag, (kind, count, value))
    usable = stated <= _ENTRIES and len(data) >= whole
    return _Directory(entries, int.from_bytes(data[end:whole], shape.order) if usable else 0, len(data) < end)


def _integers(source: Source, shape: _Shape, entry: _Entry | None, limit: int) -> list[int]:
    """The first values of an entry, at most `limit`; none where it has another type or lies behind the end."""
    kind, count, value = entry or (0, 0, b"")
    width = _INTEGERS.get(kind, 0)
    if not width:
        return []
    if width * count > shape.value:
        at = int.from_bytes(value, shape.order)
        value = _read(source, at, width * min(count, limit))
    count = min(count, limit, len(value) // width)
    return [
        int.from_bytes(value[at : at + width], shape.order, signed=kind in _SIGNED)
        for at in range(0, count * width, width)
    ]


def _positive(source: Source, shape: _Shape, entry: _Entry | None) -> int | None:
    return next((value for value in _integers(source, shape, entry, 1) if value > 0), None)


def _picture_is_missing(source: Source, shape: _Shape, directory: _Directory) -> bool:
    """Whether the last strip or tile is not all there. How long one is counts only where it is compressed: else the
    picture's own size says it, and old writers err. Two reads where there are many, whose table stands elsewhere.
    """
    entries = directory.entries
    packed = _positive(source, shape, entries.get(_COMPRESSION)) not in (None, 1)
    for offsets, lengths in ((_STRIP_OFFSETS, _STRIP_LENGTHS), (_TILE_OFFSETS, _TILE_LENGTHS)):
        kind, count, _ = entries.get(offsets, (0, 0, b""))
        if kind not in _INTEGERS or not count or source.size is None:
            continue
        offset = _last(source, shape, entries.get(offsets))
        length = _last(source, shape, entries.get(lengths)) if packed and not source.requests else 0
        if offset is None or offset >= source.size or offset + (length or 0) > source.size:
            return True
    return False


def _last(source: Source, shape: _Shape, entry: _Entry | None) -> int | None:
    """The last value of an entry; None where it lies behind the end."""
    kind, count, value = entry or (0, 0, b"")
    width = _INTEGERS.get(kind, 0)
    last = width * (count - 1)
    if width * count <= shape.value:
        found = value[last : last + width] if count else b""
    else:
        found = _read(source, int.from_bytes(value, shape.order) + last, width)
    return int.from_bytes(found, shape.order) if width and len(found) == width else None


def _pages(source: Source, shape: _Shape, start: int, following: int) -> int | None:
    """How many directories there are; a chain that leads back or behind the end stops. None where they are too many."""
    limit = _PAGES_REMOTE if source.requests else _PAGES
    seen = {start}
    while following and following not in seen:
        if len(seen) == limit:
            return None
        try:
            directory = _directory(source, shape, following)
        except Truncated:
            break
        if directory.cut or not directory.entries:
            break
        seen.add(following)
        following = directory.next
    return len(seen)
