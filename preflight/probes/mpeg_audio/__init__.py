"""Count the frames of audio that has no header: one walk for MPEG audio, AAC in ADTS and AAC in LOAS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol, TypeVar

from preflight.probes.audio_tags import ID3_HEADER_BYTES, leading_tags, syncsafe
from preflight.sources import Source

MAX_SKIPPED_BYTES: Final = 1 << 20
"""Bytes between frames that are searched in all: each costs far more than a byte of a frame."""
SEARCH_BYTES: Final = (64 + 8) << 10
"""Bytes in which the first frame is searched: 64 KiB of other bytes, as ffmpeg skips, and frames after them."""

_CHUNK_SIZE: Final = 4 << 20
_OVERLAP: Final = 32 << 10
"""Bytes: more than the consecutive frames that a search needs."""
_MAX_FRAMES: Final = 1_000_000
_MAX_LOSSES: Final = 256


class FrameFormat(Protocol):
    """The common format of all frames of one stream."""

    @property
    def samples(self) -> int:
        """Return the samples of a frame."""
        ...

    @property
    def rate(self) -> int:
        """Return the samples/s."""
        ...

    def run(self, data: bytes, at: int, limit: int) -> tuple[int, int]:
        """Return how many frames follow one another from `at`, up to `limit`, and where the next would begin."""
        ...

    def search(self, data: bytes, at: int, *, last: bool) -> tuple[int, FrameFormat] | None:
        """Return where frames follow one another, within `MAX_SKIPPED_BYTES`; `last`: the audio ends with `data`."""
        ...


class _Located(Protocol):
    @property
    def at(self) -> int: ...


_Frame = TypeVar("_Frame", bound=_Located)


def find_after_tags(
    source: Source, find: Callable[[Source, int], _Frame | None]
) -> tuple[_Frame | None, tuple[str, ...]]:
    """Find the first frame after the leading tags; return it, and notes on the bytes before it."""
    tags = leading_tags(source)
    notes: tuple[str, ...] = ("cover_art",) if tags.picture else ()
    first = find(source, tags.end)
    if first is None and source.size is not None and tags.end > source.size:
        first = find(source, ID3_HEADER_BYTES)  # the file is truncated, or the size of the tag is wrong
        notes += ("bad_header",) if first else ()
    if first is None:
        return None, (*notes, "truncated")
    return first, (*notes, "leading_garbage") if first.at > tags.end else notes


class FrameTotals(NamedTuple):
    """The counted frames: s of audio, bytes of frames, and where the last frame ends, or would end."""

    seconds: float
    frame_bytes: int
    end: int


class _Run(NamedTuple):
    format: FrameFormat
    frames: int
    start: int
    end: int


def count_frames(source: Source, start: int, end: int, frame_format: FrameFormat) -> FrameTotals | None:
    """Count all frames from `start` to `end`; None if the bytes are too broken or the frames too many.

    A truncated last frame counts by the part that is present, as a computation from the bit rate would.
    """
    frame_bytes, frames, last = 0, 0, start
    samples: Counter[int] = Counter()
    for run in _runs(source, start, end, frame_format):
        frames += run.frames
        if frames > _MAX_FRAMES or run.frames == 0:
            return None
        present = min(run.end, end) - run.start
        frame_bytes += present
        samples[run.format.rate] += run.frames * run.format.samples * present // (run.end - run.start)
        last = run.end
    seconds = sum(count / rate for rate, count in samples.items())
    return FrameTotals(seconds, frame_bytes, last) if seconds else None


def _runs(source: Source, start: int, end: int, frame_format: FrameFormat) -> Iterator[_Run]:
    """Yield the uninterrupted runs of frames; an empty one means that the rest is too broken to continue."""
    at, base, data, losses, skipped = start, start, b"", 0, 0
    while at + 4 <= end:
        if at + 4 > base + len(data):
            base, data = at, source.read_at(at, min(_CHUNK_SIZE, end - at))
            if len(data) < 4:
                return
        frames, stop = frame_format.run(data, at - base, _MAX_FRAMES)
        if frames:
            yield _Run(frame_format, frames, at, base + stop)
            at = base + stop
            continue
        losses += 1
        if data.startswith(b"ID3", at - base) and at + ID3_HEADER_BYTES <= base + len(data):
            at += ID3_HEADER_BYTES + syncsafe(data, at - base + 6)  # joined files keep their tags
            continue
        last = base + len(data) >= end
        found = frame_format.search(data, at - base, last=last)
        if not found and not last and base < at > base + len(data) - _OVERLAP:
            base, data = at, b""  # the frames after these bytes may be in the next chunk
            continue
        stop = found[0] if found else max(at - base + 1, len(data) - (0 if last else _OVERLAP))
        skipped += stop - (at - base)
        if losses > _MAX_LOSSES or skipped > MAX_SKIPPED_BYTES:
            yield _Run(frame_format, 0, at, at)
            return
        at = base + stop
        frame_format = found[1] if found else frame_format
