"""Defer Ctrl-C while a report is written, so that it is complete and counted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType


class Interrupts:
    """A context manager within which Ctrl-C waits from `defer` to `resume`. Elsewhere it raises KeyboardInterrupt.

    A handler that the host program has installed for the signal is kept.
    """

    def __init__(self) -> None:
        self._is_deferred = False
        self._is_pending = False
        self._handler: Callable[[int, FrameType | None], object] | int | None = None

    def __enter__(self) -> Interrupts:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._handler = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)

    def defer(self) -> None:
        """Delay Ctrl-C until `resume`."""
        self._is_deferred = True

    def resume(self) -> None:
        """Let Ctrl-C interrupt again. Raise KeyboardInterrupt if it was pressed in between."""
        self._is_deferred = False
        if self._is_pending:
            self._is_pending = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._is_deferred:
            raise KeyboardInterrupt
        self._is_pending = True
