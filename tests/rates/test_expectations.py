"""When a result is expected from earlier ones of its kind, and how many threads poll."""

from __future__ import annotations

import time

from preflight.rates import POLL_THREADS, Scheduler
from tests.rates.test_polling import Batch, Watched

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


def test_backoff_of_those_polled_from_the_beginning_starts_again_too() -> None:
    assert (1.0, 3.0, 7.0, 15.0, 23.0, 31.0, 33.0, 37.0) in Batch(36.0).polls


def test_each_eighth_is_polled_from_the_beginning() -> None:
    polls = Batch(31.0, count=20).polls  # numbers 21 to 40
    assert [21 + number for number, times in enumerate(polls) if len(times) == 6] == [24, 32, 40]


def test_first_result_starts_the_backoff_of_all_others_of_its_kind_again() -> None:
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
