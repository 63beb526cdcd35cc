"""Matroska and WebM (RFC 9559): the EBML header tells which, Info the duration, Tracks the rest."""

from __future__ import annotations

from math import inf
from typing import Any, Final

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE, Media, Need
from preflight.probes.matroska import ebml
from preflight.probes.matroska.blocks import measure, track_extents
from preflight.probes.matroska.tracks import PICTURES, SOUND, Track, tracks_of
from preflight.probes.window import Window
from preflight.sources import BoundReached, EndOfFile, Source

_DOC_TYPE: Final = 0x4282
_SEGMENT: Final = 0x18538067
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_INFO, _TIMESTAMP_SCALE, _DURATION = 0x1549A966, 0x2AD7B1, 0x4489
_TRACKS: Final = 0x1654AE6B
_CLUSTER: Final = 0x1F43B675

_FORMATS: Final = {"webm": "webm", "matroska": "mkv"}
_PIECE: Final = 2048
_LARGEST: Final = {_INFO: 1 << 14, _TRACKS: 1 << 18, _SEEK_HEAD: 1 << 14}
"""Bytes that are read of an element that holds what we want."""
_RATES: Final = frozenset(("fps", "frames", "variable_fps"))
_STEPS: Final = 48
"""Elements of a segment that are looked at."""


def read(source: Source, need: Need, name: str) -> Media:
    """The facts of a Matroska file. Reads Info and Tracks, by the index where they stand behind the clusters."""
    window = Window(source, _PIECE)
    header = ebml.head(window.read_at(0, ebml.LONGEST_HEAD), 0)
    if header is None or header[1] == ebml.UNKNOWN:
        raise EndOfFile("no EBML header")
    _, size, begin = header
    format_name = _FORMATS.get(_doc_type(window.read_at(begin, min(size, _PIECE))))
    if format_name is None:
        return Media(size=source.size)  # EBML, but another document type
    try:
        segment = _Segment(window, begin + size)
    except EndOfFile:
        return Media(format=format_name, size=source.size, notes=("truncated",))
    truncated = limited = False
    try:
        limited = not segment.walk() or (segment.partial and not segment.cut)
        truncated = segment.cut or (source.size is not None and segment.end > source.size)
        media = _media(format_name, source, need, segment, truncated, limited)
    except BoundReached:
        return Media(format=format_name, size=source.size, notes=("read_limit",))
    return media


def measure_stream(source: Source) -> dict[str, Any]:
    """Read all blocks. Return duration in s, and frames and fps of the video, as far as they are found.

    For files without a stated duration, such as live recordings. Raises `SourceError`.
    """
    window = Window(source, _PIECE)
    header = ebml.head(window.read_at(0, ebml.LONGEST_HEAD), 0)
    if header is None or header[1] == ebml.UNKNOWN:
        return {}
    try:
        segment = _Segment(window, header[1] + header[2])
    except EndOfFile:
        return {}
    segment.walk()
    tracks = [track for track in tracks_of(segment.wanted.get(_TRACKS, b"")) if track.type in (PICTURES, SOUND)]
    unit, _ = _clock(segment.wanted.get(_INFO, b""))
    if not unit or not segment.blocks:
        return {}
    rates = {track.number: track.picture.get("fps") for track in tracks}
    found = track_extents(
        source, segment.blocks, {number: 1e9 / rate / unit if rate else 0 for number, rate in rates.items()}
    )
    if not found:
        return {}
    seconds = (max(one.end for one in found.values()) - min(one.first for one in found.values())) * unit / 1e9
    facts: dict[str, Any] = {"duration": seconds} if seconds > 0 else {}
    film = _played([track for track in tracks if track.type == PICTURES])
    if film is not None and film.number in found:
        extent = found[film.number]
        shown = (extent.end - extent.first) * unit / 1e9
        facts.update(frames=extent.blocks, fps=extent.blocks / shown if shown > 0 and extent.blocks > 1 else None)
    return facts


def _doc_type(header: bytes) -> str:
    for identifier, start, end in ebml.children(header):
        if identifier == _DOC_TYPE:
            return ebml.text(header, start, end)
    return "matroska"


class _Segment:
    """What is wanted of the segment.

    end      where it says that it ends; 0: it does not
    cut      the file ends before
    partial  not all of Info and Tracks was read
    blocks   where the first cluster is, or what comes before it
    """

    def __init__(self, window: Window, at: int) -> None:
        self.wanted: dict[int, bytes] = {}
        self.cut = self.partial = False
        self.end = self.blocks = 0
        self._window = window
        self._indexed: dict[int, int] = {}
        found = ebml.head(window.read_at(at, ebml.LONGEST_HEAD), 0)
        if found is None or found[0] != _SEGMENT:
            raise EndOfFile("no segment")
        self._start = at + found[2]
        if found[1] != ebml.UNKNOWN:
            self.end = self._start + found[1]

    def walk(self) -> bool:
        """Find Info and Tracks on the way to the first cluster, else by the index, else between the clusters.

        Return whether the search came to an end. Raises `BoundReached`.
        """
        at = self._start
        for _ in range(_STEPS):
            if _INFO in self.wanted and _TRACKS in self.wanted:
                self.blocks = self.blocks or at
                return True
            data = self._window.read_at(at, ebml.LONGEST_HEAD)
            found = ebml.head(data, 0)
            identifier, size, begin = found or (0, ebml.UNKNOWN, 0)
            if self.end and at >= self.end:
                size = ebml.UNKNOWN  # another segment, which belongs to another film
            elif found is None:
                self.cut = self.cut or (_TRACKS not in self.wanted and len(data) < ebml.LONGEST_HEAD)
            following = at + begin + size if size != ebml.UNKNOWN else None
            if following is not None:
                self._take(identifier, at + begin, size)
            if identifier == _CLUSTER:
                self.blocks = self.blocks or at
            if following is None or identifier == _CLUSTER:
                following = self._from_index() or following
            if following is None:
                return True
            at = following
        return False

    def _take(self, identifier: int, begin: int, size: int) -> None:
        if identifier not in _LARGEST or identifier in self.wanted:
            return
        length = min(size, _LARGEST[identifier])
        data = self._window.read_at(begin, length)
        if identifier == _SEEK_HEAD:
            self._index(data)
        else:
            self.wanted[identifier] = data
            self.cut = self.cut or len(data) < length
            self.partial = self.partial or len(data) < size

    def _index(self, data: bytes) -> None:
        """Positions count from the begin of the segment's data (RFC 9559 5.1.1.1.2)."""
        for seek, start, end in ebml.children(data):
            entry = {identifier: (begin, stop) for identifier, begin, stop in ebml.children(data, start, end)}
            if seek == _SEEK and _SEEK_ID in entry and _SEEK_POSITION in entry:
                target = ebml.unsigned(data, *entry[_SEEK_ID])
                self._indexed.setdefault(target, self._start + ebml.unsigned(data, *entry[_SEEK_POSITION]))

    def _from_index(self) -> int | None:
        """Where the index says that something missing stands. It is asked once for each."""
        for target in _LARGEST:
            if target in self._indexed and target not in self.wanted:
                return self._indexed.pop(target)
        return None


def _media(format_name: str, source: Source, need: Need, segment: _Segment, truncated: bool, limited: bool) -> Media:
    size = source.size
    tracks = tracks_of(segment.wanted.get(_TRACKS, b""))
    films = [track for track in tracks if track.type == PICTURES]
    sounds = [track for track in tracks if track.type == SOUND]
    film, sound = _played(films), _played(sounds)
    unit, duration = _clock(segment.wanted.get(_INFO, b""))
    if film and film.picture.get("fps") is None and segment.blocks and not need.facts.isdisjoint(_RATES):
        rate = measure(source, segment.blocks, film.number, unit)
        film.picture.update(fps=rate.fps, variable_fps=rate.variable, frames=rate.frames)
    absent = NONE if tracks and not (limited or segment.partial) else None
    notes = (("read_limit",) if limited else ()) + (("truncated",) if truncated else ())
    return Media(
        kind=VIDEO if film else AUDIO if sound else None,
        format=format_name,
        size=size,
        duration=duration,
        bit_rate=round(size * 8 / duration) if duration and size and not truncated else None,
        encrypted=any(track.encrypted for track in tracks) if tracks else None,
        notes=notes + (("multiple_video_tracks",) if len(films) > 1 else ()),
        video_codec=film.codec if film else absent,
        audio_codec=sound.codec if sound else absent,
        **(film.picture if film else {}),
        **(sound.sound if sound else {}),
    )


def _played(tracks: list[Track]) -> Track | None:
    """The one that a player takes: the first that is marked as default, else the first."""
    return next((track for track in tracks if track.default), tracks[0] if tracks else None)


def _clock(info: bytes) -> tuple[int, float | None]:
    """ns of a unit of time, and s of the whole, which counts in these units."""
    scale, duration = 1_000_000, None
    for identifier, start, end in ebml.children(info):
        if identifier == _TIMESTAMP_SCALE:
            scale = ebml.unsigned(info, start, end)
        elif identifier == _DURATION:
            duration = ebml.real(info, start, end)
    seconds = duration * scale / 1e9 if duration else 0.0
    return scale, seconds if 1e-9 <= seconds < inf else None  # less than a unit of the finest scale is no time
