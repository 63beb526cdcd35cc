"""Find frames of MPEG audio, layers I to III of MPEG-1, 2 and 2.5, by their headers.

ISO/IEC 11172-3 2.4.1.3 and 2.4.2.3, ISO/IEC 13818-3 2.4.2.3; MPEG-2.5 as its decoders agree on it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from preflight.probes.audio_tags import TRAILING_SIGNATURES, only_tags_follow
from preflight.probes.mpeg_audio import MAX_SKIPPED_BYTES, SEARCH_BYTES
from preflight.sources import Source

_RATES: Final = (44100, 48000, 32000)
_MPEG1_LAYER3: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_LAYERS_2_3: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_BIT_RATES: Final[dict[tuple[bool, int], tuple[int, ...]]] = {  # kbit/s of bit rate index 1-14 by (MPEG-1, layer)
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): _MPEG1_LAYER3,
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
_HEADER_TAGS: Final = (b"Xing", b"Info", b"VBRI")


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


def _format_at(data: bytes, at: int) -> LayerFormat | None:
    """Return the format of the frame whose header is at `at`; None if there is none, or a reserved value in it."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] < 0xE0 or data[at + 2] >= 0xF0:
        return None
    return _format(data[at + 1] | 1, data[at + 2] >> 2 & 3)


def find_first_frame(source: Source, offset: int) -> LayerFrame | None:
    """Return the first frame of a file whose tags end at `offset`, with or without other bytes before it."""
    return first_frame_at(source, offset) or _search_source(source, offset)


def first_frame_at(source: Source, offset: int) -> LayerFrame | None:
    """Return the frame at `offset` if more of its format follow it, or if it is a frame whose rest is missing."""
    data = source.read_at(offset, _WINDOW_BYTES)
    frame_format = _format_at(data, 0)
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
        frame_format = _format_at(data, at)
        if frame_format is None:
            continue
        found, stop = frame_format.run(data, at, _MIN_FRAMES)
        ended = last and stop + 4 > len(data)
        tagged = found > 1 and data.startswith(TRAILING_SIGNATURES, stop)
        if (
            found == _MIN_FRAMES
            or tagged
            or (ended and found and (found == _MIN_FRAMES - 1 or _has_header_tag(data, at)))
        ):
            return at, frame_format
    return None


def _search_source(source: Source, offset: int) -> LayerFrame | None:
    data = source.read_at(offset, SEARCH_BYTES)
    found = search(data, 0, last=len(data) < SEARCH_BYTES)
    return LayerFrame(offset + found[0], found[1], data[found[0] :]) if found else None


def _has_header_tag(data: bytes, at: int) -> bool:
    head = data[at + 4 : at + 48]
    return any(tag in head for tag in _HEADER_TAGS)


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
