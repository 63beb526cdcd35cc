"""CPU per URL: `check_many` beside clients that only fetch, over small images on a server with 20 ms of latency.

`python -m tests.bench.url_cpu` runs every client `ROUNDS` times in turn, each time in a process of its own, and prints
the medians. A client that is not installed is named as skipped.
"""

from __future__ import annotations

import asyncio
import io
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing.connection import Connection

LATENCY = 0.02
URLS = 4000
CONNECTIONS = 32
ROUNDS = 5
IMAGES = 48
BASELINE = "urllib3 threads"


class ImageProtocol(asyncio.Protocol):
    """Answers each GET of `/NUMBER.ext` `LATENCY` late, with keep-alive and ranges."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(LATENCY, self._answer, head)

    def _answer(self, head: bytes) -> None:
        data = self._files[head.split(b" ", 2)[1].decode().rpartition("/")[2]]
        if b"range: bytes=" in head.lower():
            status, part = b"206 Partial Content", b"Content-Range: bytes 0-%d/%d\r\n" % (len(data) - 1, len(data))
        else:
            status, part = b"200 OK", b""
        fields = b"Content-Length: %d\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n" % len(data)
        self._transport.write(b"HTTP/1.1 %s\r\n%s%s\r\n" % (status, fields, part) + data)


def _serve(files: dict[str, bytes], pipe: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: ImageProtocol(files), "127.0.0.1", 0, backlog=128
        )
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[str]:
    """The origin of a server of `files` in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(files, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()


def small_images() -> dict[str, bytes]:
    """Images of 5 to 30 kB in three formats, by names that are parts of URLs."""
    from PIL import Image

    files = {}
    for number in range(IMAGES):
        suffix, encoding = (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"))[number % 3]
        noise = Image.effect_noise((24, 24), 64).resize((304 + 2 * number, 304)).convert("RGB")
        encoded = io.BytesIO()
        (noise.quantize(8) if encoding == "PNG" else noise).save(encoded, encoding)
        files[f"{number}.{suffix}"] = encoded.getvalue()
    return files


# The clients. Each imports its own library, and calls `start` once it is ready.


def fetch_with_preflight(urls: list[str], start: Callable[[], None]) -> None:
    from preflight.checker import plan_for
    from preflight.net.options import HttpOptions
    from preflight.scan import scan
    from preflight.targets import Item

    plan = plan_for("atlas", http=HttpOptions(per_host=CONNECTIONS, allow_private=True))
    list(scan(map(Item, urls[:CONNECTIONS]), plan, jobs=CONNECTIONS))
    start()
    reports = list(scan(map(Item, urls), plan, jobs=CONNECTIONS))
    assert all(report is not None and report.requests == 1 and report.media is not None for report in reports)


def fetch_with_urllib3(urls: list[str], start: Callable[[], None]) -> None:
    import urllib3

    pool = urllib3.PoolManager(maxsize=CONNECTIONS)
    headers = {"Range": "bytes=0-32767", "Accept-Encoding": "identity"}
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        fetch = lambda url: len(pool.request("GET", url, headers=headers).data)  # noqa: E731
        list(threads.map(fetch, urls[:CONNECTIONS]))
        start()
        list(threads.map(fetch, urls))


def fetch_with_http_client(urls: list[str], start: Callable[[], None]) -> None:
    import http.client
    import threading
    from urllib.parse import urlsplit

    local = threading.local()

    def fetch(url: str) -> int:
        parts = urlsplit(url)
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(parts.netloc)
        local.connection.request("GET", parts.path, headers={"Range": "bytes=0-32767", "Accept-Encoding": "identity"})
        return len(local.connection.getresponse().read())

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(fetch, urls[:CONNECTIONS]))
        start()
        list(threads.map(fetch, urls))


def fetch_with_aiohttp(urls: list[str], start: Callable[[], None]) -> None:
    import aiohttp  # type: ignore[import-not-found]

    headers = {"Range": "bytes=0-32767", "Accept-Encoding": "identity"}

    async def run() -> None:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def fetch_all(pending: Iterator[str]) -> None:
                for url in pending:
                    async with session.get(url) as response:
                        await response.read()

            await asyncio.gather(*(fetch_all(iter([url])) for url in urls[:CONNECTIONS]))
            start()
            pending = iter(urls)
            await asyncio.gather(*(fetch_all(pending) for _ in range(CONNECTIONS)))

    asyncio.run(run())


CLIENTS: dict[str, tuple[str, Callable[[list[str], Callable[[], None]], None]]] = {
    "preflight check": ("preflight", fetch_with_preflight),
    BASELINE: ("urllib3", fetch_with_urllib3),
    "http.client threads": ("http", fetch_with_http_client),
    "aiohttp": ("aiohttp", fetch_with_aiohttp),
}
"""By name: the module that must be installed, and the function that fetches all URLs."""


def measured(client: str, origin: str, names: list[str]) -> tuple[float, float]:
    """CPU and wall-clock time of one client in a process of its own, in s per URL."""
    words = [sys.executable, "-m", "tests.bench.url_cpu", client, origin, *names]
    output = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    cpu, wall = json.loads(output)
    return cpu / URLS, wall / URLS


def _run_one(client: str, origin: str, names: list[str]) -> None:
    urls = [f"{origin}/{number}/{names[number % len(names)]}" for number in range(URLS)]
    began = [0.0, 0.0]

    def start() -> None:
        began[:] = time.process_time(), time.perf_counter()

    CLIENTS[client][1](urls, start)
    print(json.dumps([time.process_time() - began[0], time.perf_counter() - began[1]]))


def main() -> None:
    files = small_images()
    installed = [client for client, (module, _) in CLIENTS.items() if find_spec(module)]
    times: dict[str, list[tuple[float, float]]] = {client: [] for client in installed}
    with serving(files) as origin:
        for _ in range(ROUNDS):
            for client in installed:
                times[client].append(measured(client, origin, list(files)))
    cpu = {client: statistics.median(each[0] for each in rounds) for client, rounds in times.items()}
    wall = {client: statistics.median(each[1] for each in rounds) for client, rounds in times.items()}
    print(
        f"\n{URLS} URLs of small images, {LATENCY * 1000:.0f} ms of latency, {CONNECTIONS} connections, {ROUNDS} rounds"
    )
    for client in installed:
        ratio = cpu[client] / cpu[BASELINE]
        print(f"  {client:22}{cpu[client] * 1000:8.2f} ms CPU a URL {ratio:6.2f} × {1 / wall[client]:8,.0f} URLs/s")
    for client in CLIENTS.keys() - set(installed):
        print(f"  {client:22} skipped: not installed")


if __name__ == "__main__":
    if len(sys.argv) > 3:
        _run_one(sys.argv[1], sys.argv[2], sys.argv[3:])
    else:
        main()
