"""Time that can be stopped: `Clock`, and `InFlight` for what a stop must not tear apart."""

from __future__ import annotations

import threading
import time

from preflight.errors import Stopped


class Clock:
    """Monotonic seconds, and waiting that `stop` ends. Raises `Stopped` from then on."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, or raise `Stopped`."""
        if self._stopped.wait(max(0.0, seconds)):
            raise Stopped

    def wait(self, changed: threading.Condition, seconds: float | None) -> None:
        """Wait until `changed` is notified, at most `seconds`. The caller holds it."""
        changed.wait(seconds)

    def stop(self) -> None:
        """End every wait."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()


class InFlight:
    """Work that a stop must not tear apart: `close` lets nobody in any more and waits for those that are inside."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            if self._closed:
                raise Stopped
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """From now on `Stopped` is raised at the entrance; returns once everybody has left."""
        with self._changed:
            self._closed = True
            while self._inside:
                self._changed.wait()
