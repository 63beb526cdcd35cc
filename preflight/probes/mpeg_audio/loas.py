"""AAC in LOAS, as used in television: LATM's multiplex in frames of stated length (ISO/IEC 14496-3 1.7).

ISO/IEC 14496-3 1.7.2 (AudioSyncStream), 1.7.3 (AudioMuxElement, StreamMuxConfig).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.audio_tags import tags_after, tags_before
from preflight.probes.mpeg_audio.aac_config import AudioConfig, Bits, config_of
from preflight.probes.mpeg_audio.frames import MOST_SKIPPED, SEARCH, walk
from preflight.sources import Source

_SYNC: Final = re.compile(rb"\x56[\xe0-\xff]")
_HEAD: Final = 3
_ENOUGH: Final = 3
_LARGEST: Final = _HEAD + 0x1FFF
_FRAMES: Final = 128
"""Frames in which the configuration is looked for: usual encoders send it with every 20th."""
_CONFIG: Final = 32
"""Bytes of a frame in which its configuration is searched."""
_CORES: Final = frozenset((1, 2, 3, 4, 6, 7))
"""Audio object types whose frames have 1024 samples, or 960."""
_SBR_CORE: Final = 24000
"""Up to this core rate SBR may double the samples and PS the channels without a word in the configuration."""


class LoasKind(NamedTuple):
    """What the frames of a stream play: so many samples of the core at so many a second; 0: not known."""

    samples: int
    rate: int

    def run(self, data: bytes, at: int, most: int) -> tuple[int, int]:
        """Return how many frames follow one another from `at`, up to `most`, and the position after them."""
        found, stop = 0, len(data) - _HEAD
        while found < most and at < stop and data[at] == 0x56 and data[at + 1] >= 0xE0:
            at += _HEAD + ((data[at + 1] & 0x1F) << 8 | data[at + 2])
            found += 1
        return found, at

    def search(self, data: bytes, at: int, last: bool) -> tuple[int, LoasKind] | None:
        """Return the next position where frames follow one another."""
        for match in _SYNC.finditer(data, at, at + MOST_SKIPPED):
            found, behind = self.run(data, match.start(), _ENOUGH)
            if found == _ENOUGH or (found and last and behind == len(data)):
                return match.start(), self
        return None


_UNKNOWN: Final = LoasKind(0, 0)


def locate(source: Source, offset: int) -> int | None:
    """Return the first frame of a file whose tags end at `offset`, with or without foreign bytes before it."""
    if begins(source, offset):
        return offset
    data = source.read_at(offset, SEARCH)
    for match in _SYNC.finditer(data):
        if _UNKNOWN.run(data, match.start(), _ENOUGH)[0] == _ENOUGH:
            return offset + match.start()
    return None


def begins(source: Source, offset: int) -> bool:
    """Return whether frames follow one another from `offset` on."""
    if not _SYNC.match(source.read_at(offset, 2)):
        return False
    return _UNKNOWN.run(source.read_at(offset, _ENOUGH * _LARGEST), 0, _ENOUGH)[0] == _ENOUGH


def read(source: Source, need: Need, name: str) -> Media:
    """Return the facts of a LOAS file; what its first configuration does not state is unknown."""
    tags = tags_before(source)
    notes: tuple[str, ...] = ("cover_art",) if tags.picture else ()
    at = locate(source, tags.end)
    if at is None:
        return Media(kind="audio", format=name, size=source.size, video_codec=NONE, notes=(*notes, "truncated"))
    if at > tags.end:
        notes += ("leading_garbage",)
    config, kind = _configuration(source, at)
    seconds = None
    if kind.samples and source.size is not None and not need.facts.isdisjoint(("bit_rate", "duration")):
        counted = None
        if source.size - at <= need.max_bytes:
            counted = walk(source, at, tags_after(source, at, source.size), kind)
        seconds = counted.seconds if counted else None
        notes += () if counted else ("read_limit",)
    doubled = config is None or (config.rate == config.core and (config.core or 0) <= _SBR_CORE)
    stereo = config is not None and (doubled or config.rate != config.core)  # PS may make two channels of one
    return Media(
        kind="audio",
        format="loas",
        size=source.size,
        duration=seconds,
        video_codec=NONE,
        audio_codec="aac_latm",
        sample_rate=config.rate if config and not doubled else None,
        channels=config.channels if config and not (stereo and config.channels == 1) else None,
        bit_rate=round((source.size - at) * 8 / seconds) if seconds and source.size else None,
        notes=notes,
    )


def _configuration(source: Source, at: int) -> tuple[AudioConfig | None, LoasKind]:
    """Return the configuration of the first frame that has one; encoders repeat it regularly."""
    data = source.read_at(at, _ENOUGH * _LARGEST)
    place = 0
    for _ in range(_FRAMES):
        found, behind = _UNKNOWN.run(data, place, 1)
        if not found:
            break
        frame = data[place + _HEAD : min(behind, place + _HEAD + _CONFIG)]
        if frame and not frame[0] & 0x80:
            return _stream_mux(Bits(frame))
        place = behind
    return None, _UNKNOWN


def _stream_mux(bits: Bits) -> tuple[AudioConfig | None, LoasKind]:
    """Parse a StreamMuxConfig of one program with one layer, after the bit that announces it (1.7.3.1)."""
    bits.take(1)
    version = bits.take(1)
    if version and bits.take(1):
        return None, _UNKNOWN  # a version that no standard describes
    if version:
        _value(bits)
    bits.take(1)
    parts, programs, layers = 1 + bits.take(6), bits.take(4), bits.take(3)
    if programs or layers:
        return None, _UNKNOWN
    if version:
        _value(bits)
    config = config_of(bits, extended=version == 1)
    if config.profile not in _CORES or not config.core:
        return config, _UNKNOWN
    return config, LoasKind(parts * (960 if config.short else 1024), config.core)


def _value(bits: Bits) -> int:
    """Parse a LatmGetValue: one to four bytes."""
    return bits.take(8 * (1 + bits.take(2)))
