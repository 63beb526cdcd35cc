"""urllib3 connections with bounded responses: `BoundedConnection`, and `BoundedAdapter` for use without a guard."""

from __future__ import annotations

import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, PoolManager
from urllib3.connection import HTTPConnection

from preflight.net.response import BoundedResponse


class BoundedConnection(HTTPConnection):
    """A connection that reads a `BoundedResponse`, which urllib3's response has as `wire`.

    seconds  how long a complete response may take; None if the socket has a deadline
    """

    seconds: float | None = None
    _last: BoundedResponse | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.response_class = self._respond  # type: ignore[assignment]

    @property
    def is_connected(self) -> bool:
        """Return whether the connection is reusable: not after bytes that belong to no response."""
        return super().is_connected and not (self._last is not None and self._last.leftover)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself overrides it
        response = super().getresponse()
        response.wire = self._last  # type: ignore[attr-defined]
        return response

    def _respond(self, sock: socket.socket, *args: Any, **kwargs: Any) -> BoundedResponse:
        self._last = BoundedResponse(sock, *args, seconds=self.seconds, **kwargs)
        return self._last


class BoundedAdapter(HTTPAdapter):
    """A requests adapter whose responses take at most `seconds` each."""

    def __init__(self, seconds: float, **kwargs: Any) -> None:
        self._seconds = seconds
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        bound_pools(self.poolmanager, self._seconds)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not known:
            bound_pools(manager, self._seconds)
        return manager


def bound_pools(manager: PoolManager, seconds: float) -> None:
    """Make the connections of all new pools `BoundedConnection`, and keep their other base classes (TLS, SOCKS)."""
    manager.pool_classes_by_scheme = {
        scheme: _bounded(pool, seconds) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _bounded(pool: type[HTTPConnectionPool], seconds: float) -> type[HTTPConnectionPool]:
    connection = type("_Bounded", (BoundedConnection, pool.ConnectionCls), {"seconds": seconds})
    return type("BoundedPool", (pool,), {"ConnectionCls": connection})
