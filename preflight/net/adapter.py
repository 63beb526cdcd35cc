"""The adapter of requests over checked connections: `GuardedAdapter`."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final

from requests.adapters import HTTPAdapter

from preflight.net.addresses import Guard
from preflight.net.bounded import bound_pools
from preflight.net.connections import GuardedPools, ProxyPools

HOSTS: Final = 64
"""Hosts whose connections are kept."""


class GuardedAdapter(HTTPAdapter):
    """Sends prepared requests; `guard` admits addresses, `tls` gives the one TLS context.

    seconds  how long a response through a SOCKS proxy may take, whose sockets have no deadline
    """

    def __init__(self, guard: Guard, tls: Callable[[], ssl.SSLContext], per_host: int, seconds: float) -> None:
        self._guard = guard
        self._tls = tls
        self._seconds = seconds
        super().__init__(pool_connections=HOSTS, pool_maxsize=per_host)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = GuardedPools(
            self._guard, self._tls, num_pools=connections, maxsize=maxsize, block=block, **kwargs
        )

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if proxy.lower().startswith("socks"):
            known = proxy in self.proxy_manager
            manager = super().proxy_manager_for(proxy, **kwargs)
            if not known:
                bound_pools(manager, self._seconds)
            return manager
        if proxy not in self.proxy_manager:
            headers = self.proxy_headers(proxy)
            self.proxy_manager[proxy] = ProxyPools(
                self._guard, self._tls, proxy, proxy_headers=headers, num_pools=HOSTS, **kwargs
            )
        return self.proxy_manager[proxy]

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The TLS context has the CAs already; requests would load them again for every connection."""
        conn.cert_reqs = "CERT_REQUIRED"
