"""What indexes say of fragments that were not read: `sidx` and `mfra` (ISO/IEC 14496-12 8.16.3, 8.8.9-8.8.11)."""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.probes.isobmff import Box, boxes
from preflight.probes.mp4_timing import numbers
from preflight.sources import Source

_LARGEST: Final = 1 << 20
_BEHIND_INDEX: Final = 64 << 10
"""Bytes behind the last indexed segment that may be something else than segments: `mfra`, `free`, `uuid`."""
_TAIL: Final = 4096


class Last(NamedTuple):
    """Where the last indexed fragment stands in the file, and its decode time by track."""

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
    if source.size is not None and covered < source.size - _BEHIND_INDEX:
        return None
    return sum(entries[1::3]) / scale


def last_fragment(source: Source) -> Last | None:
    """The last fragment that an `mfra` at the end of the file names; its size is the file's last number (8.8.11)."""
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
    """`tfra` (8.8.10): of each table the last entry."""
    found = Last(0, {})
    for kind, at, end in boxes(data):
        if kind != b"tfra" or end - at < 16:
            continue
        half = 8 if data[at] == 1 else 4
        widths = data[at + 11]
        step = 2 * half + 3 + (widths >> 4 & 3) + (widths >> 2 & 3) + (widths & 3)
        last = at + 16 + step * (int.from_bytes(data[at + 12 : at + 16], "big") - 1)
        if not at + 16 <= last <= end - step:
            continue
        offset = int.from_bytes(data[last + half : last + 2 * half], "big")
        if offset > found.offset:
            found = Last(offset, {})
        if offset == found.offset:
            found.times[int.from_bytes(data[at + 4 : at + 8], "big")] = int.from_bytes(data[last : last + half], "big")
    return found if found.offset else None
