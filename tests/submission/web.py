"""A web server whose files, ETags and habits a test decides: `Web`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Web:
    """What is served.

    files  by path; etags: by path, quotes included
    seen   requests by path; each: called with the path and the number of the request before it is answered
    """

    origin: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    each: Callable[[str, int], None] = lambda path, number: None

    def put(self, path: str, data: bytes, etag: str | None = '"one"') -> str:
        """Serve a file; its URL."""
        self.files[path] = data
        self.etags.pop(path, None)
        if etag is not None:
            self.etags[path] = etag
        return self.origin + path


@contextmanager
def serving() -> Iterator[Web]:
    """A server on loopback."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            web.seen[path] += 1
            web.each(path, web.seen[path])
            data = web.files.get(path)
            self.send_response(404 if data is None else 200)
            if path in web.etags and data is not None:
                self.send_header("ETag", web.etags[path])
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data or b"")

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
