"""Clocks for tests: one that runs fast, one that nobody waits for."""

from __future__ import annotations

import threading
import time

from preflight.rates import Clock, Stopped


class QuickClock(Clock):
    """A clock on which a real second is twenty."""

    SPEED = 20.0

    def now(self) -> float:
        return time.monotonic() * self.SPEED

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / self.SPEED)

    def wait(self, changed: threading.Condition, seconds: float | None) -> None:
        super().wait(changed, None if seconds is None else seconds / self.SPEED)


class SteppedClock(Clock):
    """Time that passes only while somebody waits, and then at once. For one thread at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        if self.stopped:
            raise Stopped
        self.slept.append(max(0.0, seconds))
        self.time += max(0.0, seconds)

    def wait(self, changed: threading.Condition, seconds: float | None) -> None:
        if seconds is None:
            changed.wait(0.01)
        else:
            self.time += seconds
