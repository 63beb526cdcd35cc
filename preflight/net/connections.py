"""Connections that check a host's addresses when they connect, connect to what was checked, and end in time.

urllib3 asks its connection class for a socket (`_new_conn`) and leaves TLS and HTTP to others, so this is the one
place where a name becomes an address: nothing can be looked up again behind the check. The certificate and the Host
header still carry the name.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPResponse, PoolManager, ProxyManager
from urllib3.connection import HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError

from preflight.net.addresses import Admitted, Guard, resolve
from preflight.net.bounded import BoundedConnection
from preflight.net.errors import insecure, unconnected
from preflight.net.sockets import dial


class _Guarded(BoundedConnection):
    """What http and https have in common."""

    guard: Guard
    admitted: Admitted | None = None

    def _new_conn(self) -> socket.socket:
        timeout = float(self.timeout) if isinstance(self.timeout, int | float) else 30.0
        end = time.monotonic() + timeout
        if self.proxy is not None:  # the proxy's address is the caller's choice
            found: Sequence[str] = resolve(self._dns_host, self.port)
        else:
            self.admitted = self.guard.admit(self._dns_host, self.port, timeout)
            found = self.admitted.addresses
        return dial(found, self.host, self.port, end, self.socket_options or [])

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself overrides it
        response = super().getresponse()
        response.admitted = self.admitted  # type: ignore[attr-defined]
        return response


class GuardedHTTP(_Guarded):
    """To a server, or to a proxy that fetches for us."""


class GuardedHTTPS(_Guarded, HTTPSConnection):
    """TLS over a checked connection."""

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError:
            raise
        except (ssl.SSLError, CertificateError) as error:
            raise insecure(self.host, error) from None
        except OSError as error:
            raise unconnected(self.host, error) from None


class _Guarding(PoolManager):
    """Makes pools whose connections ask `guard`, and that share one TLS context: to load the CAs takes long."""

    guard: Guard
    tls: Callable[[], ssl.SSLContext]

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> HTTPConnectionPool:
        context = dict(self.connection_pool_kw if request_context is None else request_context)
        if scheme == "https":
            context["ssl_context"] = self.tls()
        pool = super()._new_pool(scheme, host, port, context)
        pool.ConnectionCls = partial(_connection, scheme, self.guard)  # type: ignore[assignment]
        return pool


class GuardedPools(_Guarding):
    """Connection pools straight to the servers."""

    def __init__(self, guard: Guard, tls: Callable[[], ssl.SSLContext], **kwargs: Any) -> None:
        self.guard, self.tls = guard, tls
        super().__init__(**kwargs)


class ProxyPools(_Guarding, ProxyManager):
    """Connection pools through a proxy."""

    def __init__(self, guard: Guard, tls: Callable[[], ssl.SSLContext], proxy_url: str, **kwargs: Any) -> None:
        self.guard, self.tls = guard, tls
        ProxyManager.__init__(self, proxy_url, **kwargs)


def _connection(scheme: str, guard: Guard, **kwargs: Any) -> _Guarded:
    connection = GuardedHTTPS(**kwargs) if scheme == "https" else GuardedHTTP(**kwargs)
    connection.guard = guard
    return connection
