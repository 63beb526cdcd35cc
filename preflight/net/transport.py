"""Sends one request and hands out one answer: `Transport`, shared by all sources with the same options.

It uses the adapter of requests without its `Session`: that reads the whole body of a redirect, however long, keeps
cookies of one source for another, and follows redirects before anybody could look at them.
"""

from __future__ import annotations

import http.client
import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, get_netrc_auth, select_proxy
from urllib3.response import BaseHTTPResponse
from urllib3.util.ssl_ import create_urllib3_context

from preflight.errors import SourceError
from preflight.net.adapter import GuardedAdapter
from preflight.net.addresses import Admitted, Guard, Judge, Resolver, kind_of, resolve
from preflight.net.answer import Answer
from preflight.net.errors import Passing, broken, cause_of, garbled, insecure, timed_out
from preflight.net.limiter import Gate, Place
from preflight.net.log_filter import quiet
from preflight.net.options import DEFAULT_OPTIONS, HttpOptions
from preflight.net.redact import redact
from preflight.net.sockets import TlsSocket

_CA_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Transport:
    """Connections, places at hosts, and time. Everything but `options` is there to be replaced by tests.

    resolve  name → addresses · judge  address → why it is not public · tls  the TLS context
    clock    s, for deadlines · now  s since 1970 · sleep  waits s · jitter  0 to 1
    """

    def __init__(
        self,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        resolve: Resolver = resolve,
        judge: Judge = kind_of,
        tls: Callable[[], ssl.SSLContext] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.clock, self.now, self.sleep, self.jitter = clock, now, sleep, jitter
        self._seconds = options.timeout
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None
        self._gate = Gate(options.per_host)
        self._trust_env = options.trust_env
        self._proxies = {"http": options.proxy, "https": options.proxy} if options.proxy else {}
        self._guard = Guard(allow_private=options.allow_private, resolve=resolve, judge=judge)
        self._adapter = GuardedAdapter(self._guard, tls or self._tls_context, options.per_host, options.timeout)

    def place(self, host: str, patience: float) -> Place | None:
        """A place at `host`, for `send`. None where for `patience` s nobody gives one back."""
        return self._gate.enter(host, patience)

    def send(self, method: str, url: str, headers: Mapping[str, str], place: Place, timeout: float) -> Answer:
        """Send a request and wait for the head of its answer, for `timeout` s in all. Raises `SourceError`.

        The place goes over to the answer, or is given back.
        """
        name = redact(url)
        try:
            request = self._prepared(method, url, headers, name)
            proxies = self._proxies_for(url)
            admitted = self._admitted_beforehand(url, timeout) if select_proxy(url, proxies) else None
            raw = self._sent(request, name, timeout, proxies)
        except BaseException:
            place.leave()
            raise
        return Answer(raw, url, place, self._seconds, admitted)

    def close(self) -> None:
        """End the connections that nobody uses."""
        self._adapter.close()

    def _prepared(self, method: str, url: str, headers: Mapping[str, str], name: str) -> requests.PreparedRequest:
        request = requests.PreparedRequest()
        try:
            login = get_netrc_auth(url) if self._trust_env else None  # else the URL's own user and password
            request.prepare(method, url, headers, auth=login)
        except (requests.RequestException, ValueError):
            raise SourceError("url_invalid", f"{name} is no URL: its host cannot be read") from None
        return request

    def _proxies_for(self, url: str) -> dict[str, str]:
        return self._proxies or (get_environ_proxies(url) if self._trust_env else {})

    def _admitted_beforehand(self, url: str, timeout: float) -> Admitted | None:
        """Behind a proxy the address cannot be pinned, and perhaps not even be known here; what is known is checked."""
        parts = urlsplit(url)
        try:
            return self._guard.admit(parts.hostname or "", parts.port or 0, timeout)
        except SourceError as error:
            if error.code == "address_not_public":
                raise
            return None

    def _sent(
        self, request: requests.PreparedRequest, name: str, timeout: float, proxies: dict[str, str]
    ) -> BaseHTTPResponse:
        limit = urllib3.Timeout(total=timeout)
        try:
            with quiet():
                response = self._adapter.send(request, stream=True, timeout=limit, proxies=proxies)  # type: ignore[arg-type]
        except requests.exceptions.SSLError as error:
            raise insecure(urlsplit(request.url or "").hostname or "", cause_of(error, ssl.SSLError)) from None
        except requests.Timeout:
            raise timed_out(name, self._seconds) from None
        except requests.exceptions.ProxyError:
            raise Passing("connection_failed", f"{name}: the proxy does not answer: check its address") from None
        except requests.ConnectionError as error:
            cause = cause_of(error, http.client.HTTPException)
            if isinstance(cause, http.client.HTTPException) and not isinstance(cause, ConnectionError):
                raise garbled(name, cause) from None
            raise broken(name) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise garbled(name, error) from None
        raw: BaseHTTPResponse = response.raw
        return raw

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                context = create_urllib3_context()
                context.sslsocket_class = TlsSocket
                bundles = (os.environ.get(name) for name in _CA_BUNDLES if self._trust_env)
                context.load_verify_locations(next(filter(None, bundles), DEFAULT_CA_BUNDLE_PATH))
                self._tls = context
            return self._tls


_shared: dict[tuple[object, ...], Transport] = {}
_lock = threading.Lock()


def shared(options: HttpOptions) -> Transport:
    """The transport of all sources with such options. A connection to a private address that one caller allowed
    serves no other."""
    key = (options.timeout, options.allow_private, options.trust_env, options.proxy, options.per_host)
    with _lock:
        if key not in _shared:
            _shared[key] = Transport(options)
        return _shared[key]


def _forget() -> None:
    """After a fork: two processes must not talk through one connection."""
    global _lock
    _lock = threading.Lock()
    _shared.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
