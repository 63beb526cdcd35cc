"""20 processes that share a ledger, each with half of the same 300 URLs: who registers, and what each is told.

`tox -e bench -- processes`, or `python -m tests.bench.processes [PROVIDER]`. Of ten URLs, the provider fails one, and
one does not pass. The sandbox refuses (429) what goes beyond 30 registrations a second. The goals: no URL registered
twice, none lost, and the same right outcome for every process.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.bench.submit import keys_of
from tests.bench.tools import ROOT

PROCESSES, COUNT, RATE = 20, 300, 30
FIXTURES = ROOT / "fixtures"
PICTURES = {
    "active": FIXTURES / "accepted" / "picture.png",
    "failed": FIXTURES / "accepted" / "picture.png",
    "rejected": FIXTURES / "refused" / "png-too-narrow.png",
}


def serve(provider: str, count: int, pipe: Connection) -> None:
    """The sandbox, in a process of its own; it sends the URLs with the outcome of each."""
    from preflight.sandbox import Sandbox

    with Sandbox(delay=0.5, latency=0.02) as box:
        box.faults.throttle(RATE, action="register")
        box.faults.fail("PixelCountTooLarge", match="failed-*")
        outcomes = ["failed", "rejected", *["active"] * 8]
        expected = {}
        for number in range(count):
            outcome = outcomes[number % len(outcomes)]
            expected[box.host(PICTURES[outcome], f"{outcome}-{number:03}.png")] = outcome
        pipe.send((box.endpoint(provider), keys_of(box, provider), expected))
        pipe.recv()
        calls = {action: made for (name, action), made in box.stats.calls.items() if name == provider}
        pipe.send((Counter(one.url for one in box.stats.registrations(provider)), calls))


def submit() -> None:
    """One client: the job from standard input; for each URL its outcome and its asset as JSON."""
    from preflight import submit_many

    job = json.load(sys.stdin)
    found: list[Any] = [None] * len(job["urls"])
    for submission in submit_many(job["urls"], **job["options"], allow_private=True):
        found[submission.index] = (submission.outcome, submission.asset and submission.asset.id, submission.message)
    json.dump(found, sys.stdout)


@dataclass
class Measured:
    """wrong: what a process was told in place of the outcome; assets: those that processes were given, by URL."""

    seconds: float
    expected: dict[str, str]
    registered: Counter[str]
    calls: dict[str, int]
    wrong: list[str]
    assets: dict[str, set[str]]

    @property
    def doubled(self) -> int:
        return sum(times > 1 for times in self.registered.values()) + sum(len(ids) > 1 for ids in self.assets.values())

    @property
    def lost(self) -> int:
        return sum(outcome != "rejected" and not self.registered[url] for url, outcome in self.expected.items())


def measure(provider: str, processes: int = PROCESSES, count: int = COUNT) -> Measured:
    from preflight.providers import find_provider

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(provider, count, there), daemon=True)
    server.start()
    endpoint, keys, expected = here.recv()
    urls = list(expected)
    # The halves of neighbours overlap, and each URL is in half of the lists; each list has its own order.
    chosen = [[urls[(number + begin) % count] for number in range(count // 2)] for begin in _begins(processes, count)]
    for seed, each in enumerate(chosen):
        random.Random(seed).shuffle(each)
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "to": provider,
            "endpoint": endpoint,
            "keys": keys,
            "ledger": str(Path(folder) / "ledger.sqlite"),
            "group": "bench" if find_provider(provider).needs_group else None,
        }
        begun = time.perf_counter()
        results = _run([json.dumps({"urls": each, "options": options}) for each in chosen])
        seconds = time.perf_counter() - begun
    here.send(None)
    registered, calls = here.recv()
    server.join(10)
    wrong, assets = [], defaultdict(set)
    for each, found in zip(chosen, results, strict=True):
        for url, (outcome, asset, message) in zip(each, found, strict=True):
            if outcome != expected[url]:
                wrong.append(f"{outcome} in place of {expected[url]}: {message}")
            if asset is not None:
                assets[url].add(asset)
    return Measured(seconds, expected, registered, calls, wrong, assets)


def _begins(processes: int, count: int) -> list[int]:
    return [number * count // processes for number in range(processes)]


def _run(jobs: Sequence[str]) -> list[list[Any]]:
    """Run one process for each job at the same time; return their results."""
    command = [sys.executable, "-m", "tests.bench.processes", "submit"]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in jobs
    ]
    for process, job in zip(running, jobs, strict=True):
        assert process.stdin is not None
        process.stdin.write(job)
        process.stdin.close()
        process.stdin = None
    return [json.loads(process.communicate(timeout=600)[0]) for process in running]


def main(*words: str) -> None:
    for provider in words or ("atlas", "volcengine"):
        found = measure(provider)
        count = sum(found.registered.values())
        least = count / RATE
        print(f"\n{PROCESSES} processes with one ledger, each with half of the same {COUNT} URLs, to {provider}")
        print(f"  {'the rate alone':34}{least:10.1f} s        1 ×")
        print(f"  {'all processes':34}{found.seconds:10.1f} s  {found.seconds / least:7.2f} ×")
        print(f"  {found.doubled} doubled, {found.lost} lost, {len(found.wrong)} wrong outcomes")
        print("".join(f"    {said}\n" for said in found.wrong[:5]), end="")
        print(f"  {found.calls['register'] / count:.2f} calls for each registration: {found.calls}")


if __name__ == "__main__":
    submit() if sys.argv[1:] == ["submit"] else main(*sys.argv[1:])
