"""Ratios against exiftool, mediainfo and ffprobe in one run: `tox -e bench`, or `python tests/bench/run.py`.

Over the core files of the corpus that PREFLIGHT_CORPUS names (without it: over `fixtures/`), and over one JPEG.
Whole processes, start-up included; the least of several runs, because everything else on a machine only adds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNS = 5
FIVE_TAGS = ["-FileType", "-ImageWidth", "-ImageHeight", "-Duration", "-VideoFrameRate"]
FAST_EXIFTOOL = ["exiftool", "-json", "-fast2", "-r", *FIVE_TAGS]


def seconds(command: Sequence[str], runs: int = RUNS) -> float:
    """The least time of several runs of a command; its exit code says nothing of its speed."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        best = min(best, time.perf_counter() - start)
    return best


def each(command: Sequence[str], files: Sequence[Path]) -> float:
    """The time of a command called once a file, all files once."""
    start = time.perf_counter()
    for file in files:
        subprocess.run([*command, str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def preflight(*words: str) -> list[str]:
    beside = Path(sys.executable).with_name("preflight")
    return [str(beside), *words] if beside.exists() else [sys.executable, "-m", "preflight", *words]


def installed(tool: str) -> bool:
    return shutil.which(tool) is not None


def core_files() -> list[Path]:
    corpus = os.environ.get("PREFLIGHT_CORPUS")
    if not corpus:
        return sorted(path for path in (ROOT / "fixtures").rglob("*.*") if path.suffix not in (".py", ".md"))
    rows = map(json.loads, (Path(corpus) / "manifest.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n"))
    return [Path(corpus) / "files" / row["path"] for row in rows if row["class"] == "core"]


def row(name: str, ours: float, theirs: Callable[[], float] | None) -> None:
    if theirs is None:
        print(f"  {name:34}{'not installed':>12}")
        return
    measured = theirs()
    print(f"  {name:34}{measured:10.3f} s  {measured / ours:7.1f} ×")


def linked(files: Sequence[Path], folder: Path) -> list[Path]:
    """The files under one folder, hard links where the system allows them, so that every tool walks the same."""
    links = []
    for number, file in enumerate(files):
        link = folder / f"{number:04}-{file.name}"
        try:
            os.link(file, link)
        except OSError:
            shutil.copy(file, link)
        links.append(link)
    return links


def folder_of(files: Sequence[Path], folder: Path) -> None:
    links = linked(files, folder)
    check = seconds(preflight("check", str(folder), "--for", "atlas", "--format", "jsonl"))
    probe = seconds(preflight("probe", str(folder), "--format", "jsonl"))
    print(f"\n{len(files)} files, one process each unless said otherwise")
    print(f"  {'preflight check':34}{check:10.3f} s        1 ×")
    print(f"  {'preflight probe':34}{probe:10.3f} s  check costs {check / probe:.2f} × the probe")
    peers: dict[str, tuple[str, Callable[[], float]]] = {
        "exiftool -json -r": ("exiftool", lambda: seconds(["exiftool", "-json", "-r", str(folder)], 2)),
        "exiftool -fast2, five tags": ("exiftool", lambda: seconds([*FAST_EXIFTOOL, str(folder)], 2)),
        "mediainfo --Output=JSON": ("mediainfo", lambda: seconds(["mediainfo", "--Output=JSON", str(folder)], 2)),
        "ffprobe, a process a file": (
            "ffprobe",
            lambda: each(["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json"], links),
        ),
    }
    for name, (tool, measure) in peers.items():
        row(name, check, measure if installed(tool) else None)


def one_jpeg(file: Path) -> None:
    words = ["check", str(file), "--for", "atlas", "--format", "jsonl"]
    ours = seconds(preflight(*words), 20)
    print(f"\none JPEG, whole process ({' '.join(['preflight', 'check', 'x.jpg', *words[2:]])})")
    print(f"  {'preflight check':34}{ours:10.3f} s        1 ×")
    row("python -c pass", ours, lambda: seconds([sys.executable, "-c", "pass"], 20))
    for name, command in {
        "exiftool -json": ["exiftool", "-json", str(file)],
        "mediainfo --Output=JSON": ["mediainfo", "--Output=JSON", str(file)],
        "ffprobe": [*["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json"], str(file)],
    }.items():
        row(name, ours, (lambda command=command: seconds(command, 20)) if installed(command[0]) else None)


def main() -> None:
    files = core_files()
    with tempfile.TemporaryDirectory() as folder:
        folder_of(files, Path(folder))
    one_jpeg(ROOT / "fixtures" / "accepted" / "picture.jpg")
    subprocess.run([sys.executable, str(Path(__file__).with_name("submit.py"))], check=False)


if __name__ == "__main__":
    main()
