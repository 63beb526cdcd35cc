"""A moving view of a source, for formats whose headers are scattered along the file."""

from __future__ import annotations

from typing import Final

from preflight.sources import Source, Truncated

_HEAD: Final = 2048
"""Bytes of the first piece, unless it begins further back."""
_PIECES: Final = 256
"""How often a reader may look elsewhere: more than most real files need, and over HTTP each is a request."""
_LARGEST: Final = 16 << 10


class Window:
    """Bytes of a source, read forward in pieces: what lies in the last piece costs no read.

    The first piece is the head, which a source keeps anyway. After a leap `piece` bytes are read; where one piece
    almost continues another it is twice as large, so that a long row of small segments is a few reads.
    `pieces` bounds how many there may be, for a reader that has no bound of its own.
    """

    __slots__ = ("_data", "_ended", "_left", "_piece", "_pieces", "_source", "_start", "_wanted")

    def __init__(self, source: Source, piece: int, start: int = 0, pieces: int = _PIECES) -> None:
        self._source = source
        self._piece = piece
        self._wanted = piece // 2
        self._pieces = self._left = pieces
        self._fill(start, max(_HEAD - start, piece))

    def read_at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer only where the source ends. Raises `SourceError`, `Truncated`."""
        begin = offset - self._start
        known = len(self._data)
        if begin < 0 or (begin + length > known and not (self._ended and begin <= known)):
            near = 0 < begin <= known + self._piece
            self._wanted = min(2 * self._wanted, _LARGEST) if near else self._piece
            self._fill(offset, max(length, self._wanted))
            begin = 0
        return self._data[begin : begin + length]

    def at_hand(self, offset: int, length: int) -> bytes:
        """As many of these bytes as cost no read."""
        begin = offset - self._start
        return self._data[begin : begin + length] if begin >= 0 else b""

    def _fill(self, offset: int, length: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise Truncated(f"{self._pieces} pieces of the file have shown no end of its header")
        self._data = self._source.read_at(offset, length)
        self._start = offset
        self._ended = len(self._data) < length
