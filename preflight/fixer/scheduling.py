"""Fix many files at once: share the processors, keep the order, end within a second after Ctrl-C."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Final, Generic, NamedTuple, TypeVar

from preflight.fixer.ffmpeg.child import CHECK_INTERVAL
from preflight.fixer.outputs import discard_unfinished
from preflight.output import Interrupts

T = TypeVar("T")
R = TypeVar("R")

STOP_SECONDS: Final = 0.7
"""Seconds after Ctrl-C in which running jobs may end; then their processes end with this one."""


class CoreShares(NamedTuple):
    """How the files of a run share the processors.

    slots    what all files take together at most; video: what one video takes; a picture takes one
    threads  of the encoder of one video
    """

    slots: int
    video: int
    threads: int


def share_cores(jobs: int | None, available: int | None = None) -> CoreShares:
    """Return how files share the processors: without `jobs`, one video with all of them, or a picture for each.

    An encoder of videos uses several processors by itself, that of a picture only one.

    >>> share_cores(None, 8), share_cores(2, 8)
    (CoreShares(slots=8, video=8, threads=8), CoreShares(slots=2, video=1, threads=4))
    """
    if available is None:
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if jobs is None:
        return CoreShares(available, available, available)
    return CoreShares(jobs, 1, max(1, available // jobs))


class Job(NamedTuple, Generic[T]):
    """One piece of work: what to do, and how many slots it takes."""

    value: T
    slots: int


def run_jobs(
    jobs: Iterable[Job[T]], work: Callable[[T, threading.Event], R], take: Callable[[R], None], slots: int
) -> None:
    """Do all jobs in threads with `work`, and pass each result on in the order of the jobs.

    work  is also given an event: when it is set, the work is to end soon, with `Stopped` or anything else

    On KeyboardInterrupt no further job is started, those that run are stopped, and the results of those that were
    complete are passed on before it is raised again. Another Ctrl-C changes nothing about that. An exception of `work`
    ends the run in the same way.
    """
    run = _Run(work, take, slots)
    with Interrupts() as interrupts:
        try:
            run.go(deque(jobs), interrupts)
        except BaseException:
            with suppress(KeyboardInterrupt), interrupts.deferred():
                run.stop()
            raise


class _Run(Generic[T, R]):
    """The threads of a run, and the results that wait for those of earlier jobs."""

    def __init__(self, work: Callable[[T, threading.Event], R], take: Callable[[R], None], slots: int) -> None:
        self._work = work
        self._take = take
        self._slots = slots
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="preflight-fix")
        self._running: dict[Future[R], tuple[int, int]] = {}
        self._done: dict[int, Future[R]] = {}
        self._started = self._taken = 0

    def go(self, jobs: deque[Job[T]], interrupts: Interrupts) -> None:
        """Start jobs in their order as soon as there is room for them, and take their results."""
        while jobs or self._running:
            with interrupts.deferred():
                while jobs and self._has_room(jobs[0]):
                    self._start(jobs.popleft())
            wait(self._running, CHECK_INTERVAL, FIRST_COMPLETED)  # Ctrl-C may come just before a wait, and not end it
            with interrupts.deferred():
                self._collect()
                self._take_in_order()
        self._threads.shutdown()

    def stop(self) -> None:
        """End what runs, and take every result that is there."""
        self._stop.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        wait(self._running, STOP_SECONDS)
        self._collect()
        discard_unfinished()
        for _, future in sorted(self._done.items()):
            if not future.cancelled() and future.exception() is None:
                self._take(future.result())

    def _has_room(self, job: Job[T]) -> bool:
        used = sum(slots for _, slots in self._running.values())
        return not self._running or used + job.slots <= self._slots

    def _start(self, job: Job[T]) -> None:
        self._running[self._threads.submit(self._work, job.value, self._stop)] = (self._started, job.slots)
        self._started += 1

    def _collect(self) -> None:
        for future in [future for future in self._running if future.done()]:
            number, _ = self._running.pop(future)
            self._done[number] = future

    def _take_in_order(self) -> None:
        while (future := self._done.get(self._taken)) is not None:
            result = future.result()
            del self._done[self._taken]
            self._taken += 1
            self._take(result)
