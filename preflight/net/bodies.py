"""Decode the bodies of responses: `ChunkedReader` for the transfer coding, `DecodedBody` for content codings.

Both read strictly and within bounds. `http.client` and `urllib3` read a chunk of size -1 to the end, and skip chunk
extensions and trailers without counting them.
"""

from __future__ import annotations

import re
import zlib
from typing import Final, Protocol

from preflight.errors import SourceError
from preflight.net.connections import Connection
from preflight.net.errors import IncompleteResponse, InvalidResponse, cut_off

MAX_CHUNK: Final = 1 << 50
"""Maximum bytes of one chunk: no file is as long."""
MAX_CHUNK_LINE: Final = 4 << 10
"""Bytes of a chunk's size with its extensions, and of one trailer field."""
MIN_FRAMING: Final = 64 << 10
"""Bytes of chunk sizes, extensions and trailers that any body may have."""
FRAMING_PER_BYTE: Final = 8
"""Further framing bytes for each byte of the body: chunks of one byte are wasteful, but legal."""
MAX_FRAMING: Final = 256 << 10
"""Maximum framing bytes of any body, in addition to the length of its content."""
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,16}")

DECODABLE: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""Content codings that zlib decodes (RFC 9110 8.4.1), with its window bits."""
_RAW_DEFLATE: Final = -15
"""Some servers send `deflate` without the zlib header that the specification asks for."""
_GZIP: Final = b"\x1f\x8b"
_INPUT: Final = 1 << 14
_SLACK: Final = 1 << 20
"""Compressed bytes that may exceed the decoded ones: no encoder needs more, so endless data is refused."""
_CODINGS: Final = frozenset((*DECODABLE, "br", "compress", "x-compress", "zstd", "dcb", "dcz"))


class ChunkedReader:
    """Reads the body of a response out of its chunks (RFC 9112 7.1).

    ended  the last chunk and the trailer section were read
    """

    __slots__ = ("_connection", "_framing", "_given", "_is_first", "_left", "ended")

    def __init__(self, connection: Connection) -> None:
        self.ended = False
        self._connection = connection
        self._left = 0
        self._is_first = True
        self._framing = self._given = 0

    def read(self, length: int) -> bytes:
        """Return at most `length` bytes: those of all chunks that one read of the connection gives.

        Raise `InvalidResponse`, and `IncompleteResponse` if the connection ends before the body.
        """
        body = bytearray(self._read_chunk(length))
        while body and len(body) < length and self._connection.buffered_lines() > 1:  # the next chunk's size is here
            piece = self._read_chunk(length - len(body))
            if not piece:
                break
            body += piece
        return bytes(body)

    def _read_chunk(self, length: int) -> bytes:
        """Return bytes of one chunk, at most `length`; empty at the end."""
        if not self._left and not self._begin():
            return b""
        piece = self._connection.read(min(length, self._left))
        if not piece:
            raise IncompleteResponse
        self._left -= len(piece)
        self._given += len(piece)
        return piece

    def _begin(self) -> bool:
        """Begin the next chunk. Return whether there is one."""
        if self.ended:
            return False
        if not self._is_first and self._read_line() != b"":
            raise InvalidResponse("a chunk is longer than its stated size")
        self._is_first = False
        line = self._read_line()
        # Blanks may precede an extension or pad the sizes of old servers to a fixed width; other clients skip them.
        self._left = chunk_size(line.partition(b";")[0].rstrip(b" \t"))
        if not self._left:
            while self._read_line():  # trailer fields are ignored
                pass
            self.ended = True
        return not self.ended

    def _read_line(self) -> bytes:
        line = self._connection.readline(MAX_CHUNK_LINE + 1)
        self._framing += len(line)
        allowed = min(MIN_FRAMING + FRAMING_PER_BYTE * self._given, MAX_FRAMING + self._given)
        if len(line) > MAX_CHUNK_LINE or self._framing > allowed:
            raise InvalidResponse("too many bytes of chunk sizes, extensions and trailers")
        if not line.endswith(b"\n"):
            raise IncompleteResponse
        if not line.endswith(b"\r\n"):
            raise InvalidResponse("a line of its chunked body does not end in CR LF")
        return line[:-2]


def chunk_size(text: bytes) -> int:
    """Return the size of a chunk: hexadecimal digits and nothing else (7.1). Raise `InvalidResponse`.

    >>> chunk_size(b"1f")
    31
    """
    if not _CHUNK_SIZE.fullmatch(text) or (size := int(text, 16)) > MAX_CHUNK:
        raise InvalidResponse(f"invalid chunk size {text[:20].decode('latin-1')!r}")
    return size


class Body(Protocol):
    """A body that is read sequentially: a response, or its decoded content."""

    def read(self, length: int) -> bytes:
        """Return the next `length` bytes; fewer only where the body ends. Raise `SourceError`."""
        ...

    def close(self) -> None:
        """Release the resources of the body."""
        ...


def content_codings(text: str) -> str:
    """Return the words of a Content-Encoding header that change the bytes.

    >>> content_codings("identity, GZIP"), content_codings("aws-chunked")
    ('gzip', '')
    """
    words = (word.strip().lower() for word in text.split(","))
    return ", ".join(word for word in words if word in _CODINGS)


class DecodedBody:
    """The decoded body of a response, read forwards like a response. Decodes no more than is requested.

    Raises `SourceError`, as a response does, also for an unsupported coding, for invalid data, and for compressed data
    that continues without content.
    """

    def __init__(self, body: Body, coding: str, name: str) -> None:
        if coding not in DECODABLE:
            raise unusable(name, f"the body is compressed with {coding} although no compression was requested")
        self._body = body
        self._coding = coding
        self._name = name
        self._decoder = zlib.decompressobj(DECODABLE[coding])
        self._waiting = b""
        self._begun = False
        self._ended = False
        self._taken = 0
        self._given = 0

    def read(self, length: int) -> bytes:
        """Return the next `length` bytes of the content; fewer only where it ends."""
        pieces = []
        while length > 0 and not self._ended:
            piece = self._decode(length)
            pieces.append(piece)
            length -= len(piece)
            self._given += len(piece)
            if self._taken > self._given + self._given // 8 + _SLACK:
                raise unusable(self._name, f"the {self._coding} body continues without content")
        return b"".join(pieces)

    def close(self) -> None:
        """Close the response."""
        self._body.close()

    def _decode(self, length: int) -> bytes:
        """Return up to `length` bytes of the content; possibly none yet."""
        if not self._waiting:
            self._waiting = self._fetch(_INPUT)
        if not self._begun:
            self._begin()
        at_end = not self._waiting
        try:
            piece = self._decoder.decompress(self._waiting, length)  # it may hold some of the content back
        except zlib.error:
            raise unusable(self._name, f"the body is not valid {self._coding}, despite its Content-Encoding") from None
        self._waiting = self._decoder.unconsumed_tail
        if self._decoder.eof:
            self._next_member()
        elif at_end and not piece:
            if self._taken:
                raise cut_off(self._name)
            self._ended = True  # nothing at all: an empty file
        return piece

    def _fetch(self, length: int) -> bytes:
        data = self._body.read(length)
        self._taken += len(data)
        return data

    def _begin(self) -> None:
        self._begun = True
        if self._coding == "deflate" and self._waiting and not _is_zlib(self._waiting):
            self._decoder = zlib.decompressobj(_RAW_DEFLATE)

    def _next_member(self) -> None:
        """Begin the next gzip member, if one follows; other trailing data is ignored."""
        rest = self._decoder.unused_data
        if len(rest) < len(_GZIP):
            rest += self._fetch(_INPUT)
        if self._coding != "deflate" and rest.startswith(_GZIP):
            self._waiting = rest
            self._decoder = zlib.decompressobj(DECODABLE[self._coding])
        else:
            self._ended = True


def _is_zlib(data: bytes) -> bool:
    """Return whether data begins with a zlib header (RFC 1950 2.2)."""
    return len(data) >= 2 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0


def unusable(name: str, problem: str) -> SourceError:
    """Return the error for a response whose body cannot be used."""
    return SourceError("response_invalid", f"{name}: {problem}. Serve the file from another host.")
