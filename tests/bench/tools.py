"""What the benchmarks share: files, commands, times."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def preflight(*words: str) -> list[str]:
    """The command that is installed beside the interpreter that runs this."""
    beside = Path(sys.executable).with_name("preflight")
    return [str(beside), *words] if beside.exists() else [sys.executable, "-m", "preflight", *words]


def installed(tool: str) -> bool:
    return shutil.which(tool) is not None


def core_files() -> list[Path]:
    """The corpus' core files; without a corpus the fixtures."""
    corpus = os.environ.get("PREFLIGHT_CORPUS")
    if not corpus:
        return sorted(path for path in (ROOT / "fixtures").rglob("*.*") if path.suffix not in (".py", ".md"))
    rows = map(json.loads, (Path(corpus) / "manifest.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n"))
    return [Path(corpus) / "files" / row["path"] for row in rows if row["class"] == "core"]


def linked(files: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """So many files in one folder, the given ones again and again.

    Hard links to copies: where the given ones are they may be on another disk, or have too many links by now.
    """
    store = folder.with_name(f"{folder.name}-store")
    store.mkdir()
    folder.mkdir()
    copies = [Path(shutil.copy(file, store / f"{number:04}-{file.name}")) for number, file in enumerate(files)]
    links = []
    for number in range(count):
        copy = copies[number % len(copies)]
        links.append(folder / f"{number:06}-{copy.name[5:]}")
        os.link(copy, links[-1])
    return links


def seconds(command: Sequence[str]) -> float:
    """The time of a whole process; its exit code says nothing of its speed."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def in_turn(commands: dict[str, Sequence[str]], runs: int) -> dict[str, float]:
    """The least time of several runs of each command, one after the other in turn.

    Everything else on a machine only adds, and whatever slows it down for a while slows all of them.
    """
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(seconds(command))
    return {name: min(taken) for name, taken in times.items()}


def row(name: str, measured: float | None, one: float) -> None:
    """A line of a table: seconds, and how many times the first line's."""
    if measured is None:
        print(f"  {name:34}{'not installed':>12}")
    else:
        print(f"  {name:34}{measured:10.3f} s  {measured / one:7.2f} ×")
