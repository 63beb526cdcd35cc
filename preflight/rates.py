"""When to call a provider: rate limits, and one scheduler for all polling. Independent of any provider's API.

Time comes from a `preflight.clock.Clock`, so that tests need not wait, and a wait ends at once when a run is stopped.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import RateLimited, Stopped
from preflight.providers.rate_limits import RateLimits
from preflight.retry import Backoff

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


class InFlight:
    """Calls that a stop must not interrupt: `close` admits no further ones and waits for those in progress."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            if self._closed:
                raise Stopped
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Raise `Stopped` for every later call; return once all calls have ended."""
        with self._changed:
            self._closed = True
            while self._count:
                self._changed.wait()


T = TypeVar("T")

_BACKOFF: Final = Backoff()


class Scheduler(Generic[T]):
    """Polls many things with a few threads: each has its own backoff and deadline, all share one heap."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK, threads: int = 16, backoff: Backoff = _BACKOFF) -> None:
        self._clock = clock
        self._backoff = backoff
        self._due: list[tuple[float, int, _Watch[T]]] = []
        self._changed = threading.Condition()
        self._number = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, daemon=True, name="preflight-poll") for _ in range(threads)
        ]
        self._started = False

    def watch(
        self, poll: Callable[[], T | None], seconds: float, done: Callable[[T | None, BaseException | None], None]
    ) -> None:
        """Call `poll` until it returns something other than None, raises, or `seconds` have passed.

        done  called once with the result, with the error, or with None and None at the deadline
        """
        self._push(_Watch(poll, self._clock.monotonic() + seconds, done))

    def close(self) -> None:
        """Stop polling; `done` is not called for pending watches."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _push(self, watch: _Watch[T]) -> None:
        with self._changed:
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()
            self._number += 1
            now = self._clock.monotonic()
            at = min(now + self._backoff.delay(watch.attempts), max(watch.deadline, now))
            heapq.heappush(self._due, (at, self._number, watch))
            self._changed.notify()

    def _work(self) -> None:
        while (watch := self._take()) is not None:
            watch.attempts += 1
            try:
                result = watch.poll()
            except BaseException as error:  # noqa: BLE001 - passed to `done`, which handles it
                watch.done(None, error)
                continue
            if result is not None:
                watch.done(result, None)
            elif self._clock.monotonic() >= watch.deadline:
                watch.done(None, None)
            else:
                self._push(watch)

    def _take(self) -> _Watch[T] | None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - self._clock.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._clock.wait(self._changed, wait)
            return None


@dataclass(slots=True)
class _Watch(Generic[T]):
    poll: Callable[[], T | None]
    deadline: float
    done: Callable[[T | None, BaseException | None], None]
    attempts: int = 0
