"""Ctrl-C between two reports and never within one: what is being written is written to its end, and counted."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """While it is entered, Ctrl-C waits from `hold` to `release`. Elsewhere it raises KeyboardInterrupt as always.

    Leaves alone what a host program has made of the signal.
    """

    def __init__(self) -> None:
        self._held = False
        self._wanted = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._came)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def hold(self) -> None:
        """From here on it has to wait."""
        self._held = True

    def release(self) -> None:
        """Now it may come: raises KeyboardInterrupt where it wanted to."""
        self._held = False
        if self._wanted:
            self._wanted = False
            raise KeyboardInterrupt

    def _came(self, number: int, frame: FrameType | None) -> None:
        if not self._held:
            raise KeyboardInterrupt
        self._wanted = True
