"""Batches in processes that can be killed: a file that crashes or hangs its process affects only its own report."""

from __future__ import annotations

import gc
import pickle
import resource
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Generic, cast

from preflight.checker import CheckPlan
from preflight.errors import PreflightError, UsageError
from preflight.processes import READER, CannotStart, Limits, Pool, Task, TaskCrashed, TaskTimeout
from preflight.processes.process import reader_environment
from preflight.report import Problem
from preflight.scan.items import Batch, Encoder, R, examine_batch, failed, name_of
from preflight.targets import Item

FILE_TIMEOUT: Final = 60.0
"""s for one file, from a disk that may have to spin up. Decoders have deadlines of their own, far below."""
DEEP_FILE_TIMEOUT: Final = 300.0
"""The same if several decoders may read the whole file one after the other."""
GRACE: Final = 30.0
"""s more until a process ends itself, in case this program is gone."""


def max_processes() -> int:
    """Return how many may run at a time: each takes a descriptor, some more at its start, and files need theirs."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if allowed == resource.RLIM_INFINITY else max(1, (allowed - 16) // 5)


class IsolatedExaminer(Generic[R]):
    """Examines batches in a pool of processes. May be called by several threads; must be closed."""

    def __init__(self, plan: CheckPlan, encoder: Encoder[R]) -> None:
        self._plan = plan
        self._encoder = encoder
        self._limits = Limits(wall=DEEP_FILE_TIMEOUT if plan.deep else FILE_TIMEOUT, grace=GRACE)
        trust_env = plan.http is not None and plan.http.trust_env
        profile = READER._replace(environment=partial(reader_environment, trust_env=trust_env))
        self.pool = Pool(profile, Task(f"{__name__}:initialize", {"plan": plan, "encoder": encoder}))

    def examine(self, batch: Batch, *, retry: bool = True) -> list[R]:
        """Return the results of `examine_batch`. After a crash each file is retried alone, so that only one is lost.

        retry  try a file alone twice: its process may have been killed for an unrelated reason
        """
        try:
            results = self._call(batch)
        except (TaskTimeout, TaskCrashed) as error:
            if self.pool.closed:
                raise
            if len(batch) > 1:
                return [result for numbered in batch for result in self.examine([numbered])]
            if retry and isinstance(error, TaskCrashed):
                return self.examine(batch, retry=False)
            return self._lost(*batch[0], error)
        return examine_batch(batch, self._plan, self._encoder) if results is None else results

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        self.pool.close()

    def _call(self, batch: Batch) -> list[R] | None:
        """Return the results of a process; None if none can be started, or if the batch cannot be sent to one."""
        try:
            pickled = pickle.dumps(batch)
        except Exception:  # noqa: BLE001 - whatever an object of the caller's raises
            return None
        try:
            answer = self.pool.call(Task(f"{__name__}:examine_pickled", {"pickled": pickled}), self._limits)
        except CannotStart:
            if self.pool.closed:
                raise
            return None
        results, problem = cast("tuple[list[R] | None, str | None]", answer)
        if problem is not None:
            raise UsageError(problem)
        return results

    def _lost(self, index: int, item: Item, error: TaskTimeout | TaskCrashed) -> list[R]:
        code = "probe_timeout" if isinstance(error, TaskTimeout) else "probe_crashed"
        problem = Problem(code, f"{name_of(item)}: the process that read it {error}; other files are not affected")
        return self._encoder([(index, failed(index, item, self._plan, problem))])


# --- In the process.


class _State:
    """The state that the initializer of a process sets for its tasks."""

    plan: CheckPlan
    encoder: Encoder[object]


def initialize(_heartbeat: Callable[[], None], plan: CheckPlan, encoder: Encoder[object]) -> None:
    """Store the state that all batches share."""
    _State.plan, _State.encoder = plan, encoder
    gc.freeze()


def examine_pickled(heartbeat: Callable[[], None], pickled: bytes) -> tuple[list[object] | None, str | None]:
    """Return the results of a batch (None: it cannot be loaded here), and why the call is wrong (None: it is not)."""
    try:
        batch: Batch = pickle.loads(pickled)  # noqa: S301 - written by the program that started this process
    except Exception:  # noqa: BLE001 - such as a class of the caller's main program, which is not this one
        return None, None
    try:
        return examine_batch(_each(batch, heartbeat), _State.plan, _State.encoder), None
    except PreflightError as error:  # the call is wrong, not a file
        return [], str(error)


def _each(batch: Batch, heartbeat: Callable[[], None]) -> Iterator[tuple[int, Item]]:
    """Yield the items; restart the timer for each."""
    for numbered in batch:
        heartbeat()
        yield numbered
