"""WAV: RIFF, RIFX, RF64 and BW64 with the form type WAVE.

"Multimedia Programming Interface and Data Specifications 1.0" (RIFF, WAVE); RFC 2361 (format tags); Microsoft's
WAVEFORMATEX, WAVEFORMATEXTENSIBLE; EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import tags_before
from preflight.probes.mpeg_audio.frames import walk
from preflight.probes.mpeg_audio.layers import begins
from preflight.probes.wave_format import Coding, coding_of, mislabelled_codec
from preflight.sources import Source

_MOST_CHUNKS: Final = 128
_MOST_LOCAL: Final = 4096
"""Chunks in front of the sound where each may be a request, and on a disk. Of empty ones the first holds anywhere."""
_BODY: Final = 48
"""Bytes of a chunk that are read with its header: fmt, fact and ds64 are not longer where it matters."""
_STREAMED: Final = 0x7FFFF000
"""A data size from here on that the file does not have was written before the end was known."""
_UNKNOWN: Final = 0xFFFFFFFF
_IDS: Final = frozenset((b"data", b"fmt ", b"fact", b"LIST", b"JUNK", b"bext", b"cue ", b"PEAK", b"smpl", b"inst"))
"""Chunks that writers put down without the pad byte of the odd one before."""
_MPEG: Final = ("mp2", "mp3")

_Order = Literal["big", "little"]


class _Chunks(NamedTuple):
    """What the chunks say: the body of fmt, fact's samples, where the sound is, its stated size, its first bytes.

    limited  the chunks were too many to find them all
    """

    fmt: bytes
    fact: int | None
    data: int | None
    stated: int
    begin: bytes
    limited: bool


def read(source: Source, need: Need, name: str) -> Media:
    """Facts of a WAV file from its chunk headers; sound that the file states but does not have is not counted."""
    start = tags_before(source).end
    form = source.read_at(start, 4)
    order: _Order = "big" if form == b"RIFX" else "little"
    chunks = _walk(source, start + 12, order)
    if len(chunks.fmt) < 14:
        note = "read_limit" if chunks.limited else "truncated" if chunks.data is None else "bad_header"
        return Media(kind="audio", format="wav", size=source.size, video_codec=NONE, notes=(note,))
    coding = coding_of(chunks.fmt, order)
    hidden = mislabelled_codec(chunks.begin) if coding.codec == "pcm" else None
    if hidden:
        coding = coding._replace(codec=hidden[0])
    length, notes = _length(source, chunks)
    seconds = None
    if chunks.data is not None and length is not None:
        # A file that was cut keeps the fact chunk of the whole one.
        seconds = coding.seconds(length, None if notes else chunks.fact)
        doubtful = seconds is None or coding.contradicts(length, chunks.fact)
        if doubtful and coding.codec in _MPEG and length <= need.max_bytes:
            seconds = _counted(source, chunks.data, length) or seconds
    return Media(
        kind="audio",
        format="wav",
        size=source.size,
        duration=seconds,
        video_codec=NONE,
        audio_codec=coding.codec,
        sample_rate=coding.rate or None,
        channels=coding.channels or None,
        bit_rate=_bit_rate(coding, length, seconds),
        notes=notes,
    )


def _walk(source: Source, at: int, order: _Order) -> _Chunks:
    """Read chunk headers, jumping over bodies, until fmt and data are known."""
    fmt, fact, data, stated, wide, begin = b"", None, None, 0, 0, b""
    limited = False
    empty = 0
    for _ in range(_MOST_CHUNKS if source.requests else _MOST_LOCAL):
        head = source.read_at(at, 8 + _BODY)
        if len(head) < 8:
            break
        chunk, size, body = head[:4], int.from_bytes(head[4:8], order), head[8:]
        if chunk == b"fmt " and not fmt:
            fmt = body[:size]
        elif chunk == b"fact" and len(body) >= 4:
            fact = int.from_bytes(body[:4], order)
        elif chunk == b"ds64" and len(body) >= 16:
            wide = int.from_bytes(body[8:16], order)
        elif chunk == b"data" and data is None:
            data, stated, begin = at + 8, size, body
            if size == _UNKNOWN and wide:
                stated = size = wide
        if fmt and data is not None:
            break
        empty += not size
        if empty > _MOST_CHUNKS:
            limited = True
            break
        at += 8 + size
        if size & 1 and source.read_at(at, 4) not in _IDS:
            at += 1
    else:
        limited = True
    return _Chunks(fmt, fact, data, stated, begin, limited)


def _length(source: Source, chunks: _Chunks) -> tuple[int | None, tuple[str, ...]]:
    """Bytes of sound that are there. A size of 0 or without end is a writer's that could not go back to fill it in."""
    if chunks.data is None:
        return None, ("read_limit",) if chunks.limited else ("truncated",)
    if source.size is None:
        return (chunks.stated, ()) if 0 < chunks.stated < _STREAMED else (None, ())
    there = max(source.size - chunks.data, 0)
    if chunks.stated == 0:
        return there, ()
    if chunks.stated <= there:
        return chunks.stated, ()
    return there, () if _STREAMED <= chunks.stated <= _UNKNOWN else ("truncated",)


def _counted(source: Source, at: int, length: int) -> float | None:
    """s of MPEG audio whose fmt states no bytes a second."""
    place = begins(source, at)
    counted = walk(source, at, at + length, place.kind) if place else None
    return counted.seconds if counted else None


def _bit_rate(coding: Coding, length: int | None, seconds: float | None) -> int | None:
    if coding.frame and coding.rate:
        return coding.frame * 8 * coding.rate
    return round(length * 8 / seconds) if length and seconds else None
