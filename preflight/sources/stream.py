"""Sequential bytes: `StreamSource` over an open binary file, and the `Spool` that keeps them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, TypeVar

from preflight.errors import PreflightError, SourceError

if TYPE_CHECKING:
    from preflight.net.bodies import Body

MAX_SPOOL_MEMORY: Final = 8 << 20
"""Bytes that are kept in memory; more are kept in a temporary file."""
_CHUNK_SIZE: Final = 64 << 10
STEP: Final = 4 << 10
"""Minimum bytes of one read of a response's body."""

T = TypeVar("T")


class Spool:
    """A body that is read sequentially, and kept as far as it was read so that any part can be read again.

    kept   bytes that were read so far
    ended  the body was read to its end
    """

    def __init__(self, body: Body, size: int | None, step: int = STEP) -> None:
        """Read at most `size` bytes, in multiples of `step`."""
        self.kept = 0
        self.ended = False
        self._size = size
        self._step = step
        self._body = body
        self._failure: SourceError | None = None
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MAX_SPOOL_MEMORY)  # noqa: SIM115 - see close()

    def read_to(self, end: int) -> None:
        """Read on until `end` bytes are kept, or the body ends. Raise `SourceError`, again until `resume`."""
        end = -(-end // self._step) * self._step
        if self._size is not None:
            end = min(end, self._size)
        while self.kept < end and not self.ended:
            if self._failure is not None:
                raise self._failure
            wanted = min(_CHUNK_SIZE, end - self.kept)
            try:
                piece = self._body.read(wanted)
            except SourceError as failure:
                self.stop(failure)
                raise
            self._file.seek(self.kept)
            self._file.write(piece)
            self.kept += len(piece)
            self.ended = len(piece) < wanted or self.kept == self._size
        if self.ended:
            self._body.close()

    def resume(self, body: Body) -> bool:
        """Continue with another body of the same file. Return whether it begins with the bytes that are kept."""
        at = 0
        while at < self.kept:
            piece = body.read(min(_CHUNK_SIZE, self.kept - at))
            if not piece or piece != self.at(at, len(piece)):
                return False
            at += len(piece)
        self._body = body
        self._failure = None
        return True

    def at(self, offset: int, length: int) -> bytes:
        """Return as many of `length` bytes from `offset` as are kept."""
        if offset >= self.kept:
            return b""
        self._file.seek(offset)
        return self._file.read(length)

    def stop(self, failure: SourceError) -> None:
        """Stop reading, and raise `failure` for bytes that are not kept yet."""
        self._failure = failure
        self._body.close()

    def close(self) -> None:
        """Close the body, and drop what is kept."""
        self._body.close()
        self._file.close()


class StreamSource:
    """A `Source` over an open binary file. The position of a seekable one is restored on `close`.

    A stream that cannot seek is spooled as far as it is read; its size is known only after the last byte, so `size`
    reads to the end, at most `limit` bytes. Any exception of the file becomes `unreadable`.
    """

    remote = False
    delivery = None
    requests = 0

    def __init__(self, stream: IO[bytes], name: str | None = None, limit: int = 4 << 30) -> None:
        label = getattr(stream, "name", None)
        self.name = name or (label if isinstance(label, str) else "<stream>")
        self.bytes_read = 0
        if isinstance(stream, io.TextIOBase):
            raise SourceError("unreadable", f"{self.name} is open as text. Open it in binary mode.")
        if getattr(stream, "closed", False) is True:
            raise SourceError("unreadable", f"{self.name} is closed. Give it while it is open.")
        self._stream = stream
        self._spool: Spool | None = None
        self._size: int | None = None
        self._start = _position(stream)
        if self._start is None:
            self._spool = Spool(_Unseekable(self), limit, step=1)

    @property
    def size(self) -> int:
        """Return the bytes of the stream. Reads to the end of one that cannot seek."""
        if self._spool is not None:
            while not self._spool.ended:
                self._spool.read_to(self._spool.kept + (1 << 20))
            return self._spool.kept
        if self._size is None:
            self._size = self._call(self._end)
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raise `SourceError`."""
        if self._spool is not None:
            self._spool.read_to(offset + length)
            return self._spool.at(offset, length)
        if offset >= self.size:
            return b""
        self._call(self._stream.seek, offset)
        return self.read_forwards(length)

    def verify(self) -> None:
        """Do nothing: an open stream belongs to the caller, who does not change it meanwhile."""

    def close(self) -> None:
        """Restore the position of a stream that can seek; the stream itself is the caller's."""
        if self._spool is not None:
            self._spool.close()
        else:
            with suppress(Exception):  # the bytes that were read remain valid
                self._stream.seek(self._start or 0)

    def _end(self) -> int:
        self._stream.seek(0, io.SEEK_END)
        return self._stream.tell()  # not every `seek` gives the position

    def read_forwards(self, length: int) -> bytes:
        """Return up to `length` bytes from the stream's position; a raw stream may give fewer at a time."""
        pieces = []
        while length > 0:
            piece: object = self._call(self._stream.read, length)
            if piece is None:
                raise SourceError("unreadable", f"{self.name} is non-blocking. Open it in blocking mode.")
            if not isinstance(piece, bytes):
                given = type(piece).__name__
                raise SourceError("unreadable", f"{self.name} gives {given}, not bytes. Open it in binary mode.")
            if not piece:
                break
            pieces.append(piece[:length])
            self.bytes_read += len(pieces[-1])
            length -= len(piece)
        return b"".join(pieces)

    def _call(self, method: Callable[..., T], *arguments: object) -> T:
        """Call a method of the file, which is foreign code and may raise anything."""
        try:
            return method(*arguments)
        except PreflightError:  # of an upload that limits its size
            raise
        except Exception as error:  # noqa: BLE001 - foreign code: its fault costs this file
            why = f"{type(error).__name__}: {error}".partition("\n")[0].removesuffix(": ")
            raise SourceError("unreadable", f"{self.name} cannot be read ({why}). Open it again for reading.") from None


class _Unseekable:
    """The body of a stream that cannot seek. The caller closes the stream."""

    def __init__(self, source: StreamSource) -> None:
        self.read = source.read_forwards

    def close(self) -> None:
        """Do nothing: the stream is the caller's."""


def _position(stream: IO[bytes]) -> int | None:
    """Return the position of a stream; None if it cannot seek, or does not know its position, as a pipe."""
    try:
        position = stream.tell() if stream.seekable() else None
    except Exception:  # noqa: BLE001 - foreign code: it may still be read forwards
        return None
    return position if isinstance(position, int) else None
