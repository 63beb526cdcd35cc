"""10,000 URLs at 30 registrations a second, with SIGKILL in the middle and a second run that resumes.

`tox -e bench -- resume`, or `python -m tests.bench.resume [PROVIDER [COUNT]]`: Crun and Agentsflare, which cannot look
up what was lost, with fewer. The sandbox takes 20 ms for each call, processes for 0.5 s, and refuses (429) what goes
beyond the rate. The goals: 1.05 × the time of the rates alone, at most 100 MiB, no URL registered twice, none lost.

The rates alone are 30 registrations a second, and 100 calls a second to read back what the first run registered. The
ratio to the registrations alone is printed too, since a resumed run reads back while it registers: it cannot be below
1.03, because 97 % of a rate is used.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.bench.submit import keys_of, peak
from tests.bench.tools import ROOT

COUNT, RATE, GET_RATE = 10_000, 30, 100
FEWER = 1000
"""Where nothing can be looked up."""
MAX_RATIO, MAX_MEMORY, MAX_UNKNOWN = 1.05, 100.0, 2
PICTURE = ROOT / "fixtures" / "accepted" / "picture.png"


def serve(provider: str, count: int, pipe: Connection) -> None:
    """The sandbox, in a process of its own. It answers `count` with that of registrations, and None with their URLs."""
    from preflight.sandbox import Sandbox

    with Sandbox(delay=0.5, latency=0.02) as box:
        box.faults.throttle(RATE, action="register")
        urls = [box.host(PICTURE, f"{number:05}.png") for number in range(count)]
        pipe.send((box.endpoint(provider), keys_of(box, provider), urls))
        while pipe.recv() is not None:
            pipe.send(box.stats.calls[provider, "register"])
        calls = {action: made for (name, action), made in box.stats.calls.items() if name == provider}
        pipe.send((Counter(one.url for one in box.stats.registrations(provider)), calls))


def submit() -> None:
    """The client: the job from standard input; a line of JSON for its outcomes and its peak of memory."""
    from preflight import submit_many

    job = json.load(sys.stdin)
    outcomes: Counter[str] = Counter()
    for submission in submit_many(job["urls"], **job["options"], allow_private=True):
        outcomes[submission.outcome] += 1
    print(json.dumps({"outcomes": outcomes, "memory": peak()}))


@dataclass
class Measured:
    """seconds: of both runs; memory: MiB; registered: how often each URL was; outcomes: of the second run."""

    seconds: float
    memory: float
    urls: list[str]
    registered: Counter[str]
    calls: dict[str, int]
    outcomes: dict[str, int]

    @property
    def doubled(self) -> int:
        return sum(times > 1 for times in self.registered.values())

    @property
    def lost(self) -> int:
        return sum(not self.registered[url] for url in self.urls)


def measure(provider: str, count: int) -> Measured:
    from preflight.providers import find_provider

    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(provider, count, there), daemon=True)
    server.start()
    endpoint, keys, urls = here.recv()
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {
            "to": provider,
            "endpoint": endpoint,
            "keys": keys,
            "ledger": str(Path(folder) / "ledger.sqlite"),
            "group": "bench" if find_provider(provider).needs_group else None,
        }
        job = json.dumps({"urls": urls, "options": options})
        begun = time.perf_counter()
        memory = _killed(job, here, count // 2)
        second = _start(job)
        found = json.loads(second.communicate(timeout=count)[0])
        seconds = time.perf_counter() - begun
    here.send(None)
    registered, calls = here.recv()
    server.join(10)
    return Measured(seconds, max(memory, found["memory"]), urls, registered, calls, found["outcomes"])


def _start(job: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.resume", "submit"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdin is not None
    process.stdin.write(job)
    process.stdin.close()
    process.stdin = None
    return process


def _killed(job: str, server: Connection, at: int) -> float:
    """Start a run, kill it after so many registrations, and return its peak of memory in MiB."""
    process, calls = _start(job), 0
    while calls < at:
        time.sleep(0.01)
        server.send("count")
        calls = server.recv()
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def report(provider: str, count: int) -> None:
    found = measure(provider, count)
    least = count / RATE + count // 2 / GET_RATE
    print(f"\n{count} URLs to {provider} in the sandbox, {RATE} registrations a second, killed in the middle, resumed")
    print(f"  {'the rates alone':34}{least:10.1f} s        1 ×")
    ratio = found.seconds / least
    print(f"  {'preflight submit, twice':34}{found.seconds:10.1f} s  {ratio:7.3f} ×  (allowed: {MAX_RATIO} ×)")
    print(f"  {'by the registrations alone':34}{'':12}  {found.seconds * RATE / count:7.3f} ×")
    print(f"  {'memory':34}{found.memory:10.0f} MiB          (allowed: {MAX_MEMORY:g})")
    print(f"  {found.doubled} doubled, {found.lost} lost; the second run: {found.outcomes}")
    each = sum(found.calls.values()) / count
    print(f"  {each:.2f} calls for each: {', '.join(f'{made} {action}' for action, made in found.calls.items())}")


def main(*words: str) -> None:
    if words:
        report(words[0], int(words[1]) if len(words) > 1 else COUNT)
        return
    for provider in ("atlas", "volcengine"):
        report(provider, COUNT)
    for provider in ("crun", "agentsflare"):
        report(provider, FEWER)


if __name__ == "__main__":
    submit() if sys.argv[1:] == ["submit"] else main(*sys.argv[1:])
