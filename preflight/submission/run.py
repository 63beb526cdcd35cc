"""Submit many targets: threads check and register, one scheduler polls, results come in input order or at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from queue import SimpleQueue
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
from preflight.submission.outcome import Submission, prevented, sentences, settled
from preflight.submission.register import POLL_TIMEOUTS, VISIBLE_AFTER, record_asset
from preflight.submission.submitter import Submitter
from preflight.targets import Item

SUBMIT_THREADS: Final = 32
"""Targets that are checked and registered at once: 30 calls may be in flight."""
WINDOW: Final = 4096
"""Targets in progress at once: each takes a few kilobytes."""
_TEMPORARY: Final = (ProviderUnavailable, ProviderUnreachable, RateLimited)
"""Errors of a poll that say nothing about the asset."""
_POLL_ON: Final = "It is registered. Run the same command again to continue polling."

_Result = Submission | BaseException


class SubmissionRun:
    """One run of submissions. Use as a context; leaving it early keeps everything resumable.

    Its threads are daemons: at the end it waits only for calls that may have an effect, not for those that only read.
    """

    def __init__(
        self,
        submitter: Submitter,
        in_flight: InFlight,
        stop: threading.Event,
        *,
        wait: bool = True,
        poll_timeout: float | None = None,
    ) -> None:
        """in_flight: the submitter's calls with an effect; stop: ends the waits of its clock; wait: poll."""
        self._submitter = submitter
        self._in_flight = in_flight
        self._stop = stop
        self._wait = wait
        self._poll_timeout = poll_timeout
        self._scheduler: Scheduler[Asset] = Scheduler(self._clock)
        self._tasks: SimpleQueue[tuple[int, Item] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[int, _Result]] = SimpleQueue()
        self._workers: list[threading.Thread] = []
        self._fatal: BaseException | None = None

    @property
    def _clock(self) -> Clock:
        return self._submitter.clock

    def __enter__(self) -> SubmissionRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._scheduler.close()
        for _worker in self._workers:
            self._tasks.put(None)
        self._in_flight.close()

    def submissions(self, items: Iterable[Item], *, ordered: bool = True) -> Iterator[Submission]:
        """Yield exactly one submission for each item. Raise errors that concern the whole call."""
        early: dict[int, Submission] = {}
        started = returned = 0
        for index, item in enumerate(items):
            self._start(index, item)
            started += 1
            while started - returned >= WINDOW or not self._results.empty():
                for submission in self._next(early, returned, ordered=ordered):
                    returned += 1
                    yield submission
        while returned < started:
            for submission in self._next(early, returned, ordered=ordered):
                returned += 1
                yield submission

    def _next(self, early: dict[int, Submission], number: int, *, ordered: bool) -> Iterator[Submission]:
        """Wait for one result; return the submissions that are ready, from `number` on if they are ordered."""
        index, result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        if not ordered:
            yield result
            return
        early[index] = result
        while number in early:
            yield early.pop(number)
            number += 1

    def _start(self, index: int, item: Item) -> None:
        self._tasks.put((index, item))
        if len(self._workers) < SUBMIT_THREADS:
            worker = threading.Thread(target=self._work, daemon=True, name="preflight-submit")
            self._workers.append(worker)
            worker.start()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            index, item = task
            try:
                self._begin(index, item)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that iterates
                self._fatal = self._fatal or error
                self._results.put((index, error))

    def _begin(self, index: int, item: Item) -> None:
        """Process one item up to its asset's id. After an error that concerns all items, do not try the others."""
        if self._stop.is_set():
            raise Stopped
        entry = None
        try:
            if self._fatal is not None:
                raise self._fatal
            submission, entry = self._submitter.begin(item, index)
        except (AccountRefused, LedgerError) as error:
            self._fatal = error
            submission = prevented(name_of(item), index, None, error)
        if submission.outcome == "processing" and entry is not None and self._wait:
            self._poll(index, submission, entry)
        else:
            self._results.put((index, submission))

    def _poll(self, index: int, submission: Submission, entry: Entry) -> None:
        timeout = self._poll_timeout
        if timeout is None:
            timeout = POLL_TIMEOUTS.get(entry.media_kind, POLL_TIMEOUTS["video"])
        visible_from = self._clock.monotonic() + VISIBLE_AFTER
        ends = self._clock.monotonic() + timeout

        def poll() -> Asset | None:
            try:
                asset = self._submitter.provider.get(entry.asset_id or "")
            except (*_TEMPORARY, UnusableAnswer) as error:
                if _ends_polling(error, is_last=self._clock.monotonic() >= ends):
                    raise
                return None
            except AssetNotFound:
                if self._clock.monotonic() < visible_from:
                    return None
                raise
            return asset if asset.status in ("active", "failed") else None

        def done(asset: Asset | None, error: BaseException | None) -> None:
            try:
                self._results.put((index, self._polled(submission, entry, asset, error, timeout)))
            except LedgerError as fault:
                self._results.put((index, _unwritten(submission, asset, fault)))
            except BaseException as fault:  # noqa: BLE001 - raised again in the thread that iterates
                self._results.put((index, fault))

        self._scheduler.watch(poll, timeout, done)

    def _polled(
        self, submission: Submission, entry: Entry, asset: Asset | None, error: BaseException | None, timeout: float
    ) -> Submission:
        submitter = self._submitter
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
    """Return whether an unusable answer ends polling: one may come from a gateway, the last is reported."""
    return isinstance(error, UnusableAnswer) and (is_last or not error.retryable)


def _unwritten(submission: Submission, asset: Asset | None, error: LedgerError) -> Submission:
    """Return the submission of an asset that cannot be recorded in the ledger."""
    text = sentences(str(error), _POLL_ON)
    return replace(submission, asset=asset or submission.asset, code="ledger_error", message=text, error=error)
