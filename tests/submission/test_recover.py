"""Calls that are repeated: how long a wait they accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from preflight.errors import RateLimited
from preflight.submission.recover import call_idempotent, call_once_unless_throttled
from tests.clocks import FakeTime


@pytest.mark.parametrize("repeat", [call_idempotent, call_once_unless_throttled])
@pytest.mark.parametrize(("seconds", "slept"), [(60.0, [60.0]), (60.5, [])])
def test_throttled_call_waits_for_a_minute_at_most(
    repeat: Callable[..., str], seconds: float, slept: list[float]
) -> None:
    refusals: list[Any] = [
        RateLimited("x", provider="x", call="x", reason="rate_limited", retryable=True, retry_after=seconds)
    ]

    def call() -> str:
        if refusals:
            raise refusals.pop()
        return "done"

    fake = FakeTime()
    if slept:
        assert repeat(call, fake.clock) == "done"
    else:
        with pytest.raises(RateLimited):
            repeat(call, fake.clock)
    assert fake.slept == slept
