"""Connections through a proxy (http, https or SOCKS): `Proxy`."""

from __future__ import annotations

import base64
import math
import socket
import ssl
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from preflight.net.addresses import system_resolver
from preflight.net.connections import Budget, Connection, open_socket, secure
from preflight.net.errors import IncompleteResponse, InvalidResponse, RequestFailed, proxy_failed, proxy_refused
from preflight.net.redact import redact
from preflight.net.response import MAX_HEAD, read_head
from preflight.net.urls import Url, ascii_host

_PORTS: Final = {"http": 80, "https": 443}
_SOCKS: Final = ("socks4", "socks4a", "socks5", "socks5h")
_SOCKS_PORT: Final = 1080


class Proxy:
    """A proxy by its URL, http by default. Its address is the caller's choice, so it is not checked.

    headers  added for it to the requests that it forwards
    """

    def __init__(self, url: str, tls: Callable[[], ssl.SSLContext]) -> None:
        """Raise `SourceError` for what is not the URL of a proxy."""
        self._url = url if "://" in url else f"http://{url}"  # environment variables often name no scheme
        self._name = redact(self._url)
        self._tls = tls
        self.headers: dict[str, str] = {}
        try:
            parts = urlsplit(self._url)
            self._scheme = parts.scheme.lower()
            self._host = parts.hostname or ""
            self._port = parts.port or _PORTS.get(self._scheme, _SOCKS_PORT)
            self._user = None if parts.username is None else unquote(parts.username)
            self._password = unquote(parts.password or "")
            self._speaks_http = self._scheme in _PORTS
            if self._user is not None and self._speaks_http:
                self.headers["Proxy-Authorization"] = basic_credentials(self._user, self._password)
        except ValueError:  # of the host, the port, or credentials that are not Latin-1
            raise proxy_failed(self._name, "this is not the URL of a proxy") from None
        if not self._host or self._scheme not in (*_PORTS, *_SOCKS):
            raise proxy_failed(self._name, "this is not the URL of a proxy")

    def forwards(self, url: Url) -> bool:
        """Return whether it takes requests for `url` itself, in absolute form."""
        return self._speaks_http and url.scheme == "http"

    def refused(self, status: int) -> RequestFailed:
        """Return the error for a request that the proxy answers itself."""
        return proxy_refused(self._name, status)

    def key_for(self, url: Url) -> Hashable:
        """Return the key under which requests share a connection."""
        return self._url if self.forwards(url) else (self._url, url.origin)

    def open(self, url: Url, addresses: Sequence[str], end: float) -> Connection:
        """Return a connection for requests for `url`; `addresses` are the checked ones of its host, if known.

        Raise `SourceError`, `TimeoutError`.
        """
        context = self._tls() if url.scheme == "https" else None
        sock = self._open_tunnel(url, end) if self._speaks_http else self._open_socks(url, addresses, end)
        return Connection(sock if context is None else secure(sock, context, url.host, end))

    def _open_tunnel(self, url: Url, end: float) -> socket.socket:
        """Return a socket to the proxy, for https through a tunnel to the server."""
        try:
            context = self._tls() if self._scheme == "https" else None
            sock = open_socket(system_resolver(self._host, self._port), self._host, self._port, end)
            if context is not None:
                sock = secure(sock, context, self._host, end)
        except (OSError, RequestFailed):
            raise proxy_failed(self._name) from None
        if url.scheme == "https":
            try:
                self._request_tunnel(Connection(sock), url, end)
            except BaseException:
                sock.close()
                raise
        return sock

    def _request_tunnel(self, connection: Connection, url: Url, end: float) -> None:
        place = f"{f'[{url.host}]' if ':' in url.host else ascii_host(url.host)}:{url.port}"
        fields = {"Host": place, **self.headers}
        lines = [f"CONNECT {place} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        connection.start(end, math.inf, Budget(MAX_HEAD, "of headers"))
        try:
            connection.send("\r\n".join(lines).encode("latin-1"))
            head = read_head(connection, "CONNECT")
        except TimeoutError:
            raise
        except (OSError, InvalidResponse, IncompleteResponse):
            raise proxy_failed(self._name) from None
        if not 200 <= head.status < 300:
            raise self.refused(head.status)

    def _open_socks(self, url: Url, addresses: Sequence[str], end: float) -> socket.socket:
        try:
            import socks  # type: ignore[import-untyped]
        except ImportError:
            raise proxy_failed(self._name, "SOCKS proxies need PySocks, which is not installed") from None
        remote_names = self._scheme in ("socks5h", "socks4a")
        host = url.host if remote_names or not addresses else addresses[0]
        try:
            sock: socket.socket = socks.create_connection(
                (ascii_host(host), url.port),
                timeout=max(end - time.monotonic(), 0.001),
                proxy_type=socks.SOCKS4 if self._scheme.startswith("socks4") else socks.SOCKS5,
                proxy_addr=self._host,
                proxy_port=self._port,
                proxy_rdns=remote_names,
                proxy_username=self._user,
                proxy_password=self._password or None,
            )
        except TimeoutError:
            raise
        except OSError:  # also the base class of the library's errors
            raise proxy_failed(self._name) from None
        return sock


def basic_credentials(user: str, password: str) -> str:
    """Return the value of an Authorization header for HTTP's Basic scheme (RFC 7617). Raise `UnicodeError`."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode("ascii")
