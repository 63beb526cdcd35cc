"""Many files at once: how they share the processors, in which order they end, how they stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from preflight.errors import Stopped, UsageError
from preflight.fixer.outputs import OutputFile
from preflight.fixer.scheduling import STOP_SECONDS, CoreShares, Job, run_jobs, share_cores
from tests.rows import each_row


@each_row(
    ("jobs", "available", "cores"),
    [
        (None, 1, CoreShares(1, 1, 1)),
        (None, 16, CoreShares(16, 16, 16)),
        (1, 16, CoreShares(1, 1, 16)),
        (4, 16, CoreShares(4, 1, 4)),
        (32, 16, CoreShares(32, 1, 1)),
    ],
)
def test_videos_and_pictures_share_the_processors(jobs: int | None, available: int, cores: CoreShares) -> None:
    assert share_cores(jobs, available) == cores


def test_processors_of_this_process_are_counted() -> None:
    assert share_cores(None).threads == len(os.sched_getaffinity(0))


class Load:
    """Work that takes 20 ms a job, and knows how much ran at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.together: set[frozenset[int]] = set()
        self._running: set[int] = set()
        self._lock = threading.Lock()

    def __call__(self, task: tuple[int, int], stop: threading.Event) -> int:
        number, slots = task
        with self._lock:
            self._running.add(number)
            self.now += slots
            self.most = max(self.most, self.now)
            self.together.add(frozenset(self._running))
        time.sleep(0.02 if number % 2 else 0.04)
        with self._lock:
            self._running.remove(number)
            self.now -= slots
        return number


def ran(weights: Sequence[int], slots: int) -> tuple[list[int], Load]:
    load, results = Load(), list[int]()
    run_jobs([Job((number, weight), weight) for number, weight in enumerate(weights)], load, results.append, slots)
    return results, load


class TestOrder:
    def test_results_have_the_order_of_the_jobs(self) -> None:
        results, load = ran([1] * 12, 4)
        assert results == list(range(12))
        assert load.most == 4

    def test_video_with_all_processors_runs_alone(self) -> None:
        results, load = ran([1, 1, 4, 1, 4, 1], 4)
        assert results == list(range(6))
        assert load.most == 4
        assert frozenset([2]) in load.together
        assert not [running for running in load.together if len(running) > 1 and running & {2, 4}]

    def test_job_that_needs_more_than_there_is_runs_too(self) -> None:
        assert ran([8, 1], 2)[0] == [0, 1]

    def test_run_without_jobs_succeeds(self) -> None:
        assert ran([], 2)[0] == []


class Interrupted:
    """Work of which job 0 is done at once, and the others last until they are stopped; Ctrl-C comes meanwhile."""

    def __init__(self, folder: Path, *, heeds: bool = True, presses: int = 1) -> None:
        self.stopped = 0
        self._folder = folder
        self._heeds = heeds
        self._presses = presses
        self.ended = threading.Event()

    def __call__(self, number: int, stop: threading.Event) -> int:
        if number == 0:
            return 0
        with OutputFile(str(self._folder / f"{number}.mp4")):
            if number == 1:
                threading.Thread(target=self._press).start()
            if self._heeds:
                assert stop.wait(20)
            else:
                assert self.ended.wait(20)
            self.stopped += 1
            raise Stopped

    def _press(self) -> None:
        for _ in range(self._presses):
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGINT)


class TestCtrlC:
    @pytest.mark.parametrize("presses", [1, 3])
    def test_interrupt_stops_running_jobs_and_reports_finished_ones(self, tmp_path: Path, presses: int) -> None:
        work, results = Interrupted(tmp_path, presses=presses), list[int]()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run_jobs([Job(number, 1) for number in range(9)], work, results.append, 3)
        assert time.monotonic() - began < 2
        assert results == [0]
        assert 0 < work.stopped <= 3
        assert not list(tmp_path.iterdir())

    def test_work_that_ignores_the_stop_leaves_nothing_behind(self, tmp_path: Path) -> None:
        work, results = Interrupted(tmp_path, heeds=False), list[int]()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run_jobs([Job(number, 1) for number in range(9)], work, results.append, 3)
        assert STOP_SECONDS < time.monotonic() - began < 3
        assert results == [0]
        assert not list(tmp_path.iterdir())
        work.ended.set()

    def test_result_that_waits_for_an_earlier_one_is_reported_too(self, tmp_path: Path) -> None:
        work = Interrupted(tmp_path)
        results: list[int] = []
        with pytest.raises(KeyboardInterrupt):
            run_jobs([Job(1, 1), Job(0, 1)], work, results.append, 2)
        assert results == [0]

    def test_handler_of_the_program_is_restored(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        ran([1], 1)
        assert signal.getsignal(signal.SIGINT) is before


def test_exception_of_the_work_ends_the_run(tmp_path: Path) -> None:
    def work(number: int, stop: threading.Event) -> int:
        if number == 1:
            raise UsageError("The call is wrong.")
        if number > 1:
            stop.wait(20)
        return number

    results: list[int] = []
    with pytest.raises(UsageError, match="The call is wrong"):
        run_jobs([Job(number, 1) for number in range(9)], work, results.append, 2)
    assert results[0] == 0
    assert 1 not in results
