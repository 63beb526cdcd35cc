"""Time as an argument: `Clock`, which tests replace and a stop event interrupts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from preflight.errors import Stopped


def _wait(event: threading.Event | threading.Condition, seconds: float | None) -> bool:
    return event.wait(seconds)


@dataclass(frozen=True, slots=True)
class Clock:
    """The functions that read the time and wait. Passed as `clock=`; tests give their own functions.

    monotonic  s since an arbitrary moment, for intervals and deadlines
    wall       s since 1970, for dates
    sleep      waits s
    wait       waits on an event or a held condition, at most s (None: without a limit); returns whether it was set
               or notified
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    wait: Callable[[threading.Event | threading.Condition, float | None], bool] = _wait

    def stopped_by(self, stop: threading.Event) -> Clock:
        """Return a clock whose `sleep` raises `Stopped` as soon as `stop` is set."""

        def sleep(seconds: float) -> None:
            if self.wait(stop, max(0.0, seconds)):
                raise Stopped

        return replace(self, sleep=sleep)


SYSTEM_CLOCK: Final = Clock()
_STOP_INTERVAL: Final = 0.25
"""Seconds of real time after which a waiting thread checks whether it was stopped."""


@dataclass(frozen=True, slots=True)
class InterruptibleLock:
    """A lock or semaphore. An exception from the clock's `sleep`, which a stop makes raise, ends the wait for it."""

    clock: Clock
    lock: threading.Lock | threading.Semaphore

    def __enter__(self) -> None:
        while not self.lock.acquire(timeout=_STOP_INTERVAL):
            self.clock.sleep(0)

    def __exit__(self, *_: object) -> None:
        self.lock.release()
