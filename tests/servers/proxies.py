"""A proxy that opens tunnels, by CONNECT or SOCKS 5: `TunnelProxy`."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class TunnelProxy:
    """requested: the places that tunnels were requested to, and headers: those of the last CONNECT."""

    port: int
    requested: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def tunnel_proxy(
    to: int | None, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"
) -> Iterator[TunnelProxy]:
    """Run a proxy on loopback that connects every tunnel to the port `to` of this machine; None: to that requested."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            sock: socket.socket = self.request
            sock.settimeout(10)
            with contextlib.suppress(OSError):
                if sock.recv(1, socket.MSG_PEEK) == b"\5":
                    self.greet_socks(sock)
                elif not self.greet_http(sock):
                    return
                port = to or int(proxy.requested[-1].removesuffix(" HTTP/1.1").rpartition(":")[2])
                with socket.create_connection(("127.0.0.1", port), 10) as server:
                    forwards = threading.Thread(target=_copy, args=(sock, server))
                    forwards.start()
                    _copy(server, sock)
                    forwards.join()

        def greet_http(self, sock: socket.socket) -> bool:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += sock.recv(1)
            first, *lines = head.decode("latin-1").strip().split("\r\n")
            proxy.requested.append(first)
            proxy.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            sock.sendall(answer)
            return b" 200 " in answer

        def greet_socks(self, sock: socket.socket) -> None:
            sock.recv(2 + sock.recv(2, socket.MSG_PEEK)[1])
            sock.sendall(b"\5\0")
            kind = sock.recv(4)[3]
            name = ".".join(map(str, sock.recv(4))) if kind == 1 else sock.recv(sock.recv(1)[0]).decode()
            proxy.requested.append(f"{name}:{int.from_bytes(sock.recv(2), 'big')}")
            sock.sendall(b"\5\0\0\1\0\0\0\0\0\0")

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Listener(("127.0.0.1", 0), Handler) as listener:
        proxy = TunnelProxy(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown()
            thread.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
