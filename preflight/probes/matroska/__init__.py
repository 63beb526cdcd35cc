"""Read Matroska and WebM (RFC 9559): the EBML header gives the format, Info the duration, Tracks the other facts."""

from __future__ import annotations

from functools import cached_property
from math import inf
from typing import Any, Final, NamedTuple, TypedDict

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE, Media, Need
from preflight.probes.coded_frames import frame_parameters
from preflight.probes.matroska import ebml
from preflight.probes.matroska.blocks import Extent, FrameRate, first_frame, measure_rate, track_extents
from preflight.probes.matroska.tags import Tags, read_tags
from preflight.probes.matroska.tracks import AUDIO_TRACK, VIDEO_TRACK, TrackEntry, read_tracks
from preflight.probes.window import Window, is_cheap
from preflight.sources import BoundReached, EndOfFile, Source

_DOC_TYPE: Final = 0x4282
_SEGMENT: Final = 0x18538067
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_INFO, _TIMESTAMP_SCALE, _DURATION, _WRITER = 0x1549A966, 0x2AD7B1, 0x4489, 0x5741
_TRACKS: Final = 0x1654AE6B
_TAGS: Final = 0x1254C367
_CLUSTER: Final = 0x1F43B675

_FORMATS: Final = {"webm": "webm", "matroska": "mkv"}
_CHUNK_SIZE: Final = 2048
_MAX_BYTES: Final = {_INFO: 1 << 14, _TRACKS: 1 << 18, _SEEK_HEAD: 1 << 14}
"""Bytes that are read of the elements that are needed."""
_RATE_FACTS: Final = frozenset(("fps", "frames", "variable_fps"))
_MEASURED_FACTS: Final = frozenset(("audio_bit_rate", "keyframe_interval", "video_bit_rate"))
"""Facts for which all blocks of a small local file are read."""
_TAG_FACTS: Final = frozenset(("audio_bit_rate", "location", "video_bit_rate"))
_FRAME_FACTS: Final = frozenset(
    ("bit_depth", "chroma", "color_model", "hdr", "primaries", "scan", "transfer", "video_level", "video_profile")
)
"""Facts that a frame states if nothing else does."""
_MAX_MEASURED_BYTES: Final = 8 << 20
_MAX_MEASURED_ELEMENTS: Final = 1 << 17
"""Bytes and elements of a local file up to which its bit rates are measured."""
_MAX_STREAM_ELEMENTS: Final = 2_000_000
"""Elements of a file that are read for a duration that it does not state."""
_MAX_TAG_BYTES: Final = 1 << 16
_MAX_ELEMENTS: Final = 48
"""Elements of a segment whose headers are read."""


class StreamTotals(NamedTuple):
    """The facts from reading all blocks: duration in s, frames and frame rate of the video; None = not found."""

    duration: float | None = None
    frames: int | None = None
    fps: float | None = None


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of a Matroska file. Read Info and Tracks, by the index if they are after the clusters."""
    window = Window(source, _CHUNK_SIZE)
    begin, end = _ebml_header(window)
    format_name = _FORMATS.get(_doc_type(window.read_at(begin, min(end - begin, _CHUNK_SIZE))))
    if format_name is None:
        return Media(size=source.size)  # EBML, but another document type
    try:
        segment = _Segment(window, end)
    except EndOfFile:
        return Media(format=format_name, size=source.size, notes=("truncated",))
    try:
        limited = not segment.walk() or (segment.partial and not segment.truncated)
        truncated = segment.truncated or (source.size is not None and segment.end > source.size)
        notes = (*(("read_limit",) if limited else ()), *(("truncated",) if truncated else ()))
        return _media(Media(format=format_name, size=source.size, notes=notes), source, need, segment)
    except BoundReached:
        return Media(format=format_name, size=source.size, notes=("read_limit",))


def measure_stream(source: Source) -> StreamTotals:
    """Read all blocks of a file without a stated duration, such as a live recording. Raise `SourceError`."""
    window = Window(source, _CHUNK_SIZE)
    try:
        segment = _Segment(window, _ebml_header(window)[1])
    except EndOfFile:
        return StreamTotals()
    segment.walk()
    tracks = [track for track in segment.tracks() if track.type in (VIDEO_TRACK, AUDIO_TRACK)]
    unit, _ = segment.clock
    extents = _extents(source, segment, tracks)
    if not extents:
        return StreamTotals()
    ticks = max(extent.end for extent in extents.values()) - min(extent.first for extent in extents.values())
    seconds = ticks * unit / 1e9
    duration = seconds if seconds > 0 else None
    video = _played([track for track in tracks if track.type == VIDEO_TRACK])
    if video is None or video.number not in extents:
        return StreamTotals(duration)
    extent = extents[video.number]
    shown = (extent.end - extent.first) * unit / 1e9
    return StreamTotals(duration, extent.blocks, extent.blocks / shown if shown > 0 and extent.blocks > 1 else None)


def _extents(
    source: Source, segment: _Segment, tracks: list[TrackEntry], max_elements: int = _MAX_STREAM_ELEMENTS
) -> dict[int, Extent]:
    """Read all blocks and return the extents of the tracks by their numbers; empty if that is not possible."""
    unit, _ = segment.clock
    if not unit or not segment.blocks:
        return {}
    ticks_per_block = {track.number: 1e9 / track.fps / unit if track.fps else 0.0 for track in tracks}
    return track_extents(source, segment.blocks, ticks_per_block, max_elements)


def _ebml_header(window: Window) -> tuple[int, int]:
    """Return where the data of the EBML header begins and ends. Raise `EndOfFile`."""
    header = ebml.read_header(window.read_at(0, ebml.MAX_HEADER_BYTES), 0)
    if header is None or header[1] == ebml.UNKNOWN_SIZE:
        raise EndOfFile("no EBML header")
    return header[2], header[2] + header[1]


def _doc_type(header: bytes) -> str:
    for identifier, start, end in ebml.children(header):
        if identifier == _DOC_TYPE:
            return ebml.read_text(header, start, end)
    return "matroska"


class _Segment:
    """The parts of the segment that are needed.

    end        offset of the stated end; 0: not stated
    truncated  the file ends before Info and Tracks do
    partial    not all of Info and Tracks was read
    blocks     offset of the first cluster, or of an element before it
    """

    def __init__(self, window: Window, at: int) -> None:
        self.truncated = self.partial = False
        self.end = self.blocks = 0
        self._elements: dict[int, bytes] = {}
        self._window = window
        self._indexed: dict[int, int] = {}
        found = ebml.read_header(window.read_at(at, ebml.MAX_HEADER_BYTES), 0)
        if found is None or found[0] != _SEGMENT:
            raise EndOfFile("no segment")
        self._start = at + found[2]
        if found[1] != ebml.UNKNOWN_SIZE:
            self.end = self._start + found[1]

    def walk(self) -> bool:
        """Find Info and Tracks on the way to the first cluster, else by the index, else between the clusters.

        Return False if a bound ended the search. Raise `BoundReached`.
        """
        at = self._start
        for _ in range(_MAX_ELEMENTS):
            if _INFO in self._elements and _TRACKS in self._elements:
                self.blocks = self.blocks or at
                return True
            data = self._window.read_at(at, ebml.MAX_HEADER_BYTES)
            found = ebml.read_header(data, 0)
            identifier, size, begin = found or (0, ebml.UNKNOWN_SIZE, 0)
            if self.end and at >= self.end:
                size = ebml.UNKNOWN_SIZE  # another segment, which belongs to another recording
            elif found is None:
                is_cut = _TRACKS not in self._elements and len(data) < ebml.MAX_HEADER_BYTES
                self.truncated = self.truncated or is_cut
            following = at + begin + size if size != ebml.UNKNOWN_SIZE else None
            if following is not None:
                self._read_element(identifier, at + begin, size)
            if identifier == _CLUSTER:
                self.blocks = self.blocks or at
            if following is None or identifier == _CLUSTER:
                following = self._next_indexed() or following
            if following is None:
                return True
            at = following
        return False

    def tracks(self) -> list[TrackEntry]:
        """Return the tracks in their order. Raise `BoundReached`."""
        return read_tracks(self._elements.get(_TRACKS, b""))

    @cached_property
    def clock(self) -> tuple[int, float | None]:
        """Return the ns of a tick, and the duration in s (RFC 9559 5.1.2). Raise `BoundReached`."""
        info = self._elements.get(_INFO, b"")
        scale, duration = 1_000_000, None
        for identifier, start, end in ebml.children(info):
            if identifier == _TIMESTAMP_SCALE:
                scale = ebml.read_uint(info, start, end)
            elif identifier == _DURATION:
                duration = ebml.read_float(info, start, end)
        seconds = duration * scale / 1e9 if duration else 0.0
        return scale, seconds if 1e-9 <= seconds < inf else None  # less than a tick of the finest scale is no duration

    def writer(self) -> str:
        """Return the name of the application that wrote the file."""
        info = self._elements.get(_INFO, b"")
        return next(
            (ebml.read_text(info, start, end) for name, start, end in ebml.children(info) if name == _WRITER), ""
        )

    def tags(self, source: Source) -> bytes | None:
        """Return the Tags element, empty if there is none; None if it takes another request. Raise `BoundReached`."""
        at = self._indexed.get(_TAGS) or self._find_before_blocks(_TAGS)
        if at is None:
            return b""
        if not is_cheap(source, at + ebml.MAX_HEADER_BYTES):
            return None
        found = ebml.read_header(self._window.read_at(at, ebml.MAX_HEADER_BYTES), 0)
        if found is None or found[0] != _TAGS or found[1] == ebml.UNKNOWN_SIZE:
            return None
        if not is_cheap(source, at + found[2] + found[1]):
            return None
        return self._window.read_at(at + found[2], min(found[1], _MAX_TAG_BYTES))

    def _find_before_blocks(self, target: int) -> int | None:
        """Return the offset of an element between the tracks and the first cluster."""
        at = self.blocks
        for _ in range(_MAX_ELEMENTS):
            found = ebml.read_header(self._window.read_at(at, ebml.MAX_HEADER_BYTES), 0) if at else None
            if found is None or found[0] == _CLUSTER or found[1] == ebml.UNKNOWN_SIZE:
                break
            if found[0] == target:
                return at
            at += found[2] + found[1]
        return None

    def _read_element(self, identifier: int, begin: int, size: int) -> None:
        if identifier not in _MAX_BYTES or identifier in self._elements:
            return
        length = min(size, _MAX_BYTES[identifier])
        data = self._window.read_at(begin, length)
        if identifier == _SEEK_HEAD:
            self._read_index(data)
        else:
            self._elements[identifier] = data
            self.truncated = self.truncated or len(data) < length
            self.partial = self.partial or len(data) < size

    def _read_index(self, data: bytes) -> None:
        """Read the SeekHead, whose positions count from the start of the segment's data (RFC 9559 5.1.1.1.2)."""
        for seek, start, end in ebml.children(data):
            entry = {identifier: (begin, stop) for identifier, begin, stop in ebml.children(data, start, end)}
            if seek == _SEEK and _SEEK_ID in entry and _SEEK_POSITION in entry:
                target = ebml.read_uint(data, *entry[_SEEK_ID])
                self._indexed.setdefault(target, self._start + ebml.read_uint(data, *entry[_SEEK_POSITION]))

    def _next_indexed(self) -> int | None:
        """Return the offset of a missing element according to the index. Each of its entries is used once."""
        for target in _MAX_BYTES:
            if target in self._indexed and target not in self._elements:
                return self._indexed.pop(target)
        return None


def _media(media: Media, source: Source, need: Need, segment: _Segment) -> Media:
    tracks = segment.tracks()
    videos = [track for track in tracks if track.type == VIDEO_TRACK]
    video, audio = _played(videos), _played([track for track in tracks if track.type == AUDIO_TRACK])
    unit, duration = segment.clock
    is_complete = bool(tracks) and "read_limit" not in media.notes and not segment.partial
    absent = NONE if is_complete else None
    is_truncated = "truncated" in media.notes
    tags = _read_tags(source, need, segment)
    media = media._replace(
        kind=VIDEO if video else AUDIO if audio else None,
        duration=duration,
        bit_rate=round(media.size * 8 / duration) if media.size and duration and not is_truncated else None,
        encrypted=any(track.encrypted for track in tracks) if tracks else None,
        notes=(*media.notes, "multiple_video_tracks") if len(videos) > 1 else media.notes,
        video_codec=video.codec if video else absent,
        audio_codec=audio.codec if audio else absent,
        video_tracks=len(videos) if absent else None,
        audio_tracks=sum(track.type == AUDIO_TRACK for track in tracks) if absent else None,
        location=tags.location if tags else None,
        **_rates(source, need, segment, video, audio, tags),
    )
    if video:
        rate = FrameRate(video.fps)
        if video.fps is None and segment.blocks and not need.facts.isdisjoint(_RATE_FACTS):
            rate = measure_rate(source, segment.blocks, video.number, unit)
        picture: dict[str, Any] = video.picture._asdict() if video.picture else {}
        picture |= _with_frame(source, need, segment, video).video_facts()
        media = media._replace(fps=rate.fps, variable_fps=rate.variable, frames=rate.frames, **picture)
    if audio:
        media = media._replace(
            audio_profile=audio.profile,
            sample_rate=audio.sample_rate,
            channels=audio.channels,
            sample_bits=audio.sample_bits,
        )
    return media


def _with_frame(source: Source, need: Need, segment: _Segment, video: TrackEntry) -> TrackEntry:
    """Return the track with what its first frame states, if it states nothing itself."""
    if video.encrypted or not segment.blocks or need.facts.isdisjoint(_FRAME_FACTS):
        return video
    parameters = frame_parameters(
        video.codec, video.parameters, lambda: first_frame(source, segment.blocks, video.number)
    )
    return video._replace(parameters=parameters)


def _read_tags(source: Source, need: Need, segment: _Segment) -> Tags | None:
    """Return the tags; None if they were not read. Raise `BoundReached`."""
    data = None if need.facts.isdisjoint(_TAG_FACTS) else segment.tags(source)
    return None if data is None else read_tags(data, segment.writer())


class _Rates(TypedDict, total=False):
    """The facts for which blocks are read, under the names of `Media`."""

    audio_bit_rate: int | None
    keyframe_interval: float | None
    video_bit_rate: int | None


def _rates(
    source: Source, need: Need, segment: _Segment, video: TrackEntry | None, audio: TrackEntry | None, tags: Tags | None
) -> _Rates:
    """Return the bit rates that the tags state; measure what they do not state in a small local file."""
    if need.facts.isdisjoint(_MEASURED_FACTS):
        return _Rates()
    stated = tags.bit_rates if tags else {}
    extents: dict[int, Extent] = {}
    if not source.remote and source.size is not None and source.size <= _MAX_MEASURED_BYTES:
        extents = _extents(source, segment, [track for track in (video, audio) if track], _MAX_MEASURED_ELEMENTS)
    unit, duration = segment.clock
    shown = extents.get(video.number) if video else None
    heard = extents.get(audio.number) if audio else None
    keys = shown.keyframe_ticks if shown else None
    return _Rates(
        audio_bit_rate=(stated.get(audio.uid) if audio else None)
        or (heard.bit_rate(unit, duration) if heard else None),
        keyframe_interval=keys * unit / 1e9 if keys else None,
        video_bit_rate=(stated.get(video.uid) if video else None)
        or (shown.bit_rate(unit, duration) if shown else None),
    )


def _played(tracks: list[TrackEntry]) -> TrackEntry | None:
    """Return the track that players select: the first that is marked as default, else the first."""
    return next((track for track in tracks if track.default), tracks[0] if tracks else None)
