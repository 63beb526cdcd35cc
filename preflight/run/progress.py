"""A progress line on standard error: only on a terminal, and never mixed with the output."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

_REDRAW_INTERVAL: Final = 0.1
"""Seconds between two updates."""
_CLEAR_LINE: Final = "\r\x1b[K"


class Progress:
    """Counts files that are done. If standard error is a terminal, shows the rate and the remaining time.

    count            returns the total, None if it cannot be known; called in a thread, and only if it is shown
    shares_terminal  the output goes to the same terminal
    """

    def __init__(self, count: Callable[[], int | None] | None = None, *, shares_terminal: bool = False) -> None:
        self._shares_terminal = shares_terminal
        self._is_shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._is_drawn = False
        self._done = self._done_before = 0
        self._total: int | None = None
        self._started = self._drawn = time.monotonic()
        if self._is_shown and count is not None:
            threading.Thread(target=self._count, args=(count,), daemon=True).start()

    def begin_after(self, number: int) -> None:
        """Count files of a previous run as done, but not for the rate."""
        self._done_before = number

    def advance(self) -> None:
        """Count one more file."""
        if self._done_before and not self._done:
            self._started = self._drawn = time.monotonic()  # the comparison with the previous run does not count
        self._done += 1
        if self._is_shown and time.monotonic() - self._drawn > _REDRAW_INTERVAL:
            self._drawn = time.monotonic()
            sys.stderr.write(_CLEAR_LINE + self._line(self._drawn - self._started)[: _terminal_width() - 1])
            sys.stderr.flush()
            self._is_drawn = True

    def make_room(self) -> None:
        """Remove the line if the output goes to the same terminal."""
        if self._shares_terminal:
            self.clear()

    def clear(self) -> None:
        """Remove the line."""
        if self._is_drawn:
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()
            self._is_drawn = False

    def _count(self, count: Callable[[], int | None]) -> None:
        self._total = count()

    def _line(self, seconds: float) -> str:
        rate = self._done / seconds
        done = self._done_before + self._done
        if self._total is None:
            return f"{done:,} files, {rate:,.0f} a second"
        left = round(max(0, self._total - done) / rate)
        return f"{done:,} of {self._total:,} files, {rate:,.0f} a second, {left // 60}:{left % 60:02} left"


def _terminal_width() -> int:
    """Return the columns of the terminal: only the last row of a wrapped line could be removed."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
