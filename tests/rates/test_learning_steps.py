"""Each step of learning a rate: what a refusal lowers it to, how long it waits, and when a higher one is tried."""

from __future__ import annotations

import pytest

from preflight.ledger import LearnedRate
from preflight.providers import Rate
from preflight.rates import RateEstimate
from tests.rows import each_row

DAY = 86_400.0


def estimate(known: float | None = None, *, age: float = 0.0, in_flight: int = 30) -> RateEstimate:
    """Return the estimate of an account with 30 calls a second at most; known: calls a minute."""
    remembered = None if known is None else LearnedRate(known, 60.0, 0.0)
    return RateEstimate(Rate(30), in_flight, 0.0, known=remembered, age=age, uniform=lambda: 0.5)


def rate(given: RateEstimate) -> tuple[float, float]:
    return pytest.approx(given.calls), given.per  # type: ignore[return-value]


def wait(given: RateEstimate, now: float) -> float:
    return given.next_at - now


def test_calls_leave_at_even_intervals() -> None:
    given = estimate()
    assert given.reserve(5.0) == 5.0
    assert given.reserve(5.0) == pytest.approx(5.0 + 1 / 30 / 0.97)
    assert given.reserve(9.0) == 9.0
    given.wait(3.0, 9.0)
    assert given.reserve(9.0) == 12.0
    given.wait(1.0, 9.0)
    assert given.reserve(9.0) > 12.0


@each_row(
    ("accepted", "calls"),
    [
        ([10.0] * 20, 20.0),
        ([9.5] * 5 + [9.6] * 20, 20.0),  # the calls of the last second
        ([10.0] * 29, 27.0),  # nine tenths at most
        ([], 1.0),
    ],
)
def test_first_refusal_is_taken_as_a_limit_per_second(accepted: list[float], calls: float) -> None:
    given = estimate()
    for at in accepted:
        given.accept(at)
    given.refuse(10.5, None)
    assert (given.calls, given.per, wait(given, 10.5)) == (pytest.approx(calls), 1.0, 1.25)


@each_row(("age", "now", "due"), [(0.0, 599.9, False), (0.0, 600.0, True), (DAY, 60.0, False), (DAY + 1, 60.0, True)])
def test_higher_rate_is_tried_after_ten_windows_or_one_if_the_rate_is_old(age: float, now: float, due: bool) -> None:
    given = estimate(10, age=age)
    assert not given.accept(now)
    assert rate(given) == (15.0 if due else 10.0, 60.0)
    assert given.accepted_rate == Rate(10, 60.0)


def test_rate_that_lasted_is_remembered_and_raised_again() -> None:
    given = estimate(10)
    given.accept(600.0)
    assert not given.accept(1199.0)
    assert given.accept(1200.0)
    assert (rate(given), given.accepted_rate) == ((22.5, 60.0), Rate(15, 60.0))


@each_row(("known", "raised"), [(1, 2.0), (2, 3.0), (4, 6.0), (1500, 1800.0), (1798, 1800.0), (1798.2, 1798.2)])
def test_increase_is_a_call_at_least_and_ends_at_the_maximum(known: float, raised: float) -> None:
    given = estimate(known)
    given.accept(600.0)
    assert rate(given) == (raised, 60.0)


def test_rate_a_thousandth_below_the_maximum_is_not_raised() -> None:
    given = RateEstimate(Rate(1000), 30, 0.0, known=LearnedRate(999 * 60, 60.0, 0.0))
    given.accept(600.0)
    assert rate(given) == (999 * 60, 60.0)


def test_refused_increase_is_taken_back_and_the_next_ones_are_small() -> None:
    given = estimate(100)
    given.accept(600.0)
    given.refuse(601.0, None)
    assert rate(given) == (100.0, 60.0)
    given.accept(1200.9)
    assert rate(given) == (100.0, 60.0)
    given.accept(1201.0)
    assert rate(given) == (105.0, 60.0)


def test_refusals_in_a_row_wait_longer_and_lower_the_rate_after_a_minute() -> None:
    given = estimate(60)
    given.refuse(100.0, None)
    assert (rate(given), wait(given, 100.0)) == ((54.0, 60.0), pytest.approx(1.1 * given.interval))
    given.refuse(159.0, None)
    assert (rate(given), wait(given, 159.0)) == ((54.0, 60.0), pytest.approx(2.2 * given.interval))
    given.refuse(160.0, None)
    assert (rate(given), wait(given, 160.0)) == ((40.5, 60.0), pytest.approx(4.4 * given.interval))
    for now in range(161, 170):
        given.refuse(float(now), None)
    assert wait(given, 169.0) == pytest.approx(66.0)


@each_row(("known", "accepted", "calls"), [(60, 20, 20.0), (60, 58, 54.0), (1, 0, 1.0)])
def test_rate_per_minute_is_lowered_to_what_was_accepted(known: float, accepted: int, calls: float) -> None:
    given = estimate(known)
    for _ in range(accepted):
        given.accept(90.0)
    given.refuse(100.0, None)
    assert rate(given) == (calls, 60.0)


def test_second_refusal_waits_until_the_first_call_is_a_minute_ago() -> None:
    given = estimate()
    for at in (10.0, 20.0, 30.0):
        given.accept(at)
    given.refuse(40.0, None)
    given.refuse(42.0, None)
    assert (rate(given), wait(given, 42.0)) == ((3.0, 60.0), pytest.approx(10.0 + 60.5 - 42.0))


@each_row(("retry_after", "waits"), [(None, [1.25, 10.0, 20.0, 40.0, 60.0]), (20.0, [20.0, 20.0, 20.0, 40.0, 60.0])])
def test_account_that_accepts_nothing_is_called_less_and_less_often(
    retry_after: float | None, waits: list[float]
) -> None:
    given, now = estimate(), 100.0
    for expected in waits:
        given.refuse(now, retry_after)
        assert wait(given, now) == pytest.approx(expected)
        now += 1.0


@each_row(("refusals", "calls"), [(1, 0.9), (2, 0.5)])
def test_refusals_in_a_row_begin_the_span_that_is_measured(refusals: int, calls: float) -> None:
    given = estimate()
    for number in range(refusals):
        given.refuse(2.0 * number, None)
    for _ in range(4):
        given.accept(9.5)
    given.refuse(10.0, None)
    assert rate(given) == (calls, 1.0)


@each_row(("now", "new"), [(19.9, False), (20.0, True)])
def test_rate_per_second_is_remembered_once_it_lasted_ten_windows(now: float, new: bool) -> None:
    given = estimate()
    given.refuse(10.0, None)
    assert given.accept(now) is new


def test_calls_in_flight_end_at_their_maximum() -> None:
    given = estimate(in_flight=2)
    for _ in range(40):
        given.accept(1.0)
    assert given.in_flight == 2


@each_row(("known", "calls"), [(LearnedRate(3, 60.0, 0.0), 3.0), (LearnedRate(6000, 60.0, 0.0), 1800.0)])
def test_refusal_takes_over_the_limit_per_minute_that_another_process_has_learned(
    known: LearnedRate, calls: float
) -> None:
    given = estimate()
    given.refuse(10.0, None, known=known)
    assert (rate(given), wait(given, 10.0)) == ((calls, 60.0), pytest.approx(60 / calls / 0.97))


def test_refusal_keeps_its_own_limit_if_the_other_one_is_not_new() -> None:
    by_second, by_minute = estimate(), estimate(60)
    by_second.refuse(10.0, None, known=LearnedRate(5, 1.0, 0.0))
    by_minute.refuse(10.0, None, known=LearnedRate(3, 60.0, 0.0))
    assert (rate(by_second), rate(by_minute)) == ((1.0, 1.0), (54.0, 60.0))


def test_remembered_rate_does_not_exceed_a_maximum_per_minute() -> None:
    given = RateEstimate(Rate(60, 60.0), 30, 0.0, known=LearnedRate(120, 60.0, 0.0))
    assert rate(given) == (60.0, 60.0)


@each_row(("accepted", "in_flight"), [(9, 1), (10, 2), (19, 2), (20, 3), (30, 4)])
def test_each_ten_accepted_calls_allow_one_more_in_flight(accepted: int, in_flight: int) -> None:
    given = estimate()
    for _ in range(accepted):
        given.accept(1.0)
    assert given.in_flight == in_flight


def test_call_that_left_before_the_refusal_says_nothing_about_the_new_rate() -> None:
    given = estimate()
    for at in (10.0, 20.0, 30.0):
        given.accept(at)
    given.refuse(40.0, None)
    assert not given.accept(40.1, current=False)
    given.refuse(42.0, None)
    assert rate(given) == (4.0, 60.0)
    assert not given.accept(42.1, current=False)
    assert given.accept(80.0)
    assert not given.accept(81.0)


def test_switch_to_minutes_waits_four_seconds_at_least() -> None:
    given = estimate()
    given.accept(10.0)
    given.refuse(60.0, None)
    given.refuse(68.0, None)
    assert (rate(given), wait(given, 68.0)) == ((1.0, 60.0), 4.0)


def test_switch_to_minutes_after_more_refusals_waits_longer() -> None:
    given = estimate()
    given.refuse(60.0, None)
    given.refuse(62.0, None)
    given.accept(63.0, current=False)  # it left before the refusals
    given.refuse(121.0, None)
    assert (rate(given), wait(given, 121.0)) == ((1.0, 60.0), 8.0)


def test_rate_per_second_is_raised_by_half_until_an_increase_is_refused() -> None:
    given = estimate()
    for _ in range(10):
        given.accept(10.0)
    given.refuse(10.5, None)
    given.accept(20.5)
    assert (rate(given), given.accepted_rate) == ((15.0, 1.0), Rate(10.0, 1.0))
    given.refuse(21.0, None)
    assert (rate(given), given.accepted_rate) == ((7.5, 1.0), Rate(7.5, 1.0))
    given.accept(31.0)
    assert rate(given) == (7.875, 1.0)


def test_calls_of_the_last_minute_count() -> None:
    given = estimate(60)
    for at in (40.0, 40.1, 50.0):
        given.accept(at)
    given.refuse(100.0, None)
    assert rate(given) == (2.0, 60.0)


def test_high_rate_per_minute_waits_for_its_interval_only() -> None:
    given = estimate(1500)
    given.refuse(100.0, None)
    assert (rate(given), wait(given, 100.0)) == ((1350.0, 60.0), pytest.approx(1.1 * 60 / 1350 / 0.97))


@each_row(("elapsed", "calls"), [(0.5, 10.0), (0.25, 18.0)])
def test_short_time_between_two_refusals_measures_the_rate(elapsed: float, calls: float) -> None:
    given = estimate()
    for _ in range(20):
        given.accept(10.0)
    given.refuse(10.5, None)
    for _ in range(5):
        given.accept(10.6)
    given.refuse(10.5 + elapsed, None)
    assert rate(given) == (calls, 1.0)
