"""Read the items of a HEIF or AVIF file from its `meta` box (ISO/IEC 14496-12 8.11, ISO/IEC 23008-12 9.3).

`read_meta` reads the box, `Items` looks up items, properties and references.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from struct import Struct, unpack_from
from typing import Final, NamedTuple

from preflight.probes.isobmff import MAX_OFFSET, Box, boxes, top_level
from preflight.sources import Source

_FOLLOWING_BYTES: Final = 16
"""Bytes read after the box: the header of the next one, which shows at no cost whether the image data is complete."""

_NEEDED: Final = frozenset((b"pitm", b"iinf", b"iref", b"iprp", b"iloc"))
_MAX_WHOLE_BYTES: Final = 64 << 10
"""A `meta` box up to this size is read at once; of a larger one, which may hold image data, only the needed boxes."""
_MAX_CHILD_BYTES: Final = 1 << 20
"""Bytes read of one child of a large `meta` box: enough for 10,000 items."""
_MAX_CHILDREN: Final = 64

_INFE_2: Final = Struct(">B2xBHH4s")
_INFE_3: Final = Struct(">B2xBIH4s")


class ItemInfo(NamedTuple):
    """One entry of `iinf`: its coding or kind of derivation (`hvc1`, `grid` …), whether it is hidden or protected.

    content  MIME type of a `mime` item, else empty
    """

    type: bytes
    hidden: bool
    protected: bool
    content: bytes = b""


class Reference(NamedTuple):
    """One entry of `iref`: `dimg` derived from, `auxl` auxiliary of, `thmb` thumbnail of its targets (8.11.12)."""

    type: bytes
    item: int
    targets: tuple[int, ...]


class MetaBox(NamedTuple):
    """The content of a `meta` box.

    bodies     bodies of the children that are needed, by type
    idat       offset of the data of items that are in the box itself
    following  bytes after the box
    truncated  the file ends inside the box
    """

    bodies: dict[bytes, bytes]
    idat: int | None
    following: bytes
    truncated: bool


def read_meta(source: Source, meta: Box) -> MetaBox:
    """Read a `meta` box: a small one at once, only the needed children of a large one."""
    length = _MAX_WHOLE_BYTES if meta.end is None else meta.end - meta.body
    bodies, idat = {}, None
    if length <= _MAX_WHOLE_BYTES:
        data = source.read_at(meta.body, length + _FOLLOWING_BYTES)
        for kind, at, end in boxes(data, 4, length):
            if kind in _NEEDED:
                bodies[kind] = data[at:end]
            elif kind == b"idat":
                idat = meta.body + at
        return MetaBox(bodies, idat, data[length:], truncated=meta.end is not None and len(data) < length)
    for box in top_level(source, meta.body + 4, _MAX_CHILDREN):
        if meta.end is not None and box.start >= meta.end:
            break
        if box.type in _NEEDED:
            bodies[box.type] = source.read_at(
                box.body, min(_MAX_CHILD_BYTES, _MAX_CHILD_BYTES if box.end is None else box.end - box.body)
            )
        elif box.type == b"idat":
            idat = box.body
    if meta.end is None or meta.end >= MAX_OFFSET:
        return MetaBox(bodies, idat, b"", truncated=meta.end is not None)
    truncated = source.size is not None and meta.end > source.size
    return MetaBox(bodies, idat, source.read_at(meta.end, _FOLLOWING_BYTES), truncated)


class Items:
    """The items of one file: `primary` (None: not stated), `info` by item, all `references` in order."""

    def __init__(self, meta: MetaBox) -> None:
        bodies = meta.bodies
        pitm = bodies.get(b"pitm", b"")
        width = 4 if pitm[:1] > b"\0" else 2
        self.primary = int.from_bytes(pitm[4 : 4 + width]) if len(pitm) >= 4 + width else None
        self.info = _read_iinf(bodies.get(b"iinf", b""))
        self.references = _read_iref(bodies.get(b"iref", b""))
        self._meta = meta
        self._iprp = bodies.get(b"iprp", b"")
        self._properties: list[tuple[bytes, int, int]] = []
        self._associations: dict[int, tuple[int, int, bool]] = {}
        self._read_properties(self._iprp)

    def type_of(self, item: int) -> bytes | None:
        """Return how the item is coded or derived; None if it is not stated."""
        info = self.info.get(item)
        return info.type if info else None

    def properties(self, item: int) -> list[tuple[bytes, bytes]]:
        """Return (type, body) of the item's properties in the order of association, in which they apply."""
        at, end, wide = self._associations.get(item, (0, 0, False))
        data, listed, found = self._iprp, self._properties, []
        for offset in range(at, end, 2 if wide else 1):
            # The top bit means "essential"; index 0 means no property.
            index = (data[offset] & 127) << 8 | data[offset + 1] if wide else data[offset] & 127
            if 0 < index <= len(listed):
                kind, start, stop = listed[index - 1]
                found.append((kind, data[start:stop]))
        return found

    def sources(self, item: int) -> tuple[int, ...]:
        """Return the items from which a derived item is made."""
        return next((ref.targets for ref in self.references if ref.item == item and ref.type == b"dimg"), ())

    def payload(self, source: Source, item: int, length: int) -> bytes:
        """Return the first bytes of an item's data; empty if their position is not known."""
        found = self.position(item)
        return source.read_at(found[0], length) if found is not None else b""

    def position(self, item: int) -> tuple[int, int] | None:
        """Return where an item's data begins in the file, and how many bytes later it ends; None if not known."""
        method, start, end = self._places.get(item, (None, 0, 0))
        moved = self._meta.idat if method == 1 else 0 if method == 0 else None
        return (start + moved, max(0, end - start)) if moved is not None and start + moved < MAX_OFFSET else None

    def end_beyond(self, item: int, size: int) -> bool:
        """Return whether the data of an item, or of those it is made from, extends beyond a file of `size` bytes."""
        places = self._places
        wanted = [places[part] for part in (item, *self.sources(item)) if part in places]
        return any(method == 0 and end > size for method, _, end in wanted)

    @cached_property
    def _places(self) -> dict[int, tuple[int, int, int]]:
        """Return where the data of each item is; the first entry of an item counts."""
        found: dict[int, tuple[int, int, int]] = {}
        for item, method, start, end in _read_iloc(self._meta.bodies.get(b"iloc", b"")):
            found.setdefault(item, (method, start, end))
        return found

    def _read_properties(self, iprp: bytes) -> None:
        for kind, at, end in boxes(iprp):
            if kind == b"ipco" and not self._properties:
                self._properties = list(boxes(iprp, at, end))
            elif kind == b"ipma":
                _read_ipma(self._associations, iprp, at, end)


def _read_iinf(iinf: bytes) -> dict[int, ItemInfo]:
    found = {}
    for kind, at, end in boxes(iinf, 6 if iinf[:1] == b"\0" else 8):
        if kind != b"infe" or end - at < 12:
            continue
        version = iinf[at]
        if version == 2:
            _, flags, item, protection, coding = _INFE_2.unpack_from(iinf, at)
        elif version == 3 and end - at >= 14:
            _, flags, item, protection, coding = _INFE_3.unpack_from(iinf, at)
        else:
            continue  # versions 0 and 1 name a MIME type, so they are not images that HEIF defines
        content = b""
        if coding == b"mime":  # item_name and content_type, each with a zero at its end
            content = iinf[at + (12 if version == 2 else 14) : end].partition(b"\0")[2].partition(b"\0")[0]
        found[item] = ItemInfo(coding, bool(flags & 1), protection != 0, content)
    return found


def _read_iref(iref: bytes) -> list[Reference]:
    width, letter = (4, "I") if iref[:1] == b"\1" else (2, "H")
    found = []
    for kind, at, end in boxes(iref, 4):
        first = at + width + 2
        if first <= end:
            count = min(int.from_bytes(iref[first - 2 : first]), (end - first) // width)
            item = int.from_bytes(iref[at : at + width])
            found.append(Reference(kind, item, unpack_from(f">{count}{letter}", iref, first)))
    return found


def _read_ipma(found: dict[int, tuple[int, int, bool]], data: bytes, at: int, end: int) -> None:
    """Record where one `ipma` box lists the properties of each item. The first list of an item counts."""
    if end - at < 8:
        return
    width, wide = 4 if data[at] else 2, bool(data[at + 3] & 1)
    at += 8
    while at + width < end:
        item = int.from_bytes(data[at : at + width])
        start = at + width + 1
        at = start + data[start - 1] * (2 if wide else 1)
        if at > end:
            return
        found.setdefault(item, (start, at, wide))


def _read_iloc(iloc: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (item, construction method, start of its first extent, end of its last) of each item with data (8.11.3)."""
    if len(iloc) < 8:
        return
    version = iloc[0]
    width = 4 if version == 2 else 2
    offset_size, length_size, base_size = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4
    index_size = iloc[5] & 15 if version else 0
    step = index_size + offset_size + length_size
    at = 6 + width
    while at + width < len(iloc):
        item = int.from_bytes(iloc[at : at + width])
        at += width
        method = iloc[at + 1] & 15 if version and at + 1 < len(iloc) else 0
        at += (2 if version else 0) + 2
        base = int.from_bytes(iloc[at : at + base_size])
        at += base_size
        extents = int.from_bytes(iloc[at : at + 2])
        first = at + 2
        at = first + extents * step
        if extents and first + step <= len(iloc):
            last = min(at, first + (len(iloc) - first) // step * step if step else at) - step + index_size
            begin = int.from_bytes(iloc[first + index_size : first + index_size + offset_size])
            end = int.from_bytes(iloc[last : last + offset_size])
            length = int.from_bytes(iloc[last + offset_size : last + offset_size + length_size])
            yield item, method, base + begin, base + end + length
