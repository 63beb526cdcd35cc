"""Frames of MPEG audio, layers I to III of MPEG-1, 2 and 2.5: what a header says and where the next one stands.

ISO/IEC 11172-3 2.4.1.3 and 2.4.2.3, ISO/IEC 13818-3 2.4.2.3; MPEG-2.5 as its decoders agree on it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from preflight.probes.audio_tags import BEHIND, ends_at
from preflight.probes.mpeg_audio.frames import MOST_SKIPPED, SEARCH
from preflight.sources import Source

_RATES: Final = (44100, 48000, 32000)
_HALVED: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LOW: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_BIT_RATES: Final[dict[tuple[bool, int], tuple[int, ...]]] = {  # kbit/s of bit rate index 1-14 by (MPEG-1, layer)
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): _HALVED,
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): _LOW,
    (False, 3): _LOW,
}
_CANDIDATE: Final = re.compile(rb"\xff(?=[\xe2-\xe5\xf2-\xf5\xfa-\xfd][\x10-\xef])")
"""Beginnings of layer II and III frames with a bit rate. Layer I is not searched for: its sync is a row of ones."""

_ENOUGH: Final = 4
"""Frames in a row that nothing but sound shows: two agree by chance once in 2^18 candidates, four never."""
_ENOUGH_IN_PLACE: Final = 3
"""The same where they are expected, and not searched for."""
_WINDOW: Final = 2048
_FREE_WINDOW: Final = 16 << 10
_HEADER_TAGS: Final = (b"Xing", b"Info", b"VBRI")


class Kind(NamedTuple):
    """What all frames of one stream share.

    second   the second header byte with the protection bit set: version and layer
    samples  a frame plays; rate: samples/s
    lengths  bytes of a frame by its third header byte; 0: no frame of this kind begins so
    rates    bit/s by bit rate index; 0: free format
    """

    second: int
    layer: int
    rate: int
    samples: int
    lengths: tuple[int, ...]
    rates: tuple[int, ...]

    def run(self, data: bytes, at: int, most: int) -> tuple[int, int]:
        """How many frames follow one another from `at`, up to `most`, and where the next would stand."""
        second, lengths, stop, found = self.second, self.lengths, len(data) - 3, 0
        while found < most and at < stop and data[at] == 0xFF and data[at + 1] | 1 == second:
            length = lengths[data[at + 2]]
            if not length:
                break
            at += length
            found += 1
        return found, at

    def search(self, data: bytes, at: int, last: bool) -> tuple[int, Kind] | None:
        return search(data, at, last)

    def free(self, data: bytes) -> Kind | None:
        """This kind with the frame length of a free format stream, measured from one header to the next (2.4.2.3).

        The bit rate is constant there, so four frames of that length must follow.
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
                kind = self._replace(lengths=tuple(lengths))
                if kind.run(data, 0, _ENOUGH)[0] == _ENOUGH:
                    return kind
            at = data.find(data[:2], at + 1)
        return None


class Place(NamedTuple):
    """Where the first frame stands, what kind it is, and the bytes from there on: its header and more."""

    at: int
    kind: Kind
    data: bytes

    @property
    def channels(self) -> int:
        return 1 if self.data[3] >> 6 == 3 else 2

    @property
    def length(self) -> int:
        return self.kind.lengths[self.data[2]]


def kind_at(data: bytes, at: int) -> Kind | None:
    """The kind of the frame whose header stands at `at`, or None: no header, or a reserved value in it."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] < 0xE0 or data[at + 2] >= 0xF0:
        return None
    return _kind(data[at + 1] | 1, data[at + 2] >> 2 & 3)


def locate(source: Source, offset: int) -> Place | None:
    """The first frame of a file whose tags end at `offset`, foreign bytes before it or not."""
    return begins(source, offset) or _search_from(source, offset, SEARCH)


def begins(source: Source, offset: int) -> Place | None:
    """The frame at `offset` if more of its kind follow it, or if it can only be one of which the rest is missing."""
    data = source.read_at(offset, _WINDOW)
    kind = kind_at(data, 0)
    if kind is None:
        return None
    if data[2] < 0x10 or kind.lengths[data[2]] + 4 > len(data) == _WINDOW:
        data = source.read_at(offset, _FREE_WINDOW)
        if data[2] < 0x10:
            kind = kind.free(data)
            return Place(offset, kind, data) if kind else None
    found, behind = kind.run(data, 0, _ENOUGH)
    ended = behind + 4 > len(data)  # the window, or the sound itself
    sure = found >= _ENOUGH_IN_PLACE or (ended and (found > 1 or offset > 0 or behind == len(data)))
    sure = sure or data.startswith(BEHIND, behind) or (found > 0 and ends_at(source, offset, offset + behind))
    return Place(offset, kind, data) if found and (sure or _has_header_tag(data, 0)) else None


def search(data: bytes, start: int, last: bool) -> tuple[int, Kind] | None:
    """The first place from `start` on where frames follow one another; `last`: the sound ends with `data`."""
    for match in _CANDIDATE.finditer(data, start, start + MOST_SKIPPED):
        at = match.start()
        kind = kind_at(data, at)
        if kind is None:
            continue
        found, behind = kind.run(data, at, _ENOUGH)
        ended = last and behind + 4 > len(data)
        tagged = found > 1 and data.startswith(BEHIND, behind)
        if found == _ENOUGH or tagged or (ended and found and (found == _ENOUGH - 1 or _has_header_tag(data, at))):
            return at, kind
    return None


def _search_from(source: Source, offset: int, length: int) -> Place | None:
    data = source.read_at(offset, length)
    place = search(data, 0, len(data) < length)
    return Place(offset + place[0], place[1], data[place[0] :]) if place else None


def _has_header_tag(data: bytes, at: int) -> bool:
    head = data[at + 4 : at + 48]
    return any(tag in head for tag in _HEADER_TAGS)


@cache
def _kind(second: int, rate_index: int) -> Kind | None:
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    if version == 1 or layer == 4 or rate_index == 3:
        return None
    first = version == 3
    rate = _RATES[rate_index] >> (0 if first else 1 if version == 2 else 2)
    samples = 384 if layer == 1 else 1152 if layer == 2 or first else 576
    rates = (0, *(kbit * 1000 for kbit in _BIT_RATES[first, layer]), 0)
    slot = 4 if layer == 1 else 1
    lengths = [0] * 256
    for third in range(0x10, 0xF0):
        if third >> 2 & 3 == rate_index:
            lengths[third] = (samples // 8 // slot * rates[third >> 4] // rate + (third >> 1 & 1)) * slot
    return Kind(second, layer, rate, samples, tuple(lengths), rates)
