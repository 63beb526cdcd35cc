"""Keep to the rate limits of one account, and learn them: `Pacer`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import LedgerError, RateLimited
from preflight.ledger import LearnedRate
from preflight.providers import Rate, RateLimits
from preflight.rates.learning import MINUTE, RateEstimate


class RateMemory(Protocol):
    """Remembers the rates of one account from run to run."""

    def load(self, action: str) -> LearnedRate | None:
        """Return the learned rate of an action; None if there is none."""
        ...

    def save(self, action: str, rate: LearnedRate) -> None:
        """Remember the learned rate of an action."""
        ...

    def recent(self, action: str, since: float) -> int:
        """Count the accepted calls of all processes since a moment (seconds since 1970); 0 if that is not known."""
        ...

    def take_turn(self, action: str, now: float, interval: float) -> float:
        """Take the next call for all processes; return 0, or the seconds until it is free."""
        ...


RateListener = Callable[[str, Rate], None]
"""Called with an action and its rate, once for each action whose rate is found."""


Recent = tuple[LearnedRate | None, int]
"""The remembered rate of an action, and how many of its calls were accepted in the last minute by all processes."""
SHARED_INTERVAL: Final = 1.0
"""Interval in seconds from which the processes of an account take turns."""
MAX_RETRY_AFTER: Final = 300.0
"""Maximum seconds to wait for a Retry-After; then a call finds out whether the account is still refused."""
_MAX_SLEEP: Final = 15.0
"""Maximum seconds between two checks of a waiting call for whether it was given up."""
_STOP_INTERVAL: Final = 0.25
"""Seconds of real time between two checks of a waiting call for whether it was stopped."""
_NOUNS: Final = {"register": "registration", "get": "status call", "upload": "upload"}


class FoundRate(NamedTuple):
    """The rate that an account was found to have, below the published one. `provider`: its title."""

    provider: str
    action: str
    calls: float
    per: float

    def __str__(self) -> str:
        noun = _NOUNS.get(self.action, f"{self.action.replace('_', ' ')} call")
        rate, unit = self.calls / self.per, "second"
        if rate < 1:
            rate, unit = rate * 60, "minute"
        number = f"{round(rate, 1 if rate < 10 else 0):g}"
        number = f"{number} {noun}{'' if number == '1' else 's'} a {unit}"
        return f"{self.provider} accepts {number} from this account. The rate is remembered."


class Pacer:
    """Keeps to the rate limits of one account. `with pacer(action): call()` waits its turn; a 429 lowers the rate."""

    def __init__(
        self,
        limits: RateLimits,
        clock: Clock = SYSTEM_CLOCK,
        memory: RateMemory | None = None,
        on_rate: RateListener | None = None,
    ) -> None:
        """memory: where rates are remembered; on_rate: called when a rate below the limits is found."""
        self._limits = limits
        self._clock = clock
        self._memory = memory
        self._on_rate = on_rate
        self._limiters: dict[str, _ActionLimiter] = {}
        self._announced: set[str] = set()
        self._lock = threading.Lock()

    def give_up(self, action: str, error: Callable[[], Exception]) -> None:
        """Raise an error in all waiting calls of an action, since the account accepts none."""
        self._limiter(action).given_up.append(error)

    @contextmanager
    def __call__(self, action: str) -> Iterator[None]:
        """Wait until `action` may be called, then hold one of its slots during the call."""
        limiter = self._limiter(action)
        require_wanted = limiter.wait_guard()
        with limiter.slot(self._clock, require_wanted):
            refusals = self._wait_turn(action, limiter, require_wanted)
            try:
                yield
            except RateLimited as error:
                wait = None if error.retry_after is None else min(error.retry_after, MAX_RETRY_AFTER)
                limiter.refuse(self._clock.monotonic(), wait, refusals, lambda: self._recent(action))
                raise
            learned = limiter.accept(self._clock.monotonic(), refusals)
        if learned is not None:
            # The call has taken effect: its result must not be lost because its rate cannot be saved.
            with suppress(Exception):
                self._remember(action, learned)

    def _wait_turn(self, action: str, limiter: _ActionLimiter, require_wanted: Callable[[], None]) -> int:
        """Wait for a reserved moment; return how often the rate had been lowered by then."""
        while True:
            at, refusals = limiter.reserve(self._clock.monotonic())
            self._sleep(at - self._clock.monotonic(), require_wanted)
            while refusals == limiter.refusals and (wait := self._shared_wait(action, limiter.estimate.interval)) > 0:
                self._sleep(wait, require_wanted)
            if refusals == limiter.refusals:
                return refusals

    def _sleep(self, seconds: float, require_wanted: Callable[[], None]) -> None:
        """Sleep in steps; after each, check whether the call is still wanted."""
        while seconds > _MAX_SLEEP:
            self._clock.sleep(_MAX_SLEEP)
            require_wanted()
            seconds -= _MAX_SLEEP
        self._clock.sleep(max(0.0, seconds))
        require_wanted()

    def _shared_wait(self, action: str, interval: float) -> float:
        """Return 0 if it is this process's turn, else how long to wait. At a low rate, processes take turns."""
        if self._memory is None or interval < SHARED_INTERVAL:
            return 0.0
        return self._memory.take_turn(action, self._clock.wall(), interval)

    def _recent(self, action: str) -> Recent:
        """Return what all processes know of an action that was refused: its rate, and how many calls were accepted."""
        if self._memory is None or not self._limits.learned:
            return None, 0
        with suppress(LedgerError):
            return self._memory.load(action), self._memory.recent(action, self._clock.wall() - MINUTE)
        return None, 0

    def _limiter(self, action: str) -> _ActionLimiter:
        with self._lock:
            limiter = self._limiters.get(action)
            if limiter is None:
                limiter = self._limiters[action] = _ActionLimiter(self._estimate(action))
            return limiter

    def _estimate(self, action: str) -> RateEstimate:
        rate, learned = self._limits.rate(action), self._limits.learned
        known = self._memory.load(action) if learned and self._memory is not None else None
        return RateEstimate(
            rate,
            self._limits.in_flight.get(action, max(1, int(rate.calls))),
            self._clock.monotonic(),
            known=known,
            age=0.0 if known is None else self._clock.wall() - known.at,
            careful=learned,
        )

    def _remember(self, action: str, rate: Rate) -> None:
        with self._lock:
            is_first = action not in self._announced
            self._announced.add(action)
        try:
            if self._memory is not None:
                self._memory.save(action, LearnedRate(rate.calls, rate.per, self._clock.wall()))
        finally:
            if is_first and self._on_rate is not None:
                self._on_rate(action, rate)


@dataclass(slots=True)
class _ActionLimiter:
    """Keeps the calls of one action to its estimated rate.

    refusals  how often the rate was lowered; a moment that was reserved before that is no longer valid
    given_up  for each time that the account accepted no calls, the error that its waiting calls raise
    """

    estimate: RateEstimate
    refusals: int = 0
    given_up: list[Callable[[], Exception]] = field(default_factory=list)
    _busy: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_guard(self) -> Callable[[], None]:
        """Return a function for a call that begins to wait now: once the call is given up, it raises the error."""
        before = len(self.given_up)

        def require_wanted() -> None:
            if len(self.given_up) > before:
                raise self.given_up[-1]()

        return require_wanted

    @contextmanager
    def slot(self, clock: Clock, require_wanted: Callable[[], None]) -> Iterator[None]:
        """Hold one of the slots for calls in flight. A stop ends the wait, which may take minutes."""
        with self._changed:
            while self._busy >= self.estimate.in_flight:
                self._changed.wait(_STOP_INTERVAL)
                clock.sleep(0)
                require_wanted()
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def reserve(self, now: float) -> tuple[float, int]:
        """Reserve the next free moment; return it, and how often the rate had been lowered before."""
        with self._changed:
            return self.estimate.reserve(now), self.refusals

    def refuse(self, now: float, retry_after: float | None, refusals: int, recent: Callable[[], Recent]) -> None:
        """Lower the rate, once for all calls that were sent at the same rate and refused together."""
        with self._changed:
            if refusals == self.refusals:
                self.refusals += 1
                known, accepted = recent()
                self.estimate.refuse(now, retry_after, known=known, accepted=accepted)
            elif retry_after is not None:
                self.estimate.wait(retry_after, now)

    def accept(self, now: float, refusals: int) -> Rate | None:
        """Count an accepted call; return the rate if this call confirms a new one."""
        with self._changed:
            is_new = self.estimate.accept(now, current=refusals == self.refusals)
            return self.estimate.accepted_rate if is_new else None
