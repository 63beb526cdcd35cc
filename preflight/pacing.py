"""When to call: rates that hold, backoff, and one scheduler for everything that is polled. Knows no provider.

Time comes from a `Clock`, so that tests need not wait, and waiting ends at once when a run is stopped.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from preflight.errors import PreflightError, RateLimited

SAFETY: Final = 0.97
"""Share of a published rate that is used: requests that leave evenly do not arrive evenly."""
RECOVERY: Final = 0.05
"""Share of the full rate that each success gives back after a 429 has halved it."""
LEAST: Final = 0.02
"""Share of the full rate below which it is not lowered."""


class Stopped(PreflightError):
    """The run was stopped while something waited."""

    def __init__(self) -> None:
        super().__init__("stopped: run the same command again to go on")


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

    def stop(self) -> None:
        """End every wait."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()


class Rate(Protocol):
    """So many calls in so many seconds."""

    @property
    def calls(self) -> int: ...
    @property
    def per(self) -> float: ...


class Plan(Protocol):
    """The rates of one account."""

    @property
    def in_flight(self) -> Mapping[str, int]: ...
    def rate(self, action: str) -> Rate: ...


@dataclass(slots=True)
class _Lane:
    """One action: calls leave evenly, `interval` seconds apart; after a 429 further apart."""

    interval: float
    flight: threading.Semaphore
    share: float = 1.0
    next_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def book(self, now: float) -> float:
        """Take the next place; gives when it is."""
        with self.lock:
            at = max(now, self.next_at)
            self.next_at = at + self.interval / self.share
            return at

    def slow_down(self, now: float, retry_after: float | None) -> None:
        with self.lock:
            self.share = max(LEAST, self.share / 2)
            self.next_at = max(self.next_at, now + (retry_after or self.interval / self.share))

    def recover(self) -> None:
        with self.lock:
            self.share = min(1.0, self.share + RECOVERY)


class Pacer:
    """Holds the rates of one account. `with pacer(action): call()` waits for its turn; a 429 seen inside slows down."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, action: str) -> Iterator[None]:
        lane = self._lane(action)
        with lane.flight:
            self._clock.sleep(lane.book(self._clock.now()) - self._clock.now())
            try:
                yield
            except RateLimited as error:
                lane.slow_down(self._clock.now(), error.retry_after)
                raise
            lane.recover()

    def _lane(self, action: str) -> _Lane:
        with self._lock:
            lane = self._lanes.get(action)
            if lane is None:
                rate = self._plan.rate(action)
                flight = threading.Semaphore(self._plan.in_flight.get(action, rate.calls))
                lane = self._lanes[action] = _Lane(rate.per / rate.calls / SAFETY, flight)
            return lane


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow: `first` s, each `factor` times the one before, at most `most` s, spread by `jitter`."""

    first: float = 1.0
    factor: float = 1.5
    most: float = 15.0
    jitter: float = 0.2

    def wait(self, attempt: int, spread: Callable[[], float] = random.random) -> float:
        """Seconds before attempt number `attempt`, from 0.

        >>> [round(Backoff(jitter=0).wait(n), 2) for n in (0, 1, 2, 20)]
        [1.0, 1.5, 2.25, 15.0]
        """
        grown = min(self.most, self.first * self.factor ** min(attempt, 64))
        return grown * (1 + self.jitter * (2 * spread() - 1))


class Scheduler:
    """Polls many things with a few threads: each has its own backoff and deadline, all share one heap.

    poll  is called until it gives something other than None; what it raises ends that one thing.
    """

    def __init__(self, clock: Clock, threads: int = 16, backoff: Backoff = Backoff()) -> None:
        self._clock = clock
        self._backoff = backoff
        self._due: list[tuple[float, int, _Watch]] = []
        self._changed = threading.Condition()
        self._number = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, daemon=True, name="preflight-poll") for _ in range(threads)
        ]
        self._started = False

    def watch(
        self,
        poll: Callable[[], object | None],
        deadline: float,
        done: Callable[[object | None, BaseException | None], None],
    ) -> None:
        """Poll until there is a result; `done(result, error)`, with None and None once `deadline` s have passed."""
        watch = _Watch(poll, self._clock.now() + deadline, done)
        self._push(watch)

    def close(self) -> None:
        """Stop polling; what is still watched is never done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _push(self, watch: _Watch) -> None:
        with self._changed:
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()
            self._number += 1
            at = min(self._clock.now() + self._backoff.wait(watch.attempts), max(watch.deadline, self._clock.now()))
            heapq.heappush(self._due, (at, self._number, watch))
            self._changed.notify()

    def _work(self) -> None:
        while (watch := self._take()) is not None:
            watch.attempts += 1
            try:
                result = watch.poll()
            except BaseException as error:
                watch.done(None, error)
                continue
            if result is not None:
                watch.done(result, None)
            elif self._clock.now() >= watch.deadline:
                watch.done(None, None)
            else:
                self._push(watch)

    def _take(self) -> _Watch | None:
        with self._changed:
            while not self._closed:
                if not self._due:
                    self._changed.wait()
                    continue
                wait = self._due[0][0] - self._clock.now()
                if wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
            return None


@dataclass(slots=True)
class _Watch:
    poll: Callable[[], object | None]
    deadline: float
    done: Callable[[object | None, BaseException | None], None]
    attempts: int = 0
