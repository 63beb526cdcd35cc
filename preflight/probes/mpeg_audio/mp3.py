"""Read MPEG audio: MP3, and MP2 and MP1, which differ only in the layer.

The format states neither length nor duration. The headers that encoders add are used if they fit the file: that of an
excerpt describes the original. Otherwise, and without a header, the frames are measured, as a decoder will find them.
No standard defines these headers: Xing's SDK and LAME's "mp3 info tag rev 1" (gabriel.mp3-tech.org/mp3infotag.html);
VBRI is Fraunhofer's, as K. Windszus describes it ("MPEG Audio Frame Header", codeproject.com, 2.3.2).
"""

from __future__ import annotations

from math import isclose
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import audio_end
from preflight.probes.mpeg_audio import count_frames, find_after_tags
from preflight.probes.mpeg_audio.layers import LayerFormat, LayerFrame, find_first_frame, search
from preflight.sources import Source

_SAMPLE_BYTES: Final = 8 << 10
_SMALL_BYTES: Final = 32 << 10
"""Audio up to this size is read completely: sampling would read most of it too."""
_ID3V1_BYTES: Final = 128


class _Measurement(NamedTuple):
    """Duration in s and bit rate of a stream, each None if unknown, and notes about them."""

    seconds: float | None
    bit_rate: int | None
    notes: tuple[str, ...] = ()


def read(source: Source, need: Need, name: str) -> Media:
    """Return the facts of a file of MPEG audio, whose layer, not the sniffed `name`, gives the format."""
    first, notes = find_after_tags(source, find_first_frame)
    if first is None:
        return Media(kind="audio", format=name, size=source.size, video_codec=NONE, notes=notes)
    measured = _measure(source, need, first)
    layer = f"mp{first.format.layer}"
    return Media(
        kind="audio",
        format=layer,
        size=source.size,
        duration=measured.seconds,
        video_codec=NONE,
        audio_codec=layer,
        sample_rate=first.format.rate,
        channels=first.channels,
        bit_rate=measured.bit_rate,
        notes=notes + measured.notes,
    )


def _measure(source: Source, need: Need, first: LayerFrame) -> _Measurement:
    """Return the duration that the stream header states if it fits the file, else measure the frames."""
    header = read_stream_header(first)
    start, stated, contradiction = first.at, 0.0, None
    if header is not None:
        start += first.length
        if header.frames:
            stated = header.frames * first.format.samples / first.format.rate
            contradiction = _contradiction(source, first, header, header.frames)
            if contradiction is None:
                return _Measurement(stated, _stated_bit_rate(first, header, stated))
    if source.size is None or need.facts.isdisjoint(("duration", "bit_rate")):
        return _Measurement(None, None)
    measured = _measure_frames(source, need, first.format, start, audio_end(source, start, source.size))
    if contradiction and (measured.seconds is None or not isclose(measured.seconds, stated)):
        return measured._replace(notes=(contradiction, *measured.notes))
    return measured


def _contradiction(source: Source, first: LayerFrame, header: StreamHeader, frames: int) -> str | None:
    """Return the note for a header whose numbers do not fit the file; None if they fit."""
    if source.size is None:
        return None
    present = source.size - first.at
    lengths = [length for length in first.format.lengths if length]
    # Most encoders count the header's own frame among the bytes and not among the frames.
    if not min(lengths) * frames <= (header.length or present) <= max(lengths) * (frames + 1):
        return "bad_header"
    if not header.length or header.matches(present) or present - header.length == _ID3V1_BYTES:
        return None
    if present > header.length:
        present = audio_end(source, first.at, source.size) - first.at
        return None if header.matches(present) else "bad_header"
    return "truncated"


def _stated_bit_rate(first: LayerFrame, header: StreamHeader, seconds: float) -> int | None:
    following = first.data[first.length + 2 : first.length + 3]
    if header.constant and following:  # the header's own frame may have another bit rate
        return first.format.bit_rates[following[0] >> 4] or None
    return round(header.length * 8 / seconds) if header.length else None


def _measure_frames(source: Source, need: Need, frame_format: LayerFormat, start: int, end: int) -> _Measurement:
    """Compute the duration from the size if all sampled frames have one bit rate, else count all frames."""
    if end - start > _SMALL_BYTES:
        bit_rate = _constant_bit_rate(source, frame_format, start, end)
        if bit_rate:
            return _Measurement((end - start) * 8 / bit_rate, bit_rate, ("estimated_duration",))
    totals = count_frames(source, start, end, frame_format) if end - start <= need.max_bytes else None
    if totals is None:
        return _Measurement(None, None, ("read_limit",) if end > start else ())
    average = totals.frame_bytes * 8 / totals.seconds
    nominal = min(frame_format.bit_rates, key=lambda rate: abs(rate - average))
    # A few frames of a constant bit rate do not have their exact share of padding.
    bit_rate = nominal if abs(nominal - average) < average / 100 else round(average)
    return _Measurement(totals.seconds, bit_rate, ("trailing_data",) if totals.end + 4 <= end else ())


def _constant_bit_rate(source: Source, frame_format: LayerFormat, start: int, end: int) -> int | None:
    """Return the bit rate of the frames at start, middle and end if all have the same and nothing is between them."""
    indexes: set[int] = set()
    for offset in (start, (start + end) // 2, end - _SAMPLE_BYTES):
        data = source.read_at(offset, min(_SAMPLE_BYTES, end - offset))
        at = 0
        if offset != start:
            found = search(data, 0, last=offset + len(data) >= end)
            if found is None or found[1] != frame_format:
                return None
            at = found[0]
        while at + 4 <= len(data):
            frames, stop = frame_format.run(data, at, 1)
            if not frames:
                return None
            indexes.add(data[at + 2] >> 4)
            at = stop
    return frame_format.bit_rates[indexes.pop()] if len(indexes) == 1 else None


# --- the encoder's header about the whole stream, in its first frame: Xing, Info and VBRI

_SIDE_INFO_BYTES: Final = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}
"""Bytes between frame header and tag, by (MPEG-1, channels): the side information of a silent layer III frame."""
_MPEG1: Final = 0x18
"""Both bits of the version in the second header byte."""
_SIGNATURES: Final = (b"Xing", b"Info")
_MAX_SLACK_FRAMES: Final = 1.5


class StreamHeader(NamedTuple):
    """Frames and bytes of the audio as stated (None: not stated); `constant`: the encoder used one bit rate."""

    frames: int | None
    length: int | None
    constant: bool

    def matches(self, length: int) -> bool:
        """Return whether `length` is the stated number of bytes, to 1.5 frames: some encoders omit the header's own."""
        if self.length is None or not self.frames:
            return False
        return abs(length - self.length) <= max(_MAX_SLACK_FRAMES * self.length / self.frames, 4)


def read_stream_header(first: LayerFrame) -> StreamHeader | None:
    """Return the header in the frame `first`, which then holds no audio; None if it holds none."""
    if first.format.layer != 3:
        return None
    data = first.data
    if data.startswith(b"VBRI", 36) and len(data) >= 54:
        frames, length = int.from_bytes(data[50:54], "big"), int.from_bytes(data[46:50], "big")
        return StreamHeader(frames, length, constant=False)
    at = 4 + _SIDE_INFO_BYTES[first.format.second & _MPEG1 == _MPEG1, first.channels]
    if data[at : at + 4] not in _SIGNATURES:
        at += 2  # some encoders count the CRC of a protected frame
    if data[at : at + 4] not in _SIGNATURES or len(data) < at + 16:
        return None
    return _read_xing(data, at)


def _read_xing(data: bytes, at: int) -> StreamHeader:
    flags, field = data[at + 7], at + 8
    frames = length = None
    if flags & 1:
        frames = int.from_bytes(data[field : field + 4], "big")
        field += 4
    if flags & 2:
        length = int.from_bytes(data[field : field + 4], "big")
    return StreamHeader(frames, length, data.startswith(b"Info", at))
