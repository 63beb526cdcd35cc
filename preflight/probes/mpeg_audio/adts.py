"""Frames of ADTS, in which AAC is streamed (ISO/IEC 14496-3 1.A.2.2, ISO/IEC 13818-7 6.2)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import BEHIND, ID3, ends_at, tags_after, tags_before
from preflight.probes.mpeg_audio.frames import MOST_SKIPPED, SEARCH, walk
from preflight.sources import Source

_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_BLOCK: Final = 1024
_ENOUGH: Final = 3
_WINDOW: Final = 2048
_LARGEST: Final = 8191 * 2 + 7
_MOST_CANDIDATES: Final = 1 << 16
_CANDIDATE: Final = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
"""Beginnings of a frame: the sync word, either version of MPEG, layer 0."""


class AdtsKind(NamedTuple):
    """What all frames share: the second header byte (protection bit set), the third (profile, rate), their blocks."""

    second: int
    third: int
    blocks: int

    @property
    def rate(self) -> int:
        """Samples/s of the core; with SBR the decoder gives twice as many, which no header of ADTS says."""
        return _RATES[self.third >> 2 & 15]

    @property
    def samples(self) -> int:
        return self.blocks * _BLOCK

    def run(self, data: bytes, at: int, most: int) -> tuple[int, int]:
        """How many frames follow one another from `at`, up to `most`, and where the next would stand."""
        second, third, more, stop, found = self.second, self.third, self.blocks - 1, len(data) - 6, 0
        while found < most and at < stop:
            if data[at] != 0xFF or data[at + 1] | 1 != second or data[at + 2] & 0xFC != third:
                break
            length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
            if length < 7 or data[at + 6] & 3 != more:
                break
            at += length
            found += 1
        return found, at

    def search(self, data: bytes, at: int, last: bool) -> tuple[int, AdtsKind] | None:
        """The next place where frames of this kind follow one another."""
        end = min(len(data), at + MOST_SKIPPED)
        for _ in range(_MOST_CANDIDATES):
            at = data.find(b"\xff", at, end)
            if at < 0:
                break
            found, behind = self.run(data, at, _ENOUGH)
            if found >= _ENOUGH or (found and last and behind == len(data)):
                return at, self
            at += 1
        return None


class AdtsPlace(NamedTuple):
    """Where the first frame stands, what kind it is, and its channels (None: the stream itself says, or PS may)."""

    at: int
    kind: AdtsKind
    channels: int | None


def locate(source: Source, offset: int) -> AdtsPlace | None:
    """Return the first frame of a file whose tags end at `offset`, with or without foreign bytes before it."""
    return begins(source, offset) or search_from(source, offset)


def begins(source: Source, offset: int) -> AdtsPlace | None:
    """Return the frame at `offset` if more frames of its kind, or only a tag, follow it."""
    data = source.read_at(offset, _WINDOW)
    kind = _kind_at(data, 0)
    if kind is None:
        return None
    found, behind = kind.run(data, 0, _ENOUGH)
    if found < 2 and behind + 7 > len(data) == _WINDOW:
        data = source.read_at(offset, _LARGEST)
        found, behind = kind.run(data, 0, _ENOUGH)
    sure = found > 1 or (found and (behind == len(data) or data.startswith(BEHIND, behind)))
    sure = sure or (found > 0 and ends_at(source, offset, offset + behind))
    return AdtsPlace(offset, kind, _channels(data, 0)) if sure else None


def search_from(source: Source, offset: int) -> AdtsPlace | None:
    """Return the first place after `offset` where frames follow one another; few frames must reach the end or a tag."""
    data = source.read_at(offset, SEARCH)
    last = len(data) < SEARCH
    for match in _CANDIDATE.finditer(data):
        at = match.start()
        kind = _kind_at(data, at)
        if kind is None:
            continue
        found, behind = kind.run(data, at, _ENOUGH)
        few = found > 1 and ((last and behind == len(data)) or data.startswith(BEHIND, behind))
        if found == _ENOUGH or few:
            return AdtsPlace(offset + at, kind, _channels(data, at))
    return None


def _kind_at(data: bytes, at: int) -> AdtsKind | None:
    """Return the kind of the frame whose header is at `at`; None if there is none, or if its rate is reserved."""
    if len(data) < at + 7 or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 2] >> 2 & 15 >= len(_RATES):
        return None
    return AdtsKind(data[at + 1] | 1, data[at + 2] & 0xFC, (data[at + 6] & 3) + 1)


def _channels(data: bytes, at: int) -> int | None:
    return (0, 1, 2, 3, 4, 5, 6, 8)[(data[at + 2] & 1) << 2 | data[at + 3] >> 6] or None


ADIF: Final = b"ADIF"
"""ISO/IEC 14496-3 1.A.2: the identifier at the start of a file with one header."""
_SBR_CORE: Final = 24000
"""Up to this core rate SBR may double the samples and PS the channels without a word in the header (14496-3 1.6.5)."""


def read(source: Source, need: Need, name: str) -> Media:
    """Facts of an ADTS file. Larger than `need.max_bytes`: no duration. ADIF, which has one header, is a library's."""
    if source.read_at(0, len(ADIF)) == ADIF:
        from preflight.probes import fallback as foreign  # hardly any file has this format

        return foreign.read(source, need, name)
    tags = tags_before(source)
    notes: tuple[str, ...] = ("cover_art",) if tags.picture else ()
    place = locate(source, tags.end)
    if place is None and tags.overlong(source):
        place = locate(source, ID3)
        notes += ("bad_header",) if place else ()
    if place is None:
        return Media(kind="audio", format=name, size=source.size, video_codec=NONE, notes=(*notes, "truncated"))
    if place.at > tags.end:
        notes += ("leading_garbage",)
    counted, end = None, place.at
    wanted = source.size is not None and not need.facts.isdisjoint(("bit_rate", "duration"))
    if wanted and source.size is not None and source.size - place.at <= need.max_bytes:
        end = tags_after(source, place.at, source.size)
        counted = walk(source, place.at, end, place.kind)
    if wanted and counted is None:
        notes += ("read_limit",)
    doubled = place.kind.rate <= _SBR_CORE
    return Media(
        kind="audio",
        format="aac",
        size=source.size,
        duration=counted.seconds if counted else None,
        video_codec=NONE,
        audio_codec="aac",
        sample_rate=None if doubled else place.kind.rate,
        channels=None if doubled and place.channels == 1 else place.channels,
        bit_rate=round(counted.coded * 8 / counted.seconds) if counted else None,
        notes=(*notes, "trailing_data") if counted and counted.end < end else notes,
    )
