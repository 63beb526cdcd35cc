"""Keep to the rate limits of one account: `Pacer`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import RateLimited
from preflight.providers.rate_limits import RateLimits

SAFETY: Final = 0.97
"""Share of a published rate that is used: requests that leave evenly do not arrive evenly."""
RECOVERY: Final = 0.01
"""Share of the full rate that each success gives back after a 429 has halved it."""
MIN_SHARE: Final = 0.02
"""Share of the full rate below which it is not lowered."""


class Pacer:
    """Keeps to the rate limits of one account. `with pacer(action): call()` waits its turn; a 429 inside slows down."""

    def __init__(self, limits: RateLimits, clock: Clock = SYSTEM_CLOCK) -> None:
        self._limits = limits
        self._clock = clock
        self._limiters: dict[str, _ActionLimiter] = {}
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, action: str) -> Iterator[None]:
        """Wait until `action` may be called, then hold one of its slots for the time of the call."""
        limiter = self._limiter(action)
        with limiter.slots:
            slowdowns = self._wait_turn(limiter)
            try:
                yield
            except RateLimited as error:
                limiter.slow_down(self._clock.monotonic(), error.retry_after, slowdowns)
                raise
            limiter.recover()

    def _wait_turn(self, limiter: _ActionLimiter) -> int:
        """Wait for a reserved moment; return how often the limiter had been slowed down by then."""
        while True:
            at, slowdowns = limiter.reserve(self._clock.monotonic())
            self._clock.sleep(max(0.0, at - self._clock.monotonic()))
            if slowdowns == limiter.slowdowns:
                return slowdowns

    def _limiter(self, action: str) -> _ActionLimiter:
        with self._lock:
            limiter = self._limiters.get(action)
            if limiter is None:
                rate = self._limits.rate(action)
                slots = threading.Semaphore(self._limits.in_flight.get(action, rate.calls))
                limiter = self._limiters[action] = _ActionLimiter(rate.per / rate.calls / SAFETY, slots)
            return limiter


@dataclass(slots=True)
class _ActionLimiter:
    """Spaces the calls of one action evenly, `interval` s apart; after a 429 further apart.

    slowdowns  how often the rate was lowered: a moment that was reserved before that no longer counts
    """

    interval: float
    slots: threading.Semaphore
    share: float = 1.0
    next_at: float = 0.0
    slowdowns: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, now: float) -> tuple[float, int]:
        """Reserve the next free moment; return it, and how often the rate had been lowered before."""
        with self.lock:
            at = max(now, self.next_at)
            self.next_at = at + self.interval / self.share
            return at, self.slowdowns

    def slow_down(self, now: float, retry_after: float | None, slowdowns: int) -> None:
        """Halve the rate, once for all calls that left at the same rate and were refused together."""
        with self.lock:
            if slowdowns == self.slowdowns:
                self.slowdowns += 1
                self.share = max(MIN_SHARE, self.share / 2)
                self.next_at = now + self.interval / self.share
            self.next_at = max(self.next_at, now + (retry_after or 0.0))

    def recover(self) -> None:
        """Raise the rate by one step."""
        with self.lock:
            self.share = min(1.0, self.share + RECOVERY)
