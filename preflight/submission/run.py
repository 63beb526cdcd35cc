"""Many targets: threads that check and register, one scheduler that polls, results in input order or as they come."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from queue import SimpleQueue
from typing import Final

from preflight.errors import (
    AccountRefused,
    AssetNotFound,
    LedgerError,
    ProviderError,
    ProviderUnavailable,
    ProviderUnreachable,
    RateLimited,
)
from preflight.ledger import Entry
from preflight.providers import Asset
from preflight.rates import InFlight, Scheduler, Stopped
from preflight.scan.items import name_of
from preflight.submission.outcome import Submission, settled, stopped
from preflight.submission.register import APPEARS
from preflight.submission.submitter import Submitter
from preflight.targets import Item

DEADLINES: Final = {"image": 180.0, "audio": 300.0, "video": 900.0}
"""Seconds that processing may take before it is left to a later run: users wait 3 to 15 minutes for a video."""
WORKERS: Final = 32
"""Targets that are checked and registered at once: 30 calls may be in flight."""
WINDOW: Final = 4096
"""Targets under way at once: each is a few kilobytes."""
_PASSING: Final = (ProviderUnavailable, ProviderUnreachable, RateLimited)
"""What says nothing of an asset that is polled: ask again later."""

_Result = Submission | BaseException


class SubmissionRun:
    """One run of submissions. Use as a context; leaving it early keeps everything resumable.

    Its threads are daemons: at the end only calls that may have an effect are waited for, nothing that merely reads.
    """

    def __init__(
        self, job: Submitter, calls: InFlight, *, wait_for: bool = True, poll_timeout: float | None = None
    ) -> None:
        """calls: what the job's calls with an effect are made in."""
        self._job = job
        self._calls = calls
        self._wait = wait_for
        self._timeout = poll_timeout
        self._scheduler = Scheduler(job.clock)
        self._tasks: SimpleQueue[tuple[int, Item] | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[int, _Result]] = SimpleQueue()
        self._workers: list[threading.Thread] = []
        self._ended: BaseException | None = None

    def __enter__(self) -> SubmissionRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._job.clock.stop()
        self._scheduler.close()
        for _worker in self._workers:
            self._tasks.put(None)
        self._calls.close()  # a call that is under way is brought to its end

    def submissions(self, items: Iterable[Item], *, ordered: bool = True) -> Iterator[Submission]:
        """What became of iter_pages item, exactly one each. Raises what shows the whole call to be wrong."""
        early: dict[int, Submission] = {}
        begun = given = 0
        for index, item in enumerate(items):
            self._start(index, item)
            begun += 1
            while begun - given >= WINDOW or not self._results.empty():
                for submission in self._arrived(early, given, ordered=ordered):
                    given += 1
                    yield submission
        while given < begun:
            for submission in self._arrived(early, given, ordered=ordered):
                given += 1
                yield submission

    def _arrived(self, early: dict[int, Submission], turn: int, *, ordered: bool) -> Iterator[Submission]:
        """Wait for one result; give what its coming lets be given, from number `turn` on where the order counts."""
        index, result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        if not ordered:
            yield result
            return
        early[index] = result
        while turn in early:
            yield early.pop(turn)
            turn += 1

    def _start(self, index: int, item: Item) -> None:
        self._tasks.put((index, item))
        if len(self._workers) < WORKERS:
            worker = threading.Thread(target=self._work, daemon=True, name="preflight-submit")
            self._workers.append(worker)
            worker.start()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            index, item = task
            try:
                self._begin(index, item)
            except BaseException as error:  # whoever iterates is to see it
                self._ended = self._ended or error
                self._results.put((index, error))

    def _begin(self, index: int, item: Item) -> None:
        """Bring one item as far as its id. What is refused or broken for all is not tried again for each."""
        if self._job.clock.stopped:
            raise Stopped
        entry = None
        try:
            if self._ended is not None:
                raise self._ended
            submission, entry = self._job.begin(item, index)
        except (AccountRefused, LedgerError) as error:
            self._ended = error
            submission = stopped(name_of(item), index, None, error)
        if submission.outcome == "processing" and entry is not None and self._wait:
            self._poll(index, submission, entry)
        else:
            self._results.put((index, submission))

    def _poll(self, index: int, submission: Submission, entry: Entry) -> None:
        clock = self._job.clock
        kind = entry.kind.partition(":")[0]
        deadline = self._timeout if self._timeout is not None else DEADLINES.get(kind, DEADLINES["video"])
        new_until = clock.now() + APPEARS

        def poll() -> Asset | None:
            try:
                asset = self._job.provider.get(entry.asset_id or "")
            except _PASSING:
                return None
            except AssetNotFound:
                if clock.now() < new_until:
                    return None
                raise
            return asset if asset.status in ("active", "failed") else None

        def done(asset: Asset | None, error: BaseException | None) -> None:
            try:
                self._results.put((index, self._polled(submission, entry, asset, error, deadline)))
            except LedgerError as fault:
                self._results.put((index, _unwritten(submission, asset, fault)))
            except BaseException as fault:
                self._results.put((index, fault))

        self._scheduler.watch(poll, deadline, done)

    def _polled(
        self, submission: Submission, entry: Entry, asset: Asset | None, error: BaseException | None, deadline: float
    ) -> Submission:
        if isinstance(error, AssetNotFound):
            self._job.ledger.settle(entry, "gone")
            text = f"{error}; the next run registers it again"
            return replace(submission, outcome="error", asset=None, code="asset_gone", message=text, error=error)
        if isinstance(error, ProviderError):
            text = f"{error}; it is registered: run the same command again to poll on"
            return replace(submission, code=error.reason, message=text, error=error)
        if error is not None:
            raise error
        if asset is None:
            text = f"still processing after {deadline:g} s: run the same command again to poll on"
            return replace(submission, code="deadline", message=text)
        before, report = submission.asset, submission.report
        assert report is not None  # it was checked
        # A get of some services leaves out what registering told.
        asset = replace(asset, kind=asset.kind or (before.kind if before is not None else None))
        entry = self._job.registrar.record(entry, asset)
        return settled(report, entry, asset, self._job.provider, reused=submission.reused, note=submission.message)


def _unwritten(submission: Submission, asset: Asset | None, error: LedgerError) -> Submission:
    """What is known of an asset and cannot be kept."""
    text = f"{error}; it is registered: run the same command again to poll on"
    return replace(submission, asset=asset or submission.asset, code="ledger_error", message=text, error=error)
