"""When a result is expected from earlier ones of its kind, and which threads poll."""

from __future__ import annotations

import threading
import time

import pytest

from preflight.errors import Stopped
from preflight.rates import POLL_THREADS, Scheduler
from tests.rates.test_polling import Batch, Listing, Watched

USUAL = [1.0, 3.0, 7.0, 15.0, 23.0, 31.0, 39.0, 47.0]


def test_results_of_another_kind_do_not_change_when_something_is_polled() -> None:
    watched = Watched()
    with watched.scheduler._changed:
        for kind, seconds in (("image", 30.0), ("video", 45.0)):
            end = watched.begun + seconds
            for number in range(12):
                watched.add(
                    f"{kind}-{number}", lambda _, end=end: "there" if watched.time.now >= end else None, kind=kind
                )
    watched.run()
    assert [watched.polls[f"video-{number}"] for number in range(12)] == [USUAL] * 12


def test_backoff_of_watches_polled_from_the_beginning_restarts_too() -> None:
    assert (1.0, 3.0, 7.0, 15.0, 23.0, 31.0, 33.0, 37.0) in Batch(36.0).polls


def test_each_eighth_is_polled_from_the_beginning() -> None:
    polls = Batch(31.0, count=20).polls  # numbers 21 to 40
    assert [21 + number for number, times in enumerate(polls) if len(times) == 6] == [24, 32, 40]


def test_first_result_restarts_the_backoff_of_all_others_of_its_kind() -> None:
    watched = Watched()
    with watched.scheduler._changed:
        for number in range(16):
            end = watched.begun + (36.0 if number else 31.0)
            watched.add(f"{number}", lambda _, end=end: "there" if watched.time.now >= end else None, kind="image")
    watched.run()
    first, *others = watched.polls.values()
    assert first == USUAL[:6]
    assert others == [[*USUAL[:6], 33.0, 37.0]] * 15


def test_fastest_of_the_last_256_results_is_expected() -> None:
    scheduler: Scheduler[str] = Scheduler()
    for seconds in [10.0] + [30.0] * 255:
        scheduler._learn("image", seconds)
    assert min(scheduler._times["image"]) == 10.0
    scheduler._learn("image", 30.0)
    assert min(scheduler._times["image"]) == 30.0


def test_polls_of_160_ms_can_be_made_a_hundred_times_a_second() -> None:
    assert POLL_THREADS == 100 * 0.16


def test_one_thread_waits_for_all_that_is_not_due() -> None:
    scheduler: Scheduler[str] = Scheduler(Watched().time.clock)
    with scheduler._changed:
        for _ in range(5):
            scheduler.watch(lambda: "there", 60.0, lambda *_: None)
        assert len(scheduler._threads) == 1
    scheduler.close()


def test_thread_that_has_polled_is_free_for_the_next() -> None:
    watched = Watched()
    watched.scheduler._max_threads = 4
    for name in ("a", "b", "c"):
        watched.add(name, lambda count: "there" if count == 2 else None)
        assert watched._done.acquire(timeout=5)
        end = time.monotonic() + 1.0
        while watched.scheduler._busy and time.monotonic() < end:
            time.sleep(0.001)
        assert watched.scheduler._busy == 0
    assert len(watched.scheduler._threads) == 1
    watched.scheduler.close()


def test_list_is_read_again_once_many_wait_again() -> None:
    class Renewed(Listing):
        def poll(self, count: int) -> object | None:
            if self.now == 14.0 and "new-0" not in self.watched.polls:
                for number in range(2):
                    self.watched.add(f"new-{number}", super().poll)
            return super().poll(count)

    listing = Renewed(8, done_at=61.0, early=1)
    listing.run()
    assert listing.read_at[:5] == [2.0, 4.0, 6.0, 16.0, 18.0]


def test_withdrawn_watches_no_longer_count() -> None:
    scheduler: Scheduler[str] = Scheduler(Watched().time.clock, threads=1)
    ended: list[str] = []
    with scheduler._changed:
        for number in range(23):
            owner = "few" if number < 3 else "many"
            scheduler.watch(lambda: None, 60.0, lambda *_, owner=owner: ended.append(owner), owner)
        scheduler.withdraw("few")
        scheduler.withdraw("nobody")
        assert (scheduler._count, ended) == (20, ["few"] * 3)
        scheduler.close()
    assert ended == ["few"] * 3 + ["many"] * 20


def test_watches_that_are_due_together_are_polled_in_the_order_of_adding() -> None:
    watched = Watched()
    with watched.scheduler._changed:
        for name in "abcde":
            watched.add(name, lambda count: "there" if count == 2 else None)
    watched.run()
    assert list(watched.ends) == list("abcde")


def test_threads_that_poll_do_not_keep_the_program_running() -> None:
    scheduler: Scheduler[None] = Scheduler()
    scheduler.watch(lambda: None, 60.0, lambda *_: None)
    assert [thread.daemon for thread in scheduler._threads] == [True]
    scheduler.close()


def test_thread_that_cannot_be_started_is_an_error_only_if_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    scheduler: Scheduler[None] = Scheduler()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            scheduler.watch(lambda: None, 60.0, lambda *_: None)
    scheduler.watch(lambda: None, 60.0, lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        scheduler._busy = 1
        scheduler.watch(lambda: None, 60.0, lambda *_: None)
    assert len(scheduler._threads) == 1
    scheduler.close()


def test_closed_scheduler_polls_nothing() -> None:
    scheduler: Scheduler[None] = Scheduler()
    scheduler.close()
    ended: list[object] = []
    scheduler.watch(lambda: None, 60.0, lambda result, error: ended.append((result, type(error))))
    assert (ended, scheduler._threads) == ([(None, Stopped)], [])
