"""Read AAC in LOAS, as used in television: the LATM multiplex in frames of stated length (ISO/IEC 14496-3 1.7).

ISO/IEC 14496-3 1.7.2 (AudioSyncStream), 1.7.3 (AudioMuxElement, StreamMuxConfig).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.aac_config import CONFIG_BYTES, GENERAL_AUDIO, AudioConfig, BitReader, read_config
from preflight.probes.audio_tags import audio_end, leading_tags
from preflight.probes.mpeg_audio import MAX_SKIPPED_BYTES, SEARCH_BYTES, count_frames
from preflight.sources import Source

_SYNC: Final = re.compile(rb"\x56[\xe0-\xff]")
_HEADER_BYTES: Final = 3
_MIN_FRAMES: Final = 3
_MAX_FRAME_BYTES: Final = _HEADER_BYTES + 0x1FFF
_MAX_CONFIG_FRAMES: Final = 128
"""Frames in which the configuration is searched: common encoders send it with every 20th."""
_MEASURED: Final = ("audio_bit_rate", "bit_rate", "duration")
_MAX_SBR_CORE_RATE: Final = 24000
"""Hz: up to this core rate SBR may double the samples, and PS the channels, though the configuration omits it."""


class LoasFormat(NamedTuple):
    """The common format of all frames: samples of the core per frame and per second; 0: not known."""

    samples: int
    rate: int

    def run(self, data: bytes, at: int, limit: int) -> tuple[int, int]:
        """Return how many frames follow one another from `at`, up to `limit`, and where the next would begin."""
        found, stop = 0, len(data) - _HEADER_BYTES
        while found < limit and at < stop and data[at] == 0x56 and data[at + 1] >= 0xE0:
            at += _HEADER_BYTES + ((data[at + 1] & 0x1F) << 8 | data[at + 2])
            found += 1
        return found, at

    def search(self, data: bytes, at: int, *, last: bool) -> tuple[int, LoasFormat] | None:
        """Return the next position where frames follow one another."""
        for match in _SYNC.finditer(data, at, at + MAX_SKIPPED_BYTES):
            found, stop = self.run(data, match.start(), _MIN_FRAMES)
            if found == _MIN_FRAMES or (found and last and stop == len(data)):
                return match.start(), self
        return None


_UNKNOWN: Final = LoasFormat(0, 0)


def find_first_frame(source: Source, offset: int) -> int | None:
    """Return the offset of the first frame after tags that end at `offset`, with or without other bytes before it."""
    if is_frame_at(source, offset):
        return offset
    data = source.read_at(offset, SEARCH_BYTES)
    for match in _SYNC.finditer(data):
        if _UNKNOWN.run(data, match.start(), _MIN_FRAMES)[0] == _MIN_FRAMES:
            return offset + match.start()
    return None


def is_frame_at(source: Source, offset: int) -> bool:
    """Return whether frames follow one another from `offset` on."""
    if not _SYNC.match(source.read_at(offset, 2)):
        return False
    return _UNKNOWN.run(source.read_at(offset, _MIN_FRAMES * _MAX_FRAME_BYTES), 0, _MIN_FRAMES)[0] == _MIN_FRAMES


def read(source: Source, need: Need, name: str) -> Media:
    """Return the facts of a LOAS file; facts that its first configuration does not state are unknown."""
    tags = leading_tags(source)
    notes: tuple[str, ...] = ("cover_art",) if tags.picture else ()
    at = find_first_frame(source, tags.end)
    if at is None:
        return Media(kind="audio", format=name, size=source.size, video_codec=NONE, notes=(*notes, "truncated"))
    if at > tags.end:
        notes += ("leading_garbage",)
    config, frame_format = _find_config(source, at)
    seconds = None
    if frame_format.samples and source.size is not None and not need.facts.isdisjoint(_MEASURED):
        totals = None
        if source.size - at <= need.max_bytes:
            totals = count_frames(source, at, audio_end(source, at, source.size), frame_format)
        seconds = totals.seconds if totals else None
        notes += () if totals else ("read_limit",)
    may_be_doubled = config is None or (
        config.rate == config.core_rate and (config.core_rate or 0) <= _MAX_SBR_CORE_RATE
    )
    may_be_stereo = config is not None and (
        may_be_doubled or config.rate != config.core_rate
    )  # PS may make two channels of one
    bit_rate = round((source.size - at) * 8 / seconds) if seconds and source.size else None
    return Media(
        kind="audio",
        format="loas",
        size=source.size,
        duration=seconds,
        video_codec=NONE,
        audio_codec="aac_latm",
        audio_profile=config.profile if config and not may_be_doubled else None,
        audio_bit_rate=bit_rate,
        sample_rate=config.rate if config and not may_be_doubled else None,
        channels=config.channels if config and not (may_be_stereo and config.channels == 1) else None,
        bit_rate=bit_rate,
        video_tracks=0,
        audio_tracks=1,
        location=False,
        notes=notes,
    )


def _find_config(source: Source, at: int) -> tuple[AudioConfig | None, LoasFormat]:
    """Return the configuration of the first frame that has one; encoders repeat it regularly."""
    data = source.read_at(at, _MIN_FRAMES * _MAX_FRAME_BYTES)
    at = 0
    for _ in range(_MAX_CONFIG_FRAMES):
        found, stop = _UNKNOWN.run(data, at, 1)
        if not found:
            break
        frame = data[at + _HEADER_BYTES : min(stop, at + _HEADER_BYTES + CONFIG_BYTES)]
        if frame and not frame[0] & 0x80:
            return _read_stream_mux(BitReader(frame))
        at = stop
    return None, _UNKNOWN


def _read_stream_mux(bits: BitReader) -> tuple[AudioConfig | None, LoasFormat]:
    """Parse a StreamMuxConfig of one program with one layer, after the bit that announces it (1.7.3.1)."""
    bits.take(1)
    version = bits.take(1)
    if version and bits.take(1):
        return None, _UNKNOWN  # a version that no standard describes
    if version:
        _read_value(bits)
    bits.take(1)
    parts, programs, layers = 1 + bits.take(6), bits.take(4), bits.take(3)
    if programs or layers:
        return None, _UNKNOWN
    if version:
        _read_value(bits)
    config = read_config(bits, extended=version == 1)
    if config.object_type not in GENERAL_AUDIO or not config.core_rate:
        return config, _UNKNOWN
    return config, LoasFormat(parts * (960 if config.short else 1024), config.core_rate)


def _read_value(bits: BitReader) -> int:
    """Parse a LatmGetValue: one to four bytes."""
    return bits.take(8 * (1 + bits.take(2)))
