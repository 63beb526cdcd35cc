"""An open binary file: an upload, a pipe, standard input."""

from __future__ import annotations

import io
import tempfile
from typing import IO

from preflight.errors import SourceError

SPOOL = 8 << 20
"""Bytes of an unseekable stream that are kept in memory before a temporary file takes them."""


class StreamSource:
    """A `Source` over an open binary file. The position of a seekable one is put back on `close`.

    What cannot seek is copied as far as it is read into a spooled temporary file; its size is known only after
    the last byte, so `size` reads to the end, at most `limit` bytes.
    """

    requests = 0

    def __init__(self, stream: IO[bytes], name: str | None = None, limit: int = 4 << 30) -> None:
        label = getattr(stream, "name", None)
        self.name = name or (label if isinstance(label, str) else "<stream>")
        self.bytes_read = 0
        self._stream = stream
        self._limit = limit
        self._spool: IO[bytes] | None = None
        self._spooled = 0
        self._ended = False
        self._size: int | None = None
        if _seekable(stream):
            self._start = stream.tell()
        else:
            self._spool = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115 - closed by close()

    @property
    def size(self) -> int:
        if self._spool is not None:
            while not self._ended:
                self._copy_until(self._spooled + (1 << 20))
            return self._spooled
        if self._size is None:
            self._size = self._stream.seek(0, io.SEEK_END)
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
        self._stream.seek(offset)
        data = _read(self._stream, length, self.name)
        self.bytes_read += len(data)
        return data

    def verify(self) -> None:
        """An open stream belongs to the caller, who does not change it meanwhile."""

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
        else:
            self._stream.seek(self._start)

    def _copy_until(self, end: int) -> None:
        assert self._spool is not None
        if end > self._limit:
            end = self._limit
        while self._spooled < end and not self._ended:
            piece = _read(self._stream, min(1 << 16, end - self._spooled), self.name)
            self._spool.seek(self._spooled)
            self._spool.write(piece)
            self._spooled += len(piece)
            self.bytes_read += len(piece)
            self._ended = not piece or self._spooled >= self._limit


def _seekable(stream: IO[bytes]) -> bool:
    try:
        return stream.seekable()
    except (AttributeError, ValueError):
        return False


def _read(stream: IO[bytes], length: int, name: str) -> bytes:
    """Up to `length` bytes; a raw stream may give fewer at a time."""
    pieces = []
    while length > 0:
        piece = stream.read(length)
        if not isinstance(piece, bytes):
            raise SourceError("unreadable", f"{name} gives {type(piece).__name__}, not bytes: open it in binary mode")
        if not piece:
            break
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
