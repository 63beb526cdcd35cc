"""Sockets that end in time, and how one is connected to the first of several addresses: `dial`."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any, Final

from preflight.net.errors import unconnected

PATIENCE: Final = 10.0
"""s that one address of several may take to connect before the next one is tried."""


class _Timed:
    """A socket whose timeout is the time for everything until it is set anew, not for each byte.

    Without this a server that sends a byte a second is never late.
    """

    _end: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        super().settimeout(value)  # type: ignore[misc]
        self._end = None if value is None else time.monotonic() + value

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        if self._end is not None:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            super().settimeout(left)  # type: ignore[misc]
        received: int = super().recv_into(*args, **kwargs)  # type: ignore[misc]
        return received


class _Socket(_Timed, socket.socket):
    pass


class TlsSocket(_Timed, ssl.SSLSocket):
    """For `ssl.SSLContext.sslsocket_class`."""


def dial(
    addresses: Sequence[str], host: str, port: int, end: float, options: Sequence[tuple[int, int, int | bytes]]
) -> socket.socket:
    """A socket to the first of `addresses` that takes a connection before `end`. Raises `SourceError`."""
    failure: OSError = TimeoutError()
    for tried, address in enumerate(addresses, 1):
        left = end - time.monotonic()
        if left <= 0:
            break
        sock = None
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )[0]
            sock = _Socket(family, kind, protocol)
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(left if tried == len(addresses) else min(left, PATIENCE))
            sock.connect(place)
        except OSError as error:
            failure = error
            if sock is not None:
                sock.close()
        else:
            return sock
    raise unconnected(host, failure)
