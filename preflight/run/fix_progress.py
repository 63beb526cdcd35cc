"""Show how far the fixing of files is: how many are done, how far each is, and the remaining time of both."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from preflight.escape import printable
from preflight.fixer.ffmpeg.progress import FileProgress
from preflight.run.status_line import StatusLine, remaining_time

_MAX_NAME_CHARS: Final = 40
_MIN_SHARE: Final = 0.02
"""The part of all work that must be done before the time for the rest is estimated."""


class FixProgress:
    """The line on standard error while files are fixed. Threads may call all methods.

    sizes  bytes of each file by its number: a large one counts for more of the remaining time than a small one
    """

    def __init__(self, sizes: Mapping[int, int], *, shares_terminal: bool = False) -> None:
        self._line = StatusLine(shares_terminal=shares_terminal)
        self._lock = threading.Lock()
        self._sizes = {number: max(1, size) for number, size in sizes.items()}
        self._total = sum(self._sizes.values())
        self._finished = 0
        self._done = 0
        self._running: dict[int, tuple[str, FileProgress]] = {}
        self._started = time.monotonic()

    def update(self, number: int, name: str, progress: FileProgress) -> None:
        """Show how far one file is."""
        with self._lock:
            self._running[number] = (name, progress)
            self._draw()

    def advance(self, number: int) -> None:
        """Count a file as done."""
        with self._lock:
            self._running.pop(number, None)
            self._done += 1
            self._finished += self._sizes[number]
            self._draw()

    @contextmanager
    def making_room(self) -> Iterator[None]:
        """Remove the line for the time of the block, if the block prints to the same terminal."""
        with self._lock:
            self._line.make_room()
            yield

    def clear(self) -> None:
        """Remove the line."""
        with self._lock:
            self._line.clear()

    def text(self, seconds: float) -> str:
        """Return the line after this time."""
        parts = []
        if len(self._sizes) > 1:
            share = self._share()
            left = f", {remaining_time(seconds * (1 - share) / share)} left" if share > _MIN_SHARE else ""
            parts.append(f"{self._done:,} of {len(self._sizes):,} files{left}")
        parts += (_state_of(name, progress) for name, progress in self._running.values())
        return "; ".join(parts)

    def _draw(self) -> None:
        if self._line.is_due():
            self._line.draw(self.text(time.monotonic() - self._started))

    def _share(self) -> float:
        """Return the part of all work that is done, from 0 to 1."""
        begun = sum(self._sizes[number] * (each.fraction or 0) for number, (_, each) in self._running.items())
        return (self._finished + begun) / self._total


def _state_of(name: str, progress: FileProgress) -> str:
    name = printable(name)
    short = name if len(name) <= _MAX_NAME_CHARS else f"…{name[1 - _MAX_NAME_CHARS :]}"
    parts = [short]
    if progress.fraction is not None:
        parts[0] += f" {100 * progress.fraction:.0f} %"
    elif progress.position is not None:
        parts[0] += f" {progress.position:.1f} s"
    elif progress.size:
        parts[0] += f" {progress.size / 1e6:,.1f} MB"
    if progress.speed is not None:
        parts.append(f"{progress.speed:.3g}× real time")
    if progress.remaining is not None:
        parts.append(f"{remaining_time(progress.remaining)} left")
    return ", ".join(parts)
