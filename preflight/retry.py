"""Retry a call whose failure may be temporary: `retry`, with `RetryPolicy`, `Backoff` and `Deadline`.

Not stamina or tenacity: both would be a new dependency, and neither knows Retry-After, an injected clock, or a deadline
that is extended while a call waits for a rate limit.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from preflight.clock import SYSTEM_CLOCK, Clock

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that grow exponentially: `first` s, then `factor` times as long, at most `maximum` s.

    jitter  the share by which each is randomly longer or shorter, so that clients do not retry in step
    """

    first: float = 1.0
    factor: float = 1.5
    maximum: float = 15.0
    jitter: float = 0.2

    def delay(self, attempt: int, uniform: Callable[[], float] = random.random) -> float:
        """Return the seconds to wait after attempt number `attempt` (from 0). `uniform` gives numbers from 0 to 1.

        >>> [Backoff(jitter=0).delay(attempt) for attempt in (0, 1, 2, 20)]
        [1.0, 1.5, 2.25, 15.0]
        """
        delay = min(self.maximum, self.first * self.factor ** min(attempt, 64))
        return delay * (1 + self.jitter * (2 * uniform() - 1))


class Deadline:
    """The end of the time that one piece of work may take. The time starts with the first call of a method."""

    def __init__(self, seconds: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end: float | None = None

    def remaining(self) -> float:
        """Return the seconds until the deadline: 0 or less once it has passed."""
        now = self._clock.monotonic()
        if self._end is None:
            self._end = now + self.seconds
        return self._end - now

    def extend(self, seconds: float) -> None:
        """Postpone the deadline, for a wait that does not count."""
        self._end = self._clock.monotonic() + self.remaining() + seconds


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a call is made again.

    attempts         calls in all, the first included; None: until the deadline
    max_retry_after  the longest wait in s that an error's `retry_after` may ask for; a longer one ends the attempts
    """

    attempts: int | None = None
    backoff: Backoff = Backoff()
    max_retry_after: float = math.inf


def retry(
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    errors: type[E],
    is_transient: Callable[[E], bool] | None = None,
    before_retry: Callable[[E], None] | None = None,
    deadline: Deadline | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> T:
    """Return the result of `call`; repeat it if it raises a transient one of `errors`.

    The wait between two attempts is the backoff's delay or, if longer, the error's `retry_after` in s. The last error
    is raised if the policy allows no further attempt, or if the wait would reach the deadline.

    is_transient  decides whether an error is worth another attempt; without it every one of `errors` is
    before_retry  called with the error after the wait, before the next attempt

    Raise `ValueError` if neither attempts nor a deadline bound the call, and what `clock.sleep` raises.
    """
    if policy.attempts is None and deadline is None:
        raise ValueError("A retry needs a bound. Give attempts, a deadline or both.")
    if deadline is not None:
        deadline.remaining()  # its time starts before the first attempt
    attempt = 0
    while True:
        try:
            return call()
        except errors as error:
            failure = error
            retry_after: float = getattr(error, "retry_after", None) or 0.0
            delay = max(retry_after, policy.backoff.delay(attempt))
            attempt += 1
            is_last = attempt == policy.attempts or retry_after > policy.max_retry_after
            is_last |= deadline is not None and delay >= deadline.remaining()
            if is_last or (is_transient is not None and not is_transient(error)):
                raise
        clock.sleep(delay)
        if before_retry is not None:
            before_retry(failure)
