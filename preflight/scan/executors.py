"""Where work runs: URLs in threads, files in processes or in the caller's executor, everything else right here."""

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
from typing import Any, Final, Literal

from preflight.checker import CheckPlan
from preflight.errors import PreflightError
from preflight.scan.isolation import IsolatedExaminer, max_processes
from preflight.scan.items import Batch, Cached, Encoder, Numbered, examine_batch
from preflight.sources.open import is_url
from preflight.targets import Item

URL_THREADS: Final = 32
"""URLs fetched at once: they wait, they do not compute."""
BATCH_SIZE: Final = 64
"""Local files handed over at a time: many enough to outweigh the handing over. The first are few, to be seen soon."""
BATCHES_PER_JOB: Final = 16
"""Pieces of work under way for each worker: what bounds memory while the first of them is slow."""

SLOW_SECONDS: Final = 0.05
"""s; an input that lets us wait so long for an item is not gathered: what is there is handed over."""

Lane = Literal["urls", "files", "given", "given urls", "here", "ready"]
Future_ = Future[list[Any]]


def run_window(
    numbered: Iterable[Numbered], executors: Executors, ordered: bool, before_wait: Callable[[], None] = lambda: None
) -> Iterator[Any]:
    """Everything through the executors, at most a window of it under way.

    Where the input fails, what came before has its outcome first.
    """
    waiting: deque[tuple[Batch, Future_]] = deque()
    failure: Exception | None = None
    pieces = _pieces(numbered, executors)
    while True:
        try:
            lane, piece = next(pieces)
        except StopIteration:
            break
        except Exception as error:
            failure = error
            break
        waiting.append((piece, executors.submit(lane, piece)))
        while len(waiting) >= executors.window or (ordered and waiting and waiting[0][1].done()):
            yield from _next(waiting, executors, ordered, before_wait)
        before_wait()
    while waiting:
        yield from _next(waiting, executors, ordered, before_wait)
    if failure is not None:
        raise failure


def _pieces(numbered: Iterable[Numbered], executors: Executors) -> Iterator[tuple[Lane, list[Any]]]:
    """Batch to hand over at once, all of it for one lane. Where the input fails, what came before comes first."""
    piece: list[Any] = []
    lane: Lane = "here"
    size = 1
    failure: Exception | None = None
    try:
        for index, item, slow in _timed(numbered):
            takes = executors.executor_for(item)
            if piece and takes != lane:
                yield lane, piece
                piece = []
            lane = takes
            piece.append(item.result if isinstance(item, Cached) else (index, item))
            if slow or len(piece) >= min(size, executors.chunk[lane]):
                yield lane, piece
                piece, size = [], 1 if slow else size * 2
    except Exception as error:  # of the caller's iterator
        failure = error
    if piece:
        yield lane, piece
    if failure is not None:
        raise failure


def _timed(numbered: Iterable[Numbered]) -> Iterator[tuple[int, Item | Cached, bool]]:
    """The items, with whether each was long in coming."""
    began = time.monotonic()
    for index, item in numbered:
        yield index, item, time.monotonic() - began > SLOW_SECONDS
        began = time.monotonic()


def _next(
    waiting: deque[tuple[Batch, Future_]], executors: Executors, ordered: bool, before_wait: Callable[[], None]
) -> Iterator[Any]:
    if not waiting[0][1].done():
        before_wait()
    if not ordered:
        done = wait([future for _, future in waiting], return_when=FIRST_COMPLETED).done
        while waiting[0][1] not in done:
            waiting.rotate(-1)
    work, future = waiting.popleft()
    try:
        yield from future.result()
    except (PreflightError, CancelledError):  # the call is wrong, or the caller wants no more
        raise
    except Exception:  # not of the work: of who should have done it, or of the way there and back
        yield from executors.retry_isolated(work)


class Executors:
    """Takes pieces of work and gives their futures. To be closed.

    chunk   how much a lane takes at once; window: how many pieces may be under way
    """

    def __init__(self, plan: CheckPlan, encoder: Encoder | None, jobs: int | None, executor: Executor | None) -> None:
        self._plan = plan
        self._encoder = encoder
        self._given = executor
        self._jobs = jobs or 1
        self._urls = jobs or URL_THREADS
        self._examiner: IsolatedExaminer | None = None
        self._pools: dict[Lane, ThreadPoolExecutor] = {}
        files = 1 if plan.deep else BATCH_SIZE
        local: dict[Lane, int] = {"files": files, "given": files, "here": files, "ready": BATCH_SIZE}
        self.chunk: dict[Lane, int] = {**local, "urls": 1, "given urls": 1}
        self.window = BATCHES_PER_JOB * self._jobs + self._urls

    def executor_for(self, item: Item | Cached) -> Lane:
        """The lane that takes an item."""
        if isinstance(item, Cached):
            return "ready"
        if not isinstance(item.target, str | os.PathLike):
            return "here" if self._given is None or hasattr(item.target, "read") else "given"
        if item.problem is None and is_url(item.target):
            return "urls" if self._given is None else "given urls"
        if self._given is not None:
            return "given"
        return "files" if self._jobs > 1 else "here"

    def submit(self, lane: Lane, piece: list[Any]) -> Future_:
        """The future of what a piece gives."""
        if lane in ("given", "given urls") and self._given is not None:
            try:
                return self._given.submit(examine_batch, piece, self._plan, self._encoder)
            except BrokenExecutor:
                lane = "files" if lane == "given" else "urls"
        if lane == "ready":
            return _settled(piece)
        with suppress(RuntimeError):  # no further thread can be started
            if lane == "urls":
                return self._pool(lane, self._urls).submit(examine_batch, piece, self._plan, self._encoder)
            if lane == "files":
                return self._pool(lane, min(self._jobs, max_processes())).submit(self._isolated().examine, piece)
        return _settled(examine_batch(piece, self._plan, self._encoder))

    def retry_isolated(self, work: Batch) -> list[Any]:
        """The work of an executor that broke, in processes of ours: only the file that broke it loses its report."""
        return self._isolated().examine(work)

    def close(self) -> None:
        """End everything at once; what is still under way is nobody's any more."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        if self._examiner is not None:
            self._examiner.close()

    def _isolated(self) -> IsolatedExaminer:
        if self._examiner is None:
            self._examiner = IsolatedExaminer(self._plan, self._encoder)
        return self._examiner

    def _pool(self, lane: Lane, size: int) -> ThreadPoolExecutor:
        if lane not in self._pools:
            self._pools[lane] = ThreadPoolExecutor(size, thread_name_prefix=f"preflight-{lane}")
        return self._pools[lane]


def _settled(result: list[Any]) -> Future_:
    future: Future_ = Future()
    future.set_result(result)
    return future
