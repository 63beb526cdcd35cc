"""requests on the guarded transport."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from preflight.net.adapter import TransportAdapter
from preflight.net.errors import RequestFailed
from preflight.net.options import HttpOptions
from preflight.net.response import Response
from preflight.net.transport import HttpRequest, Timeouts, Transport
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME

SECONDS = 5.0


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """A session that may read from loopback, and whose responses have at most 1 MB."""
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, TransportAdapter(Transport(HttpOptions(allow_private=True)), SECONDS, 1_000_000))
        yield session


def test_session_gets_status_headers_and_body(server: Server, session: requests.Session) -> None:
    for _ in range(3):
        response = session.get(server.url(f"file/{NAME}"), timeout=SECONDS)
        assert (response.status_code, response.content) == (200, DATA)
        assert response.headers["Accept-Ranges"] == "bytes"
    assert server.connections == 1, "a body that was read to its end leaves the connection to the next request"


@pytest.mark.parametrize(
    ("timeout", "connect", "idle"),
    [
        (None, SECONDS, SECONDS),
        (3.0, 3.0, 3.0),
        ((2.0, 3.0), 2.0, 3.0),
        ((None, 3.0), SECONDS, 3.0),
        ((2.0, None), 2.0, SECONDS),
    ],
)
def test_what_is_not_limited_may_take_the_time_of_the_whole(
    server: Server, timeout: Any, connect: float, idle: float
) -> None:
    asked = []

    class Recorded(Transport):
        def send(self, request: HttpRequest, timeouts: Timeouts) -> Response:
            asked.append(timeouts)
            return super().send(request, timeouts)

    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", TransportAdapter(Recorded(HttpOptions(allow_private=True)), SECONDS, 1_000_000))
        assert session.get(server.url(f"file/{NAME}"), timeout=timeout).content == DATA
    assert asked == [Timeouts(SECONDS, connect, idle)]


def test_compressed_body_is_decoded(server: Server, session: requests.Session) -> None:
    packed = gzip.compress(b'{"a": 1}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    server.files["packed"] = head + packed
    assert session.get(server.url("raw/packed"), timeout=SECONDS).json() == {"a": 1}


def test_body_is_sent_with_its_length(server: Server, session: requests.Session) -> None:
    session.post(server.url(f"file/{NAME}"), data=b"12345", headers={"X-Own": "a"}, timeout=SECONDS)
    (request,) = (seen for seen in server.seen if seen.method == "POST")
    assert (request.headers["content-length"], request.headers["x-own"]) == ("5", "a")


def test_address_that_is_not_public_is_refused(server: Server) -> None:
    with requests.Session() as session:
        session.mount("http://", TransportAdapter(Transport(), SECONDS, 1_000_000))
        with pytest.raises(requests.ConnectionError) as caught:
            session.get(server.url(f"file/{NAME}"), timeout=SECONDS)
    failure = caught.value.args[0]
    assert isinstance(failure, RequestFailed)
    assert (failure.code, failure.sent, server.connections) == ("address_not_public", False, 0)


@pytest.mark.parametrize(
    ("path", "error", "code"),
    [
        ("silent", requests.exceptions.Timeout, "timed_out"),
        ("no-http", requests.ConnectionError, "response_invalid"),
        ("flood/headers", requests.ConnectionError, "response_invalid"),
    ],
)
def test_failure_is_the_exception_of_requests(
    server: Server, session: requests.Session, path: str, error: type[Exception], code: str
) -> None:
    with pytest.raises(error) as caught:
        session.get(server.url(f"{path}/{NAME}"), timeout=(1.0, 0.3))
    failure = caught.value.args[0]
    assert isinstance(failure, RequestFailed)
    assert (failure.code, failure.sent) == (code, True)


def test_body_beyond_the_budget_is_not_read(server: Server, session: requests.Session) -> None:
    with pytest.raises(RequestFailed, match="more than 1000000 bytes"):
        session.get(server.url("flood/body/x"), timeout=SECONDS)
