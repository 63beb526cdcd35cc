"""Add up movie fragments: their samples, durations, start and end (ISO/IEC 14496-12 8.8).

Where not all fragments can be read, the indexes `sidx` (8.16.3) and `mfra` (8.8.9-8.8.11) describe the others.
"""

from __future__ import annotations

from array import array
from itertools import islice
from typing import Final, NamedTuple

from preflight.probes.isobmff import EMPTY, Box, Range, boxes
from preflight.probes.mp4.movie import AUDIO_HANDLER, VIDEO_HANDLER, Movie, SampleDefaults, Track
from preflight.probes.mp4.samples import NOT_SYNC, KeyFrames, total_bytes
from preflight.probes.mp4.timing import Timing, read_stts, total_ticks, uint32_array
from preflight.sources import BoundReached, Source

_HAS_BASE_OFFSET: Final = 1
_HAS_DESCRIPTION: Final = 2
_HAS_DEFAULT_DURATION, _HAS_DEFAULT_SIZE, _HAS_DEFAULT_FLAGS = 8, 0x10, 0x20
_HAS_DEFAULTS: Final = _HAS_DEFAULT_DURATION | _HAS_DEFAULT_SIZE | _HAS_DEFAULT_FLAGS
_HAS_DATA_OFFSET, _HAS_FIRST_FLAGS, _HAS_DURATIONS, _HAS_SIZES, _HAS_FLAGS = 1, 4, 0x100, 0x200, 0x400
_SAMPLE_FIELDS: Final = 0xF00
_MAX_RUNS: Final = 1 << 17
"""Track runs in all: 4096 fragments of two tracks usually have a sixteenth of that."""


class TrackFragments:
    """The fragments of one track so far, in its timescale: from `start` to `end`.

    timing  of the samples counted
    bytes   of all samples; None if their table in the moov box cannot be read, or nobody needs them
    keys    key frames of the samples counted; None if nobody needs them
    """

    def __init__(self, track: Track, movie: Movie, *, counted: bool, measured: bool) -> None:
        self.track = track
        self.start: int | None = None
        self.end: int | None = 0
        self.resumes: int | None = None  # when the next fragment begins, if it does not state that itself
        self.timing: Timing | None = Timing()
        self.bytes: int | None = 0 if measured else None
        self.keys = KeyFrames() if counted and measured else None
        if track.samples:
            self.start = 0
            self.timing = read_stts(movie.data, *track.stts) if counted else None
            self.end = self.timing.ticks if self.timing else total_ticks(movie.data, *track.stts)
            self.bytes = total_bytes(movie.data, track) if measured else None
            if self.keys is not None:
                self.keys.add_track(movie.data, track)

    def add(self, run: TrackRun, default: SampleDefaults, begin: int | None) -> int:
        """Count the samples of one `trun` and return their ticks; `begin`: ticks when the first is decoded."""
        durations = run.durations
        if durations is None:
            ticks = run.samples * default.duration
            if self.timing is not None:
                self.timing.add(run.samples, default.duration)
        else:
            ticks = sum(durations)
            if self.timing is not None:
                self.timing.add_each(durations)
        if self.bytes is not None:
            self.bytes += run.samples * default.size if run.sizes is None else sum(run.sizes)
        if self.keys is not None:
            self._add_keys(self.keys, run, default, begin, ticks)
        return ticks

    def _add_keys(self, keys: KeyFrames, run: TrackRun, default: SampleDefaults, begin: int | None, ticks: int) -> None:
        durations = run.durations
        if run.flags is not None:
            keys.add_flagged(begin, run.flags, default.duration if durations is None else durations, run.first)
        elif default.flags & NOT_SYNC or begin is None:
            keys.add_first(begin, run.first)
        elif durations is None:
            keys.add_all(begin, run.samples, (default.duration,)[: run.samples - 1], ticks, default.duration)
        else:
            keys.add_all(begin, len(durations), durations[:-1], ticks, durations[-1] if durations else 0)


class TrackRun(NamedTuple):
    """One `trun` (8.8.8): how many samples it has, the flags of the first, and what it states of each."""

    samples: int
    first: int | None
    durations: array[int] | None
    sizes: array[int] | None
    flags: array[int] | None


def _read_run(data: bytes, start: int, end: int) -> TrackRun | None:
    """Return the run in the body of a `trun`, or as much of it as there is."""
    if end - start < 8:
        return None
    flags = int.from_bytes(data[start + 1 : start + 4])
    count = int.from_bytes(data[start + 4 : start + 8])
    at = start + 8 + (4 if flags & _HAS_DATA_OFFSET else 0)
    first = None
    if flags & _HAS_FIRST_FLAGS:
        first = int.from_bytes(data[at : min(end, at + 4)])
        at += 4
    step = (flags & _SAMPLE_FIELDS).bit_count()
    table = uint32_array(data[at : min(end, at + 4 * step * count)])
    durations = table[::step] if flags & _HAS_DURATIONS else None
    column = 0 if durations is None else 1
    sizes = table[column::step] if flags & _HAS_SIZES else None
    column += sizes is not None
    return TrackRun(count, first, durations, sizes, table[column::step] if flags & _HAS_FLAGS else None)


class Fragments:
    """The fragments that were read, by track; `measured`: with the sizes of samples and the key frames.

    begun    some samples were found already, in a fragment or in the moov box
    count    how many fragments were read
    ended    the last of them is the last of the file
    skipped  some in between were not read: the time is right, but not all frames are counted
    full     the fragments have more track runs than are read
    """

    def __init__(self, movie: Movie, video: Track | None, *, measured: bool) -> None:
        self.tracks = {
            track.id: TrackFragments(track, movie, counted=track is video, measured=measured) for track in movie.tracks
        }
        self.begun = any(track.start is not None for track in self.tracks.values())
        self.count = 0
        self.ended = False
        self.skipped = False
        self._runs = 0

    @property
    def full(self) -> bool:
        """Return whether the bound on track runs is reached."""
        return self._runs > _MAX_RUNS

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
        self._runs += 1
        inner: dict[bytes, Range] = {}
        truns = []
        for kind, at, stop in boxes(data, start, end):
            if kind == b"trun":
                truns.append((at, stop))
            else:
                inner.setdefault(kind, (at, stop))
        at, stop = inner.get(b"tfhd", EMPTY)
        track = self.tracks.get(int.from_bytes(data[at + 4 : at + 8])) if stop - at >= 8 else None
        if track is None:
            return
        default = _read_defaults(data, at, stop, track.track.defaults)
        begin = track.resumes if track.end is None else track.end
        if b"tfdt" in inner:
            start, stop = inner[b"tfdt"]
            # 8.8.12; a time of 64 bits may be negative, if writers number from after the encoder's delay.
            large = data[start : start + 1] == b"\1"
            begin = int.from_bytes(data[start + 4 : min(stop, start + (12 if large else 8))], signed=large)
        ticks = 0
        for at, stop in truns:
            run = _read_run(data, at, stop)
            if run is not None:
                ticks += track.add(run, default, None if begin is None else begin + ticks)
        self._runs += len(truns)
        if begin is not None:
            track.start = begin if track.start is None else track.start
            self.begun = True
            track.end = max(track.end or 0, begin + ticks)

    def skip_to(self, times: dict[int, int]) -> None:
        """Record that fragments are skipped; `times`: when the next ones begin, by track, for those without `tfdt`."""
        self.skipped = True
        for track in self.tracks.values():
            if track.start is not None:
                track.end, track.resumes = None, times.get(track.track.id)

    @property
    def span(self) -> tuple[float, float] | None:
        """Return the first decode time and the end of the last sample, in s, over all video and audio tracks.

        A video cut out of a stream begins late (`tfdt` of hours): its duration is the difference.
        """
        spans = [
            (found.start / found.track.timescale, found.end / found.track.timescale)
            for found in self.tracks.values()
            if found.start is not None
            and found.end
            and found.track.timescale
            and found.track.handler in (VIDEO_HANDLER, AUDIO_HANDLER)
        ]
        return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None


def _read_defaults(data: bytes, at: int, end: int, stated: SampleDefaults) -> SampleDefaults:
    """Return the defaults of a `tfhd`, which replace those `stated` before (8.8.7)."""
    flags = int.from_bytes(data[at + 1 : at + 4])
    if not flags & _HAS_DEFAULTS:
        return stated
    at += 8 + (8 if flags & _HAS_BASE_OFFSET else 0) + (4 if flags & _HAS_DESCRIPTION else 0)
    duration, size, sample_flags = stated
    if flags & _HAS_DEFAULT_DURATION:
        duration = int.from_bytes(data[at : min(end, at + 4)])
        at += 4
    if flags & _HAS_DEFAULT_SIZE:
        size = int.from_bytes(data[at : min(end, at + 4)])
        at += 4
    if flags & _HAS_DEFAULT_FLAGS:
        sample_flags = int.from_bytes(data[at : min(end, at + 4)])
    return SampleDefaults(duration, size, sample_flags)


# --- indexes of fragments that are not read

_MAX_INDEX_BYTES: Final = 1 << 20
_MAX_UNINDEXED_BYTES: Final = 64 << 10
"""Bytes after the last indexed segment that may be something else than segments: `mfra`, `free`, `uuid`."""
_SEGMENT_BOXES: Final = frozenset((b"emsg", b"mdat", b"moof", b"prft", b"sidx", b"ssix", b"styp"))
"""First boxes of a segment that no index describes."""
_TAIL_BYTES: Final = 4096
_MAX_TABLES: Final = 64


class LastFragment(NamedTuple):
    """The offset from which every track has its last indexed fragment, and the time of its first one there, by id."""

    offset: int
    times: dict[int, int]


def index_seconds(source: Source, box: Box) -> float | None:
    """Return the time that a `sidx` spans, in s; None unless its segments reach the end of the file.

    Segments that were joined have one index each, which describes only its own segment.
    """
    if box.end is None or box.end - box.body > _MAX_INDEX_BYTES:
        return None
    data = source.read_at(box.body, box.end - box.body)
    large = data[:1] == b"\1"
    at = 28 if large else 20
    scale = int.from_bytes(data[8:12])
    count = int.from_bytes(data[at + 2 : at + 4])
    entries = uint32_array(data[at + 4 : at + 4 + 12 * count])
    if not scale or not count or len(entries) < 3 * count:
        return None
    covered = box.end + int.from_bytes(data[20:28] if large else data[16:20])
    covered += sum(size & 0x7FFFFFFF for size in entries[::3])
    rest = source.size - covered if source.size is not None else 0
    if rest > _MAX_UNINDEXED_BYTES or (rest > 0 and source.read_at(covered, 8)[4:] in _SEGMENT_BOXES):
        return None
    return sum(entries[1::3]) / scale


def find_last_fragment(source: Source) -> LastFragment | None:
    """Return the last fragments according to an `mfra` at the end, whose size is the file's last number (8.8.11)."""
    size = source.size
    if size is None:
        return None
    start = max(0, size - _TAIL_BYTES)
    tail = source.read_at(start, size - start)
    length = int.from_bytes(tail[-4:])
    if tail[-12:-8] != b"mfro" or not 24 <= length <= min(size, _MAX_INDEX_BYTES):
        return None
    data = tail[-length:] if length <= len(tail) else source.read_at(size - length, length)
    return _last_in_tables(data[8:]) if data[4:8] == b"mfra" else None


def _last_in_tables(data: bytes) -> LastFragment | None:
    """Combine the `tfra` tables (8.8.10), one a track: the last fragment may differ between them."""
    tables = [_read_tfra(data, at, end) for kind, at, end in islice(boxes(data), _MAX_TABLES) if kind == b"tfra"]
    ends = [max(offsets) for _, offsets, _ in tables if offsets]
    if not ends or not min(ends):
        return None
    offset = min(ends)
    times = {}
    for track, offsets, decode_times in tables:
        following = [start for start in offsets if start >= offset]
        if following:
            times[track] = decode_times[offsets.index(min(following))]
    return LastFragment(offset, times)


def _read_tfra(data: bytes, start: int, end: int) -> tuple[int, list[int], list[int]]:
    """Return the track of a `tfra`, and for each entry the offset of the fragment and its time."""
    half = 8 if data[start : start + 1] == b"\1" else 4
    widths = data[start + 11] if end - start >= 16 else 0
    step = 2 * half + 3 + (widths >> 4 & 3) + (widths >> 2 & 3) + (widths & 3)
    last = min(end, start + 16 + step * int.from_bytes(data[start + 12 : start + 16])) - step
    entries = range(start + 16, last + 1, step)
    return (
        int.from_bytes(data[start + 4 : start + 8]),
        [int.from_bytes(data[at + half : at + 2 * half]) for at in entries],
        [int.from_bytes(data[at : at + half]) for at in entries],
    )
