"""Programs that take the place of ffmpeg, and what tests ask about processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from preflight.fixer.ffmpeg.program import Ffmpeg

LISTING = """case "$1" in
-codecs) echo 'ffmpeg version 9.9-test Copyright' >&2
    printf ' D..... = Decoding supported\\n DEV.LS h264   H.264 (decoders: h264 h264_x) (encoders: libx264)\\n'
    printf ' DEAIL. aac   AAC\\n D.V.LS vp6   VP6\\n' ;;
-filters) printf '  TS = Slice threading\\n TS. ssim   VV->V   SSIM\\n' ;;
*) exit 1 ;;
esac
"""
"""What a program answers that has two encoders, four decoders and one filter."""


def program(path: Path, script: str) -> Path:
    """Write a shell script that can be executed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    return path


def ffmpeg_at(path: Path | str) -> Ffmpeg:
    decoders = frozenset(("h264", "h264_x", "aac", "vp6"))
    return Ffmpeg(str(path), "9.9", frozenset(("libx264", "aac")), frozenset(("ssim",)), decoders)


def runs(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(happened: Callable[[], bool], seconds: float = 10.0) -> float:
    """Wait until something happened, at most so long. Return the seconds that it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds
        time.sleep(0.01)
    return time.monotonic() - began


def pid_in(file: Path) -> int:
    """The number that a program writes to a file."""
    until(lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


def children(parent: int | None = None) -> set[int]:
    """The processes that one, by default this one, has started and not reaped."""
    tasks = Path(f"/proc/{parent or os.getpid()}/task")
    return {int(pid) for task in os.listdir(tasks) for pid in _children_of(tasks / task)}


def _children_of(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []
