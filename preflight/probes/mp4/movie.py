"""Read the moov box: tracks, their clocks, edits and codecs (ISO/IEC 14496-12 8.2-8.6; QTFF, "Movie atoms")."""

from __future__ import annotations

import zlib
from struct import Struct
from typing import Final, NamedTuple

from preflight.probes.isobmff import EMPTY, Range, boxes
from preflight.probes.mp4.entries import SampleEntry, audio_entry, child_boxes, video_entry
from preflight.sources import BoundReached

VIDEO_HANDLER: Final = b"vide"
AUDIO_HANDLER: Final = b"soun"
_MAX_TRACKS: Final = 128
_MAX_UNPACKED_BYTES: Final = 16 << 20
"""Bytes to which a compressed moov box may unpack: a hundred times the largest that QuickTime wrote."""
_HANDLERS: Final = frozenset(
    b"vide soun auxv clcp crsm hint meta MPEG musi ocsm odsm pict sbtl sdsm subp subt text tmcd tx3g".split()
)
"""Known handler types (mp4ra.org; QuickTime). For any other type, the media header identifies the track's content."""
_AUXILIARY: Final = frozenset((b"thmb", b"auxl", b"vdep", b"vplx"))
"""References by which a track declares that it only helps another (8.3.3.3)."""


_COORDINATES: Final = b"\xa9xyz"
_LOCATION_KEY: Final = b"location.ISO6709"
_MAX_EDITS: Final = 4096
_EDIT: Final = Struct(">IiI")
_EDIT_VERSION_1: Final = Struct(">QqI")
NORMAL_RATE: Final = 0x10000
"""The rate of an edit that plays at normal speed, in 16.16."""
NOT_ADDED: Final = -1
MIN_NEGATIVE: Final = 1 << 31
"""Durations from this value on are negative numbers that were written as unsigned ones."""


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


class SampleDefaults(NamedTuple):
    """What samples in fragments have unless a fragment states otherwise: ticks, bytes and flags (8.8.3)."""

    duration: int
    size: int
    flags: int


class Track:
    """One `trak`. Clocks are in ticks; None = not stated. `entry`: its first sample entry, None if it has none.

    shift     ticks by which the first sample is shown after it is decoded
    stts      body of its table of sample durations; ctts: of when they are shown; sync: of its key frames (None: all)
    partial   body of its table of further key frames, after which some pictures need earlier ones
    sizes     body of its table of sample sizes; compact: it is an `stz2`
    chapters  ids of the tracks that hold this one's chapters
    ticks     sum of its sample durations; None if implausible, `NOT_ADDED` until it is needed
    first     offset of its first sample in the file, 0: not known
    defaults  duration, size and flags of a sample in fragments (`trex`)
    """

    def __init__(self) -> None:
        self.id = 0
        self.enabled = True
        self.handler = b""
        self.entry: SampleEntry | None = None
        self.width = self.height = self.rotation = 0
        self.timescale = 0
        self.duration: int | None = None
        self.movie_duration: int | None = None
        self.edits: Edits | None = None
        self.samples = 0
        self.shift = 0
        self.stts: Range = EMPTY
        self.ctts: Range = EMPTY
        self.sync: Range | None = None
        self.partial: Range = EMPTY
        self.sizes: Range = EMPTY
        self.compact = False
        self.ticks: int | None = NOT_ADDED
        self.first = 0
        self.defaults = SampleDefaults(0, 0, 0)
        self.chapters: frozenset[int] = frozenset()
        self.auxiliary = False

    def stated_seconds(self, movie_scale: int) -> float | None:
        """Return the duration in the headers: the track's, else the media's."""
        if movie_scale and self.movie_duration:
            return self.movie_duration / movie_scale
        return self.duration / self.timescale if self.duration and self.timescale else None


class Movie:
    """One `moov`.

    complete  the box does not extend beyond the data that was read
    limited   it holds more than is read: boxes that were not found may exist
    located   its metadata has coordinates
    """

    def __init__(self, data: bytes, *, complete: bool) -> None:
        self.data = data
        self.complete = complete
        self.timescale = 0
        self.duration: int | None = None
        self.rotation = 0
        self.tracks: list[Track] = []
        self.fragmented = False
        self.fragment_duration: int | None = None
        self.cover_art = False
        self.limited = False
        self.located = False

    @property
    def is_fully_read(self) -> bool:
        """Return whether boxes that were not found do not exist."""
        return self.complete and not self.limited

    @property
    def seconds(self) -> float | None:
        """Return the duration that `mvhd` states, in s."""
        return self.duration / self.timescale if self.duration and self.timescale else None


def read_movie(data: bytes, end: int, *, complete: bool, packable: bool = True) -> Movie:
    """Return the movie in `data[:end]`, the body of a `moov` box; `complete`: the box ends there.

    packable: it may be compressed; an unpacked one may not be compressed again.
    """
    movie = Movie(data, complete=complete)
    extends: list[Range] = []
    try:
        for kind, at, stop in boxes(data, 0, end):
            if kind == b"mvex":
                movie.fragmented = True
                extends.append((at, stop))
            elif kind == b"cmov" and packable:
                body = _unpack(data, at, stop)
                return read_movie(body, len(body), complete=complete, packable=False)
            else:
                _add_box(movie, kind, at, stop)
        for at, stop in extends[:1]:
            _read_mvex(movie, data, at, stop)
    except BoundReached:
        movie.limited = True
    return movie


def _add_box(movie: Movie, kind: bytes, at: int, stop: int) -> None:
    """Add one box of the movie; a box with too many children only sets `limited`."""
    data = movie.data
    try:
        if kind == b"trak" and len(movie.tracks) < _MAX_TRACKS:
            track = _read_trak(data, at, stop)
            movie.tracks.append(track)
            movie.limited |= track.edits is not None and not track.edits.complete
        elif kind == b"trak":
            movie.limited = True
        elif kind == b"mvhd":
            movie.timescale, movie.duration = _read_clock(data, at, stop)
            movie.rotation = _rotation(data, at + (48 if data[at : at + 1] == b"\1" else 36), stop)
        elif kind == b"udta":
            inner = child_boxes(data, at, stop)
            movie.located |= _COORDINATES in inner or b"loci" in inner
            _add_metadata(movie, *inner.get(b"meta", EMPTY))
        elif kind == b"meta":
            _add_metadata(movie, at, stop)
    except BoundReached:
        movie.limited = True


def _unpack(data: bytes, start: int, end: int) -> bytes:
    """Return the body of the `moov` in a `cmov` (QTFF, "Compressed movie resources"); empty if unreadable."""
    inner = child_boxes(data, start, end)
    at, stop = inner.get(b"cmvd", EMPTY)
    method, _ = inner.get(b"dcom", EMPTY)
    if data[method : method + 4] != b"zlib" or stop - at < 5:
        return b""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data[at + 4 : stop], _MAX_UNPACKED_BYTES)
    except zlib.error:
        return b""
    at, stop = child_boxes(plain, 0, len(plain)).get(b"moov", EMPTY)
    return plain[at:stop] if unpacker.eof else b""


def _read_mvex(movie: Movie, data: bytes, start: int, end: int) -> None:
    """Read the duration with all fragments (`mehd`) and each track's default sample duration (`trex`) (8.8.1-8.8.3)."""
    tracks = {track.id: track for track in movie.tracks}
    for kind, at, stop in boxes(data, start, end):
        if kind == b"trex" and stop - at >= 20:
            track = tracks.get(int.from_bytes(data[at + 4 : at + 8]))
            if track is not None:
                duration, size, flags = (
                    int.from_bytes(data[field : min(stop, field + 4)]) for field in (at + 12, at + 16, at + 20)
                )
                track.defaults = SampleDefaults(duration, size, flags)
        elif kind == b"mehd":
            movie.fragment_duration = _read_ticks(data, at + 4, stop, large=data[at : at + 1] == b"\1")


def _read_trak(data: bytes, start: int, end: int) -> Track:
    track = Track()
    inner = child_boxes(data, start, end)
    if b"tkhd" in inner:
        _read_tkhd(track, data, *inner[b"tkhd"])
    if b"edts" in inner:
        edits = child_boxes(data, *inner[b"edts"]).get(b"elst")
        track.edits = _read_elst(data, *edits) if edits else None
    if b"tref" in inner:
        _read_tref(track, data, *inner[b"tref"])
    media = child_boxes(data, *inner.get(b"mdia", EMPTY))
    if b"mdhd" in media:
        track.timescale, track.duration = _read_clock(data, *media[b"mdhd"])
    information = child_boxes(data, *media.get(b"minf", EMPTY))
    table = child_boxes(data, *information.get(b"stbl", EMPTY))
    at, _ = media.get(b"hdlr", EMPTY)
    track.handler = data[at + 8 : at + 12] if at else b""
    if track.handler not in _HANDLERS:
        track.handler = VIDEO_HANDLER if b"vmhd" in information else AUDIO_HANDLER if b"smhd" in information else b""
    if b"stsd" in table:
        track.entry = _first_entry(track.handler, data, *table[b"stsd"])
    sizes, stop = track.sizes = table.get(b"stsz") or table.get(b"stz2") or EMPTY
    track.compact = b"stsz" not in table
    track.samples = int.from_bytes(data[sizes + 8 : min(stop, sizes + 12)])
    track.stts = table.get(b"stts", EMPTY)
    track.ctts = table.get(b"ctts", EMPTY)
    offsets, stop = table.get(b"stco") or table.get(b"co64") or EMPTY
    track.first = int.from_bytes(data[offsets + 8 : min(stop, offsets + (12 if b"stco" in table else 16))])
    track.sync = table.get(b"stss")
    track.partial = table.get(b"stps", EMPTY)
    track.shift = _first_shift(data, *track.ctts)
    return track


def _read_tkhd(track: Track, data: bytes, start: int, end: int) -> None:
    """Read the track header (8.3.2)."""
    large = data[start : start + 1] == b"\1"
    at = start + (20 if large else 12)
    track.enabled = bool(int.from_bytes(data[start + 3 : start + 4]) & 1)
    track.id = int.from_bytes(data[at : at + 4])
    track.movie_duration = _read_ticks(data, at + 8, end, large=large)
    at += 40 if large else 36
    track.rotation = _rotation(data, at - 8, end)
    if end >= at + 36:
        track.width = int.from_bytes(data[at + 28 : at + 30])
        track.height = int.from_bytes(data[at + 32 : at + 34])


def _read_tref(track: Track, data: bytes, start: int, end: int) -> None:
    """Read which tracks are this one's chapters, and whether this one only helps another (8.3.3)."""
    for kind, at, stop in boxes(data, start, end):
        if kind == b"chap":
            body = data[at : min(stop, at + 4 * _MAX_TRACKS)]
            track.chapters = frozenset(int.from_bytes(body[i : i + 4]) for i in range(0, len(body), 4))
        elif kind in _AUXILIARY:
            track.auxiliary = True


def _read_elst(data: bytes, start: int, end: int) -> Edits | None:
    """Return the edits in the body of an `elst` box (8.6.6); None if it holds none."""
    edit = _EDIT_VERSION_1 if data[start : start + 1] == b"\1" else _EDIT
    present = min(int.from_bytes(data[start + 4 : start + 8]), (end - start - 8) // edit.size)
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


def _first_shift(data: bytes, start: int, end: int) -> int:
    """Return the ticks by which the first sample is shown after it is decoded (`ctts`, 8.6.1.3)."""
    if end - start < 16:
        return 0
    shift = int.from_bytes(data[start + 12 : start + 16], signed=data[start : start + 1] == b"\1")
    return shift if 0 < shift < MIN_NEGATIVE else 0


def _first_entry(handler: bytes, data: bytes, start: int, end: int) -> SampleEntry | None:
    for fourcc, at, stop in boxes(data, start + 8, end):
        if handler == VIDEO_HANDLER:
            return video_entry(fourcc, data, at, stop)
        if handler == AUDIO_HANDLER:
            return audio_entry(fourcc, data, at, stop, data[start])
        return None
    return None


def _read_clock(data: bytes, start: int, end: int) -> tuple[int, int | None]:
    """Return timescale and duration of `mvhd` or `mdhd`, which begin alike (8.2.2, 8.4.2)."""
    large = data[start : start + 1] == b"\1"
    at = start + (20 if large else 12)
    if end < at + 8:
        return 0, None
    return int.from_bytes(data[at : at + 4]), _read_ticks(data, at + 4, end, large=large)


def _read_ticks(data: bytes, at: int, end: int, *, large: bool) -> int | None:
    """Return a duration; None if all bits are set, which means that it is not known."""
    body = data[at : at + (8 if large else 4)]
    if at + len(body) > end or not body.strip(b"\xff"):
        return None
    return int.from_bytes(body)


def _rotation(data: bytes, at: int, end: int) -> int:
    """Return the clockwise degrees of the matrix at `at`, rounded to quarter turns; mirroring counts as 180 degrees.

    The matrix maps x to a·x + c·y and y to b·x + d·y, with y downwards: rotated by t, a = cos t and b = sin t.
    """
    if end < at + 36:
        return 0
    a = int.from_bytes(data[at : at + 4], signed=True)
    b = int.from_bytes(data[at + 4 : at + 8], signed=True)
    if abs(b) > abs(a):
        return 90 if b > 0 else 270
    return 180 if a < 0 else 0


def _add_metadata(movie: Movie, start: int, end: int) -> None:
    """Read whether metadata has a cover (iTunes' `covr`) or coordinates (QTFF, "Metadata atoms").

    QuickTime's `meta` has no version before its children.
    """
    data = movie.data
    if data[start + 4 : start + 8] != b"hdlr":
        start += 4
    inner = child_boxes(data, start, end)
    items = child_boxes(data, *inner.get(b"ilst", EMPTY))
    movie.cover_art |= b"covr" in items
    movie.located |= _COORDINATES in items or data.find(_LOCATION_KEY, *inner.get(b"keys", EMPTY)) >= 0
