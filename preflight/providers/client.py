"""Sends one call and brings back one answer, or says why there is none: `Client`.

No retries, no redirects, nothing from the environment: no netrc entry (it would replace the key), no proxy that was
not asked for. It uses the adapter of requests without its `Session`, which reads the body of a redirect to its end.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.client import BadStatusLine
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from preflight.errors import UsageError
from preflight.net.framing import Budget, InvalidResponse
from preflight.net.log_filter import quiet
from preflight.providers.multipart import Multipart

if TYPE_CHECKING:
    import requests

    from preflight.net.response import BoundedResponse

MAX_ANSWER: Final = 4 << 20
"""Bytes of an answer, decoded; the longest lists are far shorter."""
CONNECTIONS: Final = 64
"""As many are kept open to one host: as many calls as may run at the same time."""
_OVERHEAD: Final = 1 << 20
"""Bytes that headers and framing may add to it."""
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Call:
    """One call before it is signed.

    action   what we call it: a key of `RateLimits.rates`
    name     what the provider calls it: for messages
    reads    it changes nothing, so it can never have taken effect unseen
    empty    an answer without a body is one, too
    """

    action: str
    name: str
    method: str
    url: str
    body: bytes | Multipart | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reads: bool = False
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` by their names in small letters; `body` decoded; a redirect's is not read."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Auth(Protocol):
    """Proves who calls."""

    def headers(self, call: Call, now: datetime) -> dict[str, str]:
        """The headers to add. They hold secrets, are made at the moment of sending, and are kept nowhere."""
        ...


class TransportError(Exception):
    """There is no (whole) answer. `reason` is a key of `reasons.REASONS`; `sent`: the call may have arrived."""

    def __init__(self, reason: str, detail: str, sent: bool) -> None:
        super().__init__(detail)
        self.reason = reason
        self.sent = sent


class Client:
    """Calls one provider. Safe to use from several threads."""

    def __init__(
        self,
        auth: Auth,
        *,
        clock: Callable[[], datetime],
        timeout: tuple[float, float] = (10.0, 60.0),
        proxy: str | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        """timeout: s to connect, and s without a byte of the answer; the whole answer may take twice the latter."""
        if proxy is not None and urlsplit(proxy).scheme not in ("http", "https"):
            raise UsageError("--proxy takes an http:// or https:// URL")
        from preflight.net.bounded import BoundedAdapter

        self._auth = auth
        self._clock = clock
        self._timeout = timeout
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._verify = ca_bundle or True
        self._adapter = BoundedAdapter(2 * timeout[1], pool_connections=4, pool_maxsize=CONNECTIONS, max_retries=0)

    def close(self) -> None:
        """End the connections that are kept."""
        self._adapter.close()

    def send(self, call: Call) -> Answer:
        """Send a call, signed at this moment. Raises `TransportError`."""
        with quiet():
            response = self._sent(call)
            try:
                body = b"" if 300 <= response.status_code < 400 else self._body(response)
            finally:
                response.close()
        return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)

    def _request(self, call: Call) -> requests.PreparedRequest:
        import requests

        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": _agent(), **call.headers}
        headers |= self._auth.headers(call, self._clock())
        request = requests.PreparedRequest()
        # Without `auth` requests would look for a user name in the URL; there is none, `endpoint_origin` sees to that.
        request.prepare(method=call.method, url=call.url, headers=headers, data=call.body)
        return request

    def _sent(self, call: Call) -> requests.Response:
        import requests
        from urllib3.exceptions import HTTPError

        try:
            return self._adapter.send(
                self._request(call), stream=True, timeout=self._timeout, verify=self._verify, proxies=self._proxies
            )
        except (requests.RequestException, HTTPError, OSError) as error:
            failure = _failure(error)
        raise failure  # outside, so that nothing holds the request and its headers

    def _body(self, response: requests.Response) -> bytes:
        wire: BoundedResponse = response.raw.wire  # type: ignore[union-attr]  # `Bounded` puts it there
        wire.charge(Budget(MAX_ANSWER + _OVERHEAD, "for this answer"))
        end = time.monotonic() + 2 * self._timeout[1]
        body = bytearray()
        try:
            for piece in _pieces(response.raw):
                body += piece
                if len(body) > MAX_ANSWER:
                    raise TransportError("response_invalid", f"it is longer than {MAX_ANSWER:,} bytes", True)
                if time.monotonic() > end:
                    raise TransportError("timed_out", "the answer does not come to its end", True)
        except Exception as error:
            if isinstance(error, TransportError):
                raise
            failure = _failure(error)
        else:
            return bytes(body)
        raise failure


def _pieces(raw: Any) -> Iterator[bytes]:
    """The body as it comes: `read` would wait for a full piece from a server that sends a byte a second."""
    while piece := raw.read1(_PIECE, decode_content=True):
        yield piece


def _agent() -> str:
    from preflight.version import VERSION

    return f"preflight/{VERSION}"


def _failure(error: Exception) -> TransportError:
    """What went wrong on the way, without a word of the exception's own: those hold URLs, and a proxy's password."""
    import requests
    from urllib3 import exceptions

    chain = list(_causes(error))
    if isinstance(error, requests.exceptions.InvalidURL | exceptions.LocationValueError):
        return TransportError("connection_failed", "the host's name is none", False)
    if isinstance(error, requests.exceptions.ProxyError):
        return TransportError("connection_failed", "the proxy does not answer, or refuses", False)
    certificate = next((each for each in chain if isinstance(each, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return TransportError("tls_failed", f"the certificate is not valid: {certificate.verify_message}", False)
    tls = next((each for each in chain if isinstance(each, ssl.SSLError)), None)
    if tls is not None:
        return TransportError("tls_failed", (tls.reason or "").lower().replace("_", " "), tls.reason not in _HANDSHAKE)
    if any(isinstance(each, socket.gaierror | exceptions.NameResolutionError) for each in chain):
        return TransportError("connection_failed", "the host is not known", False)
    if any(isinstance(each, exceptions.NewConnectionError | exceptions.ConnectTimeoutError) for each in chain):
        return TransportError("connection_failed", "the host does not take the connection", False)
    if any(isinstance(each, TimeoutError | exceptions.ReadTimeoutError | requests.Timeout) for each in chain):
        return TransportError("timed_out", "", True)
    invalid = next((each for each in chain if isinstance(each, InvalidResponse)), None)
    if invalid is not None:
        return TransportError("response_invalid", f"it is not valid HTTP: {invalid}", True)
    if any(type(each) is BadStatusLine for each in chain):  # its subclass means that the connection ended
        return TransportError("response_invalid", "it does not begin with a status line", True)
    if any(isinstance(each, exceptions.DecodeError) for each in chain):
        return TransportError("response_invalid", "its coding cannot be read", True)
    return TransportError("connection_lost", "", True)


_HANDSHAKE: Final = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "UNSUPPORTED_PROTOCOL",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "NO_PROTOCOLS_AVAILABLE",
    }
    | {"TLSV1_ALERT_PROTOCOL_VERSION", "TLSV1_UNRECOGNIZED_NAME", "RECORD_LAYER_FAILURE"}
)
"""TLS failures that happen before anything can have been sent."""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was made of: the libraries put the cause into arguments, reasons and contexts."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < 16:
        each = waiting.pop(0)
        if each is None or any(each is known for known in seen):
            continue
        seen.append(each)
        yield each
        inner = [getattr(each, "reason", None), *each.args, each.__cause__, each.__context__]
        waiting += [part for part in inner if isinstance(part, BaseException)]
