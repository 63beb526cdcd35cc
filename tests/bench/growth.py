"""Ten, and a hundred, times as many files: time, memory, the first result, several processes, a second run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.tools import core_files, in_turn, linked, preflight, row

COUNTS = (1_000, 10_000, 100_000)
SEVERAL = 10_000
RUNS = 5


class Measured(NamedTuple):
    """Seconds from start to end, and to the first line; most memory of a process, in MiB; lines."""

    seconds: float
    first: float
    memory: float
    lines: int


def main() -> None:
    files = core_files()
    with tempfile.TemporaryDirectory() as name:
        print("\nmore and more files: preflight check FOLDER --for atlas --format jsonl, read through a pipe")
        for count in COUNTS:
            folder = Path(name, str(count))
            linked(files, folder, count)
            _said(count, measured(_check(folder)))
        _several(Path(name, str(SEVERAL)), Path(name, "cache"))


def measured(command: Sequence[str]) -> Measured:
    """One run, read line by line as a program that waits for results would."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    lines, first = 0, 0.0
    with process.stdout as stream:
        for _ in stream:
            lines += 1
            if lines == 1:
                first = time.perf_counter() - begin
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Measured(time.perf_counter() - begin, first, usage.ru_maxrss / unit, lines)


def _check(folder: Path, *more: str) -> list[str]:
    return preflight("check", str(folder), "--for", "atlas", "--format", "jsonl", *more)


def _said(count: int, run: Measured) -> None:
    assert run.lines == count, f"{run.lines} lines for {count} files"
    print(
        f"  {count:>7,} files {run.seconds:13.2f} s  {run.seconds / count * 1e6:7.0f} µs each"
        f"{run.memory:8.0f} MiB  first result after {run.first:.3f} s"
    )


def _several(folder: Path, cache: Path) -> None:
    """Two processes, and a second run over unchanged files."""
    subprocess.run(_check(folder, "--cache", str(cache)), stdout=subprocess.DEVNULL, check=False)
    times = in_turn(
        {
            "preflight check": _check(folder),
            "with -j 2": _check(folder, "-j", "2"),
            "again, with --cache": _check(folder, "--cache", str(cache)),
        },
        RUNS,
    )
    print(f"\n{SEVERAL:,} files on {os.cpu_count()} cores")
    for name, taken in times.items():
        row(name, taken, times["preflight check"])
    two, cached = times["preflight check"] / times["with -j 2"], times["preflight check"] / times["again, with --cache"]
    print(f"  -j 2 is {two:.2f} × as fast (goal: 1.6), the second run {cached:.1f} × (goal: 5)")


if __name__ == "__main__":
    main()
