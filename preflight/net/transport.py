"""Send one request and return its response: `Transport`, shared by all callers with the same options.

It follows no redirect, keeps no cookie and repeats no request but one whose connection had ended before: callers look
at each response before anything else is sent.
"""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from threading import Lock
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import SourceError
from preflight.forks import SharedByThreads
from preflight.net import errors
from preflight.net.addresses import AddressPolicy, Classifier, ResolvedHost, Resolver, address_class, system_resolver
from preflight.net.certificates import TrustedAuthorities
from preflight.net.connections import Budget, Connection, ConnectionPool, HostLimiter, Slot, open_socket, secure
from preflight.net.options import DEFAULT_OPTIONS, HttpOptions
from preflight.net.proxies import Proxy, basic_credentials
from preflight.net.redact import redact
from preflight.net.response import MAX_HEAD, Head, Response, read_head
from preflight.net.urls import Url

_SEND_SIZE: Final = 64 << 10
_REPEATABLE: Final = ("GET", "HEAD")


class Timeouts(NamedTuple):
    """How long a request may take, in s.

    total    from the start to the end of the response's body; the time to send a body does not count
    connect  to connect, TLS included; idle: for each wait for bytes
    """

    total: float
    connect: float = math.inf
    idle: float = math.inf


class RequestBody(Protocol):
    """A body that is read while it is sent. `len()` gives its bytes."""

    def __len__(self) -> int: ...

    def read(self, length: int, /) -> bytes:
        """Return the next bytes, at most `length`; empty at the end."""
        ...


class HttpRequest(NamedTuple):
    """A request to send. `Host`, `Content-Length` and the URL's own credentials are added to the headers."""

    method: str
    url: Url
    headers: Mapping[str, str]
    body: bytes | RequestBody = b""


class Transport:
    """Sends requests, with pooled connections and slots for each host. Tests replace everything but `options`.

    resolve  name → addresses; classify: address → why it is not public
    tls      returns the TLS context
    """

    def __init__(
        self,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        resolve: Resolver = system_resolver,
        classify: Classifier = address_class,
        tls: Callable[[], ssl.SSLContext] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.clock = clock
        self._seconds = options.timeout
        self._trust_env = options.trust_env
        self._proxy = options.proxy
        self._policy = AddressPolicy(allow_private=options.allow_private, resolve=resolve, classify=classify)
        self._limiter = HostLimiter(options.per_host)
        self._pool = ConnectionPool(options.per_host)
        self._tls = tls or self._tls_context
        self._authorities = TrustedAuthorities.choose(options.ca_bundle)
        self._context: ssl.SSLContext | None = None
        self._lock = Lock()

    def acquire(self, host: str, timeout: float) -> Slot | None:
        """Acquire a slot at `host`, for `send`; return None after `timeout` seconds without a release."""
        return self._limiter.acquire(host, timeout)

    def send(self, request: HttpRequest, timeouts: Timeouts, slot: Slot | None = None) -> Response:
        """Send a request and return its response once its head has arrived. Raise `SourceError`.

        slot  is released with the response, or now if there is none
        """
        try:
            return self._send(request, timeouts, slot)
        except BaseException:
            if slot is not None:
                slot.release()
            raise

    def close(self) -> None:
        """Close the connections: now, or when the request that uses one has ended."""
        self._pool.close()

    def _send(self, request: HttpRequest, timeouts: Timeouts, slot: Slot | None) -> Response:
        end = time.monotonic() + timeouts.total
        url = request.url
        proxy = self._proxy_for(url)
        data = self._encoded(request, proxy)
        key: Hashable = url.origin if proxy is None else proxy.key_for(url)
        resolved = None if proxy is None else self._resolve_behind_proxy(url, timeouts.total)
        connection = self._pool.take(key)
        head = None if connection is None else self._exchange_again(connection, request, data, timeouts, end)
        if connection is None or head is None:
            connection = self._connect(url, proxy, resolved, min(end, time.monotonic() + timeouts.connect))
            connection.start(end, timeouts.idle, Budget(MAX_HEAD, "of headers"))
            head = self._exchange(connection, request, data, timeouts.total)
        if proxy is not None and proxy.forwards(url) and head.status == errors.LOGIN_REQUIRED:
            connection.close()
            raise proxy.refused(head.status)

        def release(connection: Connection, *, reusable: bool) -> None:
            if reusable:
                self._pool.put(key, connection)
            else:
                connection.close()
            if slot is not None:
                slot.release()

        return Response(url, head, connection, release, self._seconds, connection.resolved or resolved, self.clock)

    def _exchange_again(
        self, connection: Connection, request: HttpRequest, data: bytes, timeouts: Timeouts, end: float
    ) -> Head | None:
        """Return the head of the response over a connection that was used before.

        None if the server closed it while the request was on its way (RFC 9112 9.3.1): a request that changes nothing
        is then sent again over a new one.
        """
        connection.start(end, timeouts.idle, Budget(MAX_HEAD, "of headers"))
        try:
            return self._exchange(connection, request, data, timeouts.total)
        except errors.TransientError:
            if connection.received or request.method not in _REPEATABLE:
                raise
            return None

    def _exchange(self, connection: Connection, request: HttpRequest, data: bytes, seconds: float) -> Head:
        """Send a request and read the head of its response. Close the connection if that fails."""
        try:
            with suppress(BrokenPipeError):  # the server may have responded before it had everything
                connection.send(data)
                if not isinstance(request.body, bytes):
                    _send_body(connection, request.body, seconds)
            return read_head(connection, request.method)
        except BaseException as error:
            connection.close()
            failure = _failure(error, request.url, self._seconds)
            if failure is None:
                raise
        raise failure

    def _connect(self, url: Url, proxy: Proxy | None, resolved: ResolvedHost | None, end: float) -> Connection:
        """Return a new connection for `url`: to a checked address of its host, or through the proxy."""
        try:
            if proxy is not None:
                return proxy.open(url, () if resolved is None else resolved.addresses, end)
            context = self._tls() if url.scheme == "https" else None
            found = self._policy.resolve(url.host, url.port, end - time.monotonic())
            sock = open_socket(found.addresses, url.host, url.port, end)
            if context is not None:
                sock = secure(sock, context, url.host, end)
        except TimeoutError:
            raise errors.timed_out(redact(url.text), self._seconds, sent=False) from None
        return Connection(sock, found)

    def _encoded(self, request: HttpRequest, proxy: Proxy | None) -> bytes:
        """Return the head of a request, with its body if that is bytes. Raise `SourceError`."""
        method, url, headers, body = request
        try:
            fields = {"Host": url.authority, **headers}
            if (login := self._login(url)) and "authorization" not in map(str.lower, fields):
                fields["Authorization"] = basic_credentials(*login)
            target = url.target
            if proxy is not None and proxy.forwards(url):
                target = f"http://{url.authority}{target}"
                fields |= proxy.headers
            length = len(body)
            if length or method in ("POST", "PUT", "PATCH"):
                fields["Content-Length"] = str(length)
            lines = [f"{method} {target} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in fields.items()]
            head = _encode(lines)
        except ValueError:  # of a name that IDNA does not know, of text that is not Latin-1
            message = f"{redact(url.text)} is not a valid URL: its host, user or password cannot be sent. Check them."
            raise SourceError("url_invalid", message) from None
        return head + body if isinstance(body, bytes) else head

    def _login(self, url: Url) -> tuple[str, str] | None:
        """Return the user and password for a URL: from netrc if the environment is trusted, else its own."""
        if self._trust_env:
            from requests.utils import get_netrc_auth  # only if the environment is trusted

            if login := get_netrc_auth(url.text):
                return login
        if not url.credentials:
            return None
        user, _, password = url.credentials.partition(":")
        return unquote(user), unquote(password)

    def _proxy_for(self, url: Url) -> Proxy | None:
        address = self._proxy
        if address is None and self._trust_env:
            from requests.utils import get_environ_proxies, select_proxy  # only if the environment is trusted

            address = select_proxy(url.text, get_environ_proxies(url.text))
        return Proxy(address, self._tls) if address else None

    def _resolve_behind_proxy(self, url: Url, timeout: float) -> ResolvedHost | None:
        """Check the addresses of a host that a proxy will connect to, as far as they are known here."""
        try:
            return self._policy.resolve(url.host, url.port, timeout)
        except SourceError as error:
            if error.code == "address_not_public":
                raise
            return None

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = self._authorities.context()
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context


def _encode(lines: list[str]) -> bytes:
    """Encode the lines of a request's head. Raise `ValueError` if one holds a line break, or is not Latin-1."""
    text = "\r\n".join((*lines, "", ""))
    if text.count("\n") != len(lines) + 1 or text.count("\r") != len(lines) + 1:
        raise ValueError("a line break within a header")
    return text.encode("latin-1")


def _send_body(connection: Connection, body: RequestBody, seconds: float) -> None:
    """Send a body in pieces, each within the idle timeout. The `seconds` for the response start at its end."""
    while piece := body.read(_SEND_SIZE):
        connection.extend(time.monotonic() + seconds)
        connection.send(piece)
    connection.extend(time.monotonic() + seconds)


def _failure(error: BaseException, url: Url, seconds: float) -> SourceError | None:
    """Translate an exception raised while a request was sent or its response read; None if it is unrelated."""
    if isinstance(error, TimeoutError):
        return errors.timed_out(redact(url.text), seconds)
    if isinstance(error, ssl.SSLError):
        return errors.insecure(url.host, error, sent=True)
    if isinstance(error, errors.InvalidResponse):
        return errors.malformed(redact(url.text), error)
    if isinstance(error, errors.IncompleteResponse | OSError):
        return errors.disconnected(redact(url.text))
    return None


_shared: Final = SharedByThreads[tuple[object, ...], Transport]()


def shared(options: HttpOptions) -> Transport:
    """Return the transport that all sources with the same options share.

    A connection to a private address is reused only for callers that allow private addresses.
    """
    authorities = TrustedAuthorities.choose(options.ca_bundle)
    key = (options.timeout, options.allow_private, options.trust_env, options.proxy, options.per_host, authorities)
    with _shared.lock:
        if key not in _shared:
            _shared[key] = Transport(options)
        return _shared[key]
