"""Rates hold, halve after a refusal and come back, in time that a test decides."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from itertools import pairwise

import pytest

from preflight.clock import SYSTEM_CLOCK
from preflight.errors import RateLimited, Stopped
from preflight.providers import PROVIDERS, Rate, RateLimits
from preflight.rates import MIN_SHARE, SAFETY, Pacer
from tests.clocks import FakeTime


def one_rate(calls: int = 30, per: float = 1.0, in_flight: int | None = None) -> RateLimits:
    return RateLimits(Rate(calls, per), in_flight={} if in_flight is None else {"register": in_flight})


def limited(retry_after: float | None = None) -> RateLimited:
    return RateLimited("x", provider="x", call="x", reason="rate_limited", retry_after=retry_after)


def call(pacer: Pacer, error: Exception | None = None, action: str = "register") -> None:
    with suppress(RateLimited), pacer(action):
        if error is not None:
            raise error


def times(pacer: Pacer, time_: FakeTime, count: int) -> list[float]:
    """When each of some calls left."""
    left = []
    for _ in range(count):
        with pacer("register"):
            left.append(time_.now)
    return left


@pytest.mark.parametrize(("calls", "per"), [(30, 1.0), (100, 1.0), (3, 60.0), (120, 60.0)])
def test_no_window_has_more_calls_than_the_rate_allows(calls: int, per: float) -> None:
    time_ = FakeTime()
    left = times(Pacer(one_rate(calls, per), time_.clock), time_, 4 * calls)
    for first, last in zip(left, left[calls:], strict=False):
        assert last - first >= per
    assert left[-1] - left[0] <= 4 * per / SAFETY


def test_each_action_is_limited_separately() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(1, 10.0), time_.clock)
    begun = time_.now
    call(pacer, action="register")
    call(pacer, action="get")
    assert time_.now == begun
    call(pacer, action="get")
    assert time_.now > begun + 10


def test_refusal_halves_the_rate_which_recovers_slowly() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(10), time_.clock)
    usual = 0.1 / SAFETY
    call(pacer, limited())
    left = times(pacer, time_, 200)
    gaps = [after - before for before, after in pairwise(left)]
    assert gaps[0] == pytest.approx(2 * usual, rel=0.05)
    assert gaps[10] > 1.5 * usual
    assert gaps[-1] == pytest.approx(usual)
    assert all(after <= before + 1e-9 for before, after in pairwise(gaps))


def test_refusals_again_and_again_slow_down_to_a_minimum() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(10), time_.clock)
    for _ in range(50):
        call(pacer, limited())
    first, second = times(pacer, time_, 2)
    assert second - first == pytest.approx(0.1 / SAFETY / MIN_SHARE, rel=0.6)


def test_retry_after_is_honoured() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(10), time_.clock)
    call(pacer, limited(retry_after=7.0))
    begun = time_.now
    assert times(pacer, time_, 1)[0] - begun == pytest.approx(7.0)


def test_calls_that_are_refused_together_halve_the_rate_once() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(10), time_.clock)
    one, two, three = pacer("register"), pacer("register"), pacer("register")
    for each in (one, two, three):
        each.__enter__()
    for each in (one, two, three):
        with suppress(RateLimited):
            each.__exit__(RateLimited, limited(), None)
    first, second = times(pacer, time_, 2)
    assert second - first == pytest.approx(2 * 0.1 / SAFETY, rel=0.05)


def test_call_that_waits_while_another_is_refused_reserves_its_turn_again() -> None:
    """Else a Retry-After would hold for new calls only, and not for the thirty that have a turn already."""
    time_ = FakeTime()
    refusals: list[float] = []

    def sleep(seconds: float) -> None:
        if first is not None and not refusals:
            refusals.append(seconds)
            with suppress(RateLimited):
                first.__exit__(RateLimited, limited(retry_after=9.0), None)
        time_.clock.sleep(seconds)

    pacer = Pacer(one_rate(10), replace(time_.clock, sleep=sleep))
    first: AbstractContextManager[None] | None = None
    one = pacer("register")
    one.__enter__()
    first = one
    begun = time_.now
    call(pacer)
    assert time_.now - begun >= 9.0


def test_no_more_calls_are_in_flight_than_the_limits_allow() -> None:
    pacer = Pacer(one_rate(1000, in_flight=3))
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


def test_stop_ends_every_wait_at_once() -> None:
    stop = threading.Event()
    clock = SYSTEM_CLOCK.stopped_by(stop)
    pacer = Pacer(one_rate(1, 3600.0), clock)
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
    stop.set()
    for thread in threads:
        thread.join(20)
    assert len(ended) == 5
    assert max(ended) - begun < 20
    with pytest.raises(Stopped, match="Repeat the call to continue it"):
        clock.sleep(0)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_published_rates_match_the_page(name: str) -> None:
    limits: RateLimits = PROVIDERS[name].rates["published"]
    assert (limits.rate("register").calls, limits.rate("register").per) == (30, 1.0)
    assert limits.rate("get").calls == 100
    assert limits.in_flight["register"] == 30
    slow = [PROVIDERS[name].rates[f"{count}/min"].rate("register") for count in (3, 120, 300)]
    assert [(rate.calls, rate.per) for rate in slow] == [(3, 60.0), (120, 60.0), (300, 60.0)]


def test_refusals_slow_down_to_a_fiftieth_and_no_further() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(100, 1.0), time_.clock)
    gaps = []
    for _ in range(9):
        call(pacer, limited())
        before = time_.now
        call(pacer)
        gaps.append(time_.now - before)
    usual = 1 / 100 / SAFETY
    assert gaps[0] == pytest.approx(2 * usual)
    assert max(gaps) <= usual / MIN_SHARE + 1e-9
    assert gaps[-1] == pytest.approx(usual / (MIN_SHARE + 0.01) * 1, rel=0.6)


def test_successes_give_the_rate_back_step_by_step() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(100, 1.0), time_.clock)
    call(pacer, limited())
    left = times(pacer, time_, 80)
    gaps = [later - earlier for earlier, later in pairwise(left)]
    usual = 1 / 100 / SAFETY
    assert gaps[0] == pytest.approx(usual / 0.5)
    assert gaps[1] == pytest.approx(usual / 0.51)
    assert gaps[-1] == pytest.approx(usual)
    assert gaps == sorted(gaps, reverse=True)


def test_servers_wait_is_kept_and_none_is_added_without_one() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(100, 1.0), time_.clock)
    call(pacer, limited(30.0))
    before = time_.now
    call(pacer)
    assert time_.now - before == pytest.approx(30.0)
    pacer = Pacer(one_rate(100, 1.0), time_.clock)
    call(pacer, limited())
    before = time_.now
    call(pacer)
    assert time_.now - before == pytest.approx(2 / 100 / SAFETY)
