"""Read facts that need the complete file, such as the duration of a stream whose header states none.

Readers stop where reading a URL gets expensive, and never read a complete streamed recording; a deep check does.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

from preflight.errors import SourceError
from preflight.formats import VIDEO
from preflight.media import EVERYTHING, Media, Need
from preflight.probes import flac, matroska, probe
from preflight.probes.audio_tags import audio_end, leading_tags
from preflight.probes.avi import count_frame_chunks
from preflight.probes.mpeg_audio import count_frames
from preflight.probes.mpeg_audio.mp3 import find_first_frame, read_stream_header
from preflight.sources import EndOfFile, Source

_TOO_MUCH_TO_READ: Final = "too_much_to_read"
_ESTIMATED: Final = "estimated_duration"
_CHUNK_SIZE: Final = 1 << 20
_MAX_CHUNKS: Final = 8
_MPEG_AUDIO: Final = frozenset(("mp1", "mp2", "mp3"))
_MATROSKA: Final = frozenset(("mkv", "webm"))


class _Totals(NamedTuple):
    """The facts from reading a complete stream; None = not found, or known already."""

    duration: float | None = None
    frames: int | None = None
    fps: float | None = None
    bit_rate: int | None = None


def complete_facts(source: Source, media: Media, max_bytes: int) -> Media:
    """Add the facts that only the complete file gives, reading at most `max_bytes`. Raise `SourceError`."""
    limit = min(max_bytes, EVERYTHING.max_bytes) if source.remote else max_bytes
    if source.size is None or source.size > limit:
        return media
    whole: Source = _BufferedSource(source) if source.remote else source
    found, seconds = media, None
    try:
        if media.duration is None or (source.remote and media.kind == VIDEO and media.fps is None):
            found = _fill_in(media, probe(whole, Need(max_bytes=limit)))
            seconds = found.duration if media.duration is None else None
        if seconds is None and (media.duration is None or _ESTIMATED in media.notes):
            totals = _measure(whole, media)
            known: dict[str, Any] = {name: value for name, value in totals._asdict().items() if value is not None}
            found, seconds = found._replace(**known), totals.duration
    except EndOfFile:
        pass
    except SourceError as error:
        if error.code != _TOO_MUCH_TO_READ:  # the facts known so far remain valid
            raise
    if seconds and _ESTIMATED in media.notes:
        found = found._replace(notes=tuple(note for note in media.notes if note != _ESTIMATED))
    if seconds and found.bit_rate is None:
        found = found._replace(bit_rate=round(source.size * 8 / seconds))
    return found


def _fill_in(media: Media, reread: Media) -> Media:
    """Return `media` with the facts that only a second reading gave."""
    if reread.format != media.format:
        return media
    missing = [name for name, value in zip(Media._fields, media, strict=True) if value is None]
    found: dict[str, Any] = {name: getattr(reread, name) for name in missing}
    return media._replace(**found)


def _measure(source: Source, media: Media) -> _Totals:
    if media.format in _MATROSKA:
        stream = matroska.measure_stream(source)._asdict()
        return _Totals(**{fact: value for fact, value in stream.items() if getattr(media, fact) is None})
    if media.format in _MPEG_AUDIO:
        return _measure_mpeg_audio(source)
    if media.format == "avi" and media.fps:
        frames = count_frame_chunks(source)
        return _Totals(frames / media.fps, frames) if frames else _Totals()
    if media.format == "flac":
        return _Totals(flac.stream_seconds(source) or None)
    return _Totals()


def _measure_mpeg_audio(source: Source) -> _Totals:
    """Return duration and bit rate of MPEG audio, counted frame by frame."""
    first = find_first_frame(source, leading_tags(source).end)
    if first is None or source.size is None:
        return _Totals()
    start = first.at + (first.length if read_stream_header(first) is not None else 0)
    totals = count_frames(source, start, audio_end(source, start, source.size), first.format)
    if totals is None:
        return _Totals()
    return _Totals(totals.seconds, bit_rate=round(totals.frame_bytes * 8 / totals.seconds))


class _BufferedSource:
    """A remote source that is read in large chunks and caches a few: seeks are as cheap as in a local file.

    Exceptions of the source are passed on.
    """

    remote = False
    requests = 0

    def __init__(self, source: Source) -> None:
        self._source = source
        self._chunks: deque[tuple[int, bytes]] = deque(maxlen=_MAX_CHUNKS)
        self.name = source.name
        self.size = source.size
        self.delivery = source.delivery
        self.bytes_read = 0

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
        """Raise `SourceChanged` if the source has changed."""
        self._source.verify()

    def close(self) -> None:
        """Do nothing: the caller closes the source."""
