"""Run `requests` on the transport that checks addresses and bounds responses: `TransportAdapter`."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from preflight.net.connections import Budget
from preflight.net.errors import RequestFailed
from preflight.net.transport import HttpRequest, RequestBody, Timeouts, Transport
from preflight.net.urls import parse_url

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from preflight.net.response import Response

_ERRORS = {"tls_failed": requests.exceptions.SSLError, "timed_out": requests.exceptions.Timeout}


class TransportAdapter(BaseAdapter):
    """A requests adapter over `transport`, whose options decide on proxies and certificates.

    Failures are raised as the exceptions of requests, with the `RequestFailed` as first argument; a body that
    fails while it is read raises the `RequestFailed` itself. Every response is a stream.
    """

    def __init__(self, transport: Transport, total_timeout: float, max_bytes: int) -> None:
        """Limit each request to `total_timeout` s, and each response with its headers to `max_bytes`."""
        super().__init__()
        self._transport = transport
        self._total = total_timeout
        self._max_bytes = max_bytes

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the signature of requests
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - the signature of requests
        cert: str | bytes | tuple[str | bytes, str | bytes] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request. `timeout` is in s, or a pair: to connect, and to wait for the next bytes."""
        connect, idle = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        timeouts = Timeouts(self._total, connect or self._total, idle or self._total)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
        try:
            url = parse_url(request.url or "")
            sent = self._transport.send(HttpRequest(request.method or "GET", url, headers, _body_of(request)), timeouts)
            sent.charge(Budget(self._max_bytes, "for this response"))
        except RequestFailed as error:
            failure = error
        else:
            return _response(sent, request)
        raise _ERRORS.get(failure.code, requests.exceptions.ConnectionError)(failure)

    def close(self) -> None:
        """Close the connections that no request uses."""
        self._transport.close()


class _BodyReader(io.RawIOBase):
    """The body of a response as the file object that urllib3 reads and decodes."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self._response = response

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        piece = self._response.read1(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def read1(self, length: int = -1, /) -> bytes:
        """Return what has arrived of the body, at most `length` bytes."""
        return self._response.read1(length if length >= 0 else io.DEFAULT_BUFFER_SIZE)

    def close(self) -> None:
        self._response.close()
        super().close()


def _body_of(request: requests.PreparedRequest) -> bytes | RequestBody:
    body = request.body
    if isinstance(body, str):
        return body.encode("utf-8")
    return cast("bytes | RequestBody", body or b"")


def _response(sent: Response, request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    response.status_code = sent.status
    response.headers = CaseInsensitiveDict(sent.headers)
    response.url = sent.url.text
    response.request = request
    response.raw = HTTPResponse(_BodyReader(sent), sent.headers, sent.status, preload_content=False)
    return response
