"""How often pictures follow one another where a track does not state it: the times of its blocks (RFC 9559 10, 11).

Browsers and other recorders that do not know the rate beforehand leave DefaultDuration out.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import inf
from statistics import median
from typing import Final, NamedTuple

from preflight.probes.matroska import ebml
from preflight.probes.window import Window
from preflight.sources import BoundReached, Source

_CLUSTER, _TIMESTAMP = 0x1F43B675, 0xE7
_GROUP, _BLOCK, _SIMPLE_BLOCK = 0xA0, 0xA1, 0xA3
_HEAD: Final = ebml.LONGEST_HEAD + 12
"""Bytes of an element's head, of a track number and of a block's time, or of a cluster's."""
_PIECE: Final = 1024
_ELEMENTS: Final = 512
_FRAMES: Final = 128
_REORDERED: Final = 16
"""Pictures by which a coding may put one off (H.264 A.3.1): the last ones of a sample have holes between them."""
_ROUNDED: Final = 1_000_000
"""ns by which times are off that were whole ms once, whatever unit they were copied into."""
_EXACT: Final = 0.0025
"""The most that a rate may be wrong because times are whole numbers."""
_FAR: Final = 32 << 10
"""Bytes of a file that come with the first request: a rate is not worth another."""


class Rate(NamedTuple):
    """Pictures in a s, of the whole film or, where it is constant, of its first seconds; None: not known.

    frames  pictures in the film; variable: at least one step in 25 is not like the others; None: not all were seen
    """

    fps: float | None
    variable: bool | None
    frames: int | None


def measure(source: Source, at: int, track: int, unit: int) -> Rate:
    """The rate of `track`, whose first block stands behind `at`; `unit`: ns of a time. Raises `SourceError`."""
    times, whole = _times(source, at, track)
    frames = len(times) if whole else None
    times.sort()
    if not whole:
        del times[-_REORDERED:]
    if len(times) < 2 or times[0] == times[-1]:
        return Rate(None, None, frames)
    span = times[-1] - times[0]
    steps = [later - earlier for earlier, later in pairwise(times)]
    usual = median(steps)
    blur = max(1.0, _ROUNDED / unit) if unit else inf
    odd = sum(abs(step - usual) > max(blur, usual / 20) for step in steps)
    variable = odd > 1 and odd * 25 >= len(steps)
    if span * _EXACT < blur or (odd and not whole):
        return Rate(None, variable or None, frames)
    return Rate(_usual(len(steps) * 1e9 / (span * unit), blur / span), variable if whole else None, frames)


class Extent(NamedTuple):
    """Result of reading all blocks, in ticks: start of the first, end of the last, and their number."""

    first: int
    end: float
    blocks: int


_MAX_BLOCKS: Final = 2_000_000
_MAX_READS: Final = 1 << 20
_EBML: Final = 0x1A45DFA3
_BLOCK_DURATION: Final = 0x9B


def track_extents(source: Source, at: int, tracks: Mapping[int, float]) -> dict[int, Extent]:
    """Read all blocks from `at` to the end of the file; `tracks`: ticks of a block by track number, 0 if unknown.

    This gives the duration of files that were streamed while recorded. Raises `SourceError`.
    """
    walked = {number: _BlockCounter() for number in tracks}
    base, last = 0, None
    window = Window(source, _PIECE, at, _MAX_READS, rows=True)
    for _ in range(_MAX_BLOCKS):
        data = window.read_at(at, _HEAD)
        found = ebml.head(data, 0)
        if found is None or found[0] == _EBML:
            break
        identifier, length, begin = found
        if identifier in (_CLUSTER, _GROUP):
            at += begin
            continue
        if length == ebml.UNKNOWN:
            break
        if identifier == _TIMESTAMP:
            base = ebml.unsigned(data, begin, begin + length)
        elif identifier in (_BLOCK, _SIMPLE_BLOCK):
            number = ebml.number(data, begin)
            last = walked.get(number[0]) if number is not None else None
            if number is not None and last is not None:
                last.add(base + int.from_bytes(data[number[1] : number[1] + 2], "big", signed=True))
        elif identifier == _BLOCK_DURATION and last is not None:
            last.set_duration(ebml.unsigned(data, begin, begin + length))
        at += begin + length
    else:
        return {}
    return {number: one.extent(tracks[number]) for number, one in walked.items() if one.blocks}


class _BlockCounter:
    """The blocks of one track so far."""

    def __init__(self) -> None:
        self.blocks = 0
        self._first = self._last = self._stated_duration = 0

    def add(self, time: int) -> None:
        self._first = min(self._first, time) if self.blocks else time
        if not self.blocks or time >= self._last:
            self._last, self._stated_duration = time, 0
        self.blocks += 1

    def set_duration(self, duration: int) -> None:
        self._stated_duration = duration

    def extent(self, step: float) -> Extent:
        usual = (self._last - self._first) / (self.blocks - 1) if self.blocks > 1 else 0.0
        return Extent(self._first, self._last + (self._stated_duration or step or usual), self.blocks)


def _usual(fps: float, error: float) -> float:
    """The rate that was meant: the nearest of whole numbers and television's, if it is not farther than `error` off."""
    nearest = min((round(fps * base) / base for base in (1.0, 1.001)), key=lambda rate: abs(rate - fps))
    return nearest if nearest and abs(nearest - fps) <= fps * error else fps


def _times(source: Source, at: int, track: int) -> tuple[list[int], bool]:
    """When the pictures of a track are shown, in units and in the order of coding, and whether these are all."""
    times: list[int] = []
    base = 0
    size = source.size
    window = Window(source, _PIECE, at)
    try:
        for _ in range(_ELEMENTS):
            if size is not None and at >= size:
                return times, at == size
            if len(times) > _FRAMES or (source.requests and at + _HEAD > _FAR):
                break
            data = window.read_at(at, _HEAD)
            found = ebml.head(data, 0)
            if found is None:
                break
            identifier, length, begin = found
            if identifier in (_CLUSTER, _GROUP):
                at += begin  # what it holds comes next, whether its own length is known or not
                continue
            if length == ebml.UNKNOWN:
                break
            if identifier == _TIMESTAMP:
                base = ebml.unsigned(data, begin, begin + length)
            elif identifier in (_BLOCK, _SIMPLE_BLOCK):
                number = ebml.number(data, begin)
                if number is not None and number[0] == track:
                    times.append(base + int.from_bytes(data[number[1] : number[1] + 2], "big", signed=True))
            at += begin + length
    except BoundReached:
        pass  # a window looks at so many places and no more
    return times, False
