"""Threads and memory of `AsyncClient` with 2,000 processing assets, and the time from active to result.

`tox -e bench -- clients`. The sandbox takes 20 ms for each call, and processes each asset for a minute. The goals: at
most 52 threads of preflight, and at most 100 MiB.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from tests.bench.submit import Remote, peak, pictures

COUNT = 2000
PROCESSING = 60.0
"""Seconds after which an asset is active."""


def serve(pipe: Connection) -> None:
    """The sandbox, in a process of its own: its memory and threads are not the client's."""
    from preflight.sandbox import Sandbox

    with Sandbox(delay=PROCESSING, latency=0.02) as box:
        pipe.send((box.endpoint("atlas"), box.credentials("atlas").key))
        while (path := pipe.recv()) is not None:
            if path == "assets":
                pipe.send({asset.id: asset.created + PROCESSING for asset in box.assets("atlas")})
            else:
                pipe.send(box.host(path))


def count_threads() -> int:
    return sum(thread.name.startswith("preflight") for thread in threading.enumerate())


async def measure(endpoint: str, key: str, pipe: Connection, folder: Path) -> None:
    from preflight import AsyncClient

    files = pictures(folder, COUNT)
    before, threads = peak(), 0
    results: dict[str, float] = {}
    client = AsyncClient(
        "atlas",
        endpoint=endpoint,
        keys=key,
        host=Remote(pipe),
        allow_private=True,
        ledger=folder / "ledger.sqlite",
        rate="100/s",
    )

    async def submit(file: Path) -> None:
        asset = await client.submit(file, poll_timeout=3600)
        results[asset.id] = time.time()

    async with client:
        tasks = [asyncio.create_task(submit(file)) for file in files]
        while len(results) < COUNT:
            threads = max(threads, count_threads())
            await asyncio.sleep(0.1)
        await asyncio.gather(*tasks)
    pipe.send("assets")
    active_at = pipe.recv()
    waited = sorted(at - active_at[asset] for asset, at in results.items())
    print(f"\n{COUNT} assets in processing at once, one AsyncClient")
    print(f"  {'threads of preflight':34}{threads:10}")
    print(f"  {'memory':34}{before:10.0f} MiB before, {peak():.0f} MiB at the most")
    p95 = waited[int(0.95 * len(waited))]
    print(f"  {'active → result':34}{statistics.median(waited):10.1f} s median, {p95:.1f} s p95")


def main() -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    endpoint, key = here.recv()
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(measure(endpoint, key, here, Path(name)))
    here.send(None)
    server.join(10)


if __name__ == "__main__":
    main()
