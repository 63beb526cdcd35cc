"""A server on loopback that speaks HTTP byte by byte, so that it can misspeak: `Server`."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

Behaviour = Callable[["Talk"], None]


@dataclass
class Request:
    """One request as it came. `connection` numbers the connections, `host` is the Host header."""

    method: str
    path: str
    headers: dict[str, str]
    connection: int

    @property
    def span(self) -> tuple[int, int] | None:
        """First and last byte of its Range header."""
        unit, _, span = self.headers.get("range", "").partition("=")
        first, _, last = span.partition("-")
        return (int(first), int(last)) if unit == "bytes" and first and last else None


@dataclass
class Talk:
    """What a behaviour has: the request, the file that its path names, and a socket to answer on."""

    server: Server
    request: Request
    rest: str
    sock: socket.socket
    keep: bool = True
    started: bool = False

    @property
    def data(self) -> bytes:
        return self.server.files[self.rest.partition("?")[0]]

    @property
    def turn(self) -> int:
        """How many requests for this path came before."""
        return sum(seen.path == self.request.path for seen in self.server.seen) - 1

    def head(self, status: str, headers: Mapping[str, object] | None = None) -> None:
        """Send the status line and headers."""
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        self.raw("\r\n".join([*lines, "", ""]).encode("utf-8"))

    def body(self, data: bytes) -> None:
        """Send bytes of the body, and count them first: when the client has them, they are counted."""
        self.server.sent += len(data)
        self.raw(data)

    def raw(self, data: bytes) -> None:
        self.started = True
        self.sock.sendall(data)

    def answer(self, status: str, data: bytes = b"", headers: Mapping[str, object] | None = None) -> None:
        """A whole, honest answer; to HEAD only its headers."""
        self.head(status, {"Content-Length": len(data), **(headers or {})})
        if self.request.method != "HEAD":
            self.body(data)

    def forever(self, piece: bytes, pause: float = 0.0) -> None:
        """Send the piece until the client goes or the server ends."""
        while not self.server.ending.wait(pause):
            self.body(piece)

    def give_range(self, data: bytes, headers: Mapping[str, object] | None = None) -> None:
        """What a good server answers to a GET or HEAD of `data`, with or without Range."""
        headers = {"Accept-Ranges": "bytes", "ETag": f'"{hash(data) & 0xFFFFFF:x}"', **(headers or {})}
        span = self.request.span
        if span is None:
            self.answer("200 OK", data, headers)
        elif span[0] >= len(data):
            self.answer("416 Range Not Satisfiable", b"", {**headers, "Content-Range": f"bytes */{len(data)}"})
        else:
            part = data[span[0] : span[1] + 1]
            at = f"bytes {span[0]}-{span[0] + len(part) - 1}/{len(data)}"
            self.answer("206 Partial Content", part, {**headers, "Content-Range": at})


@dataclass
class Server:
    """A threaded server whose paths are `/behaviour/file`. A context manager; `port` 0 chooses a free one.

    files  what the behaviours give · seen  the requests · sent  body bytes · peak  most requests waiting for an answer
    """

    behaviours: Mapping[str, Behaviour]
    files: dict[str, bytes] = field(default_factory=dict)
    address: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    port: int = 0
    latency: float = 0.0
    seen: list[Request] = field(default_factory=list)
    sent: int = 0
    peak: int = 0
    connections: int = 0

    def __post_init__(self) -> None:
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self._waiting = 0
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Server:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.serve(self.request)

        class Listener(socketserver.ThreadingTCPServer):
            address_family = socket.AF_INET6 if ":" in outer.address else socket.AF_INET
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

        self._listener = Listener((self.address, self.port), Handler)
        self.port = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.005})
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ending.set()
        self._listener.shutdown()
        self._thread.join()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._listener.server_close()

    def url(self, path: str, host: str | None = None) -> str:
        return f"{'https' if self.tls else 'http'}://{host or self.address}:{self.port}/{path}"

    def serve(self, plain: Any) -> None:
        """One connection, request by request."""
        with contextlib.suppress(OSError):
            plain.settimeout(30)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.add(sock)
            try:
                with sock.makefile("rb") as lines:
                    while self._serve_one(sock, self._read(lines, number)):
                        pass
            except ValueError:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            finally:
                with self._lock:
                    self._open.discard(sock)
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                sock.close()

    def _read(self, lines: Any, number: int) -> Request:
        if not lines.peek(1)[:1].isalpha():
            raise ValueError("no HTTP")
        method, path, _ = lines.readline(1 << 17).decode("latin-1").split(" ", 2)
        headers = {}
        while line := lines.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Request(method, path, headers, number)

    def _serve_one(self, sock: socket.socket, request: Request) -> bool:
        with self._lock:
            self.seen.append(request)
            self._waiting += 1
            self.peak = max(self.peak, self._waiting)
        time.sleep(self.latency)
        with self._lock:
            self._waiting -= 1  # before the answer: a client may have all of it before this thread goes on
        path = request.path.partition("://")[2] if request.path.startswith("http") else request.path[1:]
        name, _, rest = path.partition("/")
        talk = Talk(self, request, rest, sock)
        behaviour = self.behaviours.get(name)
        if behaviour is None:
            talk.answer("404 Not Found", b"not here")
        else:
            behaviour(talk)
        return talk.keep
