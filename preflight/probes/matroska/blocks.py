"""Measure the frame rate of a track that does not state it, by the timestamps of its blocks (RFC 9559 10, 11).

Browsers and other recorders that do not know the rate in advance omit DefaultDuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import inf
from statistics import median
from typing import Final, NamedTuple

from preflight.probes.coded_frames import FRAME_BYTES
from preflight.probes.matroska import ebml
from preflight.probes.window import Window, is_cheap
from preflight.sources import BoundReached, Source

_CLUSTER, _TIMESTAMP = 0x1F43B675, 0xE7
_GROUP, _BLOCK, _SIMPLE_BLOCK = 0xA0, 0xA1, 0xA3
_HEADER_BYTES: Final = ebml.MAX_HEADER_BYTES + 12
"""Bytes of an element's header, and of a block's own header or of a cluster's timestamp."""
_CHUNK_SIZE: Final = 1024
_MAX_ELEMENTS: Final = 512
_MAX_FRAMES: Final = 128
_MAX_REORDERED: Final = 16
"""Frames by which a codec may reorder (H.264 A.3.1): among the last ones of an excerpt some are missing."""
_MILLISECOND: Final = 1_000_000
"""ns by which timestamps may be off that were rounded to ms once, whatever unit they were converted to."""
_MAX_RATE_ERROR: Final = 0.0025
"""The relative error of a rate, due to rounded timestamps, up to which it is reported."""


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
    """The blocks of a track: start of the first and end of the last, in ticks, their number and their bytes.

    keyframe_ticks  longest time between two key frames; None: there is only one
    """

    first: int
    end: float
    blocks: int
    bytes: int
    keyframe_ticks: int | None

    def bit_rate(self, unit: int, duration: float | None) -> int | None:
        """Return the average bits/s; `unit`: ns of a tick, `duration`: s of the file, after which no block lasts."""
        end = self.end * unit / 1e9
        seconds = (end if duration is None else min(end, duration)) - self.first * unit / 1e9
        return round(self.bytes * 8 / seconds) if seconds > 0 else None


_MAX_READS: Final = 1 << 20
_EBML: Final = 0x1A45DFA3
_BLOCK_DURATION, _REFERENCE = 0x9B, 0xFB
_LACING: Final = 6
"""Flags of a block that holds several frames, whose number less one follows (RFC 9559 10.3)."""
_KEY_FLAG: Final = 0x80
"""Flag of a SimpleBlock that is a key frame (RFC 9559 10.2). A Block in a group is one that references none."""


def track_extents(source: Source, at: int, tracks: Mapping[int, float], max_elements: int) -> dict[int, Extent]:
    """Read all blocks from `at` to the end of the file; `tracks`: ticks of a block by track number, 0 if unknown.

    This gives the duration of files that were streamed while recorded. Return nothing if there are more than
    `max_elements`. Raise `SourceError`.
    """
    counters = _BlockCounters(tracks)
    window = Window(source, _CHUNK_SIZE, at, max_reads=_MAX_READS, read_ahead=True)
    for _ in range(max_elements):
        data = window.read_at(at, _HEADER_BYTES)
        found = ebml.read_header(data, 0)
        if found is None or found[0] == _EBML:
            break
        identifier, length, begin = found
        if identifier in (_CLUSTER, _GROUP):
            at += begin
            counters.begin_group()
            continue
        if length == ebml.UNKNOWN_SIZE:
            break
        counters.add(identifier, data, begin, length)
        at += begin + length
    else:
        return {}
    return {number: each.extent(tracks[number]) for number, each in counters.by_number.items() if each.blocks}


class _BlockCounters:
    """Counts the blocks of tracks, by their numbers, from the elements of clusters in their order."""

    def __init__(self, tracks: Iterable[int]) -> None:
        self.by_number = {number: _BlockCounter() for number in tracks}
        self._base = 0
        self._last: _BlockCounter | None = None
        self._is_referring = False

    def begin_group(self) -> None:
        """Begin a cluster or a group of one block and what belongs to it."""
        self._last, self._is_referring = None, False

    def add(self, identifier: int, data: bytes, begin: int, length: int) -> None:
        """Add the element of `length` bytes whose data begins at `begin` of `data`."""
        last = self._last
        if identifier == _TIMESTAMP:
            self._base = ebml.read_uint(data, begin, begin + length)
        elif identifier in (_BLOCK, _SIMPLE_BLOCK):
            number, time, flags, header = _read_block(data, begin)
            self._last = last = self.by_number.get(number)
            if last is not None:
                is_key = not self._is_referring if identifier == _BLOCK else flags & _KEY_FLAG != 0
                laced = data[begin + header : begin + header + 1] if flags & _LACING else b""
                last.add(self._base + time, length - header, 1 + int.from_bytes(laced), is_key=is_key)
        elif identifier == _BLOCK_DURATION and last is not None:
            last.stated_duration = ebml.read_uint(data, begin, begin + length)
        elif identifier == _REFERENCE:
            self._is_referring = True
            if last is not None:
                last.is_key = False


def first_frame(source: Source, at: int, track: int) -> bytes:
    """Return the first bytes of the first block of `track`, whose blocks follow `at`; empty if it is far away."""
    window = Window(source, _CHUNK_SIZE, at)
    for _ in range(_MAX_FIRST_ELEMENTS):
        if not is_cheap(source, at + _HEADER_BYTES + FRAME_BYTES):
            break
        data = window.read_at(at, _HEADER_BYTES)
        identifier, length, begin = ebml.read_header(data, 0) or (0, ebml.UNKNOWN_SIZE, 0)
        if identifier in (_CLUSTER, _GROUP):
            at += begin
            continue
        if length == ebml.UNKNOWN_SIZE:
            break
        if identifier in (_BLOCK, _SIMPLE_BLOCK):
            number, _, _, header = _read_block(data, begin)
            if number == track:
                return window.read_at(at + begin + header, min(length - header, FRAME_BYTES))
        at += begin + length
    return b""


_MAX_FIRST_ELEMENTS: Final = 64


def _read_block(data: bytes, begin: int) -> tuple[int, int, int, int]:
    """Return the track number of a block, its timestamp relative to the cluster's, its flags and its header's length.

    The track number -1, which no track has, stands for an invalid one (RFC 9559 10.1).
    """
    number = ebml.read_vint(data, begin)
    if number is None:
        return -1, 0, 0, 0
    at = number[1]
    return (
        number[0],
        int.from_bytes(data[at : at + 2], signed=True),
        int.from_bytes(data[at + 2 : at + 3]),
        at + 3 - begin,
    )


class _BlockCounter:
    """Counts the blocks of one track.

    stated_duration  of the last block; 0: not stated
    is_key           whether the last block is a key frame
    """

    def __init__(self) -> None:
        self.blocks = self.bytes = 0
        self._first = self._last = self.stated_duration = 0
        self._frames = self._last_frames = 0
        self.is_key = False
        self._time = 0
        self._key: int | None = None
        self._longest: int | None = None

    def add(self, time: int, length: int, frames: int, *, is_key: bool) -> None:
        self._count_key()
        self._frames += self._last_frames
        self._last_frames = frames
        self.bytes += length
        self.is_key, self._time = is_key, time
        self._first = min(self._first, time) if self.blocks else time
        if not self.blocks or time >= self._last:
            self._last, self.stated_duration = time, 0
        self.blocks += 1

    def _count_key(self) -> None:
        """Measure the time to the last block if it is a key frame, once all elements of its group were read."""
        if self.is_key and self._key is not None:
            self._longest = max(self._longest or 0, self._time - self._key)
        self._key = self._time if self.is_key else self._key

    def extent(self, step: float) -> Extent:
        """Return the counted blocks; the last one lasts as it states, else as its frames of `step` ticks or of average.

        This is the last one that was read: only the frames of audio are laced, and they are in order.
        """
        average = (self._last - self._first) / self._frames if self._frames else 0.0
        end = self._last + (self.stated_duration or self._last_frames * (step or average))
        self._count_key()
        return Extent(self._first, end, self.blocks, self.bytes, self._longest)


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
            if len(times) > _MAX_FRAMES or not is_cheap(source, at + _HEADER_BYTES):
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
                number, time, _, _ = _read_block(data, begin)
                if number == track:
                    times.append(base + time)
            at += begin + length
    except BoundReached:
        pass  # the timestamps read until here may still give a constant rate
    return times, False
