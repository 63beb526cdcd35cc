"""How often a provider may be called: `Rate`, `RateLimits`, and the limits that its upstream publishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Rate:
    """A maximum number of calls in a number of seconds."""

    calls: int
    per: float = 1.0


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of one account. `rates`: by action; `default`: for every other action.

    in_flight  how many calls of these actions may run at the same time
    """

    default: Rate
    rates: Mapping[str, Rate] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)

    def rate(self, action: str) -> Rate:
        """Return the limit of one action."""
        return self.rates.get(action, self.default)


def _by_minute(registrations: int) -> RateLimits:
    """Return the rates that Volcengine publishes by plan, as mirrored on 2026-09-16."""
    rates = {"register": Rate(registrations, 60.0), "get": Rate(100), "delete_group": Rate(5)}
    return RateLimits(Rate(10), rates, {"register": 30, "create_group": 30})


RATE_LIMITS: Final[Mapping[str, RateLimits]] = {
    # The table of the published page; it has no line for the two deletions, so theirs are those of the other plans.
    "published": RateLimits(
        Rate(30),
        {"get": Rate(100), "get_group": Rate(100), "delete": Rate(10), "delete_group": Rate(5)},
        {"register": 30, "create_group": 30},
    ),
    "3/min": _by_minute(3),
    "120/min": _by_minute(120),
    "300/min": _by_minute(300),
}
"""By name. The gateways publish no rates of their own: their upstream limits them too."""
