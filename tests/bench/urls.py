"""URLs on one host with 50 ms of latency added: time, requests and bytes, beside ffprobe on the same clip.

Bytes are counted where they are sent. A client that asks for a whole file and closes early has what the sockets hold
on its way: on loopback that may be megabytes, as it is on a fast and distant link.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from tests.bench import url_cpu
from tests.bench.tools import core_files, installed, preflight

LATENCY = 0.05
URLS = 500
PIECE = 1 << 14


class RangedServer:
    """Serves one folder with ranges and keep-alive, each answer `LATENCY` late; counts requests and body bytes."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.requests = self.sent = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(LATENCY)
                head_of_answer, body = self._answer(head.decode("latin-1"))
                writer.write(head_of_answer)
                for at in range(0, len(body), PIECE):  # what a client does not wait for is not sent
                    writer.write(body[at : at + PIECE])
                    await writer.drain()
                    self.sent += min(PIECE, len(body) - at)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, head: str) -> tuple[bytes, bytes]:
        path = head.split(" ")[1]
        if path == "/count":
            counted = f"{self.requests} {self.sent}".encode()
            self.requests, self.sent = 0, -len(counted)
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(counted), counted
        data = Path(self._folder, path.lstrip("/")).read_bytes()
        first, last, status = 0, len(data) - 1, "200 OK"
        for line in head.split("\r\n"):
            if line.lower().startswith("range: bytes="):
                start, _, end = line.split("=")[1].partition("-")
                first, last = int(start), min(int(end or last), last)
                status = "206 Partial Content"
        body = data[first : last + 1]
        self.requests += 1
        return (
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nAccept-Ranges: bytes\r\n"
            f'ETag: "{len(data)}"\r\nContent-Range: bytes {first}-{last}/{len(data)}\r\n\r\n'
        ).encode(), body


def _serve(folder: str, pipe: Connection) -> None:
    async def run() -> None:
        handler = RangedServer(folder)
        server = await asyncio.start_server(handler.talk, "127.0.0.1", 0, limit=1 << 16)
        pipe.send(server.sockets[0].getsockname()[1])
        async with server:
            await server.serve_forever()

    asyncio.run(run())


@contextmanager
def serving(folder: str) -> Iterator[str]:
    """The origin of a server of `folder` in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()


def counted(origin: str) -> tuple[int, int]:
    """Requests and body bytes since the last time this was asked."""
    import urllib.request

    with urllib.request.urlopen(f"{origin}/count") as answer:  # a loopback address of ours
        requests, sent = answer.read().split()
    return int(requests), int(sent)


def clip(folder: Path) -> Path | None:
    """8 s of 720p noise, moov in front, made by ffmpeg; None where that is not installed."""
    if not installed("ffmpeg"):
        return None
    path = folder / "clip.mp4"
    words = "ffmpeg -v error -f lavfi -i testsrc2=s=1280x720:r=25:d=8,noise=alls=20:allf=t -c:v libx264 -b:v 7500k"
    subprocess.run([*words.split(), "-preset", "veryfast", "-movflags", "+faststart", str(path)], check=True)
    return path


def main() -> None:
    files = core_files()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(URLS):
            file = files[number * 7 % len(files)]
            shutil.copy(file, folder / f"{number}{file.suffix}")
        film = clip(folder)
        with serving(name) as origin:
            listed = folder / "urls.txt"
            served = sorted(path.name for path in folder.iterdir() if path.stem.isdigit())
            listed.write_text("".join(f"{origin}/{path}\n" for path in served))
            words = preflight("check", f"@{listed}", "--for", "atlas", "--format", "jsonl", "--allow-private")
            start = time.perf_counter()
            subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
            seconds = time.perf_counter() - start
            requests, sent = counted(origin)
            print(f"\n{URLS} URLs of mixed media on one host, {LATENCY * 1000:.0f} ms of latency added")
            print(
                f"  preflight check {seconds:22.2f} s  {requests / URLS:.2f} requests, {sent / URLS / 1000:.0f} kB each"
            )
            if film is not None and installed("ffprobe"):
                _clip_against_ffprobe(f"{origin}/{film.name}", origin, film.stat().st_size)
    url_cpu.main()


def _clip_against_ffprobe(url: str, origin: str, size: int) -> None:
    print(f"\none clip by URL, moov in front, {size / 1e6:.1f} MB; bytes that were sent, those in socket buffers too")
    read = {}
    for name, words in {
        "preflight": preflight("check", url, "--for", "atlas", "--allow-private"),
        "ffprobe": ["ffprobe", "-v", "error", "-show_format", "-show_streams", url],
    }.items():
        counted(origin)
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, check=False)
        requests, read[name] = counted(origin)
        print(
            f"  {name:34}{requests:4} requests  {read[name] / 1000:10,.1f} kB  {read[name] / read['preflight']:6.1f} ×"
        )


if __name__ == "__main__":
    main()
