"""A rate that is held: `Throttle`."""

from __future__ import annotations

import math
from collections.abc import Callable


class Throttle:
    """At most `calls` at once, and over time `calls` in `per` s: a bucket that fills evenly. Not thread-safe."""

    def __init__(self, calls: float, per: float, clock: Callable[[], float]) -> None:
        self.limit = max(1, math.floor(calls))
        self._rate = calls / per
        self._clock = clock
        self._level = float(self.limit)
        self._seen = clock()

    def take(self) -> bool:
        """Whether a call may pass now."""
        now = self._clock()
        self._level = min(self.limit, self._level + (now - self._seen) * self._rate)
        self._seen = now
        if self._level < 1:
            return False
        self._level -= 1
        return True

    @property
    def wait(self) -> float:
        """s until the next call may pass."""
        return max(0.0, (1 - self._level) / self._rate)
