"""Rates hold, halve after a refusal and come back; time is a test's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from preflight.errors import RateLimited
from preflight.providers import PROVIDERS, Rate, RateLimits
from preflight.rates import LEAST, SAFETY, Clock, Pacer, Stopped
from tests.submission.clocks import SteppedClock


@dataclass
class OnePlan:
    calls: int = 30
    per: float = 1.0
    in_flight: Mapping[str, int] = field(default_factory=dict)

    def rate(self, action: str) -> Rate:
        return Rate(self.calls, self.per)


def limited(retry_after: float | None = None) -> RateLimited:
    return RateLimited("x", provider="x", call="x", reason="rate_limited", retry_after=retry_after)


def call(pacer: Pacer, error: Exception | None = None, action: str = "register") -> None:
    with suppress(RateLimited), pacer(action):
        if error is not None:
            raise error


def times(pacer: Pacer, clock: SteppedClock, count: int) -> list[float]:
    """When each of some calls left."""
    left = []
    for _ in range(count):
        with pacer("register"):
            left.append(clock.now())
    return left


@pytest.mark.parametrize(("calls", "per"), [(30, 1.0), (100, 1.0), (3, 60.0), (120, 60.0)])
def test_no_window_has_more_calls_than_the_rate_allows(calls: int, per: float) -> None:
    clock = SteppedClock()
    left = times(Pacer(OnePlan(calls, per), clock), clock, 4 * calls)
    for first, last in zip(left, left[calls:], strict=False):
        assert last - first >= per
    assert left[-1] - left[0] <= 4 * per / SAFETY


def test_each_action_has_a_lane_of_its_own() -> None:
    clock = SteppedClock()
    pacer = Pacer(OnePlan(1, 10.0), clock)
    begun = clock.now()
    call(pacer, action="register")
    call(pacer, action="get")
    assert clock.now() == begun
    call(pacer, action="get")
    assert clock.now() > begun + 10


def test_after_a_refusal_the_rate_is_half_and_comes_back_slowly() -> None:
    clock = SteppedClock()
    pacer = Pacer(OnePlan(10), clock)
    usual = 0.1 / SAFETY
    call(pacer, limited())
    left = times(pacer, clock, 200)
    gaps = [after - before for before, after in pairwise(left)]
    assert gaps[0] == pytest.approx(2 * usual, rel=0.05)
    assert gaps[10] > 1.5 * usual
    assert gaps[-1] == pytest.approx(usual)
    assert all(after <= before + 1e-9 for before, after in pairwise(gaps))


def test_refusals_again_and_again_slow_down_to_a_least() -> None:
    clock = SteppedClock()
    pacer = Pacer(OnePlan(10), clock)
    for _ in range(50):
        call(pacer, limited())
    first, second = times(pacer, clock, 2)
    assert second - first == pytest.approx(0.1 / SAFETY / LEAST, rel=0.6)


def test_retry_after_is_honoured() -> None:
    clock = SteppedClock()
    pacer = Pacer(OnePlan(10), clock)
    call(pacer, limited(retry_after=7.0))
    begun = clock.now()
    assert times(pacer, clock, 1)[0] - begun == pytest.approx(7.0)


def test_calls_that_are_refused_together_halve_the_rate_once() -> None:
    clock = SteppedClock()
    pacer = Pacer(OnePlan(10), clock)
    one, two, three = pacer("register"), pacer("register"), pacer("register")
    for each in (one, two, three):
        each.__enter__()
    for each in (one, two, three):
        with suppress(RateLimited):
            each.__exit__(RateLimited, limited(), None)
    first, second = times(pacer, clock, 2)
    assert second - first == pytest.approx(2 * 0.1 / SAFETY, rel=0.05)


def test_whoever_waits_while_another_is_refused_waits_anew() -> None:
    """Else a Retry-After would hold for new calls only, and not for the thirty that have a place already."""
    clock = SteppedClock()
    pacer = Pacer(OnePlan(10), clock)
    first = pacer("register")
    first.__enter__()
    slept = clock.sleep

    def refused_meanwhile(seconds: float) -> None:
        clock.sleep = slept  # type: ignore[method-assign]
        with suppress(RateLimited):
            first.__exit__(RateLimited, limited(retry_after=9.0), None)
        slept(seconds)

    clock.sleep = refused_meanwhile  # type: ignore[method-assign]
    begun = clock.now()
    call(pacer)
    assert clock.now() - begun >= 9.0


def test_no_more_are_in_flight_than_the_plan_says() -> None:
    pacer = Pacer(OnePlan(1000, in_flight={"register": 3}), Clock())
    inside = most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with pacer("register"):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_a_look_precedes_the_call_when_its_turn_has_come_and_may_prevent_it() -> None:
    clock = SteppedClock()
    pacer = Pacer(OnePlan(1, 10.0), clock)
    call(pacer)
    seen: list[float] = []
    with pacer.just_before(lambda: seen.append(clock.now())):
        begun = clock.now()
        call(pacer)
    assert seen[0] > begun + 9
    call(pacer)
    assert len(seen) == 1
    with pytest.raises(ZeroDivisionError), pacer.just_before(lambda: 1 // 0), pacer("register"):  # type: ignore[arg-type, return-value]
        pytest.fail("it was called")


def test_a_stop_ends_every_wait_at_once() -> None:
    clock = Clock()
    pacer = Pacer(OnePlan(1, 3600.0), clock)
    call(pacer)
    ended: list[float] = []

    def wait() -> None:
        with suppress(Stopped):
            call(pacer)
        ended.append(time.monotonic())

    threads = [threading.Thread(target=wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    begun = time.monotonic()
    clock.stop()
    for thread in threads:
        thread.join(20)
    assert len(ended) == 5
    assert max(ended) - begun < 20
    with pytest.raises(Stopped, match="run the same command again"):
        clock.sleep(0)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_the_published_plan_is_what_is_published(name: str) -> None:
    plan: RateLimits = PROVIDERS[name].plans["published"]
    assert (plan.rate("register").calls, plan.rate("register").per) == (30, 1.0)
    assert plan.rate("get").calls == 100
    assert plan.in_flight["register"] == 30
    slow = [PROVIDERS[name].plans[f"{count}/min"].rate("register") for count in (3, 120, 300)]
    assert [(rate.calls, rate.per) for rate in slow] == [(3, 60.0), (120, 60.0), (300, 60.0)]
