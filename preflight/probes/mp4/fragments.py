"""Movie fragments added up: how many samples of which lengths, from when to when (ISO/IEC 14496-12 8.8)."""

from __future__ import annotations

from itertools import islice
from typing import Final, NamedTuple

from preflight.probes.isobmff import Box, boxes
from preflight.probes.mp4.movie import PICTURES, SOUND, Movie, Track
from preflight.probes.mp4.timing import Timing, numbers, read_stts, total_ticks
from preflight.sources import BoundReached, Source

_DEFAULT_BASE: Final = 1
_DEFAULT_DESCRIPTION: Final = 2
_DEFAULT_LENGTH: Final = 8
_OFFSET, _FIRST_FLAGS, _LENGTH = 1, 4, 0x100
_FIELDS: Final = 0xF00
_PARTS: Final = 1 << 17
"""Runs of samples in all: 4096 fragments of two tracks have a sixteenth of that, mostly."""


class Run:
    """What the fragments say of one track so far, in its timescale: from `start` to `end`."""

    __slots__ = ("end", "resumes", "start", "timing", "track")

    def __init__(self, track: Track, movie: Movie, counted: bool) -> None:
        self.track = track
        self.start: int | None = None
        self.end: int | None = 0
        self.resumes: int | None = None  # when the next fragment begins, if it does not say so itself
        self.timing: Timing | None = Timing()
        if track.samples:
            self.start = 0
            self.timing = read_stts(movie.data, *track.lengths) if counted else None
            self.end = self.timing.ticks if self.timing else total_ticks(movie.data, *track.lengths)

    def add(self, data: bytes, start: int, end: int, length: int) -> int:
        """One `trun`: its samples are counted; their ticks are the answer (8.8.8)."""
        if end - start < 8:
            return 0
        flags = int.from_bytes(data[start + 1 : start + 4], "big")
        count = int.from_bytes(data[start + 4 : start + 8], "big")
        if not flags & _LENGTH:
            if self.timing is not None:
                self.timing.add(count, length)
            return count * length
        at = start + 8 + (4 if flags & _OFFSET else 0) + (4 if flags & _FIRST_FLAGS else 0)
        step = (flags & _FIELDS).bit_count()
        lengths = numbers(data[at : min(end, at + 4 * step * count)])[::step]
        if self.timing is not None:
            self.timing.add_each(lengths)
        return sum(lengths)


class Fragments:
    """The fragments that were read, by track.

    begun     some samples were seen already, in a fragment or in the movie box
    count     how many; `ended`: the last of them is the last of the file
    skipped   some in between were not read: the time is right, the frames are not all counted
    full      they have more parts than are looked at
    """

    __slots__ = ("_parts", "begun", "count", "ended", "runs", "skipped")

    def __init__(self, movie: Movie, film: Track | None) -> None:
        self.runs = {track.id: Run(track, movie, track is film) for track in movie.tracks}
        self.begun = any(run.start is not None for run in self.runs.values())
        self.count = 0
        self.ended = False
        self.skipped = False
        self._parts = 0

    @property
    def full(self) -> bool:
        return self._parts > _PARTS

    def add(self, data: bytes, end: int) -> bool:
        """Add the `moof` whose body is `data[:end]`; return False if it holds too many boxes."""
        self.count += 1
        try:
            for kind, at, stop in boxes(data, 0, end):
                if kind == b"traf" and not self.full:
                    self._add_track(data, at, stop)
        except BoundReached:
            return False
        return True

    def _add_track(self, data: bytes, start: int, end: int) -> None:
        self._parts += 1
        inner: dict[bytes, tuple[int, int]] = {}
        truns = []
        for kind, at, stop in boxes(data, start, end):
            if kind == b"trun":
                truns.append((at, stop))
            else:
                inner.setdefault(kind, (at, stop))
        at, stop = inner.get(b"tfhd", (0, 0))
        run = self.runs.get(int.from_bytes(data[at + 4 : at + 8], "big")) if stop - at >= 8 else None
        if run is None:
            return
        flags = int.from_bytes(data[at + 1 : at + 4], "big")
        at += 8 + (8 if flags & _DEFAULT_BASE else 0) + (4 if flags & _DEFAULT_DESCRIPTION else 0)
        length = int.from_bytes(data[at : min(stop, at + 4)], "big") if flags & _DEFAULT_LENGTH else None
        if length is None:
            length = run.track.default_length
        begin = run.resumes if run.end is None else run.end
        if b"tfdt" in inner:
            begin = _decode_time(data, *inner[b"tfdt"])
        ticks = 0
        for at, stop in truns:
            ticks += run.add(data, at, stop, length)
        self._parts += len(truns)
        if begin is not None:
            run.start = begin if run.start is None else run.start
            self.begun = True
            run.end = max(run.end or 0, begin + ticks)

    def jump(self, times: dict[int, int]) -> None:
        """The next fragments stand far behind, at `times`: where they have no `tfdt`, as an index counts otherwise."""
        self.skipped = True
        for run in self.runs.values():
            if run.start is not None:
                run.end, run.resumes = None, times.get(run.track.id)

    def timing(self, track: Track) -> Timing | None:
        """The lengths of a track's samples, as far as they were seen."""
        run = self.runs.get(track.id)
        return run.timing if run else None

    @property
    def span(self) -> tuple[float, float] | None:
        """First decode time and end of the last sample, s, over all tracks of pictures and sound.

        A film cut out of a stream begins late (`tfdt` of hours): it lasts from the one to the other.
        """
        spans = [
            (run.start / run.track.timescale, run.end / run.track.timescale)
            for run in self.runs.values()
            if run.start is not None and run.end and run.track.timescale and run.track.handler in (PICTURES, SOUND)
        ]
        return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None


def _decode_time(data: bytes, start: int, end: int) -> int:
    """`tfdt` (8.8.12); of 64 bits it may be negative, where writers number from behind the encoder's delay."""
    if data[start : start + 1] == b"\1":
        return int.from_bytes(data[start + 4 : min(end, start + 12)], "big", signed=True)
    return int.from_bytes(data[start + 4 : min(end, start + 8)], "big")


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
