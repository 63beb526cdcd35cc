"""Read MPEG audio: MP3, and MP2 and MP1, which differ only in the layer.

The format states neither length nor duration. The headers that encoders add are used if they fit the file: that of an
excerpt describes the original. Otherwise, and without a header, the frames are measured, as a decoder will find them.

ISO/IEC 11172-3 2.4.1.3 and 2.4.2.3, ISO/IEC 13818-3 2.4.2.3; MPEG-2.5 as its decoders agree on it. No standard defines
the headers: Xing's SDK and LAME's "mp3 info tag rev 1" (gabriel.mp3-tech.org/mp3infotag.html); VBRI is Fraunhofer's, as
K. Windszus describes it ("MPEG Audio Frame Header", codeproject.com, 2.3.2).
"""

from __future__ import annotations

import re
from functools import cache
from math import isclose
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import TRAILING_SIGNATURES, audio_end, only_tags_follow
from preflight.probes.mpeg_audio import MAX_SKIPPED_BYTES, SEARCH_BYTES, count_frames, find_after_tags
from preflight.sources import Source

_SAMPLE_BYTES: Final = 8 << 10
_SMALL_BYTES: Final = 32 << 10
"""Audio up to this size is read completely: sampling would read most of it too."""
_ID3V1_BYTES: Final = 128


class _Measurement(NamedTuple):
    """Duration in s and bit rate of a stream, each None if unknown, and notes about them.

    coded  bit rate of the frames with audio, as the stream header states it; 0: it states none
    """

    seconds: float | None
    bit_rate: int | None
    notes: tuple[str, ...] = ()
    coded: int = 0


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
        audio_bit_rate=measured.coded or measured.bit_rate,
        sample_rate=first.format.rate,
        channels=first.channels,
        bit_rate=measured.bit_rate,
        video_tracks=0,
        audio_tracks=1,
        location=False,
        notes=notes + measured.notes,
    )


def _measure(source: Source, need: Need, first: LayerFrame) -> _Measurement:
    """Return the duration that the stream header states if it fits the file, else measure the frames."""
    header = read_stream_header(first)
    start, stated, contradiction, coded = first.at, 0.0, None, 0
    if header is not None:
        start += first.length
        if header.frames:
            stated = header.frames * first.format.samples / first.format.rate
            contradiction = _contradiction(source, first, header, header.frames)
            if contradiction != "bad_header" and header.length:  # a truncated file keeps the header of the complete one
                coded = _near_nominal(first.format, (header.length - first.length) * 8 / stated)
            if contradiction is None:
                return _Measurement(stated, _stated_bit_rate(first, header, stated), coded=coded)
    if source.size is None or need.facts.isdisjoint(("audio_bit_rate", "bit_rate", "duration")):
        return _Measurement(None, None, coded=coded)
    measured = _measure_frames(source, need, first.format, start, audio_end(source, start, source.size))
    measured = measured._replace(coded=coded)
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
    bit_rate = _near_nominal(frame_format, totals.frame_bytes * 8 / totals.seconds)
    return _Measurement(totals.seconds, bit_rate, ("trailing_data",) if totals.end + 4 <= end else ())


def _near_nominal(frame_format: LayerFormat, average: float) -> int:
    """Return the bit rate that a frame may state if it is within 1 % of the average, else the average.

    A few frames of a constant bit rate do not have their exact share of padding.
    """
    nominal = min(frame_format.bit_rates, key=lambda rate: abs(rate - average))
    return nominal if abs(nominal - average) < average / 100 else round(average)


def _constant_bit_rate(source: Source, frame_format: LayerFormat, start: int, end: int) -> int | None:
    """Return the bit rate of the frames at start, middle and end if all have the same and nothing is between them."""
    indexes: set[int] = set()
    for offset in (start, (start + end) // 2, end - _SAMPLE_BYTES):
        data = source.read_at(offset, _SAMPLE_BYTES)
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


# --- frames

_RATES: Final = (44100, 48000, 32000)
_MPEG2_LAYERS_2_3: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_BIT_RATES: Final[dict[tuple[bool, int], tuple[int, ...]]] = {  # kbit/s of bit rate index 1-14 by (MPEG-1, layer)
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): _MPEG2_LAYERS_2_3,
    (False, 3): _MPEG2_LAYERS_2_3,
}
_CANDIDATE: Final = re.compile(rb"\xff(?=[\xe2-\xe5\xf2-\xf5\xfa-\xfd][\x10-\xef])")
"""Starts of layer II and III frames with a bit rate. Layer I is not searched for: its sync consists of ones only."""

_MIN_FRAMES: Final = 4
"""Consecutive frames that only audio has: two agree by chance once in 2^18 candidates, four never."""
_MIN_FRAMES_IN_PLACE: Final = 3
"""The same at a position where frames are expected rather than searched for."""
_WINDOW_BYTES: Final = 2048
_FREE_WINDOW_BYTES: Final = 16 << 10
_XING_TAGS: Final = (b"Xing", b"Info")


class LayerFormat(NamedTuple):
    """The common format of all frames of one stream.

    second     the second header byte with the protection bit set: version and layer
    rate       samples/s
    samples    of a frame
    lengths    bytes of a frame by its third header byte; 0: not a header of this format
    bit_rates  bit/s by bit rate index; 0: free format
    """

    second: int
    layer: int
    rate: int
    samples: int
    lengths: tuple[int, ...]
    bit_rates: tuple[int, ...]

    def run(self, data: bytes, at: int, limit: int) -> tuple[int, int]:
        """Return how many frames follow one another from `at`, up to `limit`, and where the next would begin."""
        second, lengths, stop, found = self.second, self.lengths, len(data) - 3, 0
        while found < limit and at < stop and data[at] == 0xFF and data[at + 1] | 1 == second:
            length = lengths[data[at + 2]]
            if not length:
                break
            at += length
            found += 1
        return found, at

    def search(self, data: bytes, at: int, *, last: bool) -> tuple[int, LayerFormat] | None:
        """Return the next position where frames of any format follow one another, and that format."""
        return search(data, at, last=last)

    def with_free_lengths(self, data: bytes) -> LayerFormat | None:
        """Return this format with the frame length of a free format stream, measured between two headers (2.4.2.3).

        The bit rate of such a stream is constant, so four frames of that length must follow.
        """
        slot = 4 if self.layer == 1 else 1
        at = data.find(data[:2], 24)
        for _ in range(64):
            if at < 0 or at + 4 > len(data):
                break
            if data[at + 2] & 0xFC == data[2] & 0xFC and data[at + 3] >> 6 == data[3] >> 6:
                base = at - (slot if data[2] & 2 else 0)
                lengths = [0] * 256
                for third in range(4):
                    lengths[data[2] & 0xFC | third] = base + (slot if third & 2 else 0)
                measured = self._replace(lengths=tuple(lengths))
                if measured.run(data, 0, _MIN_FRAMES)[0] == _MIN_FRAMES:
                    return measured
            at = data.find(data[:2], at + 1)
        return None


class LayerFrame(NamedTuple):
    """The first frame: its offset, its format, and the bytes from there on: its header and more."""

    at: int
    format: LayerFormat
    data: bytes

    @property
    def channels(self) -> int:
        """Return 1 for a mono stream, else 2."""
        return 1 if self.data[3] >> 6 == 3 else 2

    @property
    def length(self) -> int:
        """Return the bytes of the frame."""
        return self.format.lengths[self.data[2]]


def format_at(data: bytes, at: int) -> LayerFormat | None:
    """Return the format of the frame whose header is at `at`; None if there is none, or a reserved value in it."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] < 0xE0 or data[at + 2] >= 0xF0:
        return None
    return _format(data[at + 1] | 1, data[at + 2] >> 2 & 3)


def find_first_frame(source: Source, offset: int) -> LayerFrame | None:
    """Return the first frame of a file whose tags end at `offset`, with or without other bytes before it."""
    if first := first_frame_at(source, offset):
        return first
    data = source.read_at(offset, SEARCH_BYTES)
    found = search(data, 0, last=len(data) < SEARCH_BYTES)
    return LayerFrame(offset + found[0], found[1], data[found[0] :]) if found else None


def first_frame_at(source: Source, offset: int) -> LayerFrame | None:
    """Return the frame at `offset` if more of its format follow it, or if it is a frame whose rest is missing."""
    data = source.read_at(offset, _WINDOW_BYTES)
    frame_format = format_at(data, 0)
    if frame_format is None:
        return None
    if data[2] < 0x10 or frame_format.lengths[data[2]] + 4 > len(data) == _WINDOW_BYTES:
        data = source.read_at(offset, _FREE_WINDOW_BYTES)
        if data[2] < 0x10:
            frame_format = frame_format.with_free_lengths(data)
            return LayerFrame(offset, frame_format, data) if frame_format else None
    found, stop = frame_format.run(data, 0, _MIN_FRAMES)
    if not found:
        return None
    ended = stop + 4 > len(data)  # the window, or the audio itself
    is_audio = (
        found >= _MIN_FRAMES_IN_PLACE
        or (ended and (found > 1 or offset > 0 or stop == len(data)))
        or data.startswith(TRAILING_SIGNATURES, stop)
        or only_tags_follow(source, offset, offset + stop)
        or _has_header_tag(data, 0)
    )
    return LayerFrame(offset, frame_format, data) if is_audio else None


def search(data: bytes, start: int, *, last: bool) -> tuple[int, LayerFormat] | None:
    """Return the first position from `start` on where frames follow one another; `last`: the audio ends with `data`."""
    for match in _CANDIDATE.finditer(data, start, start + MAX_SKIPPED_BYTES):
        at = match.start()
        frame_format = format_at(data, at)
        if frame_format is None:
            continue
        found, stop = frame_format.run(data, at, _MIN_FRAMES)
        is_audio = found == _MIN_FRAMES or (found > 1 and data.startswith(TRAILING_SIGNATURES, stop))
        if found and last and stop + 4 > len(data):
            is_audio = is_audio or found == _MIN_FRAMES - 1 or _has_header_tag(data, at)
        if is_audio:
            return at, frame_format
    return None


def _has_header_tag(data: bytes, at: int) -> bool:
    head = data[at + 4 : at + 48]
    return any(tag in head for tag in (*_XING_TAGS, b"VBRI"))


@cache
def _format(second: int, rate_index: int) -> LayerFormat | None:
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    if version == 1 or layer == 4 or rate_index == 3:
        return None
    is_mpeg1 = version == 3
    rate = _RATES[rate_index] >> (0 if is_mpeg1 else 1 if version == 2 else 2)
    samples = 384 if layer == 1 else 1152 if layer == 2 or is_mpeg1 else 576
    bit_rates = (0, *(kbit * 1000 for kbit in _BIT_RATES[is_mpeg1, layer]), 0)
    slot = 4 if layer == 1 else 1
    lengths = [0] * 256
    for third in range(0x10, 0xF0):
        if third >> 2 & 3 == rate_index:
            lengths[third] = (samples // 8 // slot * bit_rates[third >> 4] // rate + (third >> 1 & 1)) * slot
    return LayerFormat(second, layer, rate, samples, tuple(lengths), bit_rates)


# --- the encoder's header about the whole stream, in its first frame: Xing, Info and VBRI

_SIDE_INFO_BYTES: Final = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}
"""Bytes between frame header and tag, by (MPEG-1, channels): the side information of a silent layer III frame."""
_MPEG1: Final = 0x18
"""Both bits of the version in the second header byte."""
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
        return StreamHeader(int.from_bytes(data[50:54], "big"), int.from_bytes(data[46:50], "big"), constant=False)
    at = 4 + _SIDE_INFO_BYTES[first.format.second & _MPEG1 == _MPEG1, first.channels]
    if data[at : at + 4] not in _XING_TAGS:
        at += 2  # some encoders count the CRC of a protected frame
    if data[at : at + 4] not in _XING_TAGS or len(data) < at + 16:
        return None
    flags = data[at + 7]
    frames = int.from_bytes(data[at + 8 : at + 12], "big") if flags & 1 else None
    field = at + (12 if flags & 1 else 8)
    length = int.from_bytes(data[field : field + 4], "big") if flags & 2 else None
    return StreamHeader(frames, length, data.startswith(b"Info", at))
