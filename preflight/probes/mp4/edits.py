"""Tell whether edit lists do more than compensate for the delay of a codec (ISO/IEC 14496-12 8.6.6, 8.6.1.3).

An edit that begins where the first picture is shown hides that pictures are decoded in another order; one that begins
within the first 4096 samples of audio leaves out the encoder's priming. An empty edit at the start only delays a track.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import Final

from preflight.probes.mp4.movie import AUDIO_HANDLER, MIN_NEGATIVE, VIDEO_HANDLER, Movie, Track
from preflight.probes.mp4.timing import SLACK, added_by_encoders, media_ticks, uint32_array

_REORDERED: Final = 64
"""Samples at the start among which the one that is shown first is searched: the longest groups of pictures have 32."""
_ROUNDING: Final = 0.001
"""s by which writers round the start of an edit."""
_EMPTY: Final = -1


def more_than_delay(movie: Movie) -> bool | None:
    """Return whether an edit list plays a part only, or at another speed or order; None if not all boxes were read."""
    for track in movie.tracks:
        if track.edits is not None and track.handler in (VIDEO_HANDLER, AUDIO_HANDLER) and _is_edited(movie, track):
            return True
    return False if movie.is_fully_read else None


def _is_edited(movie: Movie, track: Track) -> bool:
    edits = track.edits
    assert edits is not None
    if not edits.is_single:
        return True
    length, begin = next(((length, start) for length, start, _ in edits.entries if start != _EMPTY), (0, 0))
    if not track.timescale:
        return begin > 0
    added = 0.0
    if track.handler == VIDEO_HANDLER:
        begin = 0 if begin == track.shift else max(0, begin - _first_shown(movie.data, track))
    else:
        added = added_by_encoders(track)
        if track.entry and track.entry.profile in ("he", "he_v2"):
            added *= 2  # the delay counts samples of the core codec, of which there are half as many
    if begin / track.timescale > max(_ROUNDING, added):
        return True
    media = media_ticks(movie, track) if length and movie.timescale else None
    if media is None:
        return False
    played = (media - begin) / track.timescale
    return abs(played - length / movie.timescale) > max(SLACK, added)


def _first_shown(data: bytes, track: Track) -> int:
    """Return the ticks of the first picture that is shown, counted from the first that is decoded."""
    if not track.ctts[1]:
        return 0
    time, first = 0, None
    for offset, duration in zip(_expanded(data, *track.ctts), _expanded(data, *track.stts), strict=False):
        shown = time + (offset if offset < MIN_NEGATIVE else offset - (1 << 32))
        first = shown if first is None else min(first, shown)
        time += duration
    return max(0, first or 0)


def _expanded(data: bytes, start: int, end: int) -> Iterator[int]:
    """Return the values of the first samples in the runs of an `stts` or `ctts`, the count of each before its value."""
    runs = uint32_array(data[start + 8 : min(end, start + 8 + 8 * _REORDERED)])
    return islice(chain.from_iterable(map(repeat, runs[1::2], runs[::2])), _REORDERED)
