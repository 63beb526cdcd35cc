"""An open binary file: an upload, a pipe, standard input."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeVar

from preflight.errors import PreflightError, SourceError

SPOOL = 8 << 20
"""Bytes of an unseekable stream that are kept in memory before a temporary file takes them."""

T = TypeVar("T")


class StreamSource:
    """A `Source` over an open binary file. The position of a seekable one is put back on `close`.

    What cannot seek is copied as far as it is read into a spooled temporary file; its size is known only after
    the last byte, so `size` reads to the end, at most `limit` bytes. Whatever the file raises is `unreadable`.
    """

    requests = 0

    def __init__(self, stream: IO[bytes], name: str | None = None, limit: int = 4 << 30) -> None:
        label = getattr(stream, "name", None)
        self.name = name or (label if isinstance(label, str) else "<stream>")
        self.bytes_read = 0
        if isinstance(stream, io.TextIOBase):
            raise SourceError("unreadable", f"{self.name} is open as text: open it in binary mode")
        if getattr(stream, "closed", False) is True:
            raise SourceError("unreadable", f"{self.name} is closed: give it while it is open")
        self._stream = stream
        self._limit = limit
        self._spool: IO[bytes] | None = None
        self._spooled = 0
        self._ended = False
        self._size: int | None = None
        start = _position(stream)
        if start is None:
            self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115 - closed by close()
        else:
            self._start = start

    @property
    def size(self) -> int:
        if self._spool is not None:
            while not self._ended:
                self._copy_until(self._spooled + (1 << 20))
            return self._spooled
        if self._size is None:
            self._size = self._call(self._end)
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        if self._spool is not None:
            self._copy_until(offset + length)
            if offset >= self._spooled:
                return b""
            self._spool.seek(offset)
            return self._spool.read(length)
        if offset >= self.size:
            return b""
        self._call(self._stream.seek, offset)
        data = self._read(length)
        self.bytes_read += len(data)
        return data

    def verify(self) -> None:
        """An open stream belongs to the caller, who does not change it meanwhile."""

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
        else:
            with suppress(Exception):  # what was read of it stays right
                self._stream.seek(self._start)

    def _end(self) -> int:
        self._stream.seek(0, io.SEEK_END)
        return self._stream.tell()  # not every `seek` gives the position

    def _copy_until(self, end: int) -> None:
        assert self._spool is not None
        if end > self._limit:
            end = self._limit
        while self._spooled < end and not self._ended:
            piece = self._read(min(1 << 16, end - self._spooled))
            self._spool.seek(self._spooled)
            self._spool.write(piece)
            self._spooled += len(piece)
            self.bytes_read += len(piece)
            self._ended = not piece or self._spooled >= self._limit

    def _read(self, length: int) -> bytes:
        """Up to `length` bytes; a raw stream may give fewer at a time."""
        pieces = []
        while length > 0:
            piece: object = self._call(self._stream.read, length)
            if piece is None:
                raise SourceError("unreadable", f"{self.name} does not wait for its bytes: open it in blocking mode")
            if not isinstance(piece, bytes):
                given = type(piece).__name__
                raise SourceError("unreadable", f"{self.name} gives {given}, not bytes: open it in binary mode")
            if not piece:
                break
            pieces.append(piece[:length])
            length -= len(piece)
        return b"".join(pieces)

    def _call(self, method: Callable[..., T], *arguments: Any) -> T:
        """What a method of the file gives. It is foreign code, and may raise anything."""
        try:
            return method(*arguments)
        except PreflightError:  # of an upload that knows how long it may be
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")
            raise SourceError("unreadable", f"{self.name} cannot be read ({why}): open it anew for reading") from None


def _position(stream: IO[bytes]) -> int | None:
    """Where a stream stands; None where it cannot seek, or knows its position no more than a pipe does."""
    try:
        position = stream.tell() if stream.seekable() else None
    except Exception:  # foreign code: it may still be read forwards
        return None
    return position if isinstance(position, int) else None
