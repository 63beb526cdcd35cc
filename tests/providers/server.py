"""A server on loopback that records what it is asked and answers what it is told: `Recorder`."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Told:
    """One answer to give. lost: read the request, then hang up; slow: s before every byte of the body."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False
    wait: float = 0.0
    slow: float = 0.0

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Recorder:
    """`tell` it answers, one for each request; without any it answers `{}`."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.told: list[Told] = []
        self.connections = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def tell(self, body: object, status: int = 200, **options: Any) -> None:
        self.told.append(Told(body, status, **options))

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one class, which needs its recorder
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            recorder.connections += 1
            super().setup()

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorder.asked.append(Asked(self.command, self.path, headers, self.rfile.read(length)))
            told = recorder.told.pop(0) if recorder.told else Told({})
            time.sleep(told.wait)
            if told.lost:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            if told.status != 204:
                self.send_header("Content-Length", str(len(told.data)))
            self.end_headers()
            size = 1 if told.slow else len(told.data) or 1
            for at in range(0, len(told.data), size):
                self.wfile.write(told.data[at : at + size])
                time.sleep(told.slow)

        def log_message(self, *words: object) -> None:
            pass

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    return Handler
