"""Send one call and return its response, or raise `TransportError`: `Client`.

No retries, no redirects, nothing from the environment but a CA bundle: no netrc entry (it would replace the key), no
proxy that was not requested. It uses requests without its `Session`, which reads the body of a redirect to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from preflight.errors import SourceChanged, SourceError
from preflight.net.multipart import Multipart

if TYPE_CHECKING:
    import requests

MAX_RESPONSE_BYTES: Final = 4 << 20
"""Bytes of a decoded response; the longest lists are far shorter."""
MAX_CONNECTIONS: Final = 64
"""Connections that are kept open to one host: as many as there are calls at the same time."""
_OVERHEAD: Final = 1 << 20
"""Bytes that headers and framing may add to it."""
_CHUNK_SIZE: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Call:
    """One call before it is signed.

    action   our name for it: a key of `RateLimits.rates`
    name     the provider's name for it, for messages
    reads    it changes nothing, so that a lost response does no harm
    empty    a response without a body is valid
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
class CallResponse:
    """The response to a call. `headers` by names in lower case; `body` decoded; a redirect's is not read."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Auth(Protocol):
    """Authenticates calls."""

    def headers(self, call: Call, now: datetime) -> dict[str, str]:
        """Return the headers to add. They contain secrets, are made right before sending, and are not stored."""
        ...


class TransportError(Exception):
    """A call got no complete response. `reason` is a key of `refusals.REASONS`; `sent`: the call may have arrived."""

    def __init__(self, reason: str, detail: str, *, sent: bool) -> None:
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
        """`timeout`: s to connect, and s without a byte of the response; the response as a whole, twice that."""
        from preflight.net.adapter import TransportAdapter  # loads requests, which only calls to providers need
        from preflight.net.options import HttpOptions, check_proxy
        from preflight.net.transport import Transport

        if proxy is not None:
            check_proxy(proxy, ("http", "https"))
        self._auth = auth
        self._clock = clock
        self._timeout = timeout
        total = 2 * timeout[1]
        # The provider's address is the user's choice, so it may be private; metadata services are refused all the same.
        options = HttpOptions(total, allow_private=True, proxy=proxy, ca_bundle=ca_bundle, per_host=MAX_CONNECTIONS)
        self._adapter = TransportAdapter(Transport(options), total, MAX_RESPONSE_BYTES + _OVERHEAD)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._adapter.close()

    def send(self, call: Call) -> CallResponse:
        """Send a call, signed at this moment. Raise `TransportError`."""
        response = self._sent(call)
        try:
            body = b"" if 300 <= response.status_code < 400 else self._body(response)
        finally:
            response.close()
        return CallResponse(response.status_code, dict(response.headers), body)

    def _request(self, call: Call) -> requests.PreparedRequest:
        import requests

        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": _agent(), **call.headers}
        headers |= self._auth.headers(call, self._clock())
        request = requests.PreparedRequest()
        # Without `auth` requests would look for a user name in the URL; `endpoint_origin` ensures that there is none.
        request.prepare(method=call.method, url=call.url, headers=headers, data=call.body)
        return request

    def _sent(self, call: Call) -> requests.Response:
        import requests

        try:
            return self._adapter.send(self._request(call), timeout=self._timeout)
        except SourceChanged:  # of the file that is sent
            raise
        except (requests.RequestException, SourceError) as error:
            failure = _failure(error)
        raise failure  # outside `except`, so that no traceback keeps the request and its headers

    def _body(self, response: requests.Response) -> bytes:
        """Read the body as it comes: `read` would wait for a full piece from a server that sends a byte a second."""
        body = bytearray()
        from urllib3.exceptions import HTTPError

        try:
            while piece := response.raw.read1(_CHUNK_SIZE, decode_content=True):
                body += piece
                if len(body) > MAX_RESPONSE_BYTES:
                    raise TransportError(
                        "response_invalid", f"it is longer than {MAX_RESPONSE_BYTES:,} bytes", sent=True
                    )
        except (HTTPError, SourceError) as error:
            failure = _failure(error)
        else:
            return bytes(body)
        raise failure


def _agent() -> str:
    from preflight.version import VERSION

    return f"preflight/{VERSION}"


def _failure(error: Exception) -> TransportError:
    """Return the failure without the exception's text, which contains URLs."""
    from urllib3.exceptions import DecodeError

    from preflight.net.errors import RequestFailed, TransientError

    cause = next((part for part in (error, *error.args) if isinstance(part, RequestFailed)), None)
    if cause is None:
        if isinstance(error, DecodeError):
            return TransportError("response_invalid", "its coding cannot be read", sent=True)
        return TransportError("connection_failed", "the host's name is not valid", sent=False)
    if not cause.sent:
        return TransportError(
            "tls_failed" if cause.code == "tls_failed" else "connection_failed", cause.detail, sent=False
        )
    reason = "connection_lost" if isinstance(cause, TransientError) else cause.code
    return TransportError(reason, cause.detail, sent=True)
