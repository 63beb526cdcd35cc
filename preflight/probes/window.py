"""A moving view of a source, for formats whose headers are scattered along the file."""

from __future__ import annotations

from typing import Final

from preflight.sources import BoundReached, Source

_HEAD: Final = 2048
"""Bytes of the first piece, unless it begins further back."""
_REMOTE: Final = 256
_LOCAL: Final = 4096
"""How often a reader may look elsewhere: over HTTP each may be a request, on a disk they cost microseconds."""
_LARGEST: Final = 16 << 10
_LEAP: Final = 64 << 10
_ROW: Final = 2
"""Leaps of at most `_LEAP` over HTTP after which they are no few any more, and what lies between is read along."""
_LONG_SEEK: Final = 16 << 10
"""A seek over more than this is worth a request of its own, `long_seeks` times."""
_AHEAD: Final = 1 << 20


class Window:
    """Bytes of a source, read forward in pieces: what lies in the last piece costs no read.

    The first piece is the head, which a source keeps anyway. After a leap `piece` bytes are read; where one piece
    almost continues another it is twice as large, so that a long row of small segments is a few reads.
    `pieces` bounds how many there may be, for a reader that has no bound of its own. `rows`: the segments follow one
    another, as far apart as they may; over HTTP a long row of them costs fewer requests if it is read as a whole.
    `long_seeks` is how many seeks over more than `_LONG_SEEK` do not count as part of such a row.
    """

    __slots__ = (
        "_data",
        "_ended",
        "_leaps",
        "_left",
        "_long_seeks",
        "_piece",
        "_pieces",
        "_rows",
        "_source",
        "_start",
        "_wanted",
    )

    def __init__(
        self, source: Source, piece: int, start: int = 0, pieces: int = 0, rows: bool = False, long_seeks: int = 0
    ) -> None:
        self._source = source
        self._piece = piece
        self._wanted = piece // 2
        self._pieces = self._left = pieces or (_REMOTE if source.requests else _LOCAL)
        self._rows = rows and source.requests > 0
        self._leaps = 0
        self._long_seeks = long_seeks
        self._fill(start, max(_HEAD - start, piece))

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raises `SourceError`, `BoundReached`."""
        begin = offset - self._start
        known = len(self._data)
        if begin < 0 or (begin + length > known and not (self._ended and begin <= known)):
            near = 0 < begin <= known + self._piece
            self._wanted = min(2 * self._wanted, _LARGEST) if near else self._piece
            if self._rows and known < begin <= known + _LEAP:
                long = self._long_seeks > 0 and begin - known > _LONG_SEEK
                self._long_seeks -= long
                self._leaps += not long
                self._wanted = self._wanted if self._leaps <= _ROW else min(_LEAP << self._leaps - _ROW, _AHEAD)
            self._fill(offset, max(length, self._wanted))
            begin = 0
        return self._data[begin : begin + length]

    @property
    def pieces(self) -> int:
        """How many pieces were read."""
        return self._pieces - self._left

    def at_hand(self, offset: int, length: int) -> bytes:
        """As many of these bytes as cost no read."""
        begin = offset - self._start
        return self._data[begin : begin + length] if begin >= 0 else b""

    def _fill(self, offset: int, length: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise BoundReached(f"no end of the header within {self._pieces} reads")
        self._data = self._source.read_at(offset, length)
        self._start = offset
        self._ended = len(self._data) < length
