"""Count the frames of an AVI stream by its index `idx1`, if the headers are not plausible.

Microsoft AVI RIFF file reference, AVIOLDINDEX: 16 bytes for each chunk of the list `movi`.
"""

from __future__ import annotations

from typing import Final

from preflight.sources import Source

_MAX_CHUNKS: Final = 16
"""Chunks between header list and index: the list `movi`, and padding."""
_ENTRY: Final = 16
_MAX_INDEX_BYTES: Final = 4 << 20
"""Bytes of an index: an hour of 25 frames/s with its sound has a third."""
_NO_FRAMES: Final = (b"ix", b"pc", b"tx", b"wb")
"""Ends of the names of chunks that are not pictures: indexes, palette changes, text, audio."""


def index_of(source: Source, at: int) -> tuple[int, int] | None:
    """Return where the entries of `idx1` begin, and how many there are; `at` is the end of the header list.

    None where there is none, or where it speaks of a part only, as in a file of several RIFFs.
    """
    several = False
    found = None
    for _ in range(_MAX_CHUNKS):
        head = source.read_at(at, 12)
        if len(head) < 8:
            break
        size = int.from_bytes(head[4:8], "little")
        several |= head[:4] == b"RIFF"
        if head[:4] == b"idx1":
            found = at + 8, size // _ENTRY
        at += 8 + size + (size & 1)
    return None if several else found


def frames_of(source: Source, index: tuple[int, int], stream: int) -> int | None:
    """Return how many video chunks the stream of that number has; None if the index is too large or truncated."""
    at, count = index
    if count * _ENTRY > _MAX_INDEX_BYTES:
        return None
    data = source.read_at(at, count * _ENTRY)
    if len(data) < count * _ENTRY:
        return None
    names = (data[entry : entry + 4] for entry in range(0, len(data), _ENTRY))
    number = b"%02d" % stream
    return sum(name[:2] == number and name[2:] not in _NO_FRAMES for name in names)
