"""Read AAC in ADTS: each frame states its length and nothing states their number, so the duration needs all of them.

ISO/IEC 14496-3 1.A.2.2, ISO/IEC 13818-7 6.2.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from preflight.media import NONE, Media, Need
from preflight.probes.aac_config import PROFILES, SAMPLE_RATES
from preflight.probes.audio_tags import TRAILING_SIGNATURES, audio_end, only_tags_follow
from preflight.probes.mpeg_audio import MAX_SKIPPED_BYTES, SEARCH_BYTES, count_frames, find_after_tags
from preflight.sources import Source

_ADIF: Final = b"ADIF"
"""Start of a file with one header for all frames (ISO/IEC 14496-3 1.A.2)."""
_MAX_SBR_CORE_RATE: Final = 24000
"""Hz: up to this core rate SBR may double the samples, and PS the channels, which the header does not say (1.6.5)."""
_BLOCK_SAMPLES: Final = 1024
_MIN_FRAMES: Final = 3
"""Consecutive frames that other content does not have by chance."""
_WINDOW_BYTES: Final = 2048
_FRAME_BYTES: Final = 8191 + 7
"""Bytes of the largest frame, and the header of the next one."""
_MAX_CANDIDATES: Final = 1 << 16
_CANDIDATE: Final = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
"""Start of a frame: the sync word, either version of MPEG, layer 0."""


class AdtsFormat(NamedTuple):
    """The common format of all frames: second header byte (protection bit set), third one (profile, rate), blocks."""

    second: int
    third: int
    blocks: int

    @property
    def rate(self) -> int:
        """Return the samples/s of the core; with SBR the decoder gives twice as many, which ADTS does not state."""
        return SAMPLE_RATES[self.third >> 2 & 15]

    @property
    def profile(self) -> str:
        """Return the profile of the core codec (profile_ObjectType of 1.A.2.2, one less than the object type)."""
        return PROFILES[(self.third >> 6) + 1]

    @property
    def samples(self) -> int:
        """Return the samples of a frame."""
        return self.blocks * _BLOCK_SAMPLES

    def run(self, data: bytes, at: int, limit: int) -> tuple[int, int]:
        """Return how many frames follow one another from `at`, up to `limit`, and where the next would begin."""
        second, third, more, stop, found = self.second, self.third, self.blocks - 1, len(data) - 6, 0
        while found < limit and at < stop:
            if data[at] != 0xFF or data[at + 1] | 1 != second or data[at + 2] & 0xFC != third:
                break
            length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
            if length < 7 or data[at + 6] & 3 != more:
                break
            at += length
            found += 1
        return found, at

    def search(self, data: bytes, at: int, *, last: bool) -> tuple[int, AdtsFormat] | None:
        """Return the next position where frames of this format follow one another."""
        end = min(len(data), at + MAX_SKIPPED_BYTES)
        for _ in range(_MAX_CANDIDATES):
            at = data.find(b"\xff", at, end)
            if at < 0:
                break
            found, stop = self.run(data, at, _MIN_FRAMES)
            if found >= _MIN_FRAMES or (found and last and stop == len(data)):
                return at, self
            at += 1
        return None


class AdtsFrame(NamedTuple):
    """The first frame: its offset, its format, and its channels (None: the stream itself states them, or PS may)."""

    at: int
    format: AdtsFormat
    channels: int | None


def read(source: Source, need: Need, name: str) -> Media:
    """Return the facts of an ADTS file; no duration if it exceeds `need.max_bytes`. Leave ADIF to a library."""
    if source.read_at(0, len(_ADIF)) == _ADIF:
        from preflight.probes import fallback  # hardly any file has this format

        return fallback.read(source, need, name)
    first, notes = find_after_tags(source, find_first_frame)
    if first is None:
        return Media(kind="audio", format=name, size=source.size, video_codec=NONE, notes=notes)
    totals, end = None, first.at
    wanted = source.size is not None and not need.facts.isdisjoint(("audio_bit_rate", "bit_rate", "duration"))
    if wanted and source.size is not None and source.size - first.at <= need.max_bytes:
        end = audio_end(source, first.at, source.size)
        totals = count_frames(source, first.at, end, first.format)
    if wanted and totals is None:
        notes += ("read_limit",)
    may_be_doubled = first.format.rate <= _MAX_SBR_CORE_RATE
    bit_rate = round(totals.frame_bytes * 8 / totals.seconds) if totals else None
    return Media(
        kind="audio",
        format="aac",
        size=source.size,
        duration=totals.seconds if totals else None,
        video_codec=NONE,
        audio_codec="aac",
        audio_profile=None if may_be_doubled else first.format.profile,
        audio_bit_rate=bit_rate,
        sample_rate=None if may_be_doubled else first.format.rate,
        channels=None if may_be_doubled and first.channels == 1 else first.channels,
        bit_rate=bit_rate,
        video_tracks=0,
        audio_tracks=1,
        location=False,
        notes=(*notes, "trailing_data") if totals and totals.end < end else notes,
    )


def find_first_frame(source: Source, offset: int) -> AdtsFrame | None:
    """Return the first frame of a file whose tags end at `offset`, with or without other bytes before it."""
    return first_frame_at(source, offset) or _search_from(source, offset)


def first_frame_at(source: Source, offset: int) -> AdtsFrame | None:
    """Return the frame at `offset` if more frames of its format, or only a tag, follow it."""
    data = source.read_at(offset, _WINDOW_BYTES)
    frame_format = _format_at(data, 0)
    if frame_format is None:
        return None
    found, stop = frame_format.run(data, 0, _MIN_FRAMES)
    if found < 2 and stop + 7 > len(data) == _WINDOW_BYTES:
        data = source.read_at(offset, _FRAME_BYTES)
        found, stop = frame_format.run(data, 0, _MIN_FRAMES)
    sure = found > 1 or (found and (stop == len(data) or data.startswith(TRAILING_SIGNATURES, stop)))
    sure = sure or (found > 0 and only_tags_follow(source, offset, offset + stop))
    return AdtsFrame(offset, frame_format, _channels(data, 0)) if sure else None


def _search_from(source: Source, offset: int) -> AdtsFrame | None:
    """Return the first position after `offset` where frames follow one another; two must reach the end or a tag."""
    data = source.read_at(offset, SEARCH_BYTES)
    last = len(data) < SEARCH_BYTES
    for match in _CANDIDATE.finditer(data):
        at = match.start()
        frame_format = _format_at(data, at)
        if frame_format is None:
            continue
        found, stop = frame_format.run(data, at, _MIN_FRAMES)
        few = found > 1 and ((last and stop == len(data)) or data.startswith(TRAILING_SIGNATURES, stop))
        if found == _MIN_FRAMES or few:
            return AdtsFrame(offset + at, frame_format, _channels(data, at))
    return None


def _format_at(data: bytes, at: int) -> AdtsFormat | None:
    """Return the format of the frame whose header is at `at`; None if there is none, or if its rate is reserved."""
    if (
        len(data) < at + 7
        or data[at] != 0xFF
        or data[at + 1] & 0xF6 != 0xF0
        or data[at + 2] >> 2 & 15 >= len(SAMPLE_RATES)
    ):
        return None
    return AdtsFormat(data[at + 1] | 1, data[at + 2] & 0xFC, (data[at + 6] & 3) + 1)


def _channels(data: bytes, at: int) -> int | None:
    return (0, 1, 2, 3, 4, 5, 6, 8)[(data[at + 2] & 1) << 2 | data[at + 3] >> 6] or None
