"""AVI (Microsoft AVI RIFF file reference) and its OpenDML extension: the header list says it all."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE, Media, Need
from preflight.probes.codec_names import fourcc_codec
from preflight.probes.wave_format import coding_of
from preflight.probes.window import Window
from preflight.sources import BoundReached, Source

_PIECE: Final = 1024
_UNSIZED: Final = 0x7FFFFFF0
"""RIFF sizes from here on stand for "not known", as a recorder that cannot seek back writes them."""
_TOP: Final = 64
"""Chunks before the header list: it is the first one, but for padding."""
_CHUNKS: Final = 2048
"""Chunks of the header list."""
_SLACK: Final = 2
"""Frames by which headers and index may differ: some writers count one that they did not write."""

_WANTED: Final = frozenset((b"avih", b"dmlh", b"strf", b"strh", b"vprp"))
_SOUND, _DV = b"auds", b"iavs"
_FILMS: Final = (b"vids", _DV)

_HEADER: Final = struct.Struct("<4sI")
_AVIH: Final = struct.Struct("<I12xI12xII")  # µs a frame, frames of the first RIFF, width, height
_STRH: Final = struct.Struct("<4s4s12xII4xI")  # type, handler, scale, rate, length
_STRF_VIDEO: Final = struct.Struct("<4xii4x4s")  # width, height, compression
_VPRP: Final = struct.Struct("<20xHH")  # shape of the picture: height, width


@dataclass(slots=True)
class _Stream:
    """One stream. The time unit is scale / rate s, of which it has `length`."""

    type: bytes = b""
    handler: bytes = b""
    scale: int = 0
    rate: int = 0
    length: int = 0
    format: bytes = b""
    shape: tuple[int, int] | None = None

    @property
    def seconds(self) -> float | None:
        return self.length * self.scale / self.rate if self.length and self.scale and self.rate else None


class _Header:
    """What the header list holds. main: the fields of `avih`; frames: of all RIFFs, where OpenDML says so."""

    def __init__(self) -> None:
        self.main = (0, 0, 0, 0)
        self.frames = 0
        self.streams: list[_Stream] = []

    def take(self, name: bytes, data: bytes) -> None:
        """One chunk; what is too short for its fields says nothing."""
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
            stream.shape = _VPRP.unpack_from(data)

    def film(self) -> _Stream | None:
        """Return the first video stream."""
        return next((stream for stream in self.streams if stream.type in _FILMS), None)

    def counts(self) -> list[int]:
        """Return the frame counts stated for the video; in OpenDML, `avih` counts only the first part."""
        film = self.film()
        length = film.length if film else 0
        return [count for count in ((max(length, self.frames),) if self.frames else (length, self.main[1])) if count]

    def forget_more_than(self, most: int) -> None:
        """Lengths that no more than `most` chunks cannot have: who could not seek back to the start made them up."""
        for stream in self.streams:
            if stream.type in _FILMS and stream.length > most:
                stream.length = 0
        self.frames = self.frames if self.frames <= most else 0


def read(source: Source, need: Need, name: str) -> Media:
    """The facts of an AVI. Reads its header list, without the indexes that OpenDML keeps in it."""
    window = Window(source, _PIECE)
    size = source.size
    header = _Header()
    complete = False
    found, limited = None, False
    try:
        found = _header_list(window)
        if found is not None:
            complete = _read_header(window, *found, header)
    except BoundReached:
        limited = True
    riff = int.from_bytes(window.read_at(4, 4), "little")
    cut = size is not None and ((found is None and not limited) or size < riff + 8 < _UNSIZED)
    if size is not None and riff + 8 >= _UNSIZED:
        header.forget_more_than(size // _HEADER.size)
    frames = max(header.counts(), default=None)
    notes: tuple[str, ...] = ()
    if cut:
        notes = ("truncated",)
    elif found is not None and complete and size is not None:
        frames, contradicted = _checked_frames(source, header, found[1], size)
        notes = ("bad_header",) if contradicted else ()
    notes += ("read_limit",) if limited else ()
    return _media(header, size, complete, frames, notes)


def _checked_frames(source: Source, header: _Header, end: int, size: int) -> tuple[int | None, bool]:
    """Return the video frames, and whether the headers contradict each other, the index or the file size.

    Headers that agree are held against the index only where that costs no request.
    """
    stated = header.counts()
    film = header.film()
    if film is None or not stated:
        return None, False
    possible = [count for count in stated if count <= size // _HEADER.size]
    agreeing = len(possible) == len(stated) and max(stated) - min(stated) <= _SLACK
    if agreeing and source.requests:
        return max(stated), False
    index = index_of(source, end)
    if agreeing and (index is None or max(stated) <= index[1] + _SLACK):
        return max(stated), False
    frames = frames_of(source, index, header.streams.index(film)) if index else None
    if frames:
        near = min(stated, key=lambda count: abs(count - frames))
        return near if abs(near - frames) <= _SLACK else frames, True
    if agreeing:
        return max(stated), False
    return possible[0] if len(set(possible)) == 1 else None, True


def _header_list(window: Window) -> tuple[int, int] | None:
    """Return start and end of the chunks of the header list; None if the file ends first. Raises `BoundReached`."""
    at = 12
    for _ in range(_TOP):
        head = window.read_at(at, 12)
        if len(head) < 12:
            return None
        chunk, size = _HEADER.unpack_from(head)
        if chunk == b"LIST" and head[8:] == b"hdrl":
            return at + 12, at + 8 + size
        at += 8 + size + (size & 1)
    raise BoundReached(f"no header list in the AVI within {_TOP} chunks")


def _read_header(window: Window, at: int, end: int, header: _Header) -> bool:
    """Read the header list and return whether it is complete. Raises `BoundReached`."""
    for _ in range(_CHUNKS):
        if at + 8 > end:
            return True
        head = window.read_at(at, 12)
        if len(head) < 8:
            return False
        chunk, size = _HEADER.unpack_from(head)
        if chunk == b"LIST" and head[8:] in (b"strl", b"odml"):
            if head[8:] == b"strl":
                header.streams.append(_Stream())
            at += 12  # its chunks are walked in the same row: none of their names means two things
            continue
        if chunk in _WANTED:
            header.take(chunk, window.read_at(at + 8, min(size, _PIECE)))
        at += 8 + size + (size & 1)
    raise BoundReached(f"no end of the AVI's header list within {_CHUNKS} chunks")


def _media(header: _Header, size: int | None, complete: bool, frames: int | None, notes: tuple[str, ...]) -> Media:
    films = [stream for stream in header.streams if stream.type in _FILMS]
    film = films[0] if films else None
    sound = next((stream for stream in header.streams if stream.type == _SOUND), None)
    facts = _film_facts(film, header, frames) if film else {}
    duration = facts.get("duration") or (sound.seconds if sound and not film else None)
    absent = NONE if complete and header.streams else None
    facts.update(
        kind=VIDEO if film else AUDIO if sound else None,
        duration=duration,
        bit_rate=round(size * 8 / duration) if duration and size and not notes else None,
    )
    if film is None:
        facts["video_codec"] = absent
    if sound is not None:
        coding = coding_of(sound.format, "little") if len(sound.format) >= 14 else None
        if coding is not None:
            facts.update(audio_codec=coding.codec, sample_rate=coding.rate or None, channels=coding.channels or None)
    elif film is None or film.type != _DV:  # such a stream has its sound inside
        facts["audio_codec"] = absent
    if len(films) > 1:
        notes += ("multiple_video_tracks",)
    return Media(format="avi", size=size, notes=notes, **facts)


def _film_facts(film: _Stream, header: _Header, frames: int | None) -> dict[str, Any]:
    microseconds, _, width, height = header.main
    codec = "dvvideo" if film.type == _DV else None
    if film.type != _DV and len(film.format) >= _STRF_VIDEO.size:
        width, height, code = _STRF_VIDEO.unpack_from(film.format)
        codec = fourcc_codec(code) or fourcc_codec(film.handler)
    width, height = abs(width), abs(height)  # a negative height: the rows begin at the top
    fps = film.rate / film.scale if film.rate and film.scale else 1e6 / microseconds if microseconds else None
    facts: dict[str, Any] = {
        "fps": fps,
        "frames": frames or None,
        "duration": frames / fps if frames and fps else None,
        "video_codec": codec,
    }
    if width and height:
        facts.update(width=width, height=height, stored_width=width, stored_height=height, rotation=0)
        if film.shape and all(film.shape):
            facts["pixel_aspect_ratio"] = film.shape[1] * height / (film.shape[0] * width)
    return facts


_MAX_CHUNKS: Final = 16
"""Chunks between header list and index: the list `movi`, and padding."""
_ENTRY: Final = 16
_MAX_INDEX_BYTES: Final = 4 << 20
"""Bytes of an index: an hour of 25 frames/s with its sound has a third."""
_NO_FRAMES: Final = (b"ix", b"pc", b"tx", b"wb")
"""Ends of the names of chunks that are not pictures: indexes, palette changes, text, audio."""


def index_of(source: Source, at: int) -> tuple[int, int] | None:
    """Return where the entries of `idx1` begin, and how many there are; `at` is the end of the header list.

    None where there is none, or where it speaks of a part only, as in a file of several RIFFs.
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
            found = at + 8, size // _ENTRY
        at += 8 + size + (size & 1)
    return None if several else found


def frames_of(source: Source, index: tuple[int, int], stream: int) -> int | None:
    """Return how many video chunks the stream of that number has; None if the index is too large or truncated."""
    at, count = index
    if count * _ENTRY > _MAX_INDEX_BYTES:
        return None
    data = source.read_at(at, count * _ENTRY)
    if len(data) < count * _ENTRY:
        return None
    names = (data[entry : entry + 4] for entry in range(0, len(data), _ENTRY))
    number = b"%02d" % stream
    return sum(name[:2] == number and name[2:] not in _NO_FRAMES for name in names)


_CHUNK_SIZE: Final = 4096
_MAX_READS: Final = 1 << 20
_MAX_MOVI_CHUNKS: Final = 2_000_000
_CONTAINER_CHUNKS: Final = frozenset((b"RIFF", b"LIST"))
_SKIPPED_LISTS: Final = frozenset((b"hdrl", b"INFO", b"odml"))
_PICTURES: Final = frozenset((b"db", b"dc"))
"""The end of a chunk's name: an uncompressed picture, a compressed one. Before it is the number of the stream."""


def count_pictures(source: Source) -> int | None:
    """Count the chunks of the first stream of pictures; None where there is none, or too many. Raises `SourceError`."""
    counts: Counter[bytes] = Counter()
    window = Window(source, _CHUNK_SIZE, pieces=_MAX_READS)
    at = 0
    for _ in range(_MAX_MOVI_CHUNKS):
        header = window.read_at(at, 12)
        if len(header) < 8:
            return counts[min(counts)] if counts else None
        name, size = header[:4], int.from_bytes(header[4:8], "little")
        if name in _CONTAINER_CHUNKS and header[8:12] not in _SKIPPED_LISTS:
            at += 12  # its content follows directly, regardless of its stated size
            continue
        if name[2:] in _PICTURES and name[:2].isdigit():
            counts[name[:2]] += 1
        at += 8 + size + (size & 1)
    return None
