"""Counting the frames of sound that has no header: one walk for MPEG audio and for ADTS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from preflight.probes.audio_tags import syncsafe
from preflight.sources import Source

MOST_SKIPPED: Final = 1 << 20
"""Bytes between frames that are searched altogether: each costs far more than a byte of a frame."""

SEARCH: Final = (64 + 8) << 10
"""Bytes in which the first frame is searched: 64 KiB of foreign bytes, as ffmpeg skips, and frames after them."""

_CHUNK: Final = 4 << 20
_OVERLAP: Final = 32 << 10
"""More than the frames take that a search must see in a row."""
_MOST_FRAMES: Final = 1_000_000
_MOST_LOSSES: Final = 256


class FrameKind(Protocol):
    """What the frames of one stream have in common. `samples` of a frame, `rate` samples/s."""

    @property
    def samples(self) -> int: ...

    @property
    def rate(self) -> int: ...

    def run(self, data: bytes, at: int, most: int) -> tuple[int, int]:
        """How many frames follow one another from `at`, up to `most`, and where the next would stand."""
        ...

    def search(self, data: bytes, at: int, last: bool) -> tuple[int, FrameKind] | None:
        """Where frames follow one another, at most `MOST_SKIPPED` behind `at`; `last`: the sound ends with `data`."""
        ...


class Walk(NamedTuple):
    """What a walk counted: s of sound, bytes of frames; and where the last frame ends, or would."""

    seconds: float
    coded: int
    end: int


class _Run(NamedTuple):
    kind: FrameKind
    frames: int
    start: int
    end: int


def walk(source: Source, start: int, end: int, kind: FrameKind) -> Walk | None:
    """Count every frame from `start` to `end`; None where the bytes are too broken or the frames too many.

    A last frame that is cut off counts by the part that is there, as a computation from the bit rate would.
    """
    coded, frames, last = 0, 0, start
    samples: Counter[int] = Counter()
    for run in _runs(source, start, end, kind):
        frames += run.frames
        if frames > _MOST_FRAMES or run.frames == 0:
            return None
        there = min(run.end, end) - run.start
        coded += there
        samples[run.kind.rate] += run.frames * run.kind.samples * there // (run.end - run.start)
        last = run.end
    seconds = sum(count / rate for rate, count in samples.items())
    return Walk(seconds, coded, last) if seconds else None


def _runs(source: Source, start: int, end: int, kind: FrameKind) -> Iterator[_Run]:
    """The uninterrupted rows of frames; an empty one says that the rest is too broken to go on."""
    at, base, data, losses, skipped = start, start, b"", 0, 0
    while at + 4 <= end:
        if at + 4 > base + len(data):
            base, data = at, source.read_at(at, min(_CHUNK, end - at))
            if len(data) < 4:
                return
        frames, behind = kind.run(data, at - base, _MOST_FRAMES)
        if frames:
            yield _Run(kind, frames, at, base + behind)
            at = base + behind
            continue
        losses += 1
        if data.startswith(b"ID3", at - base) and at + 10 <= base + len(data):
            at += 10 + syncsafe(data, at - base + 6)  # files that were joined keep their tags
            continue
        last = base + len(data) >= end
        place = kind.search(data, at - base, last)
        behind = place[0] if place else max(at - base + 1, len(data) - (0 if last else _OVERLAP))
        skipped += behind - (at - base)
        if losses > _MOST_LOSSES or skipped > MOST_SKIPPED:
            yield _Run(kind, 0, at, at)
            return
        at = base + behind
        kind = place[1] if place else kind
