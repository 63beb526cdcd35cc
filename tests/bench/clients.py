"""Threads and memory of `AsyncClient` with 2,000 processing assets, calls for each, and the time from active to result.

`tox -e bench -- clients`, or `python -m tests.bench.clients [PROVIDER …]`. The sandbox takes 20 ms for each call, and
processes each asset for 90 s; they are registered at 30 a second. The goals: at most 52 threads of preflight, at most
100 MiB, and 5 s for 95 % of the results.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.bench.submit import Remote, keys_of, peak, pictures

COUNT = 2000
PROCESSING = 90.0
"""Seconds after which an asset is active."""
MAX_THREADS, MAX_MEMORY, MAX_P95 = 52, 100.0, 5.0


def serve(provider: str, processing: float, pipe: Connection) -> None:
    """The sandbox, in a process of its own: its memory and threads are not the client's."""
    from preflight.sandbox import Sandbox

    with Sandbox(delay=processing, latency=0.02) as box:
        pipe.send((box.endpoint(provider), keys_of(box, provider)))
        while (path := pipe.recv()) is not None:
            pipe.send(box.host(path))
        calls = {action: count for (name, action), count in box.stats.calls.items() if name == provider}
        pipe.send((calls, {asset.id: asset.created + processing for asset in box.assets(provider)}))


@dataclass
class Measured:
    """waited: s from active to result, in order; memory: MiB before, and at the most."""

    threads: int = 0
    memory: tuple[float, float] = (0.0, 0.0)
    waited: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def p95(self) -> float:
        return self.waited[int(0.95 * len(self.waited))]


def count_threads() -> int:
    return sum(thread.name.startswith("preflight") for thread in threading.enumerate())


async def submit_all(measured: Measured, provider: str, files: list[Path], **options: Any) -> dict[str, float]:
    """Submit each file by a task of its own; return when the result of each asset came."""
    from preflight import AsyncClient
    from preflight.providers import find_provider

    results: dict[str, float] = {}
    group = "bench" if find_provider(provider).needs_group else None
    async with AsyncClient(provider, allow_private=True, group=group, rate="30/s", **options) as client:

        async def submit(file: Path) -> None:
            asset = await client.submit(file, poll_timeout=3600)
            results[asset.id] = time.time()

        tasks = asyncio.gather(*(submit(file) for file in files))
        while not tasks.done():
            measured.threads = max(measured.threads, count_threads())
            await asyncio.sleep(0.1)
        await tasks
    return results


def measure(provider: str, count: int = COUNT, processing: float = PROCESSING) -> Measured:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(provider, processing, there), daemon=True)
    server.start()
    endpoint, keys = here.recv()
    measured = Measured()
    with tempfile.TemporaryDirectory() as name:
        files = pictures(Path(name), count)
        before = peak()
        options = {"endpoint": endpoint, "keys": keys, "host": Remote(here), "ledger": Path(name) / "ledger.sqlite"}
        results = asyncio.run(submit_all(measured, provider, files, **options))
    measured.memory = before, peak()
    here.send(None)
    calls, active_at = here.recv()
    server.join(10)
    measured.calls.update(calls)
    measured.waited = sorted(at - active_at[asset] for asset, at in results.items())
    return measured


def main(*providers: str) -> None:
    for provider in providers or ("volcengine", "atlas"):
        found = measure(provider)
        before, most = found.memory
        print(f"\n{COUNT} assets in processing at once at {provider}, one AsyncClient")
        print(f"  {'threads of preflight':34}{found.threads:10}      (allowed: {MAX_THREADS})")
        print(f"  {'memory':34}{most:10.0f} MiB  (allowed: {MAX_MEMORY:g}; {before:.0f} before)")
        print(f"  {'active → result, p95':34}{found.p95:10.1f} s    (goal: {MAX_P95:g} s)")
        print(f"  {'active → result, median':34}{statistics.median(found.waited):10.1f} s")
        print(f"  {'calls for each asset':34}{found.calls.total() / COUNT:10.2f}      ({_shown(found.calls)})")


def _shown(calls: Counter[str]) -> str:
    return ", ".join(f"{count} {action}" for action, count in calls.most_common())


if __name__ == "__main__":
    main(*sys.argv[1:])
