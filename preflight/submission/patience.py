"""Repeats a call where repeating cannot hurt: one that reads, or one that was refused before it acted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from preflight.errors import ProviderError, RateLimited
from preflight.rates import Backoff, Clock

T = TypeVar("T")

TRIES: Final = 4
_WAITS: Final = Backoff(first=1.0, factor=2.0, most=10.0)
_LONGEST: Final = 60.0
"""Seconds that a provider may ask to wait before the call is given up."""


def call_idempotent(call: Callable[[], T], clock: Clock) -> T:
    """What a call gives that changes nothing; a failure of the moment is not yet the answer."""
    return _repeated(call, clock, lambda error: error.retryable and error.reason != "connection_failed")


def call_once_unless_throttled(call: Callable[[], T], clock: Clock) -> T:
    """What a call gives that changes something: only too many calls are a reason to make it again."""
    return _repeated(call, clock, lambda error: isinstance(error, RateLimited))


def _repeated(call: Callable[[], T], clock: Clock, again: Callable[[ProviderError], bool]) -> T:
    for attempt in range(TRIES - 1):
        try:
            return call()
        except ProviderError as error:
            asked = error.retry_after or 0.0
            if not again(error) or asked > _LONGEST:
                raise
            wait = max(asked, _WAITS.wait(attempt))
        clock.sleep(wait)
    return call()
