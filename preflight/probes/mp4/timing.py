"""Read the durations of samples and the edits of a track: `stts`, `ctts`, `elst` (ISO/IEC 14496-12 8.6.1, 8.6.6)."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from operator import mul
from struct import Struct
from typing import Final, NamedTuple

_MAX_ENTRIES: Final = 1 << 20
"""Entries of one table that are read: 4 hours of 60 frames/s, no two of them of the same duration."""
_MAX_EDITS: Final = 4096
_EDIT: Final = Struct(">IiI")
_EDIT_VERSION_1: Final = Struct(">QqI")
NORMAL_RATE: Final = 0x10000
"""The rate of an edit that plays at normal speed, in 16.16."""
MIN_NEGATIVE: Final = 1 << 31
"""Durations from this value on are negative numbers that were written as unsigned ones."""


def uint32_array(data: bytes) -> array[int]:
    """Return big-endian 32-bit numbers; a rest of fewer than four bytes is dropped."""
    found = array("I", data[: len(data) & ~3])
    if sys.byteorder == "little":
        found.byteswap()
    return found


class Timing:
    """The counted durations of a track's samples. `ticks`: their sum, in the track's timescale."""

    __slots__ = ("_counts", "_last", "frames", "ticks")

    def __init__(self) -> None:
        self.frames = 0
        self.ticks = 0
        self._counts: dict[int, int] = {}
        self._last = 0

    def add(self, count: int, duration: int) -> None:
        """Add `count` samples of `duration` ticks each."""
        if count:
            self.frames += count
            self.ticks += count * duration
            self._counts[duration] = self._counts.get(duration, 0) + count
            self._last = duration

    def add_runs(self, counts: array[int], durations: array[int]) -> None:
        """Add `counts[i]` samples of `durations[i]` ticks each."""
        known = self._counts
        for count, duration in zip(counts, durations, strict=True):
            if count:
                known[duration] = known.get(duration, 0) + count
                self._last = duration
        self.frames += sum(counts)
        self.ticks += sum(map(mul, counts, durations))

    def add_each(self, durations: array[int]) -> None:
        """Add one sample of each duration."""
        for duration, count in Counter(durations).items():
            self.add(count, duration)
        self._last = durations[-1] if durations else self._last

    @property
    def is_constant(self) -> bool:
        """Return whether all samples have the same duration."""
        return len(self._counts) == 1

    @property
    def has_negative(self) -> bool:
        """Return whether any duration is negative, so that none can be used."""
        return any(duration >= MIN_NEGATIVE for duration in self._counts)

    @property
    def is_variable(self) -> bool:
        """Return whether 4 % of the frame durations, and at least two, differ from the median by more than 5 %.

        Rounding alone causes less, and a single odd duration marks a cut. The last does not count: writers guess it.
        """
        if len(self._counts) < 2:
            return False
        steps = sorted((duration, count - (duration == self._last)) for duration, count in self._counts.items())
        middle, median = (self.frames - 1) / 2, 0
        for duration, count in steps:
            median = duration
            middle -= count
            if middle < 0:
                break
        odd = sum(count for duration, count in steps if abs(duration - median) * 20 > median)
        return odd > 1 and odd * 25 >= self.frames - 1


def read_stts(data: bytes, start: int, end: int) -> Timing | None:
    """Return the durations in the body of an `stts` box (8.6.1.2); None if it has more entries than are read."""
    timing = Timing()
    count = min(int.from_bytes(data[start + 4 : start + 8], "big"), (end - start - 8) // 8)
    if count > _MAX_ENTRIES:
        return None
    if count > 0:
        table = uint32_array(data[start + 8 : start + 8 + 8 * count])
        timing.add_runs(table[0::2], table[1::2])
    return timing


def total_ticks(data: bytes, start: int, end: int) -> int:
    """Return only the sum of the durations in `stts`, for tracks whose frame rate is not needed."""
    counts, durations = _stts_entries(data, start, end)
    return sum(map(mul, counts, durations))


def media_ticks(data: bytes, start: int, end: int, samples: int) -> int | None:
    """Return the sum of the durations if it is plausible: one for each of `samples`, and none negative."""
    if int.from_bytes(data[start + 4 : start + 8], "big") == 1 and end - start >= 16:  # a constant rate
        count = int.from_bytes(data[start + 8 : start + 12], "big")
        duration = int.from_bytes(data[start + 12 : start + 16], "big")
        return count * duration if samples == count and count > 0 and duration < MIN_NEGATIVE else None
    counts, durations = _stts_entries(data, start, end)
    if not samples or sum(counts) != samples or max(durations) >= MIN_NEGATIVE:
        return None
    ticks: int = sum(map(mul, counts, durations))
    return ticks


def _stts_entries(data: bytes, start: int, end: int) -> tuple[array[int], array[int]]:
    count = min(int.from_bytes(data[start + 4 : start + 8], "big"), (end - start - 8) // 8, _MAX_ENTRIES)
    table = uint32_array(data[start + 8 : start + 8 + 8 * max(0, count)])
    return table[0::2], table[1::2]


class Edits(NamedTuple):
    """An edit list: for each edit its length in movie ticks, its start in media ticks and its rate in 16.16.

    A start of -1 is an empty edit, which shows nothing.

    is_single  at most one edit plays, at normal speed
    stated     movie ticks of the edits that play
    waiting    movie ticks of the empty edits
    complete   all entries were read
    """

    entries: tuple[tuple[int, int, int], ...]
    is_single: bool
    stated: int
    waiting: int
    complete: bool


def read_elst(data: bytes, start: int, end: int) -> Edits | None:
    """Return the edits in the body of an `elst` box (8.6.6); None if it holds none."""
    edit = _EDIT_VERSION_1 if data[start : start + 1] == b"\1" else _EDIT
    present = min(int.from_bytes(data[start + 4 : start + 8], "big"), (end - start - 8) // edit.size)
    count = min(present, _MAX_EDITS)
    if count <= 0:
        return None
    entries = tuple(edit.iter_unpack(data[start + 8 : start + 8 + edit.size * count]))
    stated = waiting = playing = 0
    is_normal = True
    for length, media_time, rate in entries:
        if media_time == -1:
            waiting += length
        else:
            stated += length
            playing += 1
            is_normal &= rate == NORMAL_RATE
    return Edits(entries, is_normal and playing <= 1, stated, waiting, count == present)


def first_shift(data: bytes, start: int, end: int) -> int:
    """Return the ticks by which the first sample is shown after it is decoded (`ctts`, 8.6.1.3)."""
    if end - start < 16:
        return 0
    shift = int.from_bytes(data[start + 12 : start + 16], "big", signed=data[start : start + 1] == b"\1")
    return shift if 0 < shift < MIN_NEGATIVE else 0
