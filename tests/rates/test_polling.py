"""One scheduler for all that is polled: order, deadlines, backoff, lists, faults, and an end at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

import pytest

from preflight.errors import Stopped
from preflight.rates import InFlight, ListPending, Scheduler, StillPending
from preflight.retry import Backoff
from tests.clocks import FakeTime
from tests.rates.polls import PolledAccount

EVEN = Backoff(first=1.0, factor=2.0, maximum=8.0, jitter=0.0)


class Watched:
    """Things that are polled, in stepped time by one thread: when each was, and how it ended."""

    def __init__(self, list_pending: ListPending | None = None) -> None:
        self.time = FakeTime()
        self.begun = self.time.now
        self.scheduler: Scheduler[object] = Scheduler(
            self.time.clock, threads=1, backoff=EVEN, list_pending=list_pending
        )
        self.polls: dict[str, list[float]] = {}
        self.ends: dict[str, tuple[object, BaseException | None, float]] = {}
        self._done = threading.Semaphore(0)

    def add(
        self,
        name: str,
        answer: Callable[[int], object | None],
        deadline: float = 1000.0,
        owner: object = None,
        kind: str = "",
    ) -> None:
        self.polls[name] = []

        def poll() -> object | None:
            self.polls[name].append(self.time.now - self.begun)
            return answer(len(self.polls[name]))

        def done(result: object | None, error: BaseException | None) -> None:
            self.ends[name] = (result, error, self.time.now - self.begun)
            self._done.release()

        self.scheduler.watch(poll, deadline, done, owner, name, kind)

    def run(self, *, close: bool = True) -> None:
        for _ in tuple(self.polls):
            assert self._done.acquire(timeout=5)
        if close:
            self.scheduler.close()


def test_polling_interval_grows_until_the_result() -> None:
    watched = Watched()
    watched.add("a", lambda count: "there" if count == 6 else None)
    watched.run()
    assert watched.polls["a"] == [1, 3, 7, 15, 23, 31]
    assert watched.ends["a"] == ("there", None, 31)


def test_watches_share_a_scheduler_with_separate_backoff() -> None:
    watched = Watched()
    with watched.scheduler._changed:  # so that all begin at the same time
        watched.add("a", lambda count: "there")
        watched.add("b", lambda count: "there" if count == 3 else None)
        watched.add("c", lambda count: "there" if count == 2 else None)
    watched.run()
    assert [end for _, _, end in watched.ends.values()] == sorted(end for _, _, end in watched.ends.values())
    assert list(watched.ends) == ["a", "c", "b"]


def test_last_poll_is_at_the_deadline() -> None:
    watched = Watched()
    watched.add("a", lambda count: None, deadline=10.0)
    watched.run()
    assert watched.polls["a"] == [1, 3, 7, 10]
    assert watched.ends["a"] == (None, None, 10)


def test_zero_deadline_polls_once() -> None:
    watched = Watched()
    watched.add("a", lambda count: None, deadline=0.0)
    watched.run()
    assert watched.polls["a"] == [0]


def test_error_of_a_poll_ends_only_its_watch() -> None:
    watched = Watched()

    def bad(count: int) -> object:
        raise ValueError("broken")

    watched.add("bad", bad)
    watched.add("good", lambda count: "there")
    watched.run()
    assert isinstance(watched.ends["bad"][1], ValueError)
    assert watched.ends["good"][:2] == ("there", None)


def test_withdrawing_one_owner_leaves_the_others() -> None:
    watched = Watched()
    with watched.scheduler._changed:  # so that nothing is polled before
        for number in range(5000):
            watched.add(f"withdrawn-{number}", lambda count: "there", owner=number)
        watched.add("other", lambda count: "there", owner="other")
        begun = time.thread_time()
        for number in range(5000):
            watched.scheduler.withdraw(number)
        assert time.thread_time() - begun < 0.5  # 3 s if each looked at all
    watched.run()
    assert not watched.polls["withdrawn-0"]
    assert isinstance(watched.ends["withdrawn-0"][1], Stopped)
    assert watched.ends.pop("other")[:2] == ("there", None)
    assert {type(error) for _, error, _ in watched.ends.values()} == {Stopped}


def test_slow_polls_run_side_by_side_in_as_many_threads_as_are_allowed() -> None:
    scheduler: Scheduler[str] = Scheduler(threads=2, backoff=Backoff(first=0.01, jitter=0.0))
    lock, release, both = threading.Lock(), threading.Event(), threading.Semaphore(0)
    ended = threading.Semaphore(0)
    inside = most = 0

    def poll() -> str:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        both.release()
        release.wait(10)
        with lock:
            inside -= 1
        return "there"

    try:
        for _ in range(2):  # the second is added while the first is polled
            scheduler.watch(poll, 60.0, lambda *_: ended.release())
            assert both.acquire(timeout=5)
        for _ in range(2):
            scheduler.watch(poll, 60.0, lambda *_: ended.release())
        assert not both.acquire(timeout=0.2)
    finally:
        release.set()
    assert all(ended.acquire(timeout=5) for _ in range(4))
    scheduler.close()
    assert most == 2


def test_closing_ends_the_threads_and_nothing_more_is_polled() -> None:
    scheduler: Scheduler[None] = Scheduler(threads=3)
    polled: list[int] = []
    scheduler.watch(lambda: polled.append(1), 60, lambda result, error: None)
    begun = time.monotonic()
    scheduler.close()
    for thread in scheduler._threads:
        thread.join(20)
    assert time.monotonic() - begun < 20
    assert not any(thread.is_alive() for thread in scheduler._threads)
    assert polled == []


def test_closing_waits_for_calls_in_flight() -> None:
    section = InFlight()
    inside, leave = threading.Event(), threading.Event()
    ended: list[str] = []

    def work() -> None:
        with section:
            inside.set()
            leave.wait(5)
            ended.append("work")

    worker = threading.Thread(target=work)
    worker.start()
    inside.wait(5)
    closer = threading.Thread(target=lambda: (section.close(), ended.append("closed")))
    closer.start()
    time.sleep(0.05)
    assert ended == []
    with pytest.raises(Stopped), section:
        pytest.fail("nobody is let in any more")
    leave.set()
    closer.join(5)
    worker.join(5)
    assert ended == ["work", "closed"]


class Listing:
    """A list of what is pending, of things that are done some seconds after the beginning."""

    def __init__(self, count: int, done_at: float, deadline: float = 1000.0, *, early: int = 0) -> None:
        """early: how many others are done after 5 s."""
        self.watched = Watched(self.read)
        self.done_at = done_at
        self.read_at: list[float] = []
        with self.watched.scheduler._changed:
            for number in range(count):
                self.watched.add(f"{number}", self.poll, deadline)
            for number in range(early):
                self.watched.add(f"early-{number}", lambda count: "there" if self.now >= 5 else None)

    @property
    def now(self) -> float:
        return self.watched.time.now - self.watched.begun

    def poll(self, count: int) -> object | None:
        return "there" if self.now >= self.done_at else None

    def read(self, keys: Collection[str]) -> StillPending:
        self.read_at.append(self.now)
        pending = [key for key in keys if self.now < (5 if key.startswith("early") else self.done_at)]
        return StillPending(pending, complete=True)

    def run(self) -> dict[str, list[float]]:
        self.watched.run()
        assert {result for result, _, _ in self.watched.ends.values()} == {"there"}
        return self.watched.polls


def test_many_are_polled_by_list_and_once_alone_when_it_no_longer_has_them() -> None:
    listing = Listing(9, done_at=31.0)
    polls = listing.run()
    assert listing.read_at == list(range(2, 33, 2))
    assert list(polls.values()) == [[1.0, 32.0]] * 9


def test_few_are_polled_alone() -> None:
    listing = Listing(8, done_at=31.0)
    assert list(listing.run().values()) == [[1, 3, 7, 15, 23, 31]] * 8
    assert listing.read_at == []


def test_those_added_while_a_list_is_read_are_left_to_it() -> None:
    def add_one_more(keys: Collection[str]) -> StillPending:
        still = read(keys)
        if listing.now == 10:
            listing.watched.polls["new"] = []
            listing.watched.add("new", listing.poll)
        return still

    listing = Listing(9, done_at=31.0)
    read = listing.read
    listing.watched.scheduler._list_pending = add_one_more
    listing.run()
    assert listing.watched.polls["new"] == [32.0]


def test_last_few_are_polled_alone_again() -> None:
    listing = Listing(8, done_at=31.0, early=1)
    polls = listing.run()
    assert listing.read_at == [2.0, 4.0, 6.0]
    assert polls["early-0"] == [1.0, 6.0]
    assert polls["0"] == [1, 10, 14, 22, 30, 38]


@pytest.mark.parametrize("fault", [StillPending((), complete=False), None])
def test_each_is_polled_alone_while_the_list_cannot_be_read(fault: StillPending | None) -> None:
    def read(keys: Collection[str]) -> StillPending:
        read_at.append(listing.now)
        if fault is None:
            raise ValueError("broken")
        return fault

    listing, read_at = Listing(9, done_at=100.0), []
    listing.watched.scheduler._list_pending = read
    polls = listing.run()
    assert read_at == [2.0, 62.0]
    assert max(map(len, polls.values())) <= 18
    assert max(end for _, _, end in listing.watched.ends.values()) <= 100 + EVEN.maximum


def test_what_a_short_reading_did_not_reach_is_polled_alone() -> None:
    listing = Listing(18, done_at=31.0)
    half = {f"{number}" for number in range(9)}
    listing.watched.scheduler._list_pending = lambda keys: StillPending(
        half & set(keys) if listing.now < 31 else (), complete=listing.now >= 31
    )
    polls = listing.run()
    assert polls["0"] == [1.0, 32.0]
    assert polls["17"][:4] == [1.0, 3.0, 7.0, 15.0]


def test_pending_thing_that_the_list_lacks_is_polled_with_its_own_backoff() -> None:
    listing = Listing(9, done_at=31.0)
    listing.watched.scheduler._list_pending = lambda keys: StillPending((), complete=True)
    assert list(listing.run().values()) == [[1.0, 2.0, 6.0, 14.0, 22.0, 30.0, 38.0]] * 9


def test_list_that_is_never_renewed_delays_results_by_two_minutes() -> None:
    listing = Listing(9, done_at=31.0)
    listing.watched.scheduler._list_pending = lambda keys: StillPending(keys, complete=True)
    assert list(listing.run().values()) == [[1.0, 121.0]] * 9


def test_list_does_not_postpone_the_poll_at_the_deadline() -> None:
    listing = Listing(9, done_at=1000.0, deadline=20.0)
    listing.watched.run()
    assert list(listing.watched.polls.values()) == [[1.0, 20.0]] * 9
    assert {end for *_, end in listing.watched.ends.values()} == {20.0}


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (4, 8.0), (1000, 8.0)])
def test_waits_grow_by_the_factor_up_to_the_maximum(attempt: int, seconds: float) -> None:
    assert EVEN.delay(attempt) == seconds


@pytest.mark.parametrize(("spread", "seconds"), [(0.0, 3.0), (0.5, 4.0), (1.0, 5.0), (0.75, 4.5)])
def test_waits_are_spread_evenly_around_their_length(spread: float, seconds: float) -> None:
    backoff = Backoff(first=4.0, factor=2.0, maximum=8.0, jitter=0.25)
    assert backoff.delay(0, lambda: spread) == pytest.approx(seconds)


def test_usual_waits_begin_with_a_second_and_end_with_15() -> None:
    waits = [Backoff().delay(attempt, lambda: 0.5) for attempt in range(9)]
    assert waits[:4] == [1.0, 1.5, 2.25, 3.375]
    assert waits[-1] == 15.0
    assert Backoff().delay(0, lambda: 1.0) == pytest.approx(1.2)


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("count", [1000, pytest.param(2000, marks=pytest.mark.slow)])
def test_results_of_many_come_within_seconds_at_the_rate_of_an_account(count: int, lists: bool) -> None:
    """2,000 assets that take a minute each, at 30 registrations and 100 polls a second; or half of each."""
    share = count / 2000
    account = PolledAccount([60.0] * count, rate=30 * share, polls_per_second=100 * share, lists=lists)
    account.run()
    assert account.p95 <= 5.0
    calls = (account.polls + account.pages) / count
    assert calls <= (1.5 if lists else 5.0)


@pytest.mark.parametrize("longest", [70, 180])
def test_uneven_times_are_polled_no_worse_than_by_backoff_alone(longest: int) -> None:
    seconds = [60.0 + number * 37 % (longest - 60) for number in range(300)]
    found = PolledAccount(seconds, rate=30, polls_per_second=100, lists=False)
    found.run()
    assert found.p95 <= 15 * 1.2
    assert found.polls / 300 <= 20


class Batch:
    """Things of one kind that are added together after 20 others took 30 s: when each is polled."""

    def __init__(self, seconds: float, kind: str = "image", count: int = 16) -> None:
        self.watched = Watched()
        self._add(20, 30.0, "image")
        self.watched.run(close=False)
        self.begun = self.watched.time.now
        self.watched.polls.clear()
        self._add(count, seconds, kind)
        self.watched.run()
        passed = self.begun - self.watched.begun
        self.polls = [tuple(at - passed for at in polls) for polls in self.watched.polls.values()]

    def _add(self, count: int, seconds: float, kind: str) -> None:
        with self.watched.scheduler._changed:
            end = self.watched.time.now + seconds
            for number in range(count):
                self.watched.add(
                    f"{kind}-{seconds}-{number}",
                    lambda _count: "there" if self.watched.time.now >= end else None,
                    kind=kind,
                )


def test_many_are_polled_when_the_fastest_of_the_last_took_as_long() -> None:
    polls = Batch(31.0).polls
    first, explorer = (1.0, 31.0), (1.0, 3.0, 7.0, 15.0, 23.0, 31.0)  # the first 8 are few
    assert set(polls) == {first, explorer, (31.0,)}
    assert polls.count(explorer) == 2


def test_backoff_begins_again_when_a_result_is_expected() -> None:
    polls = Batch(36.0).polls
    assert (31.0, 33.0, 37.0) in polls


def test_faster_results_than_expected_are_noticed_by_those_polled_from_the_beginning() -> None:
    polls = Batch(10.0).polls
    assert {times[-1] for times in polls} == {15.0}


def test_other_kinds_and_few_are_polled_from_the_beginning() -> None:
    usual = (1.0, 3.0, 7.0, 15.0, 23.0, 31.0)
    assert set(Batch(31.0, "video").polls) == {usual}
    assert set(Batch(31.0, count=8).polls) == {usual}
