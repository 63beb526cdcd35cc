"""How long 1,000 passing images take at 30 registrations a second, against the time that the rate alone takes.

`tox -e bench -- submit`, or `python -m tests.bench.submit [PROVIDER]`. The sandbox takes 50 ms for each call,
processes for 0.5 s, and refuses (429) what goes beyond 30 registrations a second. The goal: within 1.15 × 33.3 s, no
refusal, memory flat.
"""

from __future__ import annotations

import multiprocessing
import resource
import struct
import sys
import tempfile
import threading
import time
import zlib
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.bench.tools import ROOT
from tests.submission.sending import keys_of

COUNT, RATE = 1000, 30
ALLOWED = 1.15


def pictures(folder: Path, count: int) -> list[Path]:
    """Small PNG pictures that differ in a comment."""
    data = (ROOT / "fixtures" / "accepted" / "picture.png").read_bytes()
    made = []
    for number in range(count):
        text = b"tEXtComment\0" + str(number).encode()
        chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
        made.append(folder / f"{number:05}.png")
        made[-1].write_bytes(data[:33] + chunk + data[33:])
    return made


def serve(provider: str, pipe: Connection) -> None:
    """The sandbox, in a process of its own: its work is not the client's."""
    from preflight.sandbox import Sandbox

    with Sandbox(delay=0.5, latency=0.05) as box:
        box.faults.throttle(RATE, action="register")
        pipe.send((box.endpoint(provider), keys_of(box, provider)))
        while (path := pipe.recv()) is not None:
            pipe.send(box.host(path))
        pipe.send((len(box.assets(provider)), sum(box.stats.throttled.values())))


class Remote:
    """A host: local files get a URL of the sandbox."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def put(self, file: Any) -> str:
        with self._lock:
            self._pipe.send(file.path)
            url: str = self._pipe.recv()
        return url


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(provider: str, count: int = COUNT) -> tuple[float, int, int, list[float]]:
    """Seconds, active assets, refusals, and the peak of memory after each tenth."""
    from preflight import submit_many
    from preflight.providers import find_provider

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(provider, there), daemon=True)
    server.start()
    endpoint, keys = here.recv()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = pictures(folder, count)
        memory = []
        begin = time.perf_counter()
        run = submit_many(
            files,
            provider,
            host=Remote(here),
            endpoint=endpoint,
            keys=keys,
            allow_private=True,
            ledger=folder / "ledger.sqlite",
            group="bench" if find_provider(provider).needs_group else None,
        )
        active = 0
        for number, submission in enumerate(run, 1):
            active += submission.outcome == "active"
            if number % max(1, count // 10) == 0:
                memory.append(peak())
        seconds = time.perf_counter() - begin
    here.send(None)
    _, refused = here.recv()
    server.join(10)
    return seconds, active, refused, memory


def main(provider: str = "atlas") -> None:
    least = COUNT / RATE
    seconds, active, refused, memory = measure(provider)
    print(f"\n{COUNT} images to {provider} in the sandbox, {RATE} registrations a second")
    print(f"  {'the rate alone':34}{least:10.3f} s        1 ×")
    print(f"  {'preflight submit':34}{seconds:10.3f} s  {seconds / least:7.2f} ×  (allowed: {ALLOWED} ×)")
    print(f"  {active} active, {refused} refused (429)")
    print(f"  peak memory {memory[0]:.0f} MiB after a tenth, {memory[-1]:.0f} MiB at the end")


if __name__ == "__main__":
    main(*sys.argv[1:])
