"""One answer of a server: `Answer`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from preflight.errors import SourceError
from preflight.net.addresses import Admitted
from preflight.net.errors import cause_of, cut_off, garbled, timed_out
from preflight.net.framing import Budget, InvalidResponse
from preflight.net.limiter import Place
from preflight.net.log_filter import quiet
from preflight.net.meter import Meter
from preflight.net.redact import redact

PIECE = 1 << 18
"""Bytes read at once, so that a length that lies reserves no memory."""

SHORT = 1 << 12
GLANCE = 0.25
"""s for which the page of an error is waited for."""


class Answer:
    """Status and headers, and a body that is read as far as wanted. `close` it: it holds a place at its host.

    url       what was asked for
    admitted  the addresses of its host; None where a proxy knows them
    count     is told of the bytes of every piece that was read
    meter     measures how fast they come
    trusted   the caller's own headers were sent with the request
    """

    def __init__(
        self, raw: BaseHTTPResponse, url: str, place: Place, seconds: float, admitted: Admitted | None = None
    ) -> None:
        self.url = url
        self.status = raw.status
        self.admitted: Admitted | None = getattr(raw, "admitted", None) or admitted
        self.count: Callable[[int], None] | None = None
        self.meter: Meter | None = None
        self.trusted = False
        name = redact(url)
        self._raw = raw
        self._place = place
        self._late: Callable[[], SourceError] = partial(timed_out, name, seconds)
        self._name = name
        self._begun = False

    def header(self, name: str) -> str:
        """The value of a header; empty where there is none."""
        return self._raw.headers.get(name) or ""

    def charge(self, budget: Budget) -> None:
        """Count every byte that the connection gives for this answer against `budget`. Raises `SourceError`."""
        try:
            self._raw.wire.charge(budget)  # type: ignore[attr-defined]
        except InvalidResponse as error:
            self.close()
            raise garbled(self._name, error) from None

    def read(self, length: int) -> bytes:
        """The next `length` bytes of the body; fewer only where it ends. Raises `SourceError`."""
        pieces = []
        while length > 0:
            piece = self._next(min(length, PIECE))
            if not piece:
                break
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _next(self, length: int) -> bytes:
        """Return what has arrived of the body, at most `length` bytes; empty at its end.

        The first read is not timed: it includes the time until the server begins to send.
        """
        began = self.meter.clock() if self.meter is not None else 0.0
        taken = 0
        try:
            piece = self._take(self._raw.read1, length)
            taken = len(piece)
            return piece
        finally:
            if self.meter is not None and self._begun:
                self.meter.add(taken, self.meter.clock() - began)
            self._begun = True

    def glance(self, length: int = SHORT) -> bytes:
        """Up to `length` bytes of the page of an error or a redirect, if they come at once; they only help."""
        sock = getattr(self._raw.connection, "sock", None)
        if sock is not None:
            sock.settimeout(GLANCE)
        try:
            return self._take(self._raw.read1, length)
        except SourceError:
            return b""

    def dismiss(self) -> None:
        """`close`, after a short rest of the body, so that the connection can serve again."""
        left = getattr(self._raw, "length_remaining", None)
        if left is not None and left <= SHORT:
            self.glance()
        self.close()

    def close(self) -> None:
        """Keep the connection if the body was read to its end, else end it: what is left is not worth reading."""
        with quiet():
            self._raw.close()
            self._raw.release_conn()
        self._place.leave()

    def _take(self, read: Callable[..., bytes], length: int) -> bytes:
        try:
            with quiet():
                piece = read(length, decode_content=False)
        except ReadTimeoutError:
            raise self._late() from None
        except (HTTPError, OSError, ValueError) as error:
            cause = cause_of(error, InvalidResponse)
            if isinstance(cause, InvalidResponse):
                raise garbled(self._name, cause) from None
            raise cut_off(self._name) from None
        if self.count is not None:
            self.count(len(piece))
        return piece
