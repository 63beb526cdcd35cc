"""Learn the rate of an account from the calls that the provider accepts and refuses: `RateEstimate`.

A provider that refuses a call (429) rarely says how many it accepts. After the first refusal, the limit is assumed to
be per second, and the next call waits a second. If that call is refused too, the limit is assumed to be per minute: the
number of calls that were accepted in the last minute. Later refusals lower the rate; rare increases find out whether
the limit was raised.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Final

from preflight.ledger import LearnedRate
from preflight.providers import Rate

SAFETY: Final = 0.97
"""Fraction of a rate that is used, since requests that leave at even intervals do not arrive at even intervals."""
SECOND: Final = 1.0
MINUTE: Final = 60.0
PAUSE: Final = 1.25
"""Seconds after a refusal until the next call: more than 1, so that a limit per second counts no earlier call."""
MARGIN: Final = 0.5
"""Seconds by which a window is assumed to be longer, since the provider counts a call later than it is sent."""
LONG_WAIT: Final = 5.0
"""A Retry-After above this many seconds is taken as a limit per minute."""
MAX_MEASURED_SPAN: Final = 5.0
"""Maximum seconds between two refusals for the calls in between to measure the rate; over a longer time, calls may have
paused."""
GROWTH: Final = 10
"""Accepted calls after which one more may be in flight."""
WINDOWS_PER_PROBE: Final = 10
"""Windows without a refusal after which a higher rate is tried."""
PROBE: Final = 1.5
"""Factor of an increase while no increase has been refused; then `CAREFUL_PROBE`."""
CAREFUL_PROBE: Final = 1.05
STALE_AFTER: Final = 24 * 3600.0
"""Age in seconds of a remembered rate from which a higher one is tried sooner."""
_MIN_CALLS: Final = 0.01
"""Minimum rate per second: 0.6 calls a minute."""


class RateEstimate:
    """The rate of one action as far as it is known. Not thread-safe. Times are in seconds of a monotonic clock.

    calls, per  the rate at present: calls in so many seconds
    in_flight   how many calls may be in flight at present
    """

    def __init__(
        self,
        maximum: Rate,
        in_flight: int,
        now: float,
        *,
        known: LearnedRate | None = None,
        age: float = 0.0,
        careful: bool = True,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """maximum: never exceeded; known: the remembered rate, `age` seconds old; careful: start with few calls."""
        self._maximum = maximum.calls / maximum.per
        self._uniform = uniform
        self.calls = float(maximum.calls)
        self.per = maximum.per
        self._max_in_flight = in_flight
        self.in_flight = 1 if careful and known is None else in_flight
        self.next_at = 0.0
        self._accepted: deque[float] = deque()
        self._since_refusal = 0
        self._since_growth = 0
        self._streak = 0
        self._streak_began = now
        self._refused_at: float | None = None
        self._probe = PROBE
        self._safe: float | None = None
        self._is_unsaved = False
        self._probe_at = now
        if known is not None:
            self.calls, self.per = min(known.calls, self._maximum * known.per), known.per
            windows = 1 if age > STALE_AFTER else WINDOWS_PER_PROBE
            self._probe_at = now + windows * self.per

    @property
    def interval(self) -> float:
        """Return the seconds between two calls."""
        return self.per / self.calls / SAFETY

    @property
    def accepted_rate(self) -> Rate:
        """Return the rate that is known to be accepted, without an increase that is being tried."""
        return Rate(self.calls if self._safe is None else self._safe, self.per)

    def reserve(self, now: float) -> float:
        """Reserve the next free moment and return it."""
        at = max(now, self.next_at)
        self.next_at = at + self.interval
        return at

    def wait(self, seconds: float, now: float) -> None:
        """Reserve nothing for some seconds."""
        self.next_at = max(self.next_at, now + seconds)

    def accept(self, now: float, *, current: bool = True) -> bool:
        """Count an accepted call; return whether there is a new rate to remember.

        current  the call was sent after the last refusal
        """
        self._accepted.append(now)
        self._forget(now)
        self._since_growth += 1
        if self._since_growth >= GROWTH and self.in_flight < self._max_in_flight:
            self._since_growth = 0
            self.in_flight += 1
        if not current:
            return False
        self._streak = 0
        self._since_refusal += 1
        is_new = self._is_unsaved and (self.per == MINUTE or now >= self._probe_at)
        if is_new:
            self._is_unsaved = False
        return self._raise_rate(now) or is_new

    def refuse(
        self, now: float, retry_after: float | None, *, known: LearnedRate | None = None, accepted: int = 0
    ) -> None:
        """Lower the rate after a refusal, once for all calls that were sent at the same rate.

        known     the rate that another process has remembered since
        accepted  calls of all processes that were accepted in the last minute
        """
        self._forget(now)
        if self._streak == 0:
            self._streak_began = now
        self._streak += 1
        recent = max(len(self._accepted), accepted)
        if self.per != MINUTE and known is not None and known.per == MINUTE:
            self.calls, self.per = min(known.calls, self._maximum * MINUTE), MINUTE
            wait = self.interval
        elif self.per == MINUTE:
            wait = self._lower_by_minute(now, recent)
        elif self._streak == 1 and (retry_after or 0.0) <= LONG_WAIT:
            wait = self._lower_by_second(now)
        elif recent == 0:
            wait = min(MINUTE, 5.0 * 2.0 ** (self._streak - 1))  # nothing is known of the rate
        else:
            wait = self._switch_to_minute(now, recent)
        self.in_flight = 1 if self._streak > 1 else max(1, self.in_flight // 2)
        self._since_growth = 0
        if self._since_refusal or self._streak > 1:
            self._refused_at = now
        self._since_refusal = 0
        self._probe_at = now + WINDOWS_PER_PROBE * self.per
        if retry_after is not None and self._streak == 1:
            wait = PAUSE  # Retry-After is trusted until a call after it is refused
        self.next_at = now + max(retry_after or 0.0, wait)

    def _lower_by_second(self, now: float) -> float:
        """Assume a limit per second; return how long to wait."""
        current = self.calls / self.per
        if self._refused_at is None:
            rate = float(sum(at > now - SECOND for at in self._accepted))
        else:
            elapsed = max(now - self._refused_at, 0.001)
            rate = self._since_refusal / elapsed
            if elapsed > MAX_MEASURED_SPAN:
                rate = max(rate, current / 2)
        if self._safe is not None:
            self._probe = CAREFUL_PROBE
        self._set(max(_MIN_CALLS, min(rate or SECOND, current * 0.9)), SECOND)
        return PAUSE

    def _switch_to_minute(self, now: float, recent: int) -> float:
        """Assume a limit per minute; return how long to wait: until the first of the last calls is a minute ago."""
        self._set(float(recent), MINUTE)
        passed = self._accepted[0] + MINUTE + MARGIN - now if self._accepted else MINUTE
        return max(passed, min(MINUTE, 2.0**self._streak))

    def _lower_by_minute(self, now: float, recent: int) -> float:
        """Lower a known rate per minute; return how long to wait."""
        if self._safe is not None:
            self._probe = CAREFUL_PROBE
            calls, self._safe = self._safe, None  # known to be accepted, and remembered
        elif self._streak == 1:
            calls = min(float(recent) or self.calls, self.calls * 0.9)
        elif now - self._streak_began < MINUTE:
            calls = self.calls  # the window is full; its size is still unknown
        else:
            calls = self.calls * 0.75
        if calls < self.calls:
            self._set(max(1.0, calls), MINUTE)
        wait = self.interval * 2.0 ** (self._streak - 1)
        return min(MINUTE, wait) * (1 + 0.2 * self._uniform())

    def _set(self, calls: float, per: float) -> None:
        self.calls, self.per = calls, per
        self._safe = None
        self._is_unsaved = True

    def _raise_rate(self, now: float) -> bool:
        """Try a higher rate if one is due; return whether the present rate has lasted and is to be remembered."""
        if now < self._probe_at or self.calls / self.per >= self._maximum * 0.999:
            return False
        has_lasted = self._safe is not None
        self._safe = self.calls
        step = self.calls * (self._probe - 1)
        self.calls = min(self._maximum * self.per, self.calls + (max(1.0, step) if self.per == MINUTE else step))
        self._probe_at = now + WINDOWS_PER_PROBE * self.per
        return has_lasted

    def _forget(self, now: float) -> None:
        """Forget calls older than a minute."""
        while self._accepted and self._accepted[0] <= now - MINUTE:
            self._accepted.popleft()
