"""The body of an answer without ranges: `Forward`."""

from __future__ import annotations

import tempfile
from typing import IO, Final, Protocol

from preflight.errors import SourceError
from preflight.net.answer import PIECE

SPOOL: Final = 8 << 20
"""Bytes that are kept in memory before a temporary file takes them."""
STEP: Final = 4 << 10
"""Bytes that are read at once, at least."""


class Body(Protocol):
    """What is read forwards: an `Answer`, or its decoded body."""

    def read(self, length: int) -> bytes: ...

    def close(self) -> None: ...


class Forward:
    """A body that goes forwards only, kept as far as it was read, so that it can be read at any place.

    kept    bytes that are here
    ended   the body was read to its end
    """

    def __init__(self, answer: Body, size: int | None) -> None:
        self.kept = 0
        self.ended = False
        self._size = size
        self._answer = answer
        self._failure: SourceError | None = None
        self._spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115 - closed by close()

    def reach(self, end: int) -> None:
        """Read on until `end` bytes are here, or the body ends. Raises `SourceError`, again until `resume`."""
        end = -(-end // STEP) * STEP
        if self._size is not None:
            end = min(end, self._size)
        while self.kept < end and not self.ended:
            if self._failure is not None:
                raise self._failure
            wanted = min(PIECE, end - self.kept)
            try:
                piece = self._answer.read(wanted)
            except SourceError as failure:
                self.stop(failure)
                raise
            self._spool.seek(self.kept)
            self._spool.write(piece)
            self.kept += len(piece)
            self.ended = len(piece) < wanted or self.kept == self._size
        if self.ended:
            self._answer.close()

    def resume(self, answer: Body) -> bool:
        """Go on with another answer, whose beginning is here already. Return whether it begins with the same bytes."""
        at = 0
        while at < self.kept:
            piece = answer.read(min(PIECE, self.kept - at))
            if not piece or piece != self.at(at, len(piece)):
                return False
            at += len(piece)
        self._answer = answer
        self._failure = None
        return True

    def at(self, offset: int, length: int) -> bytes:
        """What is here of `length` bytes from `offset`."""
        self._spool.seek(offset)
        return self._spool.read(length)

    def stop(self, failure: SourceError) -> None:
        """Read no further, and say why to whoever wants more; what is here stays."""
        self._failure = failure
        self._answer.close()

    def close(self) -> None:
        """Give everything back."""
        self._answer.close()
        self._spool.close()
