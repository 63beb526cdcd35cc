"""What indexes say of fragments that were not read: `sidx` and `mfra` (ISO/IEC 14496-12 8.16.3, 8.8.9-8.8.11)."""

from __future__ import annotations

from itertools import islice
from typing import Final, NamedTuple

from preflight.probes.isobmff import Box, boxes
from preflight.probes.mp4.timing import numbers
from preflight.sources import Source

_LARGEST: Final = 1 << 20
_BEHIND_INDEX: Final = 64 << 10
"""Bytes behind the last indexed segment that may be something else than segments: `mfra`, `free`, `uuid`."""
_SEGMENT: Final = frozenset((b"emsg", b"mdat", b"moof", b"prft", b"sidx", b"ssix", b"styp"))
"""What a segment that no index knew of may begin with."""
_TAIL: Final = 4096
_TABLES: Final = 64


class Last(NamedTuple):
    """From where on no track lacks its last indexed fragment, and by track the time of its first one from there on."""

    offset: int
    times: dict[int, int]


def index_seconds(source: Source, box: Box) -> float | None:
    """The time that a `sidx` spans; None unless its segments reach the end of the file.

    Segments that were joined have one index each, which tells of its own segment alone.
    """
    if box.end is None or box.end - box.body > _LARGEST:
        return None
    data = source.read_at(box.body, box.end - box.body)
    large = data[:1] == b"\1"
    at = 28 if large else 20
    scale = int.from_bytes(data[8:12], "big")
    count = int.from_bytes(data[at + 2 : at + 4], "big")
    entries = numbers(data[at + 4 : at + 4 + 12 * count])
    if not scale or not count or len(entries) < 3 * count:
        return None
    covered = box.end + int.from_bytes(data[20:28] if large else data[16:20], "big")
    covered += sum(size & 0x7FFFFFFF for size in entries[::3])
    behind = source.size - covered if source.size is not None else 0
    if behind > _BEHIND_INDEX or (behind > 0 and source.read_at(covered, 8)[4:] in _SEGMENT):
        return None
    return sum(entries[1::3]) / scale


def last_fragment(source: Source) -> Last | None:
    """The last fragments that an `mfra` at the end of the file names; its size is the file's last number (8.8.11)."""
    size = source.size
    if size is None:
        return None
    start = max(0, size - _TAIL)
    tail = source.read_at(start, size - start)
    length = int.from_bytes(tail[-4:], "big")
    if tail[-12:-8] != b"mfro" or not 24 <= length <= min(size, _LARGEST):
        return None
    data = tail[-length:] if length <= len(tail) else source.read_at(size - length, length)
    return _latest(data[8:]) if data[4:8] == b"mfra" else None


def _latest(data: bytes) -> Last | None:
    """The tables `tfra` (8.8.10), one a track: each may have its last fragment elsewhere."""
    tables = [_places(data, at, end) for kind, at, end in islice(boxes(data), _TABLES) if kind == b"tfra"]
    ends = [max(offsets) for _, offsets, _ in tables if offsets]
    if not ends or not min(ends):
        return None
    offset = min(ends)
    times = {}
    for track, offsets, decoded in tables:
        behind = [place for place in offsets if place >= offset]
        if behind:
            times[track] = decoded[offsets.index(min(behind))]
    return Last(offset, times)


def _places(data: bytes, start: int, end: int) -> tuple[int, list[int], list[int]]:
    """A `tfra`: its track, of each entry where the fragment stands, and at what time."""
    half = 8 if data[start : start + 1] == b"\1" else 4
    widths = data[start + 11] if end - start >= 16 else 0
    step = 2 * half + 3 + (widths >> 4 & 3) + (widths >> 2 & 3) + (widths & 3)
    last = min(end, start + 16 + step * int.from_bytes(data[start + 12 : start + 16], "big")) - step
    entries = range(start + 16, last + 1, step)
    return (
        int.from_bytes(data[start + 4 : start + 8], "big"),
        [int.from_bytes(data[at + half : at + 2 * half], "big") for at in entries],
        [int.from_bytes(data[at : at + half], "big") for at in entries],
    )
