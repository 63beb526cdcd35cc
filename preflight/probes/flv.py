"""Measure a Flash video by its tags: bytes of video and audio, and key frames (Adobe FLV specification 10.1, E.4)."""

from __future__ import annotations

from typing import Final, TypedDict

from preflight.probes.window import Window
from preflight.sources import BoundReached, Source

_MAX_MEASURED_BYTES: Final = 8 << 20
"""Bytes of a local file up to which all of its tags are read."""
_AUDIO, _VIDEO = 8, 9
_KEY_FRAME: Final = 1
_TAG_HEADER_BYTES, _BACK_POINTER_BYTES = 11, 4
_CHUNK_SIZE: Final = 512
_MAX_TAGS: Final = 1 << 17
_MAX_TICKS: Final = 1 << 31
_CODED_AT: Final = {_AUDIO: {0xA0: 2}, _VIDEO: {7: 5, 12: 5}}
"""Where the coded bytes of AAC and of H.264 and HEVC begin, by the code of the format; those of others are at 1.

Only in these the second byte tells a configuration (0) from coded data (1).
"""


class FlvRates(TypedDict, total=False):
    """The facts that are measured, under the names of `Media`."""

    audio_bit_rate: int | None
    keyframe_interval: float | None
    video_bit_rate: int | None


class _Track:
    """The tags of one kind: bytes of coded data, and ms of the first tag, the last one and of key frames."""

    def __init__(self) -> None:
        self.bytes = self.tags = self.first = self.last = 0
        self.key: int | None = None
        self.longest: int | None = None

    def add(self, time: int, length: int, *, is_key: bool) -> None:
        self.first = time if not self.tags else min(self.first, time)
        self.last = max(self.last, time)
        self.tags += 1
        self.bytes += length
        if is_key:
            if self.key is not None:
                self.longest = max(self.longest or 0, time - self.key)
            self.key = time

    @property
    def bit_rate(self) -> int | None:
        """Return the average bits/s; the last tag lasts as long as the others."""
        span = self.last - self.first
        return round(self.bytes * 8000 * (self.tags - 1) / (span * self.tags)) if span > 0 else None


def measure_rates(source: Source) -> FlvRates:
    """Return bit rates and the key-frame interval by all tags of a small local file; None for others."""
    size = source.size or 0
    if source.remote or size > _MAX_MEASURED_BYTES:
        return FlvRates(audio_bit_rate=None, video_bit_rate=None)
    window = Window(source, _CHUNK_SIZE, max_reads=_MAX_TAGS)
    tracks = {_AUDIO: _Track(), _VIDEO: _Track()}
    at = int.from_bytes(window.read_at(5, 4)) + _BACK_POINTER_BYTES
    try:
        for _ in range(_MAX_TAGS):
            data = window.read_at(at, _TAG_HEADER_BYTES + 2)
            length = int.from_bytes(data[1:4])
            if len(data) < _TAG_HEADER_BYTES + 2 or at + _TAG_HEADER_BYTES + length > size:
                return _rates(tracks[_AUDIO], tracks[_VIDEO])
            kind = data[0] & 31
            if kind in tracks:
                _add_tag(tracks[kind], kind, data, length)
            at += _TAG_HEADER_BYTES + length + _BACK_POINTER_BYTES
    except BoundReached:
        pass
    return FlvRates(audio_bit_rate=None, video_bit_rate=None)


def _add_tag(track: _Track, kind: int, data: bytes, length: int) -> None:
    time = data[7] << 24 | int.from_bytes(data[4:7])
    form, packet = data[11], data[12]
    skipped = _CODED_AT[kind].get(form & (0xF0 if kind == _AUDIO else 15), 1)
    is_configuration = skipped > 1 and packet != 1
    if length > skipped and time < _MAX_TICKS and not is_configuration:
        track.add(time, length - skipped, is_key=form >> 4 == _KEY_FRAME)


def _rates(audio: _Track, video: _Track) -> FlvRates:
    return FlvRates(
        audio_bit_rate=audio.bit_rate,
        keyframe_interval=video.longest / 1000 if video.longest else None,
        video_bit_rate=video.bit_rate,
    )
