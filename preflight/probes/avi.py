"""Read AVI (Microsoft AVI RIFF file reference) and its OpenDML extension, whose facts are in the header list.

Frames are counted by the index `idx1` if the headers are not plausible, and chunk by chunk as a last resort.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE, Media, Need, size_facts
from preflight.probes.aac_config import audio_config
from preflight.probes.avi_chunks import find_chunks, first_frame, read_index
from preflight.probes.codec_names import fourcc_codec
from preflight.probes.coded_frames import frame_parameters
from preflight.probes.coded_pictures import picture_facts
from preflight.probes.parameter_sets.record import VideoParameters
from preflight.probes.sample_formats import sample_format
from preflight.probes.wav import coding_of
from preflight.probes.window import Window
from preflight.sources import BoundReached, Source

_CHUNK_SIZE: Final = 1024
_MIN_UNKNOWN_SIZE: Final = 0x7FFFFFF0
"""RIFF sizes from this value on mean "unknown": recorders that cannot seek back write them."""
_MAX_TOP_CHUNKS: Final = 64
"""Chunks before the header list, which is the first one except for padding."""
_MAX_HEADER_CHUNKS: Final = 2048
_MAX_DIFFERENCE: Final = 2
"""Frames by which headers and index may differ: some writers count one that they did not write."""

_HEADER_CHUNKS: Final = frozenset((b"avih", b"dmlh", b"strf", b"strh", b"vprp"))
_AUDIO_STREAM, _DV_STREAM = b"auds", b"iavs"
_VIDEO_STREAMS: Final = (b"vids", _DV_STREAM)

_HEADER: Final = struct.Struct("<4sI")
_AVIH: Final = struct.Struct("<I12xI12xII")  # µs a frame, frames of the first RIFF, width, height
_STRH: Final = struct.Struct("<4s4s12xII4xI")  # type, handler, scale, rate, length
_STRF_VIDEO: Final = struct.Struct("<4xii4x4s")  # width, height, compression
_VPRP: Final = struct.Struct("<20xHH")  # aspect ratio of the picture: height, width


@dataclass(slots=True)
class _Stream:
    """One stream, which lasts `length` units of scale / rate s."""

    type: bytes = b""
    handler: bytes = b""
    scale: int = 0
    rate: int = 0
    length: int = 0
    format: bytes = b""
    aspect: tuple[int, int] | None = None

    @property
    def seconds(self) -> float | None:
        """Return the duration in s; None if it is not stated."""
        return self.length * self.scale / self.rate if self.length and self.scale and self.rate else None


class _Header:
    """The header list. main: the fields of `avih`; frames: of all RIFFs, if OpenDML states their number."""

    def __init__(self) -> None:
        self.main = (0, 0, 0, 0)
        self.frames = 0
        self.streams: list[_Stream] = []

    def add(self, name: bytes, data: bytes) -> None:
        """Add one chunk; ignore one that is too short for its fields."""
        stream = self.streams[-1] if self.streams else None
        if name == b"avih" and len(data) >= _AVIH.size:
            self.main = _AVIH.unpack_from(data)
        elif name == b"dmlh" and len(data) >= 4:
            self.frames = int.from_bytes(data[:4], "little")
        elif stream is None:
            return
        elif name == b"strh" and len(data) >= _STRH.size:
            stream.type, stream.handler, stream.scale, stream.rate, stream.length = _STRH.unpack_from(data)
        elif name == b"strf":
            stream.format = data
        elif name == b"vprp" and len(data) >= _VPRP.size:
            stream.aspect = _VPRP.unpack_from(data)

    @property
    def videos(self) -> list[_Stream]:
        """Return the streams of video, and of DV with its audio."""
        return [stream for stream in self.streams if stream.type in _VIDEO_STREAMS]

    def frame_counts(self) -> list[int]:
        """Return the frame counts stated for the video; in OpenDML, `avih` counts only the first RIFF."""
        length = next((video.length for video in self.videos), 0)
        counts = (max(length, self.frames),) if self.frames else (length, self.main[1])
        return [count for count in counts if count]

    def drop_counts_above(self, limit: int) -> None:
        """Drop frame counts above `limit`: a writer that could not seek back to the start guessed them."""
        for video in self.videos:
            if video.length > limit:
                video.length = 0
        self.frames = self.frames if self.frames <= limit else 0


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of an AVI. Read its header list, without the indexes that OpenDML keeps in it."""
    window = Window(source, _CHUNK_SIZE)
    size = source.size
    header = _Header()
    complete = False
    found, limited = None, False
    try:
        found = _find_header_list(window)
        if found is not None:
            complete = _read_header(window, *found, header)
    except BoundReached:
        limited = True
    riff = int.from_bytes(window.read_at(4, 4), "little")
    truncated = size is not None and ((found is None and not limited) or size < riff + 8 < _MIN_UNKNOWN_SIZE)
    if size is not None and riff + 8 >= _MIN_UNKNOWN_SIZE:
        header.drop_counts_above(size // _HEADER.size)
    frames = max(header.frame_counts(), default=None)
    notes: tuple[str, ...] = ()
    if truncated:
        notes = ("truncated",)
    elif found is not None and complete and size is not None:
        frames, contradicted = _check_frames(source, header, found[1], size)
        notes = ("bad_header",) if contradicted else ()
    notes += ("read_limit",) if limited else ()
    media = _media(Media(format="avi", size=size, notes=notes), header, frames, complete=complete)
    return _add_coding(source, need, media, header, found[1]) if found and complete else media


def _find_header_list(window: Window) -> tuple[int, int] | None:
    """Return start and end of the chunks of the header list; None if the file ends first. Raise `BoundReached`."""
    at = 12
    for _ in range(_MAX_TOP_CHUNKS):
        head = window.read_at(at, 12)
        if len(head) < 12:
            return None
        chunk, size = _HEADER.unpack_from(head)
        if chunk == b"LIST" and head[8:] == b"hdrl":
            return at + 12, at + 8 + size
        at += 8 + size + (size & 1)
    raise BoundReached(f"no header list in the AVI within {_MAX_TOP_CHUNKS} chunks")


def _read_header(window: Window, at: int, end: int, header: _Header) -> bool:
    """Read the header list and return whether it is complete. Raise `BoundReached`."""
    for _ in range(_MAX_HEADER_CHUNKS):
        if at + 8 > end:
            return True
        head = window.read_at(at, 12)
        if len(head) < 8:
            return False
        chunk, size = _HEADER.unpack_from(head)
        if chunk == b"LIST" and head[8:] in (b"strl", b"odml"):
            if head[8:] == b"strl":
                header.streams.append(_Stream())
            at += 12  # its chunks are read in the same loop: no two of them have the same name
            continue
        if chunk in _HEADER_CHUNKS:
            header.add(chunk, window.read_at(at + 8, min(size, _CHUNK_SIZE)))
        at += 8 + size + (size & 1)
    raise BoundReached(f"no end of the AVI's header list within {_MAX_HEADER_CHUNKS} chunks")


def _check_frames(source: Source, header: _Header, end: int, size: int) -> tuple[int | None, bool]:
    """Return the video frames, and whether the headers contradict each other, the index or the file size.

    Headers that agree are compared with the index only where that costs no request.
    """
    stated = header.frame_counts()
    if not header.videos or not stated:
        return None, False
    possible = [count for count in stated if count <= size // _HEADER.size]
    agreeing = len(possible) == len(stated) and max(stated) - min(stated) <= _MAX_DIFFERENCE
    if agreeing and source.remote:
        return max(stated), False
    index = find_chunks(source, end, anywhere=True).entries
    if agreeing and (index is None or max(stated) <= index[1] + _MAX_DIFFERENCE):
        return max(stated), False
    entries = read_index(source, index) if index else None
    frames = entries.video(header.streams.index(header.videos[0])).chunks if entries else None
    if frames:
        nearest = min(stated, key=lambda count: abs(count - frames))
        return nearest if abs(nearest - frames) <= _MAX_DIFFERENCE else frames, True
    if agreeing:
        return max(stated), False
    return possible[0] if len(set(possible)) == 1 else None, True


def _media(media: Media, header: _Header, frames: int | None, *, complete: bool) -> Media:
    videos = header.videos
    video = next(iter(videos), None)
    audio = next((stream for stream in header.streams if stream.type == _AUDIO_STREAM), None)
    absent = NONE if complete and header.streams else None
    if video is not None:
        media = _add_video(media, video, header, frames)
    duration = media.duration or (audio.seconds if audio and not video else None)
    media = media._replace(
        kind=VIDEO if video else AUDIO if audio else None,
        duration=duration,
        bit_rate=round(media.size * 8 / duration) if duration and media.size and not media.notes else None,
        video_codec=media.video_codec if video else absent,
        location=False,
        notes=(*media.notes, "multiple_video_tracks") if len(videos) > 1 else media.notes,
    )
    if absent:
        audios = sum(stream.type == _AUDIO_STREAM for stream in header.streams)
        is_mixed = any(stream.type == _DV_STREAM for stream in videos)
        media = media._replace(video_tracks=len(videos), audio_tracks=None if is_mixed else audios)
    if audio is not None and len(audio.format) >= 14:
        return media._replace(**_audio_facts(audio.format))
    has_audio = audio is not None or (video is not None and video.type == _DV_STREAM)
    return media if has_audio else media._replace(audio_codec=absent)


def _audio_facts(audio_format: bytes) -> dict[str, Any]:
    coding = coding_of(audio_format, "little")
    config = audio_config(audio_format[_WAVE_HEADER_BYTES:]) if coding.codec == "aac" else None
    return {
        "audio_codec": coding.codec,
        "audio_profile": config.profile if config else None,
        "audio_bit_rate": coding.bit_rate or None,
        "sample_rate": coding.rate or None,
        "channels": coding.channels or None,
        "sample_bits": coding.bits or None,
    }


def _add_video(media: Media, video: _Stream, header: _Header, frames: int | None) -> Media:
    microseconds, _, width, height = header.main
    codec = "dvvideo" if video.type == _DV_STREAM else None
    if video.type != _DV_STREAM and len(video.format) >= _STRF_VIDEO.size:
        width, height, code = _STRF_VIDEO.unpack_from(video.format)
        codec = fourcc_codec(code) or fourcc_codec(video.handler)
    width, height = abs(width), abs(height)  # a negative height: the rows begin at the top
    fps = video.rate / video.scale if video.rate and video.scale else 1e6 / microseconds if microseconds else None
    duration = frames / fps if frames and fps else None
    media = media._replace(fps=fps, frames=frames or None, duration=duration, video_codec=codec)
    if not width or not height:
        return media
    down, across = video.aspect or (0, 0)
    ratio = across * height / (down * width) if across and down else None
    return media._replace(**size_facts(width, height), rotation=0, pixel_aspect_ratio=ratio)


# --- the coding of the streams

_FRAME_FACTS: Final = frozenset(
    ("bit_depth", "chroma", "color_model", "hdr", "primaries", "scan", "transfer", "video_level", "video_profile")
)
_RATE_FACTS: Final = frozenset(("audio_bit_rate", "keyframe_interval", "video_bit_rate"))
_BITMAP_HEADER_BYTES: Final = 40
_WAVE_HEADER_BYTES: Final = 18


def _add_coding(source: Source, need: Need, media: Media, header: _Header, end: int) -> Media:
    """Add what first frame and index tell; `end`: that of the header list. Only the index of a local file is read."""
    if need.facts.isdisjoint(_FRAME_FACTS | _RATE_FACTS):
        return media
    chunks = find_chunks(source, end, anywhere=not source.remote)
    wants_index = not source.remote and not need.facts.isdisjoint(_RATE_FACTS)
    index = read_index(source, chunks.entries) if chunks.entries and wants_index else None
    video = next(iter(header.videos), None)
    if video is not None:
        number = header.streams.index(video)
        parameters = _parameters(media, video, lambda: first_frame(source, chunks.movi or end, number))
        shown = index.video(number) if index else None
        distance = shown.keyframe_distance if shown else None
        media = media._replace(
            **picture_facts(parameters),
            scan=parameters.scan,
            video_profile=parameters.profile,
            video_level=parameters.level,
            video_bit_rate=round(shown.bytes * 8 / media.duration) if shown and media.duration else None,
            keyframe_interval=distance / media.fps if distance and media.fps else None,
        )
    audio = next((stream for stream in header.streams if stream.type == _AUDIO_STREAM), None)
    if audio is not None and media.audio_bit_rate is None and index and audio.seconds:
        heard = index.audio(header.streams.index(audio))
        media = media._replace(audio_bit_rate=round(heard.bytes * 8 / audio.seconds) or None)
    return media


def _parameters(media: Media, video: _Stream, frame: Callable[[], bytes]) -> VideoParameters:
    """Return what the format of the video states, or else the start of its first frame."""
    code, bits, private = b"", 0, b""
    if video.type != _DV_STREAM and len(video.format) >= _STRF_VIDEO.size:
        code, bits = video.format[16:20], int.from_bytes(video.format[14:16], "little")
        private = video.format[_BITMAP_HEADER_BYTES:]
    stated = sample_format(media.video_codec, code, bits, media.stored_height or 0)
    if private:
        stated = frame_parameters(media.video_codec, stated, lambda: private)
    return frame_parameters(media.video_codec, stated, frame)


# --- the frame count of a file whose header states 0, as recorders that cannot seek back write it

_FRAME_CHUNK_SIZE: Final = 4096
_MAX_READS: Final = 1 << 20
_MAX_FRAME_CHUNKS: Final = 2_000_000
_CONTAINER_CHUNKS: Final = frozenset((b"RIFF", b"LIST"))
_SKIPPED_LISTS: Final = frozenset((b"hdrl", b"INFO", b"odml"))
_FRAME_SUFFIXES: Final = frozenset((b"db", b"dc"))
"""Ends of chunk names: an uncompressed frame, a compressed one. The number of the stream precedes them."""


def count_frame_chunks(source: Source) -> int | None:
    """Count the chunks of the first video stream; None if there is none, or too many. Raise `SourceError`."""
    counts: Counter[bytes] = Counter()
    window = Window(source, _FRAME_CHUNK_SIZE, max_reads=_MAX_READS)
    at = 0
    for _ in range(_MAX_FRAME_CHUNKS):
        header = window.read_at(at, 12)
        if len(header) < 8:
            return counts[min(counts)] if counts else None
        name, size = header[:4], int.from_bytes(header[4:8], "little")
        if name in _CONTAINER_CHUNKS and header[8:12] not in _SKIPPED_LISTS:
            at += 12  # its content follows directly, regardless of its stated size
            continue
        if name[2:] in _FRAME_SUFFIXES and name[:2].isdigit():
            counts[name[:2]] += 1
        at += 8 + size + (size & 1)
    return None
