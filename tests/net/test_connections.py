"""The pool of connections, and what a connection may receive."""

from __future__ import annotations

import math
import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from preflight.net.connections import MAX_IDLE, Budget, Connection, ConnectionPool, open_socket
from preflight.net.errors import InvalidResponse, RequestFailed

Pair = tuple[Connection, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connection that may receive 100 bytes within 5 s, and the socket at its other end."""
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    connection.start(time.monotonic() + 5, math.inf, Budget(100, "of anything"))
    with ours, theirs:
        yield connection, theirs


def test_lines_and_pieces_are_read_in_order(pair: Pair) -> None:
    connection, server = pair
    server.sendall(b"first\r\nsecond\nrest")
    assert connection.readline(50) == b"first\r\n"
    assert connection.readline(50) == b"second\n"
    assert connection.read(2) == b"re"
    assert connection.read(50) == b"st"


def test_line_is_cut_at_its_limit_and_at_the_end(pair: Pair) -> None:
    connection, server = pair
    server.sendall(b"abcdefgh")
    server.close()
    assert connection.readline(5) == b"abcde"
    assert connection.readline(5) == b"fgh"
    assert connection.readline(5) == b""


def test_budget_is_exact(pair: Pair) -> None:
    connection, server = pair
    server.sendall(b"x" * 150)
    assert len(connection.read(200)) == 100
    with pytest.raises(InvalidResponse, match="more than 100 bytes of anything"):
        connection.read(1)
    assert connection.received == 100


def test_dripping_bytes_do_not_extend_the_deadline(pair: Pair) -> None:
    connection, server = pair
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            server.sendall(b"x")

    connection.start(time.monotonic() + 0.3, 10.0, Budget(1 << 20, ""))
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.readline(1 << 20)
        assert time.monotonic() - began < 5, "each byte alone would have had 10 s"
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("poll", [True, False])
def test_connection_with_unread_or_unexpected_bytes_is_not_reused(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, poll: bool
) -> None:
    if not poll:  # as on Windows
        monkeypatch.delattr(select, "poll")
    connection, server = pair
    assert connection.is_reusable()
    server.sendall(b"x")
    assert not connection.is_reusable(), "a byte that nobody requested"
    server.sendall(b"\nrest")
    connection.readline(10)
    assert not connection.is_reusable(), "read ahead and not used"


def test_pool_gives_the_last_open_connection_back() -> None:
    pool = ConnectionPool(2)
    pairs = [socket.socketpair() for _ in range(3)]
    connections = [Connection(ours) for ours, _ in pairs]
    for connection in connections:
        pool.put("key", connection)
    assert connections[0].sock.fileno() == -1, "one more than the pool keeps is closed: the oldest"
    pairs[2][1].close()
    assert pool.take("other") is None
    assert pool.take("key") is connections[1], "the other one was closed by its server"
    assert connections[2].sock.fileno() == -1
    assert pool.take("key") is None
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_pool_closes_the_oldest_connection_of_the_host_that_was_used_longest_ago() -> None:
    pool = ConnectionPool(2)
    pairs = [socket.socketpair() for _ in range(MAX_IDLE + 3)]
    for number, (ours, _) in enumerate(pairs):
        pool.put(number // 2, Connection(ours))
    closed = [ours.fileno() == -1 for ours, _ in pairs]
    assert closed == [True] * 3 + [False] * MAX_IDLE, "of all hosts together, no more than these are kept"
    pool.close()
    assert all(ours.fileno() == -1 for ours, _ in pairs)
    for _, theirs in pairs:
        theirs.close()


def test_connection_that_returns_after_the_pool_was_closed_is_closed() -> None:
    pool = ConnectionPool(2)
    ours, theirs = socket.socketpair()
    pool.close()
    pool.put("key", Connection(ours))
    assert ours.fileno() == -1
    theirs.close()


def test_connections_that_were_taken_do_not_count() -> None:
    pool = ConnectionPool(MAX_IDLE)
    pairs = [socket.socketpair() for _ in range(MAX_IDLE)]
    for _ in range(2):
        for ours, _ in pairs:
            pool.put("key", Connection(ours))
        assert all(ours.fileno() != -1 for ours, _ in pairs)
        while pool.take("key") is not None:
            pass
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_the_next_address_is_tried_where_one_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with open_socket(["127.0.0.2", "127.0.0.1"], "h.example", port, time.monotonic() + 5) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
        with pytest.raises(RequestFailed, match=r"h\.example"):
            open_socket(["127.0.0.2"], "h.example", port, time.monotonic() + 5)
        with pytest.raises(RequestFailed, match=r"h\.example"):
            open_socket(["127.0.0.1"], "h.example", port, time.monotonic() - 1)
