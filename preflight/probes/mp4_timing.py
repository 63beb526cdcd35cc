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
_NOTABLE: Final = 0.1
"""s: encoders trim their own delay by edits (48 ms in AAC) that nobody sees."""


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
    count = min(int.from_bytes(data[start + 4 : start + 8], "big"), (end - start - 8) // 8, _RUNS)
    table = numbers(data[start + 8 : start + 8 + 8 * max(0, count)])
    return sum(map(mul, table[0::2], table[1::2]))


class Edits(NamedTuple):
    """An edit list in the movie's timescale: `played` ticks of media, `waiting` ticks of nothing; `plain`: one cut."""

    played: int
    waiting: int
    plain: bool

    def notable(self, movie_scale: int, media_seconds: float | None) -> bool:
        """What is played differs from the media by more than a viewer misses; an edit of length 0 plays all."""
        if not self.plain or not movie_scale:
            return not self.plain
        if self.waiting > _NOTABLE * movie_scale:
            return True
        return bool(self.played and media_seconds and abs(self.played / movie_scale - media_seconds) > _NOTABLE)


def read_elst(data: bytes, start: int, end: int) -> Edits | None:
    """The body of an `elst` box; None where it holds no edit."""
    edit = _EDIT_1 if data[start : start + 1] == b"\1" else _EDIT
    count = int.from_bytes(data[start + 4 : start + 8], "big")
    count = min(count, (end - start - 8) // edit.size, _EDITS)
    played = waiting = cuts = 0
    plain = True
    for length, media_time, rate in edit.iter_unpack(data[start + 8 : start + 8 + edit.size * max(0, count)]):
        if media_time == -1:
            waiting += length
        else:
            played += length
            cuts += 1
            plain &= rate == _NORMAL_RATE
    return Edits(played, waiting, plain and cuts <= 1) if count > 0 else None
