"""A line on a terminal that is overwritten while something takes time."""

from __future__ import annotations

import os
import sys
import time
from typing import Final

_REDRAW_INTERVAL: Final = 0.1
"""Seconds between two updates."""
_CLEAR_LINE: Final = "\r\x1b[K"


class StatusLine:
    """The last line of standard error, if that is a terminal; otherwise nothing is shown.

    shares_terminal  the output goes to the same terminal
    """

    def __init__(self, *, shares_terminal: bool = False) -> None:
        self._shares_terminal = shares_terminal
        self._is_shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._is_drawn = False
        self._drawn = time.monotonic()

    def is_due(self) -> bool:
        """Return whether the line is shown, and was not updated just now."""
        return self._is_shown and time.monotonic() - self._drawn > _REDRAW_INTERVAL

    def draw(self, text: str) -> None:
        """Show a text, as far as it fits."""
        self._drawn = time.monotonic()
        sys.stderr.write(_CLEAR_LINE + text[: _terminal_width() - 1])
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


def remaining_time(seconds: float) -> str:
    """Return a duration as it is shown in a line: `1:05`.

    >>> remaining_time(65.4), remaining_time(3725)
    ('1:05', '62:05')
    """
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


def _terminal_width() -> int:
    """Return the columns of the terminal: only the last row of a wrapped line could be removed."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
