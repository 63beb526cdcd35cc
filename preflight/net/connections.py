"""Connections to checked addresses, read within a byte budget and a deadline; their pool, and the slots of a host.

This is the only module that resolves host names: connections go to the checked addresses, and nothing
looks the name up again. The certificate and the Host header still carry the name.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from threading import Lock, get_ident
from typing import Final

from preflight.net.addresses import ResolvedHost
from preflight.net.errors import InvalidResponse, insecure, unconnected
from preflight.net.urls import ascii_host

MAX_RECEIVE: Final = 64 << 10
"""Bytes that are received at once, so that a false length cannot reserve memory."""
READ_AHEAD: Final = 16 << 10
"""Bytes that are received at once to find the end of a line."""
ADDRESS_TIMEOUT: Final = 10.0
"""s that one address of several may take to connect before the next one is tried."""
MAX_IDLE: Final = 128
"""Connections that are kept open without a request, of all hosts together; those used last stay."""


class Budget:
    """A limit on the bytes received for one part of a response, or for all responses of one file.

    left  bytes that may still be received
    """

    __slots__ = ("_max_bytes", "_what", "left")

    def __init__(self, max_bytes: int, what: str) -> None:
        self.left = max_bytes
        self._max_bytes = max_bytes
        self._what = what

    def reset(self) -> None:
        """Restore the full budget."""
        self.left = self._max_bytes

    def exceeded(self) -> InvalidResponse:
        """Return the error for more bytes than the limit."""
        return InvalidResponse(f"more than {self._max_bytes} bytes {self._what}")


class Connection:
    """A TCP or TLS connection, used by one thread at a time.

    resolved  the checked addresses of its host; None if a proxy resolves them
    budget    bytes that may be received
    received  bytes received since `start`
    """

    __slots__ = ("_buffer", "_end", "_idle", "_readiness", "budget", "received", "resolved", "sock")

    def __init__(self, sock: socket.socket, resolved: ResolvedHost | None = None) -> None:
        self.sock = sock
        self.resolved = resolved
        self.received = 0
        self.budget = Budget(0, "")
        self._buffer = bytearray()
        self._readiness: select.poll | None = None
        self._end = self._idle = 0.0

    def start(self, end: float, idle: float, budget: Budget) -> None:
        """Prepare for one request: `end` (monotonic, in s) limits all of it, `idle` s each wait for bytes."""
        self._end = end
        self._idle = idle
        self.budget = budget
        self.received = 0

    def extend(self, end: float) -> None:
        """Postpone the deadline, for a body that takes long to send."""
        self._end = end

    def limit_wait(self, seconds: float) -> None:
        """Shorten the deadline, for bytes that are only worth a short wait."""
        self._end = min(self._end, time.monotonic() + seconds)

    def send(self, data: bytes) -> None:
        """Send all of `data`. Raise `OSError`, and `TimeoutError` at the deadline."""
        self._set_timeout()
        self.sock.sendall(data)

    def readline(self, limit: int) -> bytes:
        """Return the bytes up to the next LF and with it, at most `limit`; fewer only if the connection ends."""
        buffer, searched = self._buffer, 0
        while (end := buffer.find(b"\n", searched, limit) + 1) == 0:
            searched = len(buffer)
            if searched >= limit:
                end = limit
                break
            data = self._receive(READ_AHEAD)
            if not data:
                end = searched
                break
            buffer += data
        line = bytes(buffer[:end])
        del buffer[:end]
        return line

    def read(self, length: int) -> bytes:
        """Return the next bytes, at most `length`, as soon as there are any; empty if the connection ends."""
        if not self._buffer:
            return self._receive(min(length, MAX_RECEIVE))
        piece = bytes(self._buffer[:length])
        del self._buffer[:length]
        return piece

    def buffered_lines(self) -> int:
        """Return how many complete lines have been received and not read."""
        return self._buffer.count(b"\n")

    def is_reusable(self) -> bool:
        """Return whether the connection can carry another request: it is open, and no byte of it is unread."""
        # The rest of a TLS record that was received is no longer in the socket, so poll does not see it.
        if self._buffer or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return False
        if self._readiness is None:
            if not hasattr(select, "poll"):  # Windows
                return not select.select([self.sock], [], [], 0)[0]
            self._readiness = select.poll()
            self._readiness.register(self.sock, select.POLLIN)
        return not self._readiness.poll(0)

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def _receive(self, length: int) -> bytes:
        budget = self.budget
        if budget.left <= 0:
            raise budget.exceeded()
        self._set_timeout()
        data = self.sock.recv(min(length, budget.left))
        count = len(data)
        self.received += count
        budget.left -= count
        return data

    def _set_timeout(self) -> None:
        """Limit the next wait: a socket's own timeout would start again with every byte."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.sock.settimeout(min(left, self._idle))


def open_socket(addresses: Sequence[str], host: str, port: int, end: float) -> socket.socket:
    """Return a socket to the first of `addresses` that accepts a connection before `end`. Raise `SourceError`."""
    failure: OSError = TimeoutError()
    for tried, address in enumerate(addresses, 1):
        left = end - time.monotonic()
        if left <= 0:
            break
        sock = None
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )[0]
            sock = socket.socket(family, kind, protocol)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(left if tried == len(addresses) else min(left, ADDRESS_TIMEOUT))
            sock.connect(place)
        except OSError as error:
            failure = error
            if sock is not None:
                sock.close()
        else:
            return sock
    raise unconnected(host, failure)


def secure(sock: socket.socket, context: ssl.SSLContext, host: str, end: float) -> socket.socket:
    """Return a TLS connection to `host` over a socket, which is closed on failure. Raise `SourceError`."""
    try:
        sock.settimeout(max(end - time.monotonic(), 0.001))
        name = ascii_host(host).removesuffix(".")
        if isinstance(sock, ssl.SSLSocket):  # TLS within the TLS of a proxy
            from urllib3.util.ssltransport import SSLTransport

            return SSLTransport(sock, context, server_hostname=name)  # type: ignore[return-value]
        return context.wrap_socket(sock, server_hostname=name)
    except TimeoutError:
        sock.close()
        raise
    except ssl.SSLError as error:  # includes a failed check of the certificate
        sock.close()
        raise insecure(host, error) from None
    except OSError as error:
        sock.close()
        raise unconnected(host, error) from None


class ConnectionPool:
    """Open connections that no request uses, by a key for their destination. At most `MAX_IDLE` are kept."""

    def __init__(self, per_key: int) -> None:
        self._per_key = per_key
        self._count = 0
        self._closed = False
        self._idle: OrderedDict[Hashable, list[Connection]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: Hashable) -> Connection | None:
        """Return a connection that can be used again, the one used last; None if there is none."""
        while True:
            with self._lock:
                idle = self._idle.get(key)
                if not idle:
                    return None
                connection = self._remove(key, idle, -1)
            if connection.is_reusable():
                return connection
            connection.close()

    def put(self, key: Hashable, connection: Connection) -> None:
        """Keep a connection whose response was read to its end; close the one whose host was used longest ago."""
        surplus = None
        with self._lock:
            if self._closed:
                connection.close()
                return
            idle = self._idle.setdefault(key, [])
            self._idle.move_to_end(key)
            idle.append(connection)
            self._count += 1
            if len(idle) > self._per_key:
                surplus = self._remove(key, idle, 0)
            elif self._count > MAX_IDLE:
                surplus = self._remove(*next(iter(self._idle.items())), 0)
        if surplus is not None:
            surplus.close()

    def _remove(self, key: Hashable, idle: list[Connection], index: int) -> Connection:
        """Remove one of a key's connections, and the key with the last one. The caller holds the lock."""
        connection = idle.pop(index)
        self._count -= 1
        if not idle:
            del self._idle[key]
        return connection

    def close(self) -> None:
        """Close the connections, and those that requests still use once they return them."""
        with self._lock:
            self._closed = True
            idle = [connection for connections in self._idle.values() for connection in connections]
            self._idle.clear()
            self._count = 0
        for connection in idle:
            connection.close()


class HostLimiter:
    """A fixed number of slots for each host. A request holds one until its response is closed.

    A thread needs one slot however many responses it has open, so that it never waits for itself.
    """

    def __init__(self, slots: int) -> None:
        self._slots = max(1, slots)
        self._hosts: dict[str, _Host] = {}
        self._lock = Lock()

    def acquire(self, host: str, timeout: float) -> Slot | None:
        """Acquire a slot at `host`; return None after `timeout` seconds without a release.

        Every response ends by its own deadline, so a longer standstill means that an open one was forgotten.
        """
        thread = get_ident()
        with self._lock:
            state = self._hosts.get(host)
            if state is None:
                state = self._hosts[host] = _Host()
            if thread in state.holders or len(state.holders) < self._slots:
                state.holders[thread] = state.holders.get(thread, 0) + 1
                return Slot(self, host, thread)
            waiter = _Waiter(thread)
            state.waiters.append(waiter)
            releases = state.releases
        while not waiter.turn.acquire(timeout=timeout):
            with self._lock:
                if not waiter.turn.locked():  # released in the meantime
                    break
                if state.releases == releases:
                    state.waiters.remove(waiter)
                    return None
                releases = state.releases
        return Slot(self, host, thread)

    def release(self, host: str, thread: int) -> None:
        """Release a slot; called by `Slot.release` alone. The thread that waits longest gets it."""
        with self._lock:
            state = self._hosts[host]
            state.holders[thread] -= 1
            if state.holders[thread]:
                return
            del state.holders[thread]
            state.releases += 1
            if state.waiters:
                waiter = state.waiters.popleft()
                state.holders[waiter.thread] = 1
                waiter.turn.release()
            elif not state.holders:
                del self._hosts[host]


class Slot:
    """One slot at one host; released once, however often `release` is called."""

    __slots__ = ("_host", "_limiter", "_thread")

    def __init__(self, limiter: HostLimiter, host: str, thread: int) -> None:
        self._limiter: HostLimiter | None = limiter
        self._host = host
        self._thread = thread

    def release(self) -> None:
        """Release the slot."""
        limiter, self._limiter = self._limiter, None
        if limiter is not None:
            limiter.release(self._host, self._thread)


class _Host:
    """The slots of one host. holders: open responses by thread; releases: their count; waiters: threads without one."""

    __slots__ = ("holders", "releases", "waiters")

    def __init__(self) -> None:
        self.holders: dict[int, int] = {}
        self.releases = 0
        self.waiters: deque[_Waiter] = deque()


class _Waiter:
    """A waiting thread; its lock `turn` is released once it has a slot."""

    __slots__ = ("thread", "turn")

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.turn = Lock()
        self.turn.acquire()
