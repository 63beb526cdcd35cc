"""What accounts of the known tiers cost, in calls and time, while their rate is learned."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from preflight.ledger import LearnedRate
from preflight.providers import Rate
from preflight.rates import RateEstimate
from preflight.rates.learning import STALE_AFTER
from tests.rates.accounts import Account, Client, calendar_window, simulate, sliding_window, token_bucket

ACCOUNTS = [sliding_window, calendar_window, token_bucket]
PUBLISHED, IN_FLIGHT = Rate(30), 30


def estimate(begin: float = 0.0, known: LearnedRate | None = None, age: float = 0.0) -> RateEstimate:
    return RateEstimate(PUBLISHED, IN_FLIGHT, begin, known=known, age=age, uniform=lambda: 0.5)


def minute(calls: float) -> LearnedRate:
    return LearnedRate(calls, 60.0, 0.0)


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("retry_after", [None, 1.0, 20.0])
@pytest.mark.parametrize(("calls", "per", "targets"), [(3, 60, 9), (120, 60, 300), (300, 60, 1000), (10, 1, 600)])
def test_learning_the_rate_of_any_tier_costs_few_calls_and_little_time(
    account: Callable[[int, float], Account], calls: int, per: float, targets: int, retry_after: float | None
) -> None:
    if retry_after == 20.0 and per == 1:
        retry_after = None  # no account by the second asks for that
    for begin in (0.0, 17.0, 41.0):
        client = Client(estimate(begin), targets, retry_after)
        seconds = simulate([client], account(calls, per), begin)
        assert len(client.accepted) == targets
        assert client.calls <= 1.3 * targets
        assert seconds <= 1.25 * targets * per / calls


@pytest.mark.parametrize("account", ACCOUNTS)
def test_account_with_the_published_rate_has_no_refusals_and_is_used_fully(
    account: Callable[[int, float], Account],
) -> None:
    client = Client(estimate(), 10_000)
    seconds = simulate([client], account(30, 1.0))
    assert not client.refused
    assert seconds <= 1.05 * 10_000 / 30


@pytest.mark.parametrize("account", ACCOUNTS)
def test_learned_rate_is_not_broken_by_increases_for_ten_minutes(account: Callable[[int, float], Account]) -> None:
    client = Client(estimate(), 300)
    simulate([client], account(3, 60.0))
    learning, *probing = client.refused
    assert learning < 1
    assert probing[0] < 3
    assert all(after - before > 500 for before, after in pairwise(probing[1:]))
    assert client.calls <= 1.05 * 300


@pytest.mark.parametrize("account", ACCOUNTS)
def test_remembered_rate_is_right_from_the_start_and_a_wrong_one_is_corrected(
    account: Callable[[int, float], Account],
) -> None:
    for known, refusals, seconds in ((3, 0, 600), (6, 5, 900), (1.5, 0, 1300)):
        client = Client(estimate(known=minute(known)), 30)
        assert simulate([client], account(3, 60.0)) <= seconds
        assert len(client.refused) <= refusals


def test_stale_rate_is_raised_sooner() -> None:
    """The account may have been upgraded."""
    fresh, old = Client(estimate(known=minute(3)), 60), Client(estimate(known=minute(3), age=STALE_AFTER + 1), 60)
    account = sliding_window(300, 60.0)
    assert simulate([old], account) < simulate([fresh], account) - 60


def test_rate_that_was_raised_is_found() -> None:
    client = Client(estimate(known=minute(3)), 2000)
    simulate([client], sliding_window(120, 60.0))
    assert client.estimate.calls > 60
    assert client.calls < 1.05 * 2000


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize(("calls", "targets"), [(3, 15), (120, 150)])
def test_two_clients_of_one_account_share_it(
    account: Callable[[int, float], Account], calls: int, targets: int
) -> None:
    clients = [Client(estimate(), targets), Client(estimate(), targets)]
    seconds = simulate(clients, account(calls, 60.0))
    assert [len(client.accepted) for client in clients] == [targets, targets]
    assert sum(client.calls for client in clients) <= 1.3 * 2 * targets
    assert seconds <= 1.4 * 2 * targets * 60 / calls


@pytest.mark.parametrize("account", ACCOUNTS)
def test_account_that_another_client_has_used_up_is_waited_for(account: Callable[[int, float], Account]) -> None:
    used = account(3, 60.0)
    for _ in range(3):
        assert used(0.0)
    client = Client(estimate(), 9)
    simulate([client], used, 0.1)
    assert len(client.accepted) == 9
    assert len(client.refused) <= 7


def test_account_that_accepts_nothing_is_called_once_a_minute_at_most() -> None:
    client = Client(estimate(), 5)
    simulate([client], lambda _now: False, limit=3600.0)
    assert not client.accepted
    assert 55 <= len(client.refused) <= 66


def accept(rate: RateEstimate, count: int, now: float) -> None:
    for _ in range(count):
        rate.accept(now)


@pytest.mark.parametrize(("retry_after", "per"), [(5.0, 1.0), (5.5, 60.0)])
def test_wait_of_more_than_five_seconds_is_the_sign_of_a_limit_by_the_minute(retry_after: float, per: float) -> None:
    rate = estimate()
    accept(rate, 3, 0.5)
    rate.refuse(1.0, retry_after)
    assert rate.per == per


def test_ten_accepted_calls_allow_one_more_in_flight() -> None:
    rate = estimate()
    accept(rate, 9, 1.0)
    assert rate.in_flight == 1
    accept(rate, 1, 1.0)
    assert rate.in_flight == 2
    rate.refuse(1.5, None)
    accept(rate, 9, 2.0)
    assert rate.in_flight == 1
    accept(rate, 1, 2.0)
    assert rate.in_flight == 2


def test_refusal_halves_the_calls_in_flight_and_the_next_one_leaves_one() -> None:
    rate = RateEstimate(PUBLISHED, 9, 0.0, careful=False)
    accept(rate, 3, 0.5)
    rate.refuse(1.0, None)
    assert rate.in_flight == 4
    rate.refuse(3.0, None)
    assert rate.in_flight == 1


@pytest.mark.parametrize(("seconds", "calls"), [(2.0, 2.0), (5.0, 0.8), (5.5, 10.0)])
def test_calls_between_two_refusals_measure_the_rate_unless_it_may_have_been_idle(seconds: float, calls: float) -> None:
    rate = estimate()
    accept(rate, 20, 0.5)
    rate.refuse(1.0, None)
    assert (rate.calls, rate.per) == (20.0, 1.0)
    accept(rate, 4, 2.0)
    rate.refuse(1.0 + seconds, None)
    assert (rate.calls, rate.per) == (pytest.approx(calls), 1.0)


def test_rate_by_the_minute_is_lowered_further_once_a_whole_minute_was_refused() -> None:
    rate = estimate(known=minute(40))
    lowered = []
    for now in (100.0, 130.0, 160.0):
        rate.refuse(now, None)
        lowered.append(rate.calls)
    assert lowered == [36.0, 36.0, 27.0]
