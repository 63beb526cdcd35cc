"""What the transport sends, byte by byte, and what it makes of servers that respond early or not at all."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from preflight.errors import SourceError
from preflight.net.errors import RequestFailed, TransientError
from preflight.net.options import HttpOptions
from preflight.net.transport import HttpRequest, Timeouts, Transport
from preflight.net.urls import parse_url
from preflight.sources.http import HttpSource
from tests.servers.talk import Server
from tests.sources.conftest import DATA, NAME

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TIMEOUTS = Timeouts(5.0)


@contextmanager
def one_response(response: bytes, read: int = 1 << 16) -> Iterator[tuple[int, bytearray]]:
    """A server that reads at most `read` bytes of one request, sends `response` and closes: its port, what it read."""
    received = bytearray()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            while b"\r\n\r\n" not in received and len(received) < read:
                received.extend(connection.recv(min(4096, read)))
            connection.sendall(response)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], received
        finally:
            thread.join()


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(HttpOptions(allow_private=True))
    yield transport
    transport.close()


def test_request_has_the_host_and_the_given_headers_and_nothing_else(transport: Transport) -> None:
    with one_response(OK) as (port, received):
        request = HttpRequest("GET", parse_url(f"http://127.0.0.1:{port}/a b?c#d"), {"Accept": "*/*"})
        response = transport.send(request, TIMEOUTS)
        assert (response.status, response.read(10)) == (200, b"ok")
    expected = f"GET /a%20b?c HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n"
    assert received.decode() == expected


@pytest.mark.parametrize(
    ("login", "headers", "sent"),
    [
        ("me:p%40w", {}, b"Authorization: Basic bWU6cEB3"),
        ("me:p%40w", {"authorization": "Bearer x"}, b"authorization: Bearer x"),
        ("me:p:w", {}, b"Authorization: Basic bWU6cDp3"),
        ("me", {}, b"Authorization: Basic bWU6"),
    ],
)
def test_credentials_of_the_url_are_sent_unless_a_header_replaces_them(
    transport: Transport, login: str, headers: dict[str, str], sent: bytes
) -> None:
    with one_response(OK) as (port, received):
        transport.send(HttpRequest("GET", parse_url(f"http://{login}@127.0.0.1:{port}/"), headers), TIMEOUTS).close()
    assert [line for line in received.split(b"\r\n") if line.lower().startswith(b"authorization")] == [sent]


def test_own_header_replaces_the_default_in_any_case() -> None:
    with one_response(OK) as (port, received):
        options = HttpOptions(allow_private=True, headers={"ACCEPT": "image/png"}, retries=0)
        HttpSource(f"http://127.0.0.1:{port}/a", options=options, transport=Transport(options))._fetcher.get(
            None, lambda response: response.close()
        )
    assert [line for line in received.split(b"\r\n") if line.lower().startswith(b"accept:")] == [b"ACCEPT: image/png"]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "\u20ac"])
def test_header_that_cannot_be_sent_is_refused(transport: Transport, value: str) -> None:
    with pytest.raises(SourceError) as caught:
        transport.send(HttpRequest("GET", parse_url("http://127.0.0.1:1/"), {"X": value}), TIMEOUTS)
    assert caught.value.code == "url_invalid"


def test_body_is_read_while_it_is_sent(transport: Transport) -> None:
    class Body(io.BytesIO):
        def __len__(self) -> int:
            return len(self.getvalue())

    with one_response(OK) as (port, received):
        request = HttpRequest("POST", parse_url(f"http://127.0.0.1:{port}/"), {}, Body(b"12345"))
        assert transport.send(request, TIMEOUTS).read(2) == b"ok"
    assert b"Content-Length: 5\r\n" in received


def test_response_before_the_end_of_the_body_is_read(transport: Transport) -> None:
    class Endless:
        def __len__(self) -> int:
            return 1 << 30

        def read(self, length: int, /) -> bytes:
            return bytes(length)

    early = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with one_response(early, read=10) as (port, _):
        request = HttpRequest("POST", parse_url(f"http://127.0.0.1:{port}/"), {}, Endless())
        with suppress(TransientError):  # the system may drop the response together with the unread body
            assert transport.send(request, TIMEOUTS).status == 413


@pytest.mark.parametrize(
    ("response", "code", "transient"),
    [
        (b"", "connection_failed", True),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "connection_failed", True),
        (b"SSH-2.0-OpenSSH\r\n", "response_invalid", False),
    ],
)
def test_failure_after_sending_says_that_the_request_was_sent(
    transport: Transport, response: bytes, code: str, transient: bool
) -> None:
    with one_response(response) as (port, _), pytest.raises(RequestFailed) as caught:
        transport.send(HttpRequest("GET", parse_url(f"http://127.0.0.1:{port}/"), {}), TIMEOUTS)
    assert (caught.value.code, caught.value.sent, isinstance(caught.value, TransientError)) == (code, True, transient)


def test_failure_to_connect_says_that_nothing_was_sent(transport: Transport) -> None:
    with pytest.raises(TransientError) as caught:
        transport.send(HttpRequest("GET", parse_url("http://127.0.0.1:1/"), {}), TIMEOUTS)
    assert (caught.value.code, caught.value.sent) == ("connection_failed", False)


def test_name_is_looked_up_within_the_time_of_the_request() -> None:
    ended = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        ended.wait(5)
        return ["127.0.0.1"]

    transport, began = Transport(resolve=resolve), time.monotonic()
    with closing(transport), pytest.raises(TransientError) as caught:
        transport.send(HttpRequest("GET", parse_url("http://h.example/"), {}), Timeouts(0.05))
    assert (caught.value.code, caught.value.sent) == ("connection_failed", False)
    assert time.monotonic() - began < 4
    ended.set()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_request_is_repeated_only_if_a_kept_connection_ends_and_it_changes_nothing(
    transport: Transport, method: str
) -> None:
    """The server responds once on each connection, and closes it when the next request arrives."""
    requests = 0

    def serve() -> None:
        nonlocal requests
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5)
                    while connection.recv(4096):
                        requests += 1
                        if requests == 2:
                            break
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        url = parse_url(f"http://127.0.0.1:{listener.getsockname()[1]}/a")
        transport.send(HttpRequest("GET", url, {}), TIMEOUTS).close()
        if method == "POST":
            with pytest.raises(TransientError) as caught:
                transport.send(HttpRequest(method, url, {}), TIMEOUTS)
            assert caught.value.sent
        else:
            response = transport.send(HttpRequest(method, url, {}), TIMEOUTS)
            response.close()
            assert response.status == 200
        assert requests == (2 if method == "POST" else 3)
        transport.close()
        listener.shutdown(socket.SHUT_RDWR)


def test_a_page_that_does_not_come_is_waited_for_shortly(server: Server, transport: Transport) -> None:
    request = HttpRequest("GET", parse_url(server.url(f"stalls/{NAME}")), {})
    response = transport.send(request, TIMEOUTS)
    half = len(DATA) // 2
    assert response.read(half) == DATA[:half]
    began = time.monotonic()
    assert response.peek() == b""
    assert 0.2 < time.monotonic() - began < 4
    response.close()
