"""The pacer keeps to rates, waits as it is asked to, and remembers what it learns, in time that a test decides."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from itertools import pairwise

import pytest

from preflight.clock import SYSTEM_CLOCK
from preflight.errors import LedgerError, RateLimited, Stopped, UsageError
from preflight.ledger import LearnedRate
from preflight.providers import PROVIDERS, Rate, RateLimits
from preflight.providers.provider import parse_rate
from preflight.rates import SAFETY, FoundRate, Pacer
from preflight.rates.learning import PAUSE
from tests.clocks import FakeTime
from tests.rows import each_row


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


def test_retry_after_is_honoured() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(10), time_.clock)
    call(pacer, limited(retry_after=7.0))
    begun = time_.now
    assert times(pacer, time_, 1)[0] - begun == pytest.approx(7.0)


@each_row("seconds", [301.0, 1e9])
def test_longer_retry_after_is_cut_to_five_minutes(seconds: float) -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(10), time_.clock)
    call(pacer, limited(retry_after=seconds))
    begun = time_.now
    assert times(pacer, time_, 1)[0] - begun == pytest.approx(300.0)


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


def most_in_flight(pacer: Pacer, callers: int) -> int:
    """The most calls that were in flight at once, when so many threads begin one together."""
    inside = most = 0
    lock = threading.Lock()
    started = threading.Barrier(callers)

    def work() -> None:
        nonlocal inside, most
        started.wait()
        with pacer("register"):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most


def test_no_more_calls_are_in_flight_than_the_limits_allow() -> None:
    assert most_in_flight(Pacer(one_rate(1000, in_flight=3)), 12) == 3


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


def test_calls_that_are_refused_together_lower_the_rate_once() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(10), time_.clock)
    times(pacer, time_, 6)
    one, two, three = pacer("register"), pacer("register"), pacer("register")
    for each in (one, two, three):
        each.__enter__()
    for each in (one, two, three):
        with suppress(RateLimited):
            each.__exit__(RateLimited, limited(), None)
    begun = time_.now
    first, second = times(pacer, time_, 2)
    assert first - begun == pytest.approx(PAUSE)
    assert second - first == pytest.approx(1 / 6 / SAFETY)  # six were accepted in the last second


def test_longer_retry_after_is_waited_for() -> None:
    for wait, kept in ((30.0, 30.0), (0.5, PAUSE), (None, PAUSE)):
        time_ = FakeTime()
        pacer = Pacer(one_rate(100), time_.clock)
        times(pacer, time_, 3)
        call(pacer, limited(wait))
        begun = time_.now
        assert times(pacer, time_, 1)[0] - begun == pytest.approx(kept)


def test_second_refusal_in_a_row_is_taken_as_a_limit_per_minute() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(30), time_.clock)
    first = times(pacer, time_, 3)[0]
    call(pacer, limited())
    call(pacer, limited())
    left = times(pacer, time_, 4)
    assert 60 < left[0] - first < 62
    for before, after in pairwise(left):
        assert after - before == pytest.approx(20 / SAFETY)


def test_stop_ends_the_wait_for_a_slot_that_another_call_holds() -> None:
    """The one slot of an unknown account may be held by a call of another run, which waits for its turn."""
    stop = threading.Event()
    pacer = Pacer(replace(one_rate(1000, in_flight=30), learned=True), SYSTEM_CLOCK.stopped_by(stop))
    ended = threading.Event()

    def wait() -> None:
        with suppress(Stopped):
            call(pacer)
        ended.set()

    holder = pacer("register")
    holder.__enter__()
    threading.Thread(target=wait, daemon=True).start()
    assert not ended.wait(0.1)
    stop.set()
    assert ended.wait(10)
    holder.__exit__(None, None, None)


class Memory:
    """A ledger's memory of rates."""

    def __init__(self) -> None:
        self.rates: dict[str, LearnedRate] = {}

    def load(self, action: str) -> LearnedRate | None:
        return self.rates.get(action)

    def save(self, action: str, rate: LearnedRate) -> None:
        self.rates[action] = rate

    def recent(self, action: str, since: float) -> int:
        return 0

    def take_turn(self, action: str, now: float, interval: float) -> float:
        return 0.0


def learn(memory: Memory, time_: FakeTime) -> list[tuple[str, Rate]]:
    """Return the rates that are announced while an account of three calls a minute is learned."""
    said: list[tuple[str, Rate]] = []
    limits = replace(one_rate(30, in_flight=30), learned=True)
    pacer = Pacer(limits, time_.clock, memory, on_rate=lambda action, rate: said.append((action, rate)))
    times(pacer, time_, 3)
    call(pacer, limited())
    call(pacer, limited())
    times(pacer, time_, 2)
    return said


def test_learned_rate_is_announced_once_and_used_by_the_next_run() -> None:
    time_, memory = FakeTime(), Memory()
    assert learn(memory, time_) == [("register", Rate(3.0, 60.0))]
    (saved,) = memory.rates.values()
    assert (saved.calls, saved.per) == (3.0, 60.0)
    assert saved.at <= time_.now
    limits = replace(one_rate(30), learned=True)
    left = times(Pacer(limits, time_.clock, memory), time_, 4)
    assert [after - before for before, after in pairwise(left)] == pytest.approx([20 / SAFETY] * 3)


def test_rate_that_is_lowered_again_is_remembered_and_not_said_again() -> None:
    time_, memory = FakeTime(), Memory()
    said: list[Rate] = []
    limits = replace(one_rate(30, in_flight=30), learned=True)
    pacer = Pacer(limits, time_.clock, memory, on_rate=lambda _, rate: said.append(rate))
    times(pacer, time_, 10)
    for refusals in (2, 1):
        for _ in range(refusals):
            call(pacer, limited())
        times(pacer, time_, 1)
    assert said == [Rate(10.0, 60.0)]
    assert memory.rates["register"].calls < 10.0


def test_refusal_asks_for_the_accepted_calls_of_the_last_minute() -> None:
    time_, asked = FakeTime(), []

    class Asked(Memory):
        def recent(self, action: str, since: float) -> int:
            asked.append((action, since))
            return 0

    pacer = Pacer(replace(one_rate(30), learned=True), time_.clock, Asked())
    call(pacer, limited())
    assert asked == [("register", time_.now - 60.0)]


def test_rate_that_cannot_be_saved_does_not_lose_the_result_of_the_call() -> None:
    """A registration that was accepted must not be lost because a disk is full."""
    time_ = FakeTime()

    class Full(Memory):
        def save(self, action: str, rate: LearnedRate) -> None:
            raise LedgerError(f"{action} at {rate.calls}: the disk is full")

    assert learn(Full(), time_) == [("register", Rate(3.0, 60.0))]


def test_given_rate_takes_precedence_over_the_remembered_one() -> None:
    time_ = FakeTime()
    memory = Memory()
    memory.save("register", LearnedRate(3, 60.0, time_.now))
    left = times(Pacer(one_rate(30), time_.clock, memory), time_, 2)
    assert left[1] - left[0] == pytest.approx(1 / 30 / SAFETY)


def test_account_of_unknown_rate_starts_with_few_calls_in_flight() -> None:
    """One call at a time does not exceed a limit of three before it is learned."""
    pacer = Pacer(RateLimits(Rate(10_000), in_flight={"register": 30}, learned=True))
    most = most_in_flight(pacer, 20)
    assert 1 <= most <= 2  # the second slot is given after ten accepted calls


@each_row(("wait", "slept"), [(40.0, [15.0, 15.0, 10.0]), (15.0, [15.0]), (15.5, [15.0, 0.5]), (3.0, [3.0])])
def test_long_wait_is_slept_in_steps(wait: float, slept: list[float]) -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(30), time_.clock)
    call(pacer, limited(wait))
    time_.slept.clear()
    call(pacer)
    assert [seconds for seconds in time_.slept if seconds] == pytest.approx(slept)


def test_waiting_calls_of_an_account_that_accepts_none_are_given_up() -> None:
    time_ = FakeTime()

    def sleep(seconds: float) -> None:
        time_.clock.sleep(seconds)
        if time_.now - begun >= 30.0:
            pacer.give_up("register", lambda: ValueError("none is accepted"))

    pacer = Pacer(one_rate(30), replace(time_.clock, sleep=sleep))
    begun = time_.now
    call(pacer, limited(retry_after=100.0))
    with pytest.raises(ValueError, match="none is accepted"):
        call(pacer)
    assert time_.now - begun == pytest.approx(30.0)
    call(pacer, action="get")  # others go on


def test_call_is_made_after_others_were_given_up() -> None:
    pacer = Pacer(one_rate(30), FakeTime().clock)
    pacer.give_up("register", lambda: ValueError("none is accepted"))
    with pacer("register"):
        pass


def test_call_that_waits_for_a_slot_checks_often_whether_it_was_stopped() -> None:
    time_, waits = FakeTime(), []

    class Changed:
        """A condition on which a slot becomes free after the third wait."""

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

        def notify_all(self) -> None: ...

        def wait(self, seconds: float) -> None:
            waits.append(seconds)
            limiter.estimate.in_flight = 1 + (len(waits) == 3)

    pacer = Pacer(one_rate(30, in_flight=1), time_.clock)
    limiter = pacer._limiter("register")
    limiter._changed = Changed()  # type: ignore[assignment]
    with pacer("register"):
        begun = time_.now
        call(pacer)
    assert waits == [0.25, 0.25, 0.25]
    assert time_.now - begun < 0.1


@each_row(("rate", "most"), [(Rate(0.5, 0.0001), 1), (Rate(2.9, 0.0001), 2)])
def test_calls_in_flight_are_limited_to_a_second_of_the_rate_if_nothing_else_is_said(rate: Rate, most: int) -> None:
    assert most_in_flight(Pacer(RateLimits(rate)), 4) == most


class Turns(Memory):
    """Another process has the turn, for so many seconds each time that it is asked."""

    def __init__(self, *waits: float) -> None:
        super().__init__()
        self.waits = list(waits)
        self.asked: list[tuple[str, float, float]] = []

    def take_turn(self, action: str, now: float, interval: float) -> float:
        self.asked.append((action, now, interval))
        return self.waits.pop(0) if self.waits else 0.0


def test_turn_of_another_process_is_waited_for() -> None:
    time_, memory = FakeTime(), Turns(0.5, 1.5)
    begun = time_.now
    call(Pacer(one_rate(3, 60.0), time_.clock, memory))
    assert memory.asked == [("register", begun + passed, pytest.approx(20 / SAFETY)) for passed in (0, 0.5, 2.0)]


@each_row(("rate", "shares"), [(Rate(1), True), (Rate(1, SAFETY), True), (Rate(1.05), False), (Rate(30), False)])
def test_processes_take_turns_at_intervals_from_a_second(rate: Rate, shares: bool) -> None:
    memory = Turns()
    call(Pacer(RateLimits(rate), FakeTime().clock, memory))
    assert bool(memory.asked) is shares


class Unreadable(Memory):
    """A ledger that fails once it has said that no rate is known."""

    def recent(self, action: str, since: float) -> int:
        raise LedgerError("the disk is gone")


@pytest.mark.parametrize("memory", [None, Memory(), Unreadable()])
def test_account_of_which_nothing_is_known_is_called_less_and_less_often(memory: Memory | None) -> None:
    time_ = FakeTime()
    pacer = Pacer(replace(one_rate(30), learned=True), time_.clock, memory)
    waits = []
    for _ in range(3):
        begun = time_.now
        call(pacer, limited())
        waits.append(time_.now - begun)
    assert waits == pytest.approx([0.0, PAUSE, 10.0])


def test_given_rate_is_not_replaced_by_the_remembered_one_after_a_refusal() -> None:
    time_, memory = FakeTime(), Memory()
    memory.save("register", LearnedRate(3, 60.0, time_.now))
    pacer = Pacer(one_rate(30), time_.clock, memory)
    call(pacer, limited())
    first, second = times(pacer, time_, 2)
    assert second - first == pytest.approx(1 / SAFETY)


def test_calls_that_are_refused_together_once_more_lower_the_rate_once_more() -> None:
    time_ = FakeTime()
    pacer = Pacer(one_rate(30), time_.clock)
    times(pacer, time_, 10)
    call(pacer, limited())
    times(pacer, time_, 5)
    one, two = pacer("register"), pacer("register")
    for each in (one, two):
        each.__enter__()
    for each in (one, two):
        with suppress(RateLimited):
            each.__exit__(RateLimited, limited(), None)
    begun = time_.now
    assert times(pacer, time_, 1)[0] - begun == pytest.approx(PAUSE)


@each_row(("age", "calls"), [(0.0, 6), (25 * 3600.0, 7)])
def test_rate_remembered_a_day_ago_is_raised_after_a_minute(age: float, calls: int) -> None:
    """Calls of two minutes: three a minute, or from the second minute on four."""
    time_, memory = FakeTime(), Memory()
    memory.save("register", LearnedRate(3, 60.0, time_.now - age))
    pacer = Pacer(replace(one_rate(30), learned=True), time_.clock, memory)
    begun, count = time_.now, 0
    while time_.now < begun + 120:
        call(pacer)
        count += time_.now < begun + 120
    assert count == calls


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_published_rates_match_the_page(name: str) -> None:
    limits = PROVIDERS[name].rates
    assert (limits.rate("register").calls, limits.rate("register").per) == (30, 1.0)
    assert limits.rate("get").calls == 100
    assert limits.in_flight["register"] == 30


@pytest.mark.parametrize(
    ("text", "calls", "per"),
    [("auto", 30, 1), ("published", 30, 1), ("3/min", 3, 60), ("120/min", 120, 60), ("0.5/s", 0.5, 1), ("50/s", 50, 1)],
)
def test_rate_is_a_name_or_a_number_with_a_unit(text: str, calls: float, per: float) -> None:
    limits = parse_rate(text)
    assert limits.rate("register") == Rate(calls, per)
    assert limits.rate("get") == Rate(100)
    assert limits.learned == (text == "auto")


@pytest.mark.parametrize(
    "text", ["", "3", "3/h", "0/s", "-1/s", "1e9/s", "5000/s", "3 /min", "fast", "\x1b[31m/s", "٣/min"]
)
def test_rate_that_cannot_be_read_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"^Unknown rate .*\. Give rate= as auto, as published, or as registrations"
    ) as error:
        parse_rate(text)
    assert error.value.parameters == ("rate",)
    assert "\x1b" not in str(error.value)


def test_found_rate_is_described_in_a_sentence() -> None:
    sentences = {
        (3, 60.0): "3 registrations a minute",
        (1, 60.0): "1 registration a minute",
        (120, 60.0): "2 registrations a second",
        (87.2, 60.0): "1.5 registrations a second",
        (33.333, 60.0): "33 registrations a minute",
        (1, 1.0): "1 registration a second",
        (28.71, 1.0): "29 registrations a second",
        (10.46, 1.0): "10 registrations a second",
        (9.46, 1.0): "9.5 registrations a second",
    }
    for (calls, per), number in sentences.items():
        found = FoundRate("Atlas Cloud", "register", calls, per)
        assert str(found) == f"Atlas Cloud accepts {number} from this account. The rate is remembered."
    assert "accepts 4 list groups calls a second" in str(FoundRate("x", "list_groups", 4, 1.0))
