"""Response bodies that a server compresses although no compression was requested: `DecodedBody`."""

from __future__ import annotations

import zlib
from typing import Final

from preflight.net.answer import Answer
from preflight.net.errors import cut_off, unusable

DECODABLE: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""Content codings that zlib decodes (RFC 9110 8.4.1), with its window bits."""
_RAW_DEFLATE: Final = -15
"""Some servers send `deflate` without the zlib header that the specification asks for."""
_GZIP: Final = b"\x1f\x8b"
_INPUT: Final = 1 << 14
_SLACK: Final = 1 << 20
"""Compressed bytes that may exceed the decoded ones: no encoder needs more, so endless data is refused."""
_CODINGS: Final = frozenset((*DECODABLE, "br", "compress", "x-compress", "zstd", "dcb", "dcz"))


def content_codings(text: str) -> str:
    """Return the words of a Content-Encoding header that change the bytes.

    >>> content_codings("identity, GZIP"), content_codings("aws-chunked")
    ('gzip', '')
    """
    words = (word.strip().lower() for word in text.split(","))
    return ", ".join(word for word in words if word in _CODINGS)


class DecodedBody:
    """The decoded body of a response, read forwards like an `Answer`. Decodes no more than is requested.

    Raises `SourceError`, as an `Answer` does, also for an unsupported coding, for invalid data, and for compressed data
    that continues without content.
    """

    def __init__(self, answer: Answer, coding: str, name: str) -> None:
        if coding not in DECODABLE:
            raise unusable(name, f"the body is compressed with {coding} although no compression was requested")
        self._answer = answer
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
        self._answer.close()

    def _decode(self, length: int) -> bytes:
        """Return up to `length` bytes of the content; perhaps none of what has arrived."""
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
        data = self._answer.read(length)
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
