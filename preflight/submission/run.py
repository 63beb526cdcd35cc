"""Run submissions: begin each target in a thread, poll all assets, return results when ready or in order."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Final

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
    UsageError,
)
from preflight.ledger import Entry
from preflight.providers import Asset
from preflight.report import Problem
from preflight.scan.items import name_of
from preflight.submission.account import SUBMIT_THREADS, CallScope, WorkerPool, Workers
from preflight.submission.outcome import Submission, cancelled, join_sentences, prevented, settled
from preflight.submission.register import VISIBLE_AFTER, record_asset
from preflight.submission.submitter import Begun, BegunTarget, FixableTarget, KnownTarget, Submitter
from preflight.targets import Item

SubmitTarget = str | os.PathLike[str]
"""A target to submit: a path or a public URL."""
WINDOW: Final = 4096
"""Targets in progress at once in one run: each takes a few kilobytes."""
LAST_POLL: Final = 30.0
"""Seconds after the timeout of an asset for which its last poll waits for its turn."""
_CONTINUE_POLLING: Final = "It is registered. Run the same command again to continue polling."
_CALLBACK_FAILED: Final = "on_result raised an exception for %s"
_log = logging.getLogger("preflight")


def _item_of(target: SubmitTarget | Item) -> Item:
    """Return the item of a target. A target of a wrong type becomes a failed item, as a missing file does."""
    item = target if isinstance(target, Item) else Item(target)
    if item.problem is not None:
        return item
    with suppress(Exception):  # the caller's object may raise anything
        if isinstance(item.target, str | os.PathLike) and isinstance(os.fspath(item.target), str):
            return item
    name = item.name or f"<{type(item.target).__name__}>"
    text = f"{name} is neither a path nor a URL. Give one of them; write bytes to a file first."
    return Item("", name, problem=Problem("not_a_media_source", text))


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """The end of a run's input: how many targets were taken, and the error that ended it."""

    total: int
    error: BaseException | None = None


RunResult = Submission | BaseException | EndOfInput
OnResult = Callable[[Submission], object]


class SubmissionRun:
    """One run of submissions: one target, or a stream of them. The ledger keeps what was sent, whenever the run ends.

    scope     stops the run
    on_begun  for a stream: called when a target has its asset's id or its result
    """

    def __init__(
        self,
        pool: WorkerPool,
        submitter: Submitter,
        deliver: Callable[[int, RunResult], object],
    ) -> None:
        """deliver: called by any thread with the index of a target and its result."""
        self.scope = CallScope()
        self._queued: dict[int, Item] = {}
        self._pool = pool
        self._submitter = submitter
        self._deliver = deliver
        self._fatal: BaseException | None = None
        self._lock = threading.RLock()  # a generator may be collected by a thread that has it
        self._taken = 0
        self._slots = threading.Semaphore(WINDOW)
        self._workers = threading.Semaphore(SUBMIT_THREADS)
        self.on_begun: Callable[[], object] | None = None

    # Input.

    def feed(self, targets: Iterable[SubmitTarget | Item]) -> None:
        """Start all targets of a list; read a stream, which may block, in a separate thread as workers become free."""
        if isinstance(targets, list | tuple) and len(targets) <= WINDOW:
            for target in targets:
                self.start(target)
            self.end_input()
        else:
            self.on_begun = self._workers.release
            threading.Thread(target=self._feed, args=(targets,), daemon=True, name="preflight-input").start()

    def _feed(self, targets: Iterable[SubmitTarget | Item]) -> None:
        try:
            iterator = iter(targets)
            while self._slots.acquire() and self._workers.acquire() and not self.scope.stop.is_set():
                try:
                    target = next(iterator)
                except StopIteration:
                    break
                self.start(target)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that iterates
            self.end_input(error)
        else:
            self.end_input()

    def start(self, target: SubmitTarget | Item) -> None:
        """Start one target. Once the run is stopped, its result is `cancelled`."""
        item = _item_of(target)
        with self._lock:
            index = self._taken
            self._taken += 1
            step = partial(self._submitter.begin, item, index)
            work = partial(self._work, index, item, step, is_first=True)
            is_running = self._queue(self._pool.workers, index, item, work)
        if not is_running:
            if self.on_begun is not None:  # the input had been ended
                self.end_input()
            self._deliver(index, cancelled(name_of(item), index))

    def _queue(self, workers: Workers, index: int, item: Item, work: Callable[[], None]) -> bool:
        """Queue work on a target unless the run is stopped. The caller holds the lock."""
        if self.scope.stop.is_set():
            return False
        self._queued[index] = item
        workers.add(self.scope, work)
        return True

    def end_input(self, error: BaseException | None = None) -> None:
        """Deliver how many targets were taken, and the error that ended the input."""
        with self._lock:
            taken = self._taken
        self._deliver(-1, EndOfInput(taken, error))

    def close(self) -> None:
        """Remove the folder of what was fixed."""
        if self._submitter.fixer is not None:
            self._submitter.fixer.close()

    def free_slot(self) -> None:
        """Allow one more target in progress."""
        self._slots.release()

    def cancel(self) -> None:
        """Send nothing further, and stop polling; deliver a result for each target that was taken."""
        with self._lock:
            self.scope.stop.set()
        self.scope.in_flight.close(wait=False)
        self._slots.release()
        self._workers.release()
        self._pool.withdraw(self.scope)
        for index in list(self._queued):
            if (item := self._queued.pop(index, None)) is not None:
                self._deliver(index, cancelled(name_of(item), index))
        if self.on_begun is not None:  # the stream may block
            self.end_input()

    # Work.

    def _work(self, index: int, item: Item, step: Callable[[], Begun], *, is_first: bool = False) -> None:
        """Run one step of a target in a thread of the pool, and deliver its result or error."""
        if self._queued.pop(index, None) is None:
            return  # cancelled
        try:
            self._advance(index, item, step)
        except Stopped as error:
            self._deliver(index, cancelled(name_of(item), index) if self.scope.stop.is_set() else error)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that iterates
            self._fatal = self._fatal or error
            self._deliver(index, error)
        finally:
            if is_first and self.on_begun is not None:
                self.on_begun()

    def _advance(self, index: int, item: Item, step: Callable[[], Begun]) -> None:
        """Run one step of a target, and start the next one. After an error that concerns all targets, try no others."""
        if self.scope.stop.is_set():
            raise Stopped
        try:
            if self._fatal is not None:
                raise self._fatal
            reached = step()
        except (AccountRefused, LedgerError) as error:
            if self.scope.stop.is_set() and isinstance(error, LedgerError):  # the client closed the ledger
                raise Stopped from None
            cause = error.__cause__  # an error that names this target's asset is raised from the one that concerns all
            self._fatal = cause if isinstance(cause, LedgerError) else error
            reached = BegunTarget(prevented(name_of(item), index, None, error))
        if isinstance(reached, KnownTarget):
            self._hand_over(self._pool.readers, index, item, reached)
        elif isinstance(reached, FixableTarget):
            self._hand_over(self._pool.fixers, index, item, reached)
        elif reached.submission.outcome == "processing" and reached.entry and self._submitter.settings.wait:
            self._poll(index, reached.submission, reached.entry)
        else:
            self._deliver(index, reached.submission)

    def _hand_over(self, workers: Workers, index: int, item: Item, target: KnownTarget | FixableTarget) -> None:
        """Leave the rest to a reader or a fixer, so that registering the others need not wait for it."""
        work = partial(self._work, index, item, partial(self._submitter.finish, target))
        with self._lock:
            is_running = self._queue(workers, index, item, work)
        if not is_running:
            raise Stopped

    def _poll(self, index: int, submission: Submission, entry: Entry) -> None:
        timeout = self._submitter.settings.poll_timeout_of(entry.media_kind)
        now = self._pool.clock.monotonic()

        def poll() -> Asset | None:
            return self._poll_once(entry, visible_from=now + VISIBLE_AFTER, ends=now + timeout)

        def done(asset: Asset | None, error: BaseException | None) -> None:
            try:
                self._deliver(index, self._poll_result(submission, entry, asset, error, timeout))
            except LedgerError as fault:
                made = _polling_cancelled(submission)
                if not self.scope.stop.is_set():  # else the client closed the ledger
                    seen, text = asset or submission.asset, join_sentences(str(fault), _CONTINUE_POLLING)
                    made = replace(submission, asset=seen, code="ledger_error", message=text, error=fault)
                self._deliver(index, made)
            except BaseException as fault:  # noqa: BLE001 - raised again in the thread that iterates
                self._deliver(index, fault)

        self._pool.scheduler.watch(poll, timeout, done, self.scope, entry.asset_id or "", entry.media_kind)
        if self.scope.stop.is_set():  # stopped since the poll was added
            self._pool.withdraw(self.scope)

    def _poll_once(self, entry: Entry, *, visible_from: float, ends: float) -> Asset | None:
        """Return the asset once it is active or failed."""
        if self.scope.stop.is_set():
            raise Stopped
        try:
            with self._pool.working_for(self.scope, until=ends + LAST_POLL):
                self._pool.clock.sleep(0)
                asset = self._submitter.provider.get(entry.asset_id or "")
        except Stopped:
            if self.scope.stop.is_set():
                raise
            return None  # its turn has not come
        except (ProviderUnavailable, ProviderUnreachable, RateLimited):  # they say nothing about the asset
            return None
        except UnusableAnswer as error:  # one may come from a gateway, but the last one is reported
            if not error.retryable or self._pool.clock.monotonic() >= ends:
                raise
            return None
        except AssetNotFound:
            if self._pool.clock.monotonic() < visible_from:
                return None
            raise
        return asset if asset.status in ("active", "failed") else None

    def _poll_result(
        self, submission: Submission, entry: Entry, asset: Asset | None, error: BaseException | None, timeout: float
    ) -> Submission:
        submitter = self._submitter
        if isinstance(error, Stopped) and self.scope.stop.is_set():
            return _polling_cancelled(submission)
        if isinstance(error, AssetNotFound):
            submitter.ledger.settle(entry, "gone")
            text = join_sentences(str(error), "The next run registers it again.")
            return replace(submission, outcome="error", asset=None, code="asset_gone", message=text, error=error)
        if isinstance(error, ProviderError):
            text = join_sentences(str(error), _CONTINUE_POLLING)
            return replace(submission, code=error.reason, message=text, error=error)
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
        reused, note, fix = submission.reused, submission.message, submission.fix
        return settled(submission.report, entry, asset, submitter.provider, reused=reused, note=note, fix=fix)


def _polling_cancelled(submission: Submission) -> Submission:
    """Return the submission of an asset that was registered, and is processing when its call is cancelled."""
    text = "The call was cancelled while it was processing. It is registered, and the same call continues polling."
    return replace(submission, code="cancelled", message=text)


class ResultOrder:
    """Orders the results of a run: as soon as they are ready, or in input order. Calls a function for each.

    on_result  called once for each submission, by the thread that adds it; its errors are logged
    """

    def __init__(self, targets: object, *, ordered: bool, on_result: OnResult | None) -> None:
        if on_result is not None and (not callable(on_result) or iscoroutinefunction(on_result)):
            text = "on_result= is not a function that can be called with a submission. Give one that is not async."
            raise UsageError(text, parameters=("on_result",))
        self._is_stream = not isinstance(targets, list | tuple)
        self._ordered = ordered
        self._on_result = on_result
        self._early: dict[int, Submission] = {}
        self._received = self._returned = 0
        self._end: EndOfInput | None = None

    @property
    def is_complete(self) -> bool:
        """Return whether each target has a result and there are no further targets."""
        return self._end is not None and self._received >= self._end.total

    def require_whole_input(self) -> None:
        """Raise the error that ended the input."""
        if self._end is not None and self._end.error is not None:
            raise self._end.error

    def add(self, index: int, result: RunResult) -> list[Submission]:
        """Return the submissions that are ready. Raise an error that concerns the whole call."""
        if isinstance(result, EndOfInput):
            ends = (self._end or result, result)
            self._end = EndOfInput(max(end.total for end in ends), ends[0].error or ends[1].error)
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

    def add_late(self, result: RunResult) -> None:
        """Report the result of a target that was taken from the input, after the caller has stopped iterating."""
        if not isinstance(result, Submission):
            return
        try:
            self._report(result)
        except BaseException:  # noqa: BLE001 - it must not end a thread of the account
            _log.exception(_CALLBACK_FAILED, result.source)
        if self._on_result is None and self._is_stream and result.outcome == "cancelled":
            _log.warning("%s was taken from the input, and the call ended before. Submit it again.", result.source)

    def _report(self, submission: Submission) -> None:
        if self._on_result is None:
            return
        try:
            self._on_result(submission)
        except Exception:  # noqa: BLE001 - an error in the caller's function must not lose a result
            _log.exception(_CALLBACK_FAILED, submission.source)
