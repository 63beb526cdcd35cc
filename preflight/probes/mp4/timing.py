"""How long samples last and what of a track is played: `stts` and `elst` (ISO/IEC 14496-12 8.6.1.2, 8.6.6)."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from operator import mul
from struct import Struct
from typing import Final, NamedTuple

_RUNS: Final = 1 << 20
"""Entries of one table that are read: 4 hours of 60 frames/s, no two of them of the same length."""
_EDITS: Final = 4096
_EDIT: Final = Struct(">IiI")
_EDIT_1: Final = Struct(">QqI")
_NORMAL_RATE: Final = 0x10000
_NEGATIVE: Final = 1 << 31
"""Lengths from here on are negative ones that were written as unsigned numbers."""


def numbers(data: bytes) -> array[int]:
    """Big-endian 32-bit numbers; what is left behind the last whole one is dropped."""
    found = array("I", data[: len(data) & ~3])
    if sys.byteorder == "little":
        found.byteswap()
    return found


class Timing:
    """The lengths of a track's samples, counted. `ticks`: their sum, in the track's timescale."""

    __slots__ = ("_last", "_lengths", "frames", "ticks")

    def __init__(self) -> None:
        self.frames = 0
        self.ticks = 0
        self._lengths: dict[int, int] = {}
        self._last = 0

    def add(self, count: int, length: int) -> None:
        """`count` samples of `length` ticks each."""
        if count:
            self.frames += count
            self.ticks += count * length
            self._lengths[length] = self._lengths.get(length, 0) + count
            self._last = length

    def add_runs(self, counts: array[int], lengths: array[int]) -> None:
        """`counts[i]` samples of `lengths[i]` ticks each."""
        known = self._lengths
        for count, length in zip(counts, lengths, strict=True):
            if count:
                known[length] = known.get(length, 0) + count
                self._last = length
        self.frames += sum(counts)
        self.ticks += sum(map(mul, counts, lengths))

    def add_each(self, lengths: array[int]) -> None:
        """One sample of each length."""
        for length, count in Counter(lengths).items():
            self.add(count, length)
        self._last = lengths[-1] if lengths else self._last

    @property
    def constant(self) -> bool:
        return len(self._lengths) == 1

    @property
    def negative(self) -> bool:
        """Return whether any length is negative, so that none can be used."""
        return any(length >= _NEGATIVE for length in self._lengths)

    @property
    def variable(self) -> bool:
        """At least one step between frames in 25, and two in all, are off the median by more than 5 %.

        Rounding alone does less; a single odd step is a seam.
        """
        if len(self._lengths) < 2:
            return False
        steps = sorted((length, count - (length == self._last)) for length, count in self._lengths.items())
        middle, median = (self.frames - 1) / 2, 0
        for length, count in steps:
            median = length
            middle -= count
            if middle < 0:
                break
        odd = sum(count for length, count in steps if abs(length - median) * 20 > median)
        return odd > 1 and odd * 25 >= self.frames - 1


def read_stts(data: bytes, start: int, end: int) -> Timing | None:
    """The lengths in the body of an `stts` box; None where it has more runs than are read."""
    timing = Timing()
    count = min(int.from_bytes(data[start + 4 : start + 8], "big"), (end - start - 8) // 8)
    if count > _RUNS:
        return None
    if count > 0:
        table = numbers(data[start + 8 : start + 8 + 8 * count])
        timing.add_runs(table[0::2], table[1::2])
    return timing


def total_ticks(data: bytes, start: int, end: int) -> int:
    """The sum alone of what `read_stts` counts: of tracks whose rate nobody asks for."""
    counts, lengths = _runs(data, start, end)
    return sum(map(mul, counts, lengths))


def media_ticks(data: bytes, start: int, end: int, samples: int) -> int | None:
    """Return the ticks if they are plausible: one length for each of `samples`, and none negative."""
    if int.from_bytes(data[start + 4 : start + 8], "big") == 1 and end - start >= 16:  # a constant rate
        count, length = (
            int.from_bytes(data[start + 8 : start + 12], "big"),
            int.from_bytes(data[start + 12 : start + 16], "big"),
        )
        return count * length if samples == count and count > 0 and length < _NEGATIVE else None
    counts, lengths = _runs(data, start, end)
    if not samples or sum(counts) != samples or max(lengths) >= _NEGATIVE:
        return None
    ticks: int = sum(map(mul, counts, lengths))
    return ticks


def _runs(data: bytes, start: int, end: int) -> tuple[array[int], array[int]]:
    count = min(int.from_bytes(data[start + 4 : start + 8], "big"), (end - start - 8) // 8, _RUNS)
    table = numbers(data[start + 8 : start + 8 + 8 * max(0, count)])
    return table[0::2], table[1::2]


class Edits(NamedTuple):
    """An edit list: (length in movie ticks, start in media ticks, rate in 16.16) of each edit; `plain`: a single cut.

    `whole`: these are all of them.
    A start of -1 stands for an empty edit, which shows nothing. `stated`, `waiting`: ticks of the cuts and of the empty
    edits; `whole`: the entries are all there are.
    """

    entries: tuple[tuple[int, int, int], ...]
    plain: bool
    stated: int
    waiting: int
    whole: bool


def read_elst(data: bytes, start: int, end: int) -> Edits | None:
    """The body of an `elst` box; None where it holds no edit."""
    edit = _EDIT_1 if data[start : start + 1] == b"\1" else _EDIT
    present = min(int.from_bytes(data[start + 4 : start + 8], "big"), (end - start - 8) // edit.size)
    count = min(present, _EDITS)
    if count <= 0:
        return None
    entries = tuple(edit.iter_unpack(data[start + 8 : start + 8 + edit.size * count]))
    stated = waiting = cuts = 0
    plain = True
    for length, media_time, rate in entries:
        if media_time == -1:
            waiting += length
        else:
            stated += length
            cuts += 1
            plain &= rate == _NORMAL_RATE
    return Edits(entries, plain and cuts <= 1, stated, waiting, count == present)


def first_shift(data: bytes, start: int, end: int) -> int:
    """Return the ticks by which the first sample is shown after it is decoded (`ctts`, 8.6.1.3)."""
    if end - start < 16:
        return 0
    shift = int.from_bytes(data[start + 12 : start + 16], "big", signed=data[start : start + 1] == b"\1")
    return shift if 0 < shift < _NEGATIVE else 0
