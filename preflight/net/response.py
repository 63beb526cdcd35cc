"""The response of `http.client` with a head and a framing that are read strictly and within bounds."""

from __future__ import annotations

import re
import socket
import time
from http.client import BadStatusLine, HTTPMessage, HTTPResponse, RemoteDisconnected
from typing import Any, Final

from preflight.net.framing import (
    Budget,
    BufferedStream,
    ChunkedBody,
    InvalidResponse,
    LimitedReader,
    body_length,
    transfer_codings,
)

MAX_HEAD: Final = 64 << 10
"""Bytes of the status line and the header section, with those of all interim responses before."""
MAX_STATUS_LINE: Final = 8 << 10
MAX_HEADERS: Final = 100
MAX_BODY: Final = 1 << 50
"""Bytes after the head that may be received, unless `BoundedResponse.charge` sets less."""

_STATUS: Final = re.compile(r"HTTP/1\.([0-9])[ \t]+([1-9][0-9]{2})(?:[ \t].*)?")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FRAMING: Final = frozenset(("content-length", "transfer-encoding"))


class BoundedResponse(HTTPResponse):
    """One response on a connection. `fp` of `http.client` gives the decoded body without chunk framing.

    received  bytes taken from the connection
    leftover  whether more came than belongs to the response: the connection must serve no other
    """

    def __init__(self, sock: socket.socket, *args: Any, seconds: float | None = None, **kwargs: Any) -> None:
        """Read a response within `seconds`; None if the socket itself has a deadline."""
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        end = None if seconds is None else time.monotonic() + seconds
        self._wire = LimitedReader(sock, Budget(MAX_HEAD, "of headers"), end)
        self._stream = BufferedStream(self._wire)
        self.fp = self._stream

    @property
    def leftover(self) -> bool:
        return self._stream.leftover

    @property
    def received(self) -> int:
        return self._wire.received

    def charge(self, budget: Budget) -> None:
        """Count all bytes of the response, even those received, against `budget`. May raise `InvalidResponse`."""
        budget.left -= self._wire.received
        if budget.left < 0:
            raise budget.exceeded()
        self._wire.budget = budget

    def begin(self, **_: Any) -> None:
        """Read the head of the final response."""
        if self.headers is not None:
            return
        version, status = self._read_status_line()
        headers = self._read_headers()
        while 100 <= status < 200:  # RFC 9110 15.2: any number of them; no protocol switch was requested
            if status == 101:
                raise InvalidResponse("it switches to another protocol")
            version, status = self._read_status_line()
            headers = self._read_headers()
        self.version, self.code, self.status, self.reason = version, status, status, ""
        self.headers = self.msg = headers
        self._frame()
        self._wire.budget = Budget(MAX_BODY, "of an answer")

    def read(self, amt: int | None = None) -> bytes:
        data = super().read(amt)
        self._finish()
        return data

    def read1(self, n: int = -1) -> bytes:
        data = super().read1(n)
        self._finish()
        return data

    def _frame(self) -> None:
        """Determine where the body ends (RFC 9112 6.3), and whether the connection is reusable."""
        sent = self.headers.get_all("Transfer-Encoding", [])
        chunked = transfer_codings(sent)
        length = None if chunked else body_length(self.headers.get_all("Content-Length", []))
        if sent and not chunked:
            del self.headers["Transfer-Encoding"]  # `identity`: no coding at all
        elif chunked and "Content-Length" in self.headers:
            del self.headers["Content-Length"]  # it means nothing beside chunks
        bodiless = self._method == "HEAD" or self.status in (204, 304)  # type: ignore[attr-defined]
        self.chunked, self.chunk_left = False, None
        self.length = 0 if bodiless else length
        words = {word.strip().lower() for value in self.headers.get_all("Connection", []) for word in value.split(",")}
        self.will_close = (
            "close" in words
            or (self.version == 10 and ("keep-alive" not in words or bool(sent)))
            or (self.length is None and not chunked)
            or (bool(sent) and length is not None)
        )
        if chunked and not bodiless:
            self.fp = ChunkedBody(self._stream)  # type: ignore[assignment]

    def _finish(self) -> None:
        """Release the connection with the last byte, as `http.client` does, not with the read after it."""
        body: object = self.fp
        if self.length == 0 or (isinstance(body, ChunkedBody) and body.ended):
            self.close()

    def _read_status_line(self) -> tuple[int, int]:
        """Return version (10 or 11) and status (4)."""
        line = self._line(MAX_STATUS_LINE, b"HTTP/")
        found = _STATUS.fullmatch(line)
        if found is None:
            raise BadStatusLine(line[:100])
        return 10 if found[1] == "0" else 11, int(found[2])

    def _read_headers(self) -> HTTPMessage:
        """Read the header section (5). A line that begins with whitespace continues the previous one (5.2)."""
        fields: list[tuple[str, str]] = []
        while line := self._line(MAX_HEAD):
            if line[0] in " \t":
                if not fields:
                    raise InvalidResponse("its first header line begins with whitespace")
                name, value = fields.pop()
                fields.append((name, " ".join((value, line.strip(" \t"))).strip(" ")))
                continue
            name, colon, value = line.partition(":")
            if not colon or not name.strip(" \t"):
                raise InvalidResponse("a header line without a name")
            if len(fields) == MAX_HEADERS:
                raise InvalidResponse(f"more than {MAX_HEADERS} headers")
            fields.append((name, value.strip(" \t")))
        headers = HTTPMessage()
        for name, value in fields:
            if _NAME.fullmatch(name):
                headers[name] = value
            elif name.strip().lower() in _FRAMING:  # 5.1: whoever reads it otherwise sees another body
                raise InvalidResponse(f"invalid header name {name[:40]!r}")
        return headers

    def _line(self, longest: int, start: bytes = b"") -> str:
        """Return a line of the head without its end; it must begin with `start`."""
        line = self._stream.readline(longest)
        if line and not line.startswith(start):
            raise BadStatusLine(line[:100].decode("latin-1"))
        if len(line) == longest:
            raise InvalidResponse(f"a header line of more than {longest - 1} bytes")
        if not line.endswith(b"\n"):
            raise RemoteDisconnected("Remote end closed connection within the head of its response")
        text = line[:-1].removesuffix(b"\r").decode("latin-1")
        if "\r" in text or "\0" in text:
            raise InvalidResponse("a NUL or a bare CR in its headers")
        return text
