"""What an idle endpoint of FastAPI takes while uploads are judged, in ms, beside the same uploads without judging.

A server process, `UPLOADS` clients that send `SIZE` bytes each at the same time, and one client that asks the idle
endpoint all along. The bodies are what recognition used to be slow on.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

UPLOADS = 20
SIZE = 20 << 20
PATTERNS = {
    "pack headers": b"\0\0\1\xba",
    "pack headers with marker bits": b"\0\0\1\xba\x44\0\4\0\4\1\0\0\1\xf8",
    "empty AIFF chunks": b"FORM\0\0\0\4AIFF",
    "sync words of AC-3": b"\x0b\x77",
    "a JPEG and zeros": b"",
}
_JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080280028001011100")


def _serve(pipe: Connection) -> None:
    import socket

    import uvicorn

    from tests.bench.upload_app import app

    with socket.create_server(("127.0.0.1", 0)) as listener:
        pipe.send(listener.getsockname()[1])
        config = uvicorn.Config(app, log_level="error", ws="none", lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def serving() -> Iterator[int]:
    """The port of the server, in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        port = ours.recv()
        ask(port, "GET", "/idle")
        yield port
    finally:
        process.terminate()
        process.join(10)


def ask(port: int, method: str, path: str, body: bytes | None = None) -> int:
    """One request on a connection of its own; its status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        headers = {"Content-Type": "multipart/form-data; boundary=B"} if body is not None else {}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def body_of(pattern: bytes, size: int = SIZE) -> bytes:
    content = (pattern * (size // len(pattern) + 1))[:size] if pattern else _JPEG.ljust(size, b"\0")
    head = b'--B\r\nContent-Disposition: form-data; name="clip"; filename="a.mpg"\r\n\r\n'
    return head + content + b"\r\n--B--\r\n"


def _upload(port: int, path: str, pattern: bytes, uploads: int, size: int, done: Connection) -> None:
    """The clients, in a process of their own: they must not take the interpreter from who asks the idle endpoint."""
    body, statuses = body_of(pattern, size), []
    threads = [threading.Thread(target=lambda: statuses.append(ask(port, "POST", path, body))) for _ in range(uploads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.send(json.dumps(statuses))


def waits(
    port: int, path: str, pattern: bytes, uploads: int = UPLOADS, size: int = SIZE
) -> tuple[list[float], list[int]]:
    """The seconds of each answer of the idle endpoint while uploads go on, sorted; and the uploads' statuses."""
    ours, theirs = multiprocessing.Pipe()
    words = (port, path, pattern, uploads, size, theirs)
    process = multiprocessing.get_context("spawn").Process(target=_upload, args=words, daemon=True)
    process.start()
    seconds = []
    while not ours.poll(0.005):
        start = time.perf_counter()
        ask(port, "GET", "/idle")
        seconds.append(time.perf_counter() - start)
    statuses = json.loads(ours.recv())
    process.join(10)
    return sorted(seconds), statuses


def main() -> None:
    print(f"\n{UPLOADS} uploads of {SIZE >> 20} MiB at the same time; answers of an idle endpoint, ms")
    print(f"  {'content':32} {'route':10} {'median':>8} {'p99':>8} {'longest':>8}   uploads answered")
    with serving() as port:
        for name, pattern in PATTERNS.items():
            for path in ("/received", "/judged"):
                seconds, statuses = waits(port, path, pattern)
                median, p99 = (1000 * seconds[int(len(seconds) * share)] for share in (0.5, 0.99))
                answered = {status: statuses.count(status) for status in sorted(set(statuses))}
                print(f"  {name:32} {path[1:]:10} {median:8.1f} {p99:8.1f} {1000 * seconds[-1]:8.1f}   {answered}")


if __name__ == "__main__":
    main()
