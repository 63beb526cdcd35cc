"""Examine items where they belong: URLs in threads, files in processes or the caller's executor, others inline."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import suppress
from typing import Final, Generic, Literal

from preflight.checker import CheckPlan
from preflight.errors import PreflightError
from preflight.scan.isolation import IsolatedExaminer, max_processes
from preflight.scan.items import Batch, Cached, Encoder, Numbered, R, examine_batch
from preflight.sources.open import is_url
from preflight.targets import Item

URL_THREADS: Final = 32
"""URLs fetched at once: they wait, they do not compute."""
BATCH_SIZE: Final = 64
"""Local files handed over at once, to outweigh the overhead. The first batches are small, to give results early."""
BATCHES_PER_JOB: Final = 16
"""Batches in flight for each job: this bounds memory while the first of them is slow."""
SLOW_SECONDS: Final = 0.05
"""s; if the next item takes so long to come, the batch so far is handed over."""

Route = Literal["urls", "files", "caller", "caller_urls", "inline", "cached"]
"""Where an item is examined. `caller`: in the caller's executor; `cached`: its result is known."""


class Work(Generic[R]):
    """Items that take the same route, or their results if they are `cached`."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.batch: Batch = []
        self.results: list[R] = []

    def __len__(self) -> int:
        return len(self.batch) + len(self.results)


def run_window(
    numbered: Iterable[Numbered[R]], executors: Executors[R], *, ordered: bool, before_wait: Callable[[], None]
) -> Iterator[R]:
    """Yield the results of all items, with at most a window of batches in flight.

    An exception of the input is raised after the results of the items before it.
    """
    window: deque[tuple[Work[R], Future[list[R]]]] = deque()
    failure: Exception | None = None
    for work in _gather(numbered, executors):
        if isinstance(work, Exception):
            failure = work
            break
        window.append((work, executors.submit(work)))
        while len(window) >= executors.window or (ordered and window and window[0][1].done()):
            yield from _next_results(window, executors, ordered=ordered, before_wait=before_wait)
        before_wait()
    while window:
        yield from _next_results(window, executors, ordered=ordered, before_wait=before_wait)
    if failure is not None:
        raise failure


def _gather(numbered: Iterable[Numbered[R]], executors: Executors[R]) -> Iterator[Work[R] | Exception]:
    """Yield successive items of the same route together; the last value is the exception of the input, if any."""
    work: Work[R] = Work("inline")
    failure: Exception | None = None
    size = 1
    try:
        for index, item, slow in _timed(numbered):
            route = executors.route_of(item)
            if route != work.route:
                if work:
                    yield work
                work = Work(route)
            if isinstance(item, Cached):
                work.results.append(item.result)
            else:
                work.batch.append((index, item))
            if slow or len(work) >= min(size, executors.batch_size(route)):
                yield work
                work, size = Work(route), 1 if slow else size * 2
    except Exception as error:  # noqa: BLE001 - of the caller's iterator; `run_window` raises it
        failure = error
    if work:
        yield work
    if failure is not None:
        yield failure


def _timed(numbered: Iterable[Numbered[R]]) -> Iterator[tuple[int, Item | Cached[R], bool]]:
    """Yield the items, and whether each was slow to arrive."""
    began = time.monotonic()
    for index, item in numbered:
        yield index, item, time.monotonic() - began > SLOW_SECONDS
        began = time.monotonic()


def _next_results(
    window: deque[tuple[Work[R], Future[list[R]]]],
    executors: Executors[R],
    *,
    ordered: bool,
    before_wait: Callable[[], None],
) -> list[R]:
    """Return the results of the first batch, or of the first that is done."""
    if not window[0][1].done():
        before_wait()
    if not ordered:
        done = wait([future for _, future in window], return_when=FIRST_COMPLETED).done
        while window[0][1] not in done:
            window.rotate(-1)
    work, future = window.popleft()
    try:
        return future.result()
    except (PreflightError, CancelledError):  # the call is wrong, or the caller has cancelled it
        raise
    except Exception:  # noqa: BLE001 - a fault of the executor, not of the items
        return executors.retry_isolated(work.batch)


class Executors(Generic[R]):
    """Examines batches on the routes that their items take. Must be closed.

    window  maximum number of batches in flight
    """

    def __init__(self, plan: CheckPlan, encoder: Encoder[R], jobs: int | None, executor: Executor | None) -> None:
        self._plan = plan
        self._encoder = encoder
        self._caller = executor
        self._jobs = jobs or 1
        self._url_threads = jobs or URL_THREADS
        self._examiner: IsolatedExaminer[R] | None = None
        self._threads: dict[Route, ThreadPoolExecutor] = {}
        self.window = BATCHES_PER_JOB * self._jobs + self._url_threads

    def route_of(self, item: Item | Cached[R]) -> Route:
        """Return the route that an item takes."""
        if isinstance(item, Cached):
            return "cached"
        if not isinstance(item.target, str | os.PathLike):
            return "inline" if self._caller is None or hasattr(item.target, "read") else "caller"
        if item.problem is None and is_url(item.target):
            return "urls" if self._caller is None else "caller_urls"
        if self._caller is not None:
            return "caller"
        return "files" if self._jobs > 1 else "inline"

    def batch_size(self, route: Route) -> int:
        """Return how many items a batch may have."""
        if route in ("urls", "caller_urls") or (self._plan.deep and route != "cached"):
            return 1
        return BATCH_SIZE

    def submit(self, work: Work[R]) -> Future[list[R]]:
        """Return the future of a batch's results."""
        route = work.route
        if route in ("caller", "caller_urls") and self._caller is not None:
            try:
                return self._caller.submit(examine_batch, work.batch, self._plan, self._encoder)
            except BrokenExecutor:
                route = "files" if route == "caller" else "urls"
        with suppress(RuntimeError):  # no further thread can be started
            if route == "urls":
                threads = self._thread_pool(route, self._url_threads)
                return threads.submit(examine_batch, work.batch, self._plan, self._encoder)
            if route == "files":
                threads = self._thread_pool(route, min(self._jobs, max_processes()))
                return threads.submit(self._isolated().examine, work.batch)
        future: Future[list[R]] = Future()
        cached = route == "cached"
        future.set_result(work.results if cached else examine_batch(work.batch, self._plan, self._encoder))
        return future

    def retry_isolated(self, batch: Batch) -> list[R]:
        """Examine a batch on which an executor broke in killable processes: only the file at fault has no facts."""
        return self._isolated().examine(batch)

    def close(self) -> None:
        """Cancel all batches and end all processes."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
        if self._examiner is not None:
            self._examiner.close()

    def _isolated(self) -> IsolatedExaminer[R]:
        if self._examiner is None:
            self._examiner = IsolatedExaminer(self._plan, self._encoder)
        return self._examiner

    def _thread_pool(self, route: Route, size: int) -> ThreadPoolExecutor:
        if route not in self._threads:
            self._threads[route] = ThreadPoolExecutor(size, thread_name_prefix=f"preflight-{route}")
        return self._threads[route]
