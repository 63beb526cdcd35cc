"""Many sources: workers, order, isolation. Streams its reports and never collects them."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from typing import Final

from preflight.checker import Plan, Rules, examine, plan_for
from preflight.formats import MEDIA_EXTENSIONS, extension_of
from preflight.judge import judge
from preflight.report import Problem, Report
from preflight.sources.opening import Target, is_url, shown
from preflight.targets import Item

URL_WORKERS: Final = 32
"""URLs fetched at once: they wait, they do not compute."""
CHUNK: Final = 16
"""Local files handed to a worker process at a time: many enough to outweigh the handing over."""
WINDOW: Final = 4
"""Chunks under way for each worker: what bounds memory when the first of them is slow."""

Outcome = Report | None
"""None: found in a folder, and neither its content nor its name is media. Counted, not judged."""
_Work = list[tuple[int, Item]]


def check_many(
    targets: Iterable[Target],
    rules: Rules,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    ordered: bool = True,
    strict: bool = False,
    deep: bool = False,
    timeout: float | None = None,
    allow_private: bool = False,
) -> Iterator[Report]:
    """A report for every target, exactly one each, in input order (`ordered=False`: as they come).

    workers   processes for local files (default: none, this process reads them), threads for URLs (default 32)
    executor  any `concurrent.futures.Executor` in place of ours; arguments and results are small and picklable

    Raises `UsageError` before anything is read; a bad target is a report. With `workers` above 1 the usual rule of
    `multiprocessing` holds: a script guards its entry with `if __name__ == "__main__"`.

    >>> [report.verdict for report in preflight.check_many(["fixtures/accepted/photo.png", "gone.png"], "atlas")]
    ['pass', 'unknown']
    """
    plan = plan_for(rules, strict=strict, deep=deep, timeout=timeout, allow_private=allow_private)
    items = (Item(target) for target in targets)
    outcomes = scan(items, plan, workers=workers, executor=executor, ordered=ordered)
    return (outcome for outcome in outcomes if outcome is not None)


def scan(
    items: Iterable[Item],
    plan: Plan,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    ordered: bool = True,
) -> Iterator[Outcome]:
    """The outcome of every item. What `check_many` and the command line share."""
    lanes = _Lanes(plan, workers, executor)
    try:
        if executor is None and (workers or 1) == 1:
            yield from _inline(enumerate(items), plan, lanes, ordered)
        else:
            yield from _flow(_chunks(enumerate(items)), lanes, ordered)
    finally:
        lanes.close()


def examine_item(index: int, item: Item, plan: Plan) -> Outcome:
    """One item's outcome."""
    if item.problem is not None:
        return _failed(index, item, plan, item.problem)
    report = examine(item.target, plan, index, item.name)
    if item.explicit or report.media is None or report.media.kind is not None:
        return report
    return report if extension_of(report.source) in MEDIA_EXTENSIONS else None


def _failed(index: int, item: Item, plan: Plan, problem: Problem) -> Report:
    results = tuple(judge(None, rules, problem=problem, dropped=plan.dropped) for rules in plan.rules)
    return Report(item.name or shown(item.target), None, results, index, problem)


def _work(work: _Work, plan: Plan) -> list[Outcome]:
    """What a worker does; at the module's top level so that it can be pickled."""
    return [examine_item(index, item, plan) for index, item in work]


def _inline(items: Iterator[tuple[int, Item]], plan: Plan, lanes: _Lanes, ordered: bool) -> Iterator[Outcome]:
    """Local files in this process, until the first URL: from there on all of them flow through the lanes."""
    for index, item in items:
        if is_url(item.target) and item.problem is None:
            rest = _chunks(_chain((index, item), items))
            yield from _flow(rest, lanes, ordered)
            return
        yield examine_item(index, item, plan)


def _chain(first: tuple[int, Item], rest: Iterator[tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
    yield first
    yield from rest


def _chunks(items: Iterable[tuple[int, Item]]) -> Iterator[_Work]:
    """Work to hand over at once: URLs one by one, files many at a time, the first alone so that it is soon seen."""
    chunk: _Work = []
    size = 1
    for index, item in items:
        if is_url(item.target) or not isinstance(item.target, str | os.PathLike):
            if chunk:
                yield chunk
                chunk = []
            yield [(index, item)]
            continue
        chunk.append((index, item))
        if len(chunk) >= size:
            yield chunk
            chunk, size = [], CHUNK
    if chunk:
        yield chunk


def _flow(chunks: Iterator[_Work], lanes: _Lanes, ordered: bool) -> Iterator[Outcome]:
    """Chunks through the lanes, at most a window of them under way."""
    pending: deque[tuple[_Work, Future[list[Outcome]]]] = deque()
    for work in chunks:
        pending.append((work, lanes.submit(work)))
        while len(pending) >= lanes.window or (ordered and pending and pending[0][1].done()):
            yield from _next(pending, lanes, ordered)
    while pending:
        yield from _next(pending, lanes, ordered)


def _next(pending: deque[tuple[_Work, Future[list[Outcome]]]], lanes: _Lanes, ordered: bool) -> Iterator[Outcome]:
    if not ordered:
        done = wait([future for _, future in pending], return_when=FIRST_COMPLETED).done
        while pending[0][1] not in done:
            pending.rotate(-1)
    work, future = pending.popleft()
    try:
        yield from future.result()
    except BrokenExecutor:
        yield from lanes.again(work)


class _Lanes:
    """Where work runs: URLs in threads, files in processes or in the caller's executor, the rest right here."""

    def __init__(self, plan: Plan, workers: int | None, executor: Executor | None) -> None:
        self._plan = plan
        self._given = executor
        self._processes: Executor | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._workers = workers or 1
        self._urls = workers if workers and workers > 1 else URL_WORKERS
        self.window = WINDOW * max(self._workers, self._urls)

    def submit(self, work: _Work) -> Future[list[Outcome]]:
        target = work[0][1].target
        if self._given is not None:
            return self._given.submit(_work, work, self._plan)
        if is_url(target):
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._urls, thread_name_prefix="preflight")
            return self._threads.submit(_work, work, self._plan)
        if self._workers > 1 and isinstance(target, str | os.PathLike):
            if self._processes is None:
                self._processes = _process_pool(self._workers)
            try:
                return self._processes.submit(_work, work, self._plan)
            except BrokenExecutor:
                return _settled(lambda: self.again(work))
        return _settled(lambda: _work(work, self._plan))

    def again(self, work: _Work) -> list[Outcome]:
        """The work of a process that died: each file alone, so that only the one that kills loses its report."""
        if self._processes is not None:
            self._processes.shutdown(wait=False, cancel_futures=True)
            self._processes = None
        outcomes: list[Outcome] = []
        pool: Executor | None = None
        for index, item in work:
            pool = pool or _process_pool(1)
            try:
                outcomes += pool.submit(_work, [(index, item)], self._plan).result()
            except BrokenExecutor:
                pool = None
                name = item.name or shown(item.target)
                problem = Problem("probe_crashed", f"{name}: the process that read it died; the others went on")
                outcomes.append(_failed(index, item, self._plan, problem))
        if pool is not None:
            pool.shutdown()
        return outcomes

    def close(self) -> None:
        for pool in (self._processes, self._threads):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)


def _process_pool(workers: int) -> Executor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # spawn: a fork would copy the locks of threads that a host program or our own URL lane may hold.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _quiet)


def _quiet() -> None:
    """Ctrl-C is for the parent, who ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _settled(call: Callable[[], list[Outcome]]) -> Future[list[Outcome]]:
    future: Future[list[Outcome]] = Future()
    future.set_result(call())
    return future
