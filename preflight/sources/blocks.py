"""Which pieces of a file are here, and which piece to ask for next: as few requests as the formats allow, and little
more bytes than they need."""

from __future__ import annotations

from typing import Final

HEAD: Final = 32 << 10
"""Bytes of the first request: the headers of nearly every format stand there."""
DISTANT: Final = 4 << 10
"""Least bytes of a request for a distant place. Sixteen of them, the fragment headers of a film, stay below 96 KiB."""
ONWARDS: Final = 16 << 10
"""Least bytes of a request by a reader who goes on where the last one ended: a shorter answer comes no sooner."""
TAIL: Final = 32 << 10
"""Bytes that are fetched where a reader begins to look at the end of a file."""
REST: Final = 64 << 10
"""What is left of a file behind a read is fetched along if it is no more: a moov box at the end, a directory."""
LONGEST: Final = 4 << 20
"""Most bytes that are fetched ahead of a reader that goes through the whole file."""
KEPT: Final = 8 << 20
"""Bytes that are kept in memory, beside the head."""


class Blocks:
    """The pieces of one file that were fetched. `last_end`: end of the last one."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []
        self._kept = 0
        self.last_end = -1
        self._streak = 0

    def at(self, offset: int, end: int) -> bytes:
        """Bytes from `offset`, at most to `end`; empty where that place is not here."""
        for start, data in self._pieces:
            if start <= offset < start + len(data):
                return data[offset - start : end - start]
        return b""

    @property
    def pieces(self) -> tuple[tuple[int, bytes], ...]:
        """Return the kept pieces with their offsets."""
        return tuple(self._pieces)

    def add(self, start: int, data: bytes) -> None:
        """Keep a piece. The head stays; of the others the oldest go when they become too many."""
        self._streak = self._streak + 1 if start == self.last_end else 0
        self.last_end = start + len(data)
        self._pieces.append((start, data))
        self._kept += len(data)
        while self._kept > KEPT and len(self._pieces) > 2:
            self._kept -= len(self._pieces.pop(1)[1])

    def span(self, offset: int, end: int, size: int | None) -> tuple[int, int]:
        """The piece to fetch, as (first byte, end), for a reader who wants `offset` to `end` and has no `offset` yet.

        It covers all that is missing of that. A reader who goes on and on gets ever more ahead of it, but so that
        within the first half megabyte no more than `REST` is fetched in vain.
        """
        end = min((start for start, data in self._pieces if offset < start < end <= start + len(data)), default=end)
        first, stop = offset, max(end, offset + self._ahead(offset))
        if size is not None:
            stop = min(stop, size)
            if size - offset <= REST or size - stop < ONWARDS:
                first, stop = max(0, min(offset, size - TAIL)), size
        for start, data in self._pieces:
            if start + len(data) <= offset:
                first = max(first, start + len(data))
            elif start >= end:
                stop = min(stop, start)
        return first, stop

    def _ahead(self, offset: int) -> int:
        if offset != self.last_end:
            return DISTANT
        if self._streak < 8:
            return min(ONWARDS << self._streak, REST)
        return min(REST << self._streak - 7, LONGEST)
