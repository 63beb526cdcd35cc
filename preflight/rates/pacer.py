"""Rates that hold: `Pacer`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from preflight.errors import RateLimited
from preflight.rates.clock import Clock

SAFETY: Final = 0.97
"""Share of a published rate that is used: requests that leave evenly do not arrive evenly."""
RECOVERY: Final = 0.01
"""Share of the full rate that each success gives back after a 429 has halved it."""
LEAST: Final = 0.02
"""Share of the full rate below which it is not lowered."""


class Rate(Protocol):
    """So many calls in so many seconds."""

    @property
    def calls(self) -> int: ...
    @property
    def per(self) -> float: ...


class RateLimits(Protocol):
    """The rates of one account."""

    @property
    def in_flight(self) -> Mapping[str, int]: ...
    def rate(self, action: str) -> Rate: ...


@dataclass(slots=True)
class _Lane:
    """One action: calls leave evenly, `interval` s apart; after a 429 further apart.

    slowed  how often it was slowed down: a place that was booked before that holds no longer
    """

    interval: float
    flight: threading.Semaphore
    share: float = 1.0
    next_at: float = 0.0
    slowed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def book(self, now: float) -> tuple[float, int]:
        """Take the next place: when it is, and how often the lane was slowed down before it."""
        with self.lock:
            at = max(now, self.next_at)
            self.next_at = at + self.interval / self.share
            return at, self.slowed

    def slow_down(self, now: float, retry_after: float | None, slowed: int) -> None:
        """Halve the rate. Calls that left at the same rate are refused together: that halves it once."""
        with self.lock:
            if slowed == self.slowed:
                self.slowed += 1
                self.share = max(LEAST, self.share / 2)
                self.next_at = now + self.interval / self.share
            self.next_at = max(self.next_at, now + (retry_after or 0.0))

    def recover(self) -> None:
        """Give back a little of the rate."""
        with self.lock:
            self.share = min(1.0, self.share + RECOVERY)


class Pacer:
    """Holds the rates of one account. `with pacer(action): call()` waits for its turn; a 429 seen inside slows down."""

    def __init__(self, plan: RateLimits, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()
        self._here = threading.local()

    @contextmanager
    def __call__(self, action: str) -> Iterator[None]:
        lane = self._lane(action)
        with lane.flight:
            slowed = self._turn(lane)
            getattr(self._here, "look", _nothing)()
            try:
                yield
            except RateLimited as error:
                lane.slow_down(self._clock.now(), error.retry_after, slowed)
                raise
            lane.recover()

    @contextmanager
    def just_before(self, look: Callable[[], None]) -> Iterator[None]:
        """Inside, `look()` precedes each call of this thread once its turn has come; what it raises prevents it."""
        self._here.look = look
        try:
            yield
        finally:
            del self._here.look

    def _turn(self, lane: _Lane) -> int:
        while True:
            at, slowed = lane.book(self._clock.now())
            self._clock.sleep(at - self._clock.now())
            if slowed == lane.slowed:
                return slowed

    def _lane(self, action: str) -> _Lane:
        with self._lock:
            lane = self._lanes.get(action)
            if lane is None:
                rate = self._plan.rate(action)
                flight = threading.Semaphore(self._plan.in_flight.get(action, rate.calls))
                lane = self._lanes[action] = _Lane(rate.per / rate.calls / SAFETY, flight)
            return lane


def _nothing() -> None:
    """What is looked at where nothing is."""
