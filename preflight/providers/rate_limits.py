"""How often a provider may be called: `Rate`, `RateLimits`, and the limits that its upstream publishes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from preflight.errors import UsageError
from preflight.escape import printable


@dataclass(frozen=True, slots=True)
class Rate:
    """A maximum number of calls in a number of seconds."""

    calls: float
    per: float = 1.0


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of one account. `rates`: by action; `default`: for every other action.

    in_flight  how many calls of these actions may run at the same time
    learned    the account may have less: start with few calls, and with the rate that was learned before
    """

    default: Rate
    rates: Mapping[str, Rate] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)
    learned: bool = False

    def rate(self, action: str) -> Rate:
        """Return the limit of one action."""
        return self.rates.get(action, self.default)


PUBLISHED_RATES: Final = RateLimits(
    Rate(30),
    {"get": Rate(100), "get_group": Rate(100), "delete": Rate(10), "delete_group": Rate(5)},
    {"register": 30, "create_group": 30},
)
"""The published table. It has no line for the two deletions, which have the rates of accounts limited per minute.

The gateways publish no rates: their upstream limits them too.
"""
AUTO: Final = "auto"
_RATE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)/(s|min)")
_SECONDS: Final = {"s": 1.0, "min": 60.0}
_MAX_PER_SECOND: Final = 1000.0


def parse_rate(text: str, published: RateLimits = PUBLISHED_RATES) -> RateLimits:
    """Return the limits of an account: `auto` learns them; `published`; or registrations such as `3/min`.

    Raise `UsageError` for anything else.
    """
    if text == AUTO:
        return replace(published, learned=True)
    if text == "published":
        return published
    match = _RATE.fullmatch(text)
    rate = Rate(float(match[1]), _SECONDS[match[2]]) if match is not None else Rate(0)
    if not 0 < rate.calls / rate.per <= _MAX_PER_SECOND:
        raise UsageError(
            f"Unknown rate {printable(repr(text[:40]))}. "
            "Give rate= as auto, as published, or as registrations with a unit, such as 3/min or 30/s.",
            parameters=("rate",),
        )
    if match is not None and match[2] == "min":
        return _by_minute(rate, published)
    in_flight = max(1, math.ceil(rate.calls))
    return replace(
        published,
        rates={**published.rates, "register": rate},
        in_flight={**published.in_flight, "register": max(in_flight, published.in_flight.get("register", 1))},
    )


def _by_minute(registrations: Rate, published: RateLimits) -> RateLimits:
    """Return the rates that Volcengine publishes for accounts limited per minute, as mirrored on 2026-09-16."""
    rates = {"register": registrations, "get": Rate(100), "delete_group": Rate(5)}
    return RateLimits(Rate(10), rates, published.in_flight)
