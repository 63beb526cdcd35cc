"""Facts that need the complete file, such as the duration of a stream without one in its header.

Readers stop where reading a URL gets expensive, and never read a complete streamed recording. `--deep` does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import fields
from typing import Any, Final

from preflight.errors import SourceError
from preflight.formats import VIDEO
from preflight.media import EVERYTHING, Media, Need
from preflight.probes import flac, matroska, probe
from preflight.probes.audio_tags import tags_after, tags_before
from preflight.probes.avi import count_pictures
from preflight.probes.mpeg_audio.frames import walk
from preflight.probes.mpeg_audio.layers import locate
from preflight.probes.mpeg_audio.mp3 import stream_header
from preflight.sources import EndOfFile, Source

_TOO_MUCH: Final = "too_much_to_read"
_ESTIMATED: Final = "estimated_duration"
_CHUNK_SIZE: Final = 1 << 20
_MAX_CHUNKS: Final = 8
_MPEG_AUDIO: Final = frozenset(("mp1", "mp2", "mp3"))
_MATROSKA: Final = frozenset(("mkv", "webm"))


def complete_facts(source: Source, media: Media, max_bytes: int) -> dict[str, Any]:
    """Return facts that `media` lacks and the complete file has. Reads at most `max_bytes`. Raises `SourceError`."""
    most = min(max_bytes, EVERYTHING.max_bytes) if source.requests else max_bytes
    if source.size is None or source.size > most:
        return {}
    found: dict[str, Any] = {}
    whole: Source = _BufferedSource(source) if source.requests else source
    try:
        if media.duration is None or (source.requests and media.kind == VIDEO and media.fps is None):
            found = _missing(media, probe(whole, Need(max_bytes=most)))
        if "duration" not in found and (media.duration is None or _ESTIMATED in media.notes):
            found |= _measured(whole, media)
    except EndOfFile:
        pass
    except SourceError as error:
        if error.code != _TOO_MUCH:  # the facts known so far remain valid
            raise
    if found.get("duration") and _ESTIMATED in media.notes:
        found["notes"] = tuple(note for note in media.notes if note != _ESTIMATED)
    if found.get("duration") and media.bit_rate is None:
        found.setdefault("bit_rate", round(source.size * 8 / found["duration"]))
    return found


def _missing(ours: Media, again: Media) -> dict[str, Any]:
    """Return the facts of a second reading that the first one left open."""
    if again.format != ours.format:
        return {}
    names = [field.name for field in fields(Media)]
    pairs = {name: getattr(again, name) for name in names if getattr(ours, name) is None}
    return {name: value for name, value in pairs.items() if value is not None}


def _measured(source: Source, media: Media) -> dict[str, Any]:
    """Return the facts that reading the stream itself gives."""
    if media.format in _MATROSKA:
        facts = matroska.measure_stream(source)
        known = [name for name in facts if getattr(media, name) is not None]
        return {name: value for name, value in facts.items() if value is not None and name not in known}
    if media.format in _MPEG_AUDIO:
        return _counted_frames(source)
    if media.format == "avi" and media.fps:
        frames = count_pictures(source)
        return {"frames": frames, "duration": frames / media.fps} if frames else {}
    if media.format == "flac":
        seconds = flac.stream_seconds(source)
        return {"duration": seconds} if seconds else {}
    return {}


def _counted_frames(source: Source) -> dict[str, Any]:
    """Return duration and bit rate of MPEG audio, counted frame by frame."""
    place = locate(source, tags_before(source).end)
    if place is None or source.size is None:
        return {}
    start = place.at + (place.length if stream_header(place) is not None else 0)
    counted = walk(source, start, tags_after(source, start, source.size), place.kind)
    return {"duration": counted.seconds, "bit_rate": round(counted.coded * 8 / counted.seconds)} if counted else {}


class _BufferedSource:
    """A remote source that is read in large chunks, a few of which are cached: cheap to read anywhere, as a local file.

    Raises what the source raises.
    """

    remote = False
    requests = 0

    def __init__(self, source: Source) -> None:
        self._source = source
        self._chunks: deque[tuple[int, bytes]] = deque(maxlen=_MAX_CHUNKS)
        self.name = source.name
        self.delivery = source.delivery
        self.bytes_read = 0

    @property
    def size(self) -> int | None:
        return self._source.size

    def read_at(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size or 0)
        for start, data in self._chunks:
            if start <= offset and end <= start + len(data):
                return data[offset - start : end - start]
        if offset >= end:
            return b""
        data = self._source.read_at(offset, max(length, _CHUNK_SIZE))
        self.bytes_read += len(data)
        self._chunks.append((offset, data))
        return data[:length]

    def verify(self) -> None:
        self._source.verify()

    def close(self) -> None:
        """Do nothing: the caller owns the source."""
