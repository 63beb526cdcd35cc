"""Clocks for tests of submissions: one that runs fast, with hooks for what happens while somebody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from preflight.clock import Clock

SPEED = 20.0
"""On the quick clock a real second is twenty."""

Wait = Callable[[threading.Event | threading.Condition, float | None], bool]


def quick_wait(event: threading.Event | threading.Condition, seconds: float | None) -> bool:
    return event.wait(None if seconds is None else seconds / SPEED)


def quick_clock(wait: Wait = quick_wait) -> Clock:
    """A clock that runs fast. wait: in place of its own; runs sleep by waiting for the event that stops them."""
    return Clock(
        monotonic=lambda: time.monotonic() * SPEED,
        sleep=lambda seconds: time.sleep(max(0.0, seconds) / SPEED),
        wait=wait,
    )
