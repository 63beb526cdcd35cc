"""Measure the frame rate of a track that does not state it, by the timestamps of its blocks (RFC 9559 10, 11).

Browsers and other recorders that do not know the rate in advance omit DefaultDuration.
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
_HEADER_BYTES: Final = ebml.MAX_HEADER_BYTES + 12
"""Bytes of an element's header, and of a block's track number and timestamp or of a cluster's timestamp."""
_CHUNK_SIZE: Final = 1024
_MAX_ELEMENTS: Final = 512
_MAX_FRAMES: Final = 128
_MAX_REORDERED: Final = 16
"""Frames by which a codec may reorder (H.264 A.3.1): among the last ones of an excerpt some are missing."""
_MILLISECOND: Final = 1_000_000
"""ns by which timestamps may be off that were rounded to ms once, whatever unit they were converted to."""
_MAX_RATE_ERROR: Final = 0.0025
"""The relative error of a rate, due to rounded timestamps, up to which it is reported."""
_FIRST_RESPONSE_BYTES: Final = 32 << 10
"""Bytes of a file that come with the first request: a frame rate is not worth another."""


class FrameRate(NamedTuple):
    """Frames/s of the whole video or, if constant, of its first seconds; None: not known.

    variable  4 % of the intervals, and at least two, differ from the others; None: not all frames were read
    frames    in the whole video
    """

    fps: float | None
    variable: bool | None = None
    frames: int | None = None


def measure_rate(source: Source, at: int, track: int, unit: int) -> FrameRate:
    """Return the frame rate of `track`, whose blocks follow `at`; `unit`: ns of a tick. Raise `SourceError`."""
    times, complete = _timestamps(source, at, track)
    frames = len(times) if complete else None
    times.sort()
    if not complete:
        del times[-_MAX_REORDERED:]
    if len(times) < 2 or times[0] == times[-1]:
        return FrameRate(None, None, frames)
    span = times[-1] - times[0]
    steps = [later - earlier for earlier, later in pairwise(times)]
    typical = median(steps)
    rounding = max(1.0, _MILLISECOND / unit) if unit else inf
    odd = sum(abs(step - typical) > max(rounding, typical / 20) for step in steps)
    variable = odd > 1 and odd * 25 >= len(steps)
    if span * _MAX_RATE_ERROR < rounding or (odd and not complete):
        return FrameRate(None, variable or None, frames)
    fps = _nominal_rate(len(steps) * 1e9 / (span * unit), rounding / span)
    return FrameRate(fps, variable if complete else None, frames)


class Extent(NamedTuple):
    """The blocks of a track: start of the first and end of the last, in ticks, and their number."""

    first: int
    end: float
    blocks: int


_MAX_BLOCKS: Final = 2_000_000
_MAX_READS: Final = 1 << 20
_EBML: Final = 0x1A45DFA3
_BLOCK_DURATION: Final = 0x9B


def track_extents(source: Source, at: int, tracks: Mapping[int, float]) -> dict[int, Extent]:
    """Read all blocks from `at` to the end of the file; `tracks`: ticks of a block by track number, 0 if unknown.

    This gives the duration of files that were streamed while recorded. Raise `SourceError`.
    """
    counters = {number: _BlockCounter() for number in tracks}
    base, last = 0, None
    window = Window(source, _CHUNK_SIZE, at, max_reads=_MAX_READS, read_ahead=True)
    for _ in range(_MAX_BLOCKS):
        data = window.read_at(at, _HEADER_BYTES)
        found = ebml.read_header(data, 0)
        if found is None or found[0] == _EBML:
            break
        identifier, length, begin = found
        if identifier in (_CLUSTER, _GROUP):
            at += begin
            continue
        if length == ebml.UNKNOWN_SIZE:
            break
        if identifier == _TIMESTAMP:
            base = ebml.read_uint(data, begin, begin + length)
        elif identifier in (_BLOCK, _SIMPLE_BLOCK):
            number, time = _read_block(data, begin)
            last = counters.get(number)
            if last is not None:
                last.add(base + time)
        elif identifier == _BLOCK_DURATION and last is not None:
            last.stated_duration = ebml.read_uint(data, begin, begin + length)
        at += begin + length
    else:
        return {}
    return {number: counter.extent(tracks[number]) for number, counter in counters.items() if counter.blocks}


def _read_block(data: bytes, begin: int) -> tuple[int, int]:
    """Return the track number of a block, and its timestamp relative to the cluster's (RFC 9559 10.1).

    The track number -1, which no track has, stands for an invalid one.
    """
    number = ebml.read_vint(data, begin)
    if number is None:
        return -1, 0
    return number[0], int.from_bytes(data[number[1] : number[1] + 2], signed=True)


class _BlockCounter:
    """Counts the blocks of one track. `stated_duration`: that of the last block; 0: not stated."""

    def __init__(self) -> None:
        self.blocks = 0
        self._first = self._last = self.stated_duration = 0

    def add(self, time: int) -> None:
        self._first = min(self._first, time) if self.blocks else time
        if not self.blocks or time >= self._last:
            self._last, self.stated_duration = time, 0
        self.blocks += 1

    def extent(self, step: float) -> Extent:
        """Return the counted blocks; the last one lasts as it states, else `step` ticks, else as long as the others."""
        average = (self._last - self._first) / (self.blocks - 1) if self.blocks > 1 else 0.0
        return Extent(self._first, self._last + (self.stated_duration or step or average), self.blocks)


def _nominal_rate(fps: float, error: float) -> float:
    """Return the nearest whole or television rate (n / 1.001) if it differs by at most `error`, else `fps`."""
    nearest = min((round(fps * base) / base for base in (1.0, 1.001)), key=lambda rate: abs(rate - fps))
    return nearest if nearest and abs(nearest - fps) <= fps * error else fps


def _timestamps(source: Source, at: int, track: int) -> tuple[list[int], bool]:
    """Return the timestamps of a track's frames, in ticks and in coding order, and whether these are all."""
    times: list[int] = []
    base = 0
    size = source.size
    window = Window(source, _CHUNK_SIZE, at)
    try:
        for _ in range(_MAX_ELEMENTS):
            if size is not None and at >= size:
                return times, at == size
            if len(times) > _MAX_FRAMES or (source.remote and at + _HEADER_BYTES > _FIRST_RESPONSE_BYTES):
                break
            data = window.read_at(at, _HEADER_BYTES)
            identifier, length, begin = ebml.read_header(data, 0) or (0, ebml.UNKNOWN_SIZE, 0)
            if identifier in (_CLUSTER, _GROUP):
                at += begin  # its children follow directly, whether its length is known or not
                continue
            if length == ebml.UNKNOWN_SIZE:
                break
            if identifier == _TIMESTAMP:
                base = ebml.read_uint(data, begin, begin + length)
            elif identifier in (_BLOCK, _SIMPLE_BLOCK):
                number, time = _read_block(data, begin)
                if number == track:
                    times.append(base + time)
            at += begin + length
    except BoundReached:
        pass  # the timestamps read until here may still give a constant rate
    return times, False
