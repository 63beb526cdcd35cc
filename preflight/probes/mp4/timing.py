"""Add up the durations of samples, and determine from them how long a movie without fragments plays.

`mvhd`, `tkhd` and `elst` repeat the durations of `stts`, wrongly if a writer overflows 32 bits or copies a header. A
decoder plays samples, so their durations decide where the others contradict them (ISO/IEC 14496-12 8.2.2, 8.4.2,
8.6.1.2, 8.6.6).
"""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from operator import mul
from typing import Final, NamedTuple

from preflight.probes.mp4.movie import (
    AUDIO_HANDLER,
    MIN_NEGATIVE,
    NORMAL_RATE,
    NOT_ADDED,
    VIDEO_HANDLER,
    Edits,
    Movie,
    Track,
)

_MAX_ENTRIES: Final = 1 << 20
"""Entries of one table that are read: 4 hours of 60 frames/s, no two of them of the same duration."""


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
    if min(int.from_bytes(data[start + 4 : start + 8]), (end - start - 8) // 8) > _MAX_ENTRIES:
        return None
    timing = Timing()
    timing.add_runs(*stts_entries(data, start, end))
    return timing


def total_ticks(data: bytes, start: int, end: int) -> int:
    """Return only the sum of the durations in `stts`, for tracks whose frame rate is not needed."""
    return sum(map(mul, *stts_entries(data, start, end)))


def media_ticks(movie: Movie, track: Track) -> int | None:
    """Return the sum of the durations if it is plausible: one for each sample, and none negative.

    It is added up once, whichever facts need it.
    """
    if track.ticks == NOT_ADDED:
        track.ticks = _add_ticks(movie.data, *track.stts, track.samples) if movie.complete else None
    return track.ticks


def _add_ticks(data: bytes, start: int, end: int, samples: int) -> int | None:
    if int.from_bytes(data[start + 4 : start + 8]) == 1 and end - start >= 16:  # a constant rate
        count = int.from_bytes(data[start + 8 : start + 12])
        duration = int.from_bytes(data[start + 12 : start + 16])
        return count * duration if samples == count and count > 0 and duration < MIN_NEGATIVE else None
    counts, durations = stts_entries(data, start, end)
    if not samples or sum(counts) != samples or max(durations) >= MIN_NEGATIVE:
        return None
    ticks: int = sum(map(mul, counts, durations))
    return ticks


def stts_entries(data: bytes, start: int, end: int) -> tuple[array[int], array[int]]:
    """Return the counts and the durations of the runs in `stts`, at most `_MAX_ENTRIES`."""
    count = min(int.from_bytes(data[start + 4 : start + 8]), (end - start - 8) // 8, _MAX_ENTRIES)
    table = uint32_array(data[start + 8 : start + 8 + 8 * max(0, count)])
    return table[0::2], table[1::2]


# --- the duration of a movie: the movie header, checked against the tracks

SLACK: Final = 0.3
"""s by which headers may differ without a contradiction: some frames, or an encoder's delay (2112 samples at 8 kHz)."""
_RELATIVE_SLACK: Final = 0.01
"""The same, relative to the duration."""
_MIN_NOTABLE: Final = 0.1
"""s: encoders trim their own delay by edits (48 ms in AAC) that are not noticeable."""
_MIN_RATE: Final = 8000
"""Hz; the lowest sample rate in use."""
_MAX_PRIMING_SAMPLES: Final = 4096
"""Samples that AAC encoders may add: 1024 to 2112 before the content, and up to a frame of 2048 after it."""
_SLACK_TICKS: Final = 2
"""Ticks of the movie's clock by which rounding may change a duration."""


class Presentation(NamedTuple):
    """The playback of one track, in s.

    shown         of the samples that are played
    waiting       of the empty edits
    media         of all samples
    inconsistent  whether the headers of the track contradict each other
    """

    shown: float
    waiting: float
    media: float
    inconsistent: bool = False


class Duration(NamedTuple):
    """The duration of a movie.

    seconds        None if it is not known
    contradicted   headers contradict the samples
    edited         an edit list changes what plays
    nothing_shown  the edit list of the described track leaves out all of its samples
    """

    seconds: float | None
    contradicted: bool
    edited: bool
    nothing_shown: bool


def duration_of(movie: Movie, described: Track | None) -> Duration:
    """Return how long `movie` plays; `described` is the track whose facts are reported."""
    seconds = movie.seconds
    shortest = longest = played = 0.0
    described_span: Presentation | None = None
    contradicted = edited = known = False
    checked = movie.is_fully_read  # otherwise a track that was not read may be the longest
    for track in movie.tracks:
        span = _presentation(movie, track)
        described_span = span if track is described else described_span
        is_played = track.handler in (VIDEO_HANDLER, AUDIO_HANDLER)
        edited |= is_played and track.edits is not None and _is_notably_edited(movie, track, track.edits, span)
        if span is None:
            checked &= not track.samples  # a track of unknown duration may be the longest
            continue
        longest = max(longest, span.shown + span.waiting)
        if is_played:
            known = True
            contradicted |= span.inconsistent
            shortest, played = max(shortest, span.shown), max(played, span.shown + span.waiting)
    nothing = described_span is not None and described_span.media > 0 and described_span.shown <= 0
    if checked and known:
        if seconds is None:
            seconds = played
        else:
            slack = max(SLACK, _RELATIVE_SLACK * seconds, _SLACK_TICKS / movie.timescale if movie.timescale else 0)
            if not shortest - slack <= seconds <= longest + slack:
                seconds, contradicted = played, True
    if nothing and shortest <= 0:
        seconds = 0.0
    return Duration(seconds, contradicted, edited, nothing)


def _presentation(movie: Movie, track: Track) -> Presentation | None:
    """Return the playback of one track; None if the durations of its samples are not known."""
    if not track.timescale or (track.edits is not None and not track.edits.complete):
        return None
    ticks = media_ticks(movie, track)
    stated = track.duration
    if ticks is None:
        ticks = stated
    if not ticks:
        return None
    media = ticks / track.timescale
    inconsistent = (
        stated is not None
        and stated > 0
        and abs(stated / track.timescale - media) > max(SLACK, _RELATIVE_SLACK * media)
    )
    if track.edits is None or not movie.timescale:
        return Presentation(media, 0.0, media, inconsistent=inconsistent)
    shown, waiting = _play_edits(movie, track, (ticks + track.shift) / track.timescale)
    inconsistent |= track.edits.waiting >= MIN_NEGATIVE
    return Presentation(shown, waiting, media, inconsistent)


def _is_notably_edited(movie: Movie, track: Track, edits: Edits, span: Presentation | None) -> bool:
    scale = movie.timescale
    if not scale:
        return not edits.is_single
    stated = edits.stated / scale
    if not edits.is_single or edits.waiting > _MIN_NOTABLE * scale:
        return True
    if span is None:
        return False
    added = added_by_encoders(track)
    if abs(span.shown - span.media) > max(SLACK, added):
        return True
    return bool(stated and abs(stated - span.media) > max(_MIN_NOTABLE, added))


def added_by_encoders(track: Track) -> float:
    """Return the s that an audio encoder may add before and after the content, which is more at low sample rates."""
    rate = track.entry.rate if track.handler == AUDIO_HANDLER and track.entry else None
    return _MAX_PRIMING_SAMPLES / max(rate, _MIN_RATE) if rate else 0.0


def _play_edits(movie: Movie, track: Track, end: float) -> tuple[float, float]:
    """Return the s shown and of empty edits, of media that ends at `end` s; an edit of length 0 lasts to that end."""
    assert track.edits is not None
    shown = waiting = 0.0
    for length, start, rate in track.edits.entries:
        seconds, begin = length / movie.timescale, start / track.timescale
        if start == -1:
            waiting += seconds if length < MIN_NEGATIVE else 0.0
        elif not rate:  # a single picture, for as long as the edit states
            shown += seconds if begin < end else 0.0
        else:
            speed = abs(rate - (1 << 32) if rate >= MIN_NEGATIVE else rate) / NORMAL_RATE
            until = min(begin + seconds * speed, end) if length else end
            shown += max(0.0, until - max(begin, 0.0)) / speed
    return shown, waiting
