"""A clock for tests."""

from __future__ import annotations

import threading

from preflight.clock import Clock


class FakeTime:
    """Time that passes only while somebody waits, and then at once.

    now    s, of both clocks
    slept  the s of every sleep
    """

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now, sleep=self._sleep, wait=self._wait)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += max(0.0, seconds)

    def _wait(self, event: threading.Event | threading.Condition, seconds: float | None) -> bool:
        if isinstance(event, threading.Event) and event.is_set():
            return True
        if seconds is None:
            return event.wait(0.01)  # for what another thread does
        self._sleep(seconds)
        return False
