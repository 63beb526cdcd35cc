"""Where an HTTP/1.1 message and its parts end (RFC 9112), read strictly and within bounds.

`http.client` and `urllib3` read a chunk of size -1 to the end, and skip interim responses, chunk
extensions and trailers without counting them. Here all bytes of a connection are counted: `LimitedReader`.
"""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Sequence
from http.client import HTTPException, IncompleteRead
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_CHUNK: Final = 1 << 50
"""Bytes of one chunk: no file is as long."""
MAX_CHUNK_LINE: Final = 4 << 10
"""Bytes of a chunk's size with its extensions, and of one trailer field."""
MIN_FRAMING: Final = 64 << 10
"""Bytes of chunk sizes, extensions and trailers that any body may have."""
FRAMING_PER_BYTE: Final = 8
"""Further bytes of them for each byte of the body: chunks of one byte are wasteful, but legal."""
MAX_FRAMING: Final = 256 << 10
"""Bytes of them that no body may exceed, beyond its own length."""

_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


class InvalidResponse(HTTPException):
    """A response is not HTTP/1.1, or has more overhead than any legitimate one."""


class Budget:
    """How many bytes may be received: of one part of a response, or of all responses for one file.

    left  bytes that may still come
    """

    def __init__(self, most: int, what: str) -> None:
        self.left = most
        self._most = most
        self._what = what

    def reset(self) -> None:
        """Restore the full budget."""
        self.left = self._most

    def exceeded(self) -> InvalidResponse:
        return InvalidResponse(f"more than {self._most} bytes {self._what}")


class LimitedReader(io.RawIOBase):
    """The bytes of a connection: as many as `budget` allows, and all before `end` (monotonic, in s).

    received  bytes so far
    draining  ask the connection for no more
    """

    def __init__(self, sock: socket.socket, budget: Budget, end: float | None = None) -> None:
        self.received = 0
        self.draining = False
        self.budget = budget
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self.draining:
            return 0
        if self.budget.left <= 0:
            raise self.budget.exceeded()
        if self._end is not None:
            self._set_timeout(self._end - time.monotonic())
        count = self._raw.readinto(memoryview(buffer)[: self.budget.left]) or 0
        self.received += count
        self.budget.left -= count
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _set_timeout(self, left: float) -> None:
        """Limit the wait to `end`: a socket timeout restarts with every byte."""
        if left <= 0:
            raise TimeoutError("timed out")
        timeout = self._sock.gettimeout()
        if timeout is None or timeout > left:
            self._sock.settimeout(left)


class BufferedStream(io.BufferedReader):
    """The bytes of a `LimitedReader`, read ahead.

    leftover  whether bytes were buffered when it was closed: they belong to no response
    """

    leftover = False

    def __init__(self, raw: LimitedReader) -> None:
        super().__init__(raw)
        self._wire = raw

    def buffered(self) -> bytes:
        """Return the buffered bytes, without waiting for more."""
        self._wire.draining = True
        try:
            return self.peek(1)
        finally:
            self._wire.draining = False

    def close(self) -> None:
        if not self.closed:
            self.leftover = bool(self.buffered())
        super().close()


class ChunkedBody(io.BufferedIOBase):
    """The body out of its chunks (7.1). Raises `InvalidResponse`, and `IncompleteRead` where it breaks off.

    ended  the last chunk and the trailer section were read
    """

    def __init__(self, stream: BufferedStream) -> None:
        self.ended = False
        self._stream = stream
        self._left = 0
        self._first = True
        self._framing = self._given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        pieces: list[bytes] = []
        wanted = size if size is not None and size >= 0 else MAX_CHUNK
        try:
            while wanted > 0 and (piece := self._piece(wanted)):
                pieces.append(piece)
                wanted -= len(piece)
        except IncompleteRead:
            raise IncompleteRead(b"".join(pieces)) from None
        return b"".join(pieces)

    def read1(self, size: int = -1, /) -> bytes:
        """Return what one read of the connection gives, from all chunks that it contains."""
        wanted = size if size >= 0 else io.DEFAULT_BUFFER_SIZE
        body = bytearray(self._piece(wanted))
        while body and len(body) < wanted and self._stream.buffered().count(b"\n") > 1:  # the next chunk's size is here
            piece = self._piece(wanted - len(body))
            if not piece:
                break
            body += piece
        return bytes(body)

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _piece(self, wanted: int) -> bytes:
        """Return bytes of one chunk, at most `wanted`; empty at the end."""
        if not self._left and not self._begin():
            return b""
        piece = self._stream.read1(min(wanted, self._left))
        if not piece:
            raise IncompleteRead(b"", self._left)
        self._left -= len(piece)
        self._given += len(piece)
        return piece

    def _begin(self) -> bool:
        """Begin the next chunk. Return whether there is one."""
        if self.ended:
            return False
        if not self._first and self._line() != b"":
            raise InvalidResponse("a chunk is longer than its stated size")
        self._first = False
        line = self._line()
        # Blanks stand before an extension, and behind sizes that old servers pad to a width; other clients skip them.
        self._left = chunk_size(line.partition(b";")[0].rstrip(b" \t"))
        if not self._left:
            while self._line():  # trailer fields mean nothing to us
                pass
            self.ended = True
        return not self.ended

    def _max_framing(self) -> int:
        return min(MIN_FRAMING + FRAMING_PER_BYTE * self._given, MAX_FRAMING + self._given)

    def _line(self) -> bytes:
        line = self._stream.readline(MAX_CHUNK_LINE + 1)
        self._framing += len(line)
        if len(line) > MAX_CHUNK_LINE or self._framing > self._max_framing():
            raise InvalidResponse("too many bytes of chunk sizes, extensions and trailers")
        if not line.endswith(b"\n"):
            raise IncompleteRead(b"")
        if not line.endswith(b"\r\n"):
            raise InvalidResponse("a line of its chunked body does not end in CR LF")
        return line[:-2]


def chunk_size(text: bytes) -> int:
    """Return the size of a chunk: hexadecimal digits and nothing else (7.1). Raises `InvalidResponse`.

    >>> chunk_size(b"1f")
    31
    """
    if not _CHUNK_SIZE.fullmatch(text) or (size := int(text, 16)) > MAX_CHUNK:
        raise InvalidResponse(f"invalid chunk size {text[:20].decode('latin-1')!r}")
    return size


def transfer_codings(values: Sequence[str]) -> bool:
    """Return whether the body is chunked, by the values of all Transfer-Encoding fields (6.1, 6.3).

    Raises `InvalidResponse` for other codings, which were not requested.
    """
    codings = [coding.strip(" \t").lower() for value in values for coding in value.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return False
    if codings != ["chunked"]:
        raise InvalidResponse(f"unrequested transfer coding {', '.join(codings)[:40]!r}")
    return True


def body_length(values: Sequence[str]) -> int | None:
    """Return the bytes of the body, by the values of all Content-Length fields (6.3); None without one.

    A proxy may have repeated the same field. Raises `InvalidResponse` for anything but a plain decimal number, which
    other software on the way would read differently.
    """
    if not values:
        return None
    if len(set(values)) > 1 or not _LENGTH.fullmatch(values[0]):
        raise InvalidResponse(f"invalid Content-Length {', '.join(values)[:40]!r}")
    return int(values[0])
