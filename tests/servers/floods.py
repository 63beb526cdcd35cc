"""Servers that send without end below the body: `/flood/NAME/…` at full speed, `/drip-flood/NAME/…` byte by byte."""

from __future__ import annotations

from typing import Final

from tests.servers.manners import TINY
from tests.servers.registry import behaviour
from tests.servers.talk import Talk

_OK: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_ZEROS: Final = bytes(65536)

FLOODS: Final[dict[str, tuple[bytes, bytes]]] = {
    "negative-chunk": (_CHUNKED + b"-1\r\n", _ZEROS),
    "oversized-chunk": (_CHUNKED + b"FFFFFFFFFFFFFFFF\r\n", _ZEROS),
    "endless-chunk-size": (_CHUNKED, b"0" * 65536),
    "endless-chunk-extension": (_CHUNKED + b"5;a=", b"x" * 65536),
    "extensions-of-tiny-chunks": (_CHUNKED, (b"1;a=" + b"x" * 4000 + b"\r\n\x89\r\n") * 16),
    "endless-trailers": (_CHUNKED + b"5\r\nhello\r\n0\r\n", b"X-Trailer: abcdefghij\r\n" * 3000),
    "endless-trailer": (_CHUNKED + b"0\r\nX-Trailer: ", b"x" * 65536),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "early-hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" * 1000),
    "interim-headers": (b"HTTP/1.1 102 Processing\r\n", b"X-Header: abcdefghij\r\n" * 3000),
    "status-line": (b"HTTP/1.1 200 ", b"O" * 65536),
    "headers": (_OK, b"X-Header: abcdefghij\r\n" * 3000),
    "header-name": (_OK, b"X" * 65536),
    "folded-header": (_OK + b"X-Header: a\r\n", b" folded\r\n" * 8000),
    "http-0.9": (b"", _ZEROS),
    "http-2-frames": (b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80", b"\0\0\4\x08\0\0\0\0\0\0\1\0\0" * 5000),
    "blank-lines": (b"", b"\r\n" * 30000),
    "error-page": (b"HTTP/1.1 404 Not Found\r\n\r\n", b"<p>no</p>" * 7000),
    "error-page-in-tiny-chunks": (
        b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\n<\r\n" * 9000,
    ),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /status/404/x\r\n\r\n", _ZEROS),
    "no-content": (b"HTTP/1.1 204 No Content\r\n\r\n", _ZEROS),
    "switching-protocols": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", _ZEROS),
    "negative-length": (_OK + b"Content-Length: -1\r\n\r\n", _ZEROS),
    "body": (_OK + b"Content-Type: image/png\r\n\r\n", _ZEROS),
    "chunks": (_CHUNKED, b"10000\r\n" + _ZEROS + b"\r\n"),
}
"""What is sent once, and what then follows for ever."""


@behaviour
def flood(talk: Talk) -> None:
    talk.keep = False
    once, piece = FLOODS[talk.rest.partition("/")[0]]
    talk.raw(once)
    talk.forever(piece)


@behaviour
def drip_flood(talk: Talk) -> None:
    talk.keep = False
    once, piece = FLOODS[talk.rest.partition("/")[0]]
    talk.raw(once)
    while True:
        for at in range(len(piece)):
            if talk.server.ending.wait(TINY):
                return
            talk.body(piece[at : at + 1])
