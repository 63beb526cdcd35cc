"""Count the pictures of an AVI whose header states 0, as recorders that cannot seek back write it."""

from __future__ import annotations

from collections import Counter
from typing import Final

from preflight.probes.window import Window
from preflight.sources import Source

_CHUNK_SIZE: Final = 4096
_MAX_READS: Final = 1 << 20
_MAX_CHUNKS: Final = 2_000_000
_CONTAINER_CHUNKS: Final = frozenset((b"RIFF", b"LIST"))
_SKIPPED_LISTS: Final = frozenset((b"hdrl", b"INFO", b"odml"))
_PICTURES: Final = frozenset((b"db", b"dc"))
"""The end of a chunk's name: an uncompressed picture, a compressed one. Before it is the number of the stream."""


def count_pictures(source: Source) -> int | None:
    """Count the chunks of the first stream of pictures; None where there is none, or too many. Raises `SourceError`."""
    counts: Counter[bytes] = Counter()
    window = Window(source, _CHUNK_SIZE, pieces=_MAX_READS)
    at = 0
    for _ in range(_MAX_CHUNKS):
        header = window.read_at(at, 12)
        if len(header) < 8:
            return counts[min(counts)] if counts else None
        name, size = header[:4], int.from_bytes(header[4:8], "little")
        if name in _CONTAINER_CHUNKS and header[8:12] not in _SKIPPED_LISTS:
            at += 12  # its content follows directly, regardless of its stated size
            continue
        if name[2:] in _PICTURES and name[:2].isdigit():
            counts[name[:2]] += 1
        at += 8 + size + (size & 1)
    return None
