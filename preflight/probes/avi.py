"""Read AVI (Microsoft AVI RIFF file reference) and its OpenDML extension, whose facts are in the header list.

Frames are counted by the index `idx1` if the headers are not plausible, and chunk by chunk as a last resort.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from typing import Final

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE, Media, Need, size_facts
from preflight.probes.codec_names import fourcc_codec
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


def read(source: Source, _need: Need, _name: str) -> Media:
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
    return _media(Media(format="avi", size=size, notes=notes), header, frames, complete=complete)


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
    index = _find_index(source, end)
    if agreeing and (index is None or max(stated) <= index[1] + _MAX_DIFFERENCE):
        return max(stated), False
    frames = _frames_in_index(source, index, header.streams.index(header.videos[0])) if index else None
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
        notes=(*media.notes, "multiple_video_tracks") if len(videos) > 1 else media.notes,
    )
    if audio is not None and len(audio.format) >= 14:
        coding = coding_of(audio.format, "little")
        rate, channels = coding.rate or None, coding.channels or None
        return media._replace(audio_codec=coding.codec, sample_rate=rate, channels=channels)
    has_audio = audio is not None or (video is not None and video.type == _DV_STREAM)
    return media if has_audio else media._replace(audio_codec=absent)


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


# --- the index idx1 (AVIOLDINDEX): 16 bytes for each chunk of the list `movi`

_MAX_CHUNKS: Final = 16
"""Chunks between header list and index: the list `movi`, and padding."""
_INDEX_ENTRY_BYTES: Final = 16
_MAX_INDEX_BYTES: Final = 4 << 20
"""An hour of 25 frames/s with its audio has a third of this."""
_NON_FRAME_SUFFIXES: Final = (b"ix", b"pc", b"tx", b"wb")
"""Ends of the names of chunks that are not frames: indexes, palette changes, text, audio."""


def _find_index(source: Source, at: int) -> tuple[int, int] | None:
    """Return where the entries of `idx1` begin, and how many there are; `at` is the end of the header list.

    Return None if there is none, or if it describes only a part, as in a file of several RIFFs.
    """
    several = False
    found = None
    for _ in range(_MAX_CHUNKS):
        head = source.read_at(at, 12)
        if len(head) < 8:
            break
        size = int.from_bytes(head[4:8], "little")
        several |= head[:4] == b"RIFF"
        if head[:4] == b"idx1":
            found = at + 8, size // _INDEX_ENTRY_BYTES
        at += 8 + size + (size & 1)
    return None if several else found


def _frames_in_index(source: Source, index: tuple[int, int], stream: int) -> int | None:
    """Count the video chunks of the stream number `stream`; None if the index is too large or truncated."""
    at, count = index
    if count * _INDEX_ENTRY_BYTES > _MAX_INDEX_BYTES:
        return None
    data = source.read_at(at, count * _INDEX_ENTRY_BYTES)
    if len(data) < count * _INDEX_ENTRY_BYTES:
        return None
    names = (data[entry : entry + 4] for entry in range(0, len(data), _INDEX_ENTRY_BYTES))
    number = b"%02d" % stream
    return sum(name[:2] == number and name[2:] not in _NON_FRAME_SUFFIXES for name in names)


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
