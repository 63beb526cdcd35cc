"""One line on standard error that says how far a run is: only on a terminal, and never in the way of the output."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

_EVERY: Final = 0.1
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Counts what is done. Where standard error is a terminal it shows the rate and the time that is left.

    count   how many there are in all, None where nobody can know; called in a thread, and only if it is shown
    shared  the output goes to the same terminal
    """

    def __init__(self, count: Callable[[], int | None] | None = None, *, shared: bool = False) -> None:
        self._shared = shared
        self._shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._there = False
        self._done = self._before = 0
        self._total: int | None = None
        self._began = self._drawn = time.monotonic()
        if self._shown and count is not None:
            threading.Thread(target=self._count, args=(count,), daemon=True).start()

    def begin_after(self, number: int) -> None:
        """So many were done by an earlier run: a part of all, and none of the rate."""
        self._before = number

    def advance(self) -> None:
        """One more is done."""
        if self._before and not self._done:
            self._began = self._drawn = time.monotonic()  # until now the inputs were compared with those of before
        self._done += 1
        if self._shown and time.monotonic() - self._drawn > _EVERY:
            self._drawn = time.monotonic()
            sys.stderr.write(_CLEAR + self._line(self._drawn - self._began)[: _width() - 1])
            sys.stderr.flush()
            self._there = True

    def make_way(self) -> None:
        """Something else is about to be written to the terminal."""
        if self._shared:
            self.clear()

    def clear(self) -> None:
        """Take the line away."""
        if self._there:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self._there = False

    def _count(self, count: Callable[[], int | None]) -> None:
        self._total = count()

    def _line(self, seconds: float) -> str:
        rate = self._done / seconds
        done = self._before + self._done
        if self._total is None:
            return f"{done:,} files, {rate:,.0f} a second"
        left = round(max(0, self._total - done) / rate)
        return f"{done:,} of {self._total:,} files, {rate:,.0f} a second, {left // 60}:{left % 60:02} left"


def _width() -> int:
    """Columns of the terminal: of a line that is longer only the last part could be taken away."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
