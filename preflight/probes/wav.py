"""Read WAV: RIFF, RIFX, RF64 and BW64 with the form type WAVE.

"Multimedia Programming Interface and Data Specifications 1.0" (RIFF, WAVE); RFC 2361 (format tags); Microsoft's
WAVEFORMATEX, WAVEFORMATEXTENSIBLE; EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64).
"""

from __future__ import annotations

from typing import Final, Literal

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import leading_tags
from preflight.probes.mpeg_audio import count_frames
from preflight.probes.mpeg_audio.mp3 import first_frame_at
from preflight.probes.wave_format import Coding, coding_of, mislabelled_codec
from preflight.sources import Source

_MAX_CHUNKS: Final = 128
_MAX_LOCAL_CHUNKS: Final = 4096
"""Chunks before the audio where each may be a request, and on a disk. The first also bounds empty ones anywhere."""
_BODY_BYTES: Final = 48
"""Bytes of a chunk that are read with its header: the needed fields of fmt, fact and ds64 are not longer."""
_MIN_UNKNOWN_SIZE: Final = 0x7FFFF000
"""Data sizes from this value on that exceed the file were written before its end was known."""
_WIDE_SIZE: Final = 0xFFFFFFFF
"""The data size that refers to ds64 for the actual one."""
_CHUNK_IDS: Final = frozenset(
    (b"data", b"fmt ", b"fact", b"LIST", b"JUNK", b"bext", b"cue ", b"PEAK", b"smpl", b"inst")
)
"""Chunks that some writers put after a chunk of odd length without its pad byte."""
_MPEG: Final = ("mp2", "mp3")

_Order = Literal["big", "little"]


class _Chunks:
    """The facts in the chunks.

    fmt      body of the format chunk
    fact     samples
    data     offset of the audio
    stated   its size
    begin    its first bytes
    wide     its size as ds64 states it
    limited  there are more chunks than are read
    """

    __slots__ = ("begin", "data", "fact", "fmt", "limited", "stated", "wide")

    def __init__(self) -> None:
        self.fmt = b""
        self.fact: int | None = None
        self.data: int | None = None
        self.stated = 0
        self.begin = b""
        self.wide = 0
        self.limited = False

    def add(self, name: bytes, body: bytes, size: int, at: int, order: _Order) -> int:
        """Add the chunk at `at`, whose body begins with `body`; return its size."""
        if name == b"fmt " and not self.fmt:
            self.fmt = body[:size]
        elif name == b"fact" and len(body) >= 4:
            self.fact = int.from_bytes(body[:4], order)
        elif name == b"ds64" and len(body) >= 16:
            self.wide = int.from_bytes(body[8:16], order)
        elif name == b"data" and self.data is None:
            size = self.wide if size == _WIDE_SIZE and self.wide else size
            self.data, self.stated, self.begin = at + 8, size, body
        return size


def read(source: Source, need: Need, _name: str) -> Media:
    """Return the facts of a WAV file from its chunk headers; audio that is stated but missing does not count."""
    start = leading_tags(source).end
    form = source.read_at(start, 4)
    order: _Order = "big" if form == b"RIFX" else "little"
    chunks = _read_chunks(source, start + 12, order)
    if len(chunks.fmt) < 14:
        note = "read_limit" if chunks.limited else "truncated" if chunks.data is None else "bad_header"
        return Media(kind="audio", format="wav", size=source.size, video_codec=NONE, notes=(note,))
    coding = coding_of(chunks.fmt, order)
    hidden = mislabelled_codec(chunks.begin) if coding.codec == "pcm" else None
    if hidden:
        coding = coding._replace(codec=hidden[0])
    length, notes = _audio_bytes(source, chunks)
    seconds = None
    if chunks.data is not None and length is not None:
        # A truncated file keeps the fact chunk of the complete one.
        seconds = coding.seconds(length, None if notes else chunks.fact)
        doubtful = seconds is None or coding.contradicts(length, chunks.fact)
        if doubtful and coding.codec in _MPEG and length <= need.max_bytes:
            seconds = _count_seconds(source, chunks.data, length) or seconds
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


def _read_chunks(source: Source, at: int, order: _Order) -> _Chunks:
    """Read chunk headers, skipping bodies, until fmt and data are known."""
    chunks = _Chunks()
    empty = 0
    for _ in range(_MAX_CHUNKS if source.remote else _MAX_LOCAL_CHUNKS):
        head = source.read_at(at, 8 + _BODY_BYTES)
        if len(head) < 8:
            return chunks
        size = chunks.add(head[:4], head[8:], int.from_bytes(head[4:8], order), at, order)
        if chunks.fmt and chunks.data is not None:
            return chunks
        empty += not size
        if empty > _MAX_CHUNKS:
            break
        at += 8 + size
        if size & 1 and source.read_at(at, 4) not in _CHUNK_IDS:
            at += 1
    chunks.limited = True
    return chunks


def _audio_bytes(source: Source, chunks: _Chunks) -> tuple[int | None, tuple[str, ...]]:
    """Return the bytes of audio that are present, and notes.

    A size of 0, or a very large one, is that of a writer that could not seek back to fill it in.
    """
    if chunks.data is None:
        return None, ("read_limit",) if chunks.limited else ("truncated",)
    if source.size is None:
        return (chunks.stated, ()) if 0 < chunks.stated < _MIN_UNKNOWN_SIZE else (None, ())
    present = max(source.size - chunks.data, 0)
    if chunks.stated == 0:
        return present, ()
    if chunks.stated <= present:
        return chunks.stated, ()
    return present, () if _MIN_UNKNOWN_SIZE <= chunks.stated <= _WIDE_SIZE else ("truncated",)


def _count_seconds(source: Source, at: int, length: int) -> float | None:
    """Return the s of MPEG audio whose fmt states no bytes per second."""
    first = first_frame_at(source, at)
    totals = count_frames(source, at, at + length, first.format) if first else None
    return totals.seconds if totals else None


def _bit_rate(coding: Coding, length: int | None, seconds: float | None) -> int | None:
    if coding.frame and coding.rate:
        return coding.frame * 8 * coding.rate
    return round(length * 8 / seconds) if length and seconds else None
