"""One HTTP/1.1 response (RFC 9112), read strictly and within bounds: `Response`, and the parsers of its headers.

`http.client` and `urllib3` skip any number of interim responses and guess at ambiguous lengths. Here every byte counts
against a budget, and anything that an intermediary could read differently is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from typing import Final, NamedTuple, Protocol

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import SourceError
from preflight.net.addresses import ResolvedHost
from preflight.net.bodies import ChunkedReader
from preflight.net.connections import MAX_RECEIVE, Budget, Connection
from preflight.net.errors import IncompleteResponse, InvalidResponse, cut_off, malformed, timed_out
from preflight.net.redact import redact
from preflight.net.urls import Url

MAX_HEAD: Final = 64 << 10
"""Bytes of the status line and the header section, including all preceding interim responses."""
MAX_STATUS_LINE: Final = 8 << 10
MAX_HEADERS: Final = 100
MAX_BODY: Final = 1 << 50
"""Bytes after the head that may be received, unless `Response.charge` sets less."""
PEEK_BYTES: Final = 1 << 12
PEEK_TIMEOUT: Final = 0.25
"""s to wait for the page of an error, which only helps to explain it."""

_STATUS: Final = re.compile(r"HTTP/1\.([0-9])[ \t]+([1-9][0-9]{2})(?:[ \t].*)?")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_FRAMING: Final = frozenset(("content-length", "transfer-encoding"))
_RANGE: Final = re.compile(r"\s*bytes[ =]\s*(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", re.ASCII | re.IGNORECASE)
_UNSATISFIED: Final = re.compile(r"\s*bytes\s+\*/(\d{1,18})\s*", re.ASCII | re.IGNORECASE)
_MAX_DATE_CHARS: Final = 64


class Release(Protocol):
    """Takes back the connection of a response that was closed or read to its end."""

    def __call__(self, connection: Connection, *, reusable: bool) -> None:
        """Keep the connection if it is reusable, else close it."""
        ...


class Head(NamedTuple):
    """The head of a final response, and where its body ends (6.3).

    headers     values by name in lower case; those of a repeated header are joined with commas
    length      bytes of the body; None if it is chunked, or ends with the connection
    keep_alive  the connection can carry another request once the body was read
    """

    status: int
    headers: dict[str, str]
    length: int | None
    chunked: bool
    keep_alive: bool


def read_head(connection: Connection, method: str) -> Head:
    """Read the head of the final response to a request with `method`.

    Raise `InvalidResponse`, `IncompleteResponse`, `OSError`.
    """
    version, status = _read_status_line(connection)
    fields = _read_fields(connection)
    while 100 <= status < 200:  # RFC 9110 15.2: any number of them; no protocol switch was requested
        if status == 101:
            raise InvalidResponse("it switches to another protocol")
        version, status = _read_status_line(connection)
        fields = _read_fields(connection)
    is_tunnel = method == "CONNECT" and 200 <= status < 300
    return _frame(version, status, fields, has_body=method != "HEAD" and status not in (204, 304) and not is_tunnel)


def _frame(version: int, status: int, fields: list[tuple[str, str]], *, has_body: bool) -> Head:
    """Determine where the body ends, and whether the connection is reusable.

    After a 204 or 304 it is not: too many servers send a body anyway.
    """
    headers: dict[str, str] = {}
    lengths, codings = [], []
    for name, value in fields:
        lower = name.lower()
        if lower == "content-length":
            lengths.append(value)
        elif lower == "transfer-encoding":
            codings.append(value)
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    chunked = is_chunked(codings)
    length = None if chunked else body_length(lengths)
    if chunked:  # a length means nothing beside chunks
        headers.pop("content-length", None)
    elif codings:  # `identity`: no coding at all
        del headers["transfer-encoding"]
    words = {word.strip().lower() for word in headers.get("connection", "").split(",")}
    keep_alive = (
        "close" not in words
        and (version == 11 or ("keep-alive" in words and not codings))
        and (chunked or length is not None or not has_body)
        and status not in (204, 304)
        and not (codings and length is not None)
    )
    return Head(status, headers, length if has_body else 0, chunked and has_body, keep_alive)


def _read_status_line(connection: Connection) -> tuple[int, int]:
    """Return version (10 or 11) and status (4)."""
    line = _read_line(connection, MAX_STATUS_LINE, b"HTTP/")
    found = _STATUS.fullmatch(line)
    if found is None:
        raise InvalidResponse("it does not begin with a status line")
    return 10 if found[1] == "0" else 11, int(found[2])


def _read_fields(connection: Connection) -> list[tuple[str, str]]:
    """Return the header section (5). A line that begins with whitespace continues the previous one (5.2)."""
    fields: list[tuple[str, str]] = []
    while line := _read_line(connection, MAX_HEAD):
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
    for name, _ in fields:
        if not _NAME.fullmatch(name) and name.strip().lower() in _FRAMING:  # 5.1: others would see another body
            raise InvalidResponse(f"invalid header name {name[:40]!r}")
    return [(name, value) for name, value in fields if _NAME.fullmatch(name)]


def _read_line(connection: Connection, limit: int, start: bytes = b"") -> str:
    """Return a line of the head without its end; it must begin with `start`."""
    line = connection.readline(limit)
    if start and line and not line.startswith(start):
        raise InvalidResponse("it does not begin with a status line")
    if len(line) == limit:
        raise InvalidResponse(f"a header line of more than {limit - 1} bytes")
    if not line.endswith(b"\n"):
        raise IncompleteResponse
    text = line[:-1].removesuffix(b"\r").decode("latin-1")
    if "\r" in text or "\0" in text:
        raise InvalidResponse("a NUL or a bare CR in its headers")
    return text


def is_chunked(values: list[str]) -> bool:
    """Return whether the body is chunked, by the values of all Transfer-Encoding fields (6.1, 6.3).

    Raise `InvalidResponse` for other codings, which were not requested.
    """
    if not values:
        return False
    codings = [coding.strip(" \t").lower() for value in values for coding in value.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return False
    if codings != ["chunked"]:
        raise InvalidResponse(f"unrequested transfer coding {', '.join(codings)[:40]!r}")
    return True


def body_length(values: list[str]) -> int | None:
    """Return the bytes of the body, by the values of all Content-Length fields (6.3); None without one.

    A proxy may have repeated the same field. Raise `InvalidResponse` for anything but a plain decimal number, which
    an intermediary would read differently.
    """
    if not values:
        return None
    if len(set(values)) > 1 or not _LENGTH.fullmatch(values[0]):
        raise InvalidResponse(f"invalid Content-Length {', '.join(values)[:40]!r}")
    return int(values[0])


class Response:
    """Status, headers, and a body that is read on demand. `close` it: it may hold a slot at its host.

    url         the requested URL
    status      of the final response; headers: values by name in lower case
    resolved    the addresses of its host; None if only a proxy knows them
    on_read     called for each read with its bytes and the s that it waited; None for the first one, which includes
                the time until the server begins to send
    """

    __slots__ = (
        *("_chunks", "_clock", "_connection", "_has_begun", "_keep_alive", "_left", "_release", "_seconds"),
        *("headers", "on_read", "resolved", "status", "url"),
    )

    def __init__(
        self,
        url: Url,
        head: Head,
        connection: Connection,
        release: Release,
        seconds: float,
        resolved: ResolvedHost | None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Read from `connection`, and return it by `release`. Messages about a timeout name `seconds`."""
        self.url = url
        self.status, self.headers, self._left, chunked, self._keep_alive = head
        self.resolved = resolved
        self.on_read: Callable[[int, float | None], None] | None = None
        self._has_begun = False
        self._clock = clock
        self._connection: Connection | None = connection
        self._chunks = ChunkedReader(connection) if chunked else None
        self._release = release
        self._seconds = seconds
        connection.budget = Budget(MAX_BODY, "of a response")

    def header(self, name: str) -> str:
        """Return the value of a header; empty if there is none."""
        return self.headers.get(name.lower(), "")

    def charge(self, budget: Budget) -> None:
        """Count every byte received for this response against `budget`, even earlier ones. Raise `SourceError`."""
        if self._connection is None:
            return
        budget.left -= self._connection.received
        self._connection.budget = budget
        if budget.left < 0:
            self.close()
            raise malformed(redact(self.url.text), budget.exceeded())

    def read(self, length: int) -> bytes:
        """Return the next `length` bytes of the body; fewer only where it ends. Raise `SourceError`."""
        piece = self.read1(length)
        if len(piece) == length or not piece:
            return piece
        pieces = [piece]
        length -= len(piece)
        while length > 0 and (piece := self.read1(length)):
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def read1(self, length: int) -> bytes:
        """Return what has arrived of the body, at most `length` bytes; empty at its end. Raise `SourceError`."""
        connection = self._connection
        if connection is None:
            return b""
        piece = b""
        began = self._clock.monotonic() if self._has_begun and self.on_read is not None else None
        try:
            piece = self._read(connection, min(length, MAX_RECEIVE))
        except TimeoutError:
            raise timed_out(redact(self.url.text), self._seconds) from None
        except InvalidResponse as error:
            raise malformed(redact(self.url.text), error) from None
        except (IncompleteResponse, OSError):
            raise cut_off(redact(self.url.text)) from None
        finally:
            self._has_begun = True
            if self.on_read is not None:
                self.on_read(len(piece), None if began is None else self._clock.monotonic() - began)
        return piece

    def _read(self, connection: Connection, length: int) -> bytes:
        """Read once, and return the connection to the pool with the last byte."""
        if self._chunks is not None:
            piece = self._chunks.read(length)
            if self._chunks.ended:
                self._finish()
        elif self._left is None:
            piece = connection.read(length)
        else:
            piece = connection.read(min(length, self._left)) if self._left else b""
            self._left -= len(piece)
            if not self._left:
                self._finish()
            elif not piece:
                raise IncompleteResponse
        return piece

    def peek(self, length: int = PEEK_BYTES) -> bytes:
        """Return up to `length` bytes of the page of an error or a redirect, if they come at once."""
        if self._connection is not None:
            self._connection.limit_wait(PEEK_TIMEOUT)
        try:
            return self.read1(length)
        except SourceError:
            return b""

    def drain_and_close(self) -> None:
        """Read a short rest of the body, then `close`, so that the connection can be used again."""
        if self._left is not None and self._left <= PEEK_BYTES:
            self.peek()
        self.close()

    def close(self) -> None:
        """Keep the connection if the body was read to its end, else close it: the rest is not worth reading."""
        self._finish(at_end=self._left == 0 or (self._chunks is not None and self._chunks.ended))

    def _finish(self, *, at_end: bool = True) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._release(connection, reusable=at_end and self._keep_alive)


class Part(NamedTuple):
    """The range of a 206: first and last byte, and the bytes of the whole file if the server states them."""

    first: int
    last: int
    total: int | None


def content_range(text: str) -> Part | None:
    """Parse the Content-Range of a 206 (RFC 9110 14.4); None if it is malformed.

    >>> content_range("bytes 0-99/1234")
    Part(first=0, last=99, total=1234)
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    part = Part(int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))
    return part if part.first <= part.last and (part.total is None or part.last < part.total) else None


def unsatisfied_range(text: str) -> int | None:
    """Return the size of the file from the Content-Range of a 416; None if it is not stated."""
    found = _UNSATISFIED.fullmatch(text)
    return int(found[1]) if found else None


def content_length(text: str) -> int | None:
    """Parse Content-Length (RFC 9110 8.6), which a careless proxy may have repeated; None if it is malformed."""
    values = {value.strip() for value in text.split(",")}
    value = values.pop()
    return int(value) if not values and value.isascii() and value.isdigit() and len(value) < 19 else None


def retry_after(text: str, now: float) -> float | None:
    """Return the s to wait by Retry-After (RFC 9110 10.2.3), a number or a date; `now` is in s since 1970.

    >>> retry_after("120", 0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 50.0), retry_after("soon", 0)
    (120.0, 10.0, None)
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    from email.utils import parsedate_to_datetime  # for the few servers that send a date

    try:
        date = parsedate_to_datetime(text[:_MAX_DATE_CHARS])
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def media_type(text: str) -> str | None:
    """Return the Content-Type (RFC 9110 8.3) without its parameters, in lower case; None if it is malformed."""
    name = text.partition(";")[0].strip().lower()
    return name if name.isprintable() and 0 < len(name) < 128 else None
