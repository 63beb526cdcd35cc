"""Submit many targets: threads check and register, one scheduler polls, results come when ready or in input order."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from preflight.clock import Clock
from preflight.errors import (
    AccountRefused,
    AssetNotFound,
    LedgerError,
    ProviderError,
    ProviderUnavailable,
    ProviderUnreachable,
    RateLimited,
    Stopped,
    UnusableAnswer,
)
from preflight.ledger import Entry
from preflight.providers import Asset
from preflight.rates import InFlight, Scheduler
from preflight.scan.items import name_of
from preflight.submission.outcome import Submission, cancelled, prevented, sentences, settled
from preflight.submission.register import POLL_TIMEOUTS, VISIBLE_AFTER, record_asset
from preflight.submission.submitter import SubmitTarget, Submitter
from preflight.targets import Item

SUBMIT_THREADS: Final = 32
"""Targets of one account that are checked and registered at once: 30 calls may be in flight."""
WINDOW: Final = 4096
"""Targets in progress at once in one run: each takes a few kilobytes."""
_TEMPORARY: Final = (ProviderUnavailable, ProviderUnreachable, RateLimited)
"""Errors of a poll that say nothing about the asset."""
_POLL_ON: Final = "It is registered. Run the same command again to continue polling."
_log = logging.getLogger("preflight")


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """The last result of a run's input: how many targets it took."""

    total: int


RunResult = Submission | BaseException | EndOfInput
OnResult = Callable[[Submission], object]


class CallScope:
    """One call of a client: `stop` ends its waits, `in_flight` holds its calls with an effect."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.in_flight = InFlight()

    def close(self) -> None:
        """End what only waits or reads; return once the calls with an effect have ended."""
        self.stop.set()
        self.in_flight.close()


class _CurrentScope(threading.local):
    scope: CallScope | None = None


class _CurrentInFlight(InFlight):
    """The calls in flight of the scope that the entering thread works for."""

    def __init__(self, current: _CurrentScope) -> None:
        super().__init__()
        self._current = current

    def __enter__(self) -> None:
        scope = self._current.scope
        if scope is None:
            super().__enter__()
        else:
            scope.in_flight.__enter__()

    def __exit__(self, *_: object) -> None:
        scope = self._current.scope
        if scope is None:
            super().__exit__()
        else:
            scope.in_flight.__exit__()


class WorkerPool:
    """The threads of one account, shared by all of its calls, which take turns: workers, and a scheduler that polls.

    Its threads are daemons, started when they are needed.

    clock      its `sleep` raises `Stopped` once the scope that the thread works for is stopped
    in_flight  the calls with an effect of that scope
    """

    def __init__(self, clock: Clock) -> None:
        self._base = clock
        self._current = _CurrentScope()
        self.clock = replace(clock, sleep=self._sleep)
        self.in_flight: InFlight = _CurrentInFlight(self._current)
        self.scheduler: Scheduler[Asset] = Scheduler(self.clock)
        self._changed = threading.Condition()
        self._waiting: dict[CallScope, deque[Callable[[], object]]] = {}
        self._threads = self._idle = self._queued = 0
        self._closed = False

    @contextmanager
    def working_for(self, scope: CallScope) -> Iterator[None]:
        """Let this thread work for one call until the end of the block."""
        before, self._current.scope = self._current.scope, scope
        try:
            yield
        finally:
            self._current.scope = before

    def add(self, scope: CallScope, work: Callable[[], object]) -> None:
        """Queue work for a thread."""
        with self._changed:
            self._waiting.setdefault(scope, deque()).append(work)
            self._queued += 1
            if self._queued > self._idle and self._threads < SUBMIT_THREADS:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True, name="preflight-submit").start()
            self._changed.notify()

    def withdraw(self, scope: CallScope) -> None:
        """Remove the queued work of a call, and end its polling."""
        with self._changed:
            self._queued -= len(self._waiting.pop(scope, ()))
        self.scheduler.withdraw(scope)

    def close(self) -> None:
        """End the threads, each after what it is doing."""
        self.scheduler.close()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _sleep(self, seconds: float) -> None:
        scope = self._current.scope
        (self._base if scope is None else self._base.stopped_by(scope.stop)).sleep(seconds)

    def _work(self) -> None:
        while (found := self._take()) is not None:
            scope, work = found
            with self.working_for(scope):
                work()

    def _take(self) -> tuple[CallScope, Callable[[], object]] | None:
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            scope = next(iter(self._waiting))
            queue = self._waiting.pop(scope)
            work = queue.popleft()
            self._queued -= 1
            if queue:
                self._waiting[scope] = queue  # behind all others
            return scope, work


class SubmissionRun:
    """One run of submissions: one target, or a stream of them. The ledger keeps what was sent, whenever the run ends.

    scope  stops it
    """

    def __init__(
        self,
        pool: WorkerPool,
        submitter: Submitter,
        deliver: Callable[[int, RunResult], object],
        *,
        wait: bool = True,
        poll_timeout: float | None = None,
    ) -> None:
        """deliver: called by any thread with the index of a target and its result; wait: poll."""
        self.scope = CallScope()
        self._queued: dict[int, Item] = {}
        self._pool = pool
        self._submitter = submitter
        self._deliver = deliver
        self._wait = wait
        self._poll_timeout = poll_timeout
        self._fatal: BaseException | None = None
        self._lock = threading.Lock()
        self._started = 0
        self._is_cancelled = False
        self._slots = threading.Semaphore(WINDOW)

    # Input.

    def feed(self, targets: Iterable[SubmitTarget | Item]) -> None:
        """Start each target while there are free slots; a stream is read by a separate thread, as it may block."""
        if isinstance(targets, list | tuple) and len(targets) <= WINDOW:
            self._feed(targets)
        else:
            threading.Thread(target=self._feed, args=(targets,), daemon=True, name="preflight-input").start()

    def _feed(self, targets: Iterable[SubmitTarget | Item]) -> None:
        try:
            iterator = iter(targets)
            while self._slots.acquire() and not self.scope.stop.is_set():
                try:
                    target = next(iterator)
                except StopIteration:
                    break
                if not self.start(target):
                    break
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that iterates
            self._deliver(-1, error)
        self.end_input()

    def start(self, target: SubmitTarget | Item) -> bool:
        """Start one target; return False once the run is stopped."""
        with self._lock:
            if self.scope.stop.is_set():
                return False
            index = self._started
            self._started += 1
            item = self._queued[index] = target if isinstance(target, Item) else Item(target)
            self._pool.add(self.scope, partial(self._work, index, item))
            return True

    def end_input(self) -> None:
        """Deliver that there are no further targets."""
        with self._lock:
            total = self._started
        self._deliver(-1, EndOfInput(total))

    def free_slot(self) -> None:
        """Allow one more target in progress."""
        self._slots.release()

    # End.

    def cancel(self) -> None:
        """Send nothing further, and stop polling; deliver a result for each target that was started."""
        with self._lock:
            self._is_cancelled = True
            self.scope.stop.set()
        self.scope.in_flight.close(wait=False)
        self._slots.release()
        self._pool.withdraw(self.scope)
        for index in list(self._queued):
            if (item := self._queued.pop(index, None)) is not None:
                self._deliver(index, cancelled(name_of(item), index))
        self.end_input()

    def close(self) -> None:
        """Stop, and wait for calls that may have an effect, not for those that only read."""
        with self._lock:
            self.scope.stop.set()
        self._slots.release()
        self._pool.withdraw(self.scope)
        self.scope.in_flight.close()

    # Work.

    def _work(self, index: int, item: Item) -> None:
        """Process one target, in a worker."""
        if self._queued.pop(index, None) is None:
            return  # cancelled
        try:
            self._begin(index, item)
        except Stopped as error:
            self._deliver(index, cancelled(name_of(item), index) if self._is_cancelled else error)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that iterates
            self._fatal = self._fatal or error
            self._deliver(index, error)

    def _begin(self, index: int, item: Item) -> None:
        """Process one item up to its asset's id. After an error that concerns all items, do not try the others."""
        if self.scope.stop.is_set():
            raise Stopped
        entry = None
        try:
            if self._fatal is not None:
                raise self._fatal
            submission, entry = self._submitter.begin(item, index)
        except (AccountRefused, LedgerError) as error:
            if self._is_cancelled and isinstance(error, LedgerError):  # its client was closed, and with it the ledger
                raise Stopped from None
            cause = error.__cause__  # an error that names this target's asset is raised from the one that concerns all
            self._fatal = cause if isinstance(cause, LedgerError) else error
            submission = prevented(name_of(item), index, None, error)
        if submission.outcome == "processing" and entry is not None and self._wait:
            self._poll(index, submission, entry)
        else:
            self._deliver(index, submission)

    def _poll(self, index: int, submission: Submission, entry: Entry) -> None:
        timeout = self._poll_timeout
        if timeout is None:
            timeout = POLL_TIMEOUTS.get(entry.media_kind, POLL_TIMEOUTS["video"])
        now = self._pool.clock.monotonic()

        def poll() -> Asset | None:
            return self._poll_once(entry, visible_from=now + VISIBLE_AFTER, ends=now + timeout)

        def done(asset: Asset | None, error: BaseException | None) -> None:
            try:
                self._deliver(index, self._polled(submission, entry, asset, error, timeout))
            except LedgerError as fault:
                is_closed = self._is_cancelled
                made = _polling_cancelled(submission) if is_closed else _unwritten(submission, asset, fault)
                self._deliver(index, made)
            except BaseException as fault:  # noqa: BLE001 - raised again in the thread that iterates
                self._deliver(index, fault)

        self._pool.scheduler.watch(poll, timeout, done, self.scope)
        if self.scope.stop.is_set():  # stopped since the poll was added
            self._pool.withdraw(self.scope)

    def _poll_once(self, entry: Entry, *, visible_from: float, ends: float) -> Asset | None:
        """Return the asset once it is active or failed."""
        if self.scope.stop.is_set():
            raise Stopped
        try:
            with self._pool.working_for(self.scope):
                asset = self._submitter.provider.get(entry.asset_id or "")
        except (*_TEMPORARY, UnusableAnswer) as error:
            if _ends_polling(error, is_last=self._pool.clock.monotonic() >= ends):
                raise
            return None
        except AssetNotFound:
            if self._pool.clock.monotonic() < visible_from:
                return None
            raise
        return asset if asset.status in ("active", "failed") else None

    def _polled(
        self, submission: Submission, entry: Entry, asset: Asset | None, error: BaseException | None, timeout: float
    ) -> Submission:
        submitter = self._submitter
        if isinstance(error, Stopped) and self._is_cancelled:
            return _polling_cancelled(submission)
        if isinstance(error, AssetNotFound):
            submitter.ledger.settle(entry, "gone")
            text = sentences(str(error), "The next run registers it again.")
            return replace(submission, outcome="error", asset=None, code="asset_gone", message=text, error=error)
        if isinstance(error, ProviderError):
            return replace(submission, code=error.reason, message=sentences(str(error), _POLL_ON), error=error)
        if error is not None:
            raise error
        if asset is None:
            text = f"It is still processing after {timeout:g} s. Run the same command again to continue polling."
            return replace(submission, code="deadline", message=text)
        assert submission.report is not None  # it was checked
        before = submission.asset
        # The get call of some services leaves out what the registration returned.
        asset = replace(asset, kind=asset.kind or (before.kind if before is not None else None))
        entry = record_asset(submitter.provider, submitter.ledger, entry, asset)
        reused, note = submission.reused, submission.message
        return settled(submission.report, entry, asset, submitter.provider, reused=reused, note=note)


def _ends_polling(error: ProviderError, *, is_last: bool) -> bool:
    """Return whether an unusable answer ends polling: one may come from a gateway, but the last one is reported."""
    return isinstance(error, UnusableAnswer) and (is_last or not error.retryable)


def _polling_cancelled(submission: Submission) -> Submission:
    """Return the submission of an asset that was registered, and is processing when its call is cancelled."""
    text = "The call was cancelled while it was processing. It is registered, and the same call continues polling."
    return replace(submission, code="cancelled", message=text)


def _unwritten(submission: Submission, asset: Asset | None, error: LedgerError) -> Submission:
    """Return the submission of an asset that cannot be recorded in the ledger."""
    text = sentences(str(error), _POLL_ON)
    return replace(submission, asset=asset or submission.asset, code="ledger_error", message=text, error=error)


class ResultOrder:
    """The results of a run, as soon as they are ready or in input order, with a callback for each.

    on_result  called once for each submission, by the thread that adds it; its errors are logged
    """

    def __init__(self, *, ordered: bool, on_result: OnResult | None) -> None:
        self._ordered = ordered
        self._on_result = on_result
        self._early: dict[int, Submission] = {}
        self._received = self._returned = 0
        self._total: int | None = None

    @property
    def is_complete(self) -> bool:
        """Return whether each target has a result and there are no further targets."""
        return self._total is not None and self._received >= self._total

    def add(self, index: int, result: RunResult) -> list[Submission]:
        """Return the submissions that are ready. Raise an error that concerns the whole call."""
        if isinstance(result, EndOfInput):
            self._total = result.total
            return []
        if isinstance(result, BaseException):
            raise result
        self._received += 1
        self._report(result)
        if not self._ordered:
            return [result]
        self._early[index] = result
        ready = []
        while self._returned in self._early:
            ready.append(self._early.pop(self._returned))
            self._returned += 1
        return ready

    def _report(self, submission: Submission) -> None:
        if self._on_result is None:
            return
        try:
            self._on_result(submission)
        except Exception:  # noqa: BLE001 - the caller's function, whose errors must not lose a result
            _log.exception("on_result raised an exception for %s", submission.source)
