"""Retries: backoff, attempts, deadline, Retry-After, and what is not retried."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from preflight.errors import Stopped
from preflight.retry import Backoff, Deadline, RetryPolicy, retry
from tests.clocks import FakeTime

EXACT = Backoff(first=1.0, factor=2.0, maximum=8.0, jitter=0.0)


class Failure(Exception):
    """An error that may ask to wait."""

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__("failed")
        self.retry_after = retry_after


def failing(*errors: Exception) -> Callable[[], str]:
    """Return a call that raises one error after the other and then succeeds."""
    remaining = list(errors)

    def call() -> str:
        if remaining:
            raise remaining.pop(0)
        return "done"

    return call


def test_backoff_grows_to_its_maximum() -> None:
    assert [EXACT.delay(attempt) for attempt in range(6)] == [1, 2, 4, 8, 8, 8]
    assert EXACT.delay(10**9) == 8


def test_jitter_makes_a_delay_longer_or_shorter_by_its_share() -> None:
    backoff = Backoff(first=10.0, jitter=0.2)
    assert [backoff.delay(0, iter((number,)).__next__) for number in (0.0, 0.5, 1.0)] == [8.0, 10.0, 12.0]
    assert all(8.0 <= backoff.delay(0) <= 12.0 for _ in range(100))


def test_default_backoff_begins_with_about_one_second_and_stays_below_twenty() -> None:
    backoff = Backoff()
    assert [backoff.delay(attempt, lambda: 0.5) for attempt in (0, 1, 2, 20)] == [1.0, 1.5, 2.25, 15.0]
    assert 17.9 < backoff.delay(20, lambda: 1.0) < 18.1


def test_successful_call_is_made_once() -> None:
    fake = FakeTime()
    assert retry(failing(), RetryPolicy(3, EXACT), errors=Failure, clock=fake.clock) == "done"
    assert fake.slept == []


def test_transient_failures_are_retried_with_backoff() -> None:
    fake = FakeTime()
    call = failing(Failure(), Failure(), Failure())
    assert retry(call, RetryPolicy(4, EXACT), errors=Failure, clock=fake.clock) == "done"
    assert fake.slept == [1, 2, 4]


def test_failure_without_retry_after_waits_for_the_backoff_only() -> None:
    fake = FakeTime()
    call = failing(Failure(), Failure(retry_after=0.0), Failure(retry_after=0.1))
    retry(call, RetryPolicy(4, Backoff(first=0.25, factor=2.0, jitter=0.0)), errors=Failure, clock=fake.clock)
    assert fake.slept == [0.25, 0.5, 1.0]


def test_last_failure_is_raised_after_all_attempts() -> None:
    fake = FakeTime()
    failures = [Failure(), Failure(), Failure()]
    with pytest.raises(Failure) as raised:
        retry(failing(*failures), RetryPolicy(3, EXACT), errors=Failure, clock=fake.clock)
    assert raised.value is failures[2]
    assert fake.slept == [1, 2]


def test_single_attempt_is_never_retried() -> None:
    fake = FakeTime()
    with pytest.raises(Failure):
        retry(failing(Failure()), RetryPolicy(1, EXACT), errors=Failure, clock=fake.clock)
    assert fake.slept == []


def test_other_errors_and_permanent_failures_are_raised_at_once() -> None:
    fake = FakeTime()
    with pytest.raises(ValueError, match="other"):
        retry(failing(ValueError("other")), RetryPolicy(3, EXACT), errors=Failure, clock=fake.clock)
    with pytest.raises(Failure):
        retry(failing(Failure()), RetryPolicy(3, EXACT), errors=Failure, is_transient=lambda _: False, clock=fake.clock)
    assert fake.slept == []


def test_retry_after_is_waited_for_if_it_is_longer_than_the_backoff() -> None:
    fake = FakeTime()
    call = failing(Failure(retry_after=7.0), Failure(retry_after=0.5))
    retry(call, RetryPolicy(3, EXACT), errors=Failure, clock=fake.clock)
    assert fake.slept == [7.0, 2.0]


@pytest.mark.parametrize(("retry_after", "slept"), [(60.0, [60.0]), (60.5, [])])
def test_retry_after_beyond_the_maximum_ends_the_attempts(retry_after: float, slept: list[float]) -> None:
    fake = FakeTime()
    policy = RetryPolicy(2, EXACT, max_retry_after=60.0)
    with pytest.raises(Failure):
        retry(failing(Failure(retry_after), Failure()), policy, errors=Failure, clock=fake.clock)
    assert fake.slept == slept


def test_deadline_alone_bounds_the_attempts() -> None:
    fake = FakeTime()
    failures = [Failure() for _ in range(100)]
    deadline = Deadline(10.0, fake.clock)
    with pytest.raises(Failure):
        retry(failing(*failures), RetryPolicy(None, EXACT), errors=Failure, deadline=deadline, clock=fake.clock)
    assert fake.slept == [1, 2, 4]
    assert deadline.remaining() == 3


def test_wait_that_reaches_the_deadline_exactly_is_not_begun() -> None:
    fake = FakeTime()
    with pytest.raises(Failure):
        retry(
            failing(Failure()),
            RetryPolicy(2, EXACT),
            errors=Failure,
            deadline=Deadline(1.0, fake.clock),
            clock=fake.clock,
        )
    assert fake.slept == []


def test_time_of_the_first_attempt_counts_towards_the_deadline() -> None:
    fake = FakeTime()

    def slow() -> str:
        fake.now += 9.5
        raise Failure

    with pytest.raises(Failure):
        retry(slow, RetryPolicy(5, EXACT), errors=Failure, deadline=Deadline(10.0, fake.clock), clock=fake.clock)
    assert fake.slept == []


def test_retry_without_a_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="Give attempts, a deadline or both"):
        retry(failing(), RetryPolicy(), errors=Failure)


def test_before_retry_sees_each_retried_failure_after_the_wait() -> None:
    fake = FakeTime()
    failures = [Failure(), Failure()]
    seen: list[tuple[Failure, float]] = []
    retry(
        failing(*failures),
        RetryPolicy(3, EXACT),
        errors=Failure,
        before_retry=lambda failure: seen.append((failure, sum(fake.slept))),
        clock=fake.clock,
    )
    assert seen == [(failures[0], 1.0), (failures[1], 3.0)]


def test_stop_ends_the_attempts() -> None:
    fake = FakeTime()
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        retry(failing(Failure()), RetryPolicy(3, EXACT), errors=Failure, clock=fake.clock.stopped_by(stop))


def test_deadline_starts_with_its_first_use() -> None:
    fake = FakeTime()
    deadline = Deadline(10.0, fake.clock)
    fake.now += 100
    assert deadline.remaining() == 10
    fake.now += 4
    assert deadline.remaining() == 6
    fake.now += 7
    assert deadline.remaining() == -1


def test_extended_deadline_is_later() -> None:
    fake = FakeTime()
    deadline = Deadline(10.0, fake.clock)
    deadline.extend(2.0)
    assert deadline.remaining() == 12
    fake.now += 5
    deadline.extend(1.0)
    assert deadline.remaining() == 8
