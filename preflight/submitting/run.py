"""Many targets: threads that check and register, one scheduler that polls, results in input order or as they come."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Final

from preflight.errors import AccountRefused, AssetNotFound, PreflightError
from preflight.ledger import Entry
from preflight.pacing import Scheduler, Stopped
from preflight.providers import Asset
from preflight.submitting.job import Job
from preflight.submitting.lookup import PASSING
from preflight.submitting.outcome import Outcome, Submission
from preflight.targets import Item

DEADLINES: Final = {"image": 180.0, "audio": 300.0, "video": 900.0}
"""Seconds that processing may take before it is left to a later run: users wait 3 to 15 minutes for a video."""
WORKERS: Final = 16
WINDOW: Final = 4096
"""Targets under way at once: each is a few kilobytes."""
APPEARS: Final = 30.0
"""Seconds after which an id that nobody knows is gone, and not merely new."""


class Run:
    """One run of submissions. Use as a context; leaving it early keeps everything resumable."""

    def __init__(self, job: Job, *, wait_for: bool = True, poll_timeout: float | None = None) -> None:
        self._job = job
        self._wait = wait_for
        self._timeout = poll_timeout
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="preflight-submit")
        self._scheduler = Scheduler(job.clock)
        self._refused: AccountRefused | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._job.clock.stop()
        self._scheduler.close()
        self._pool.shutdown(wait=True, cancel_futures=True)  # a call that is under way is brought to its end

    def submissions(self, items: Iterable[Item], *, ordered: bool = True) -> Iterator[Submission]:
        """What became of every item, exactly one each. Raises the `AccountRefused` that stopped all of them."""
        pending: deque[Future[Submission]] = deque()
        for index, item in enumerate(items):
            pending.append(self._start(item, index))
            while len(pending) >= WINDOW or (pending and pending[0].done()):
                yield self._next(pending, ordered=ordered)
        while pending:
            yield self._next(pending, ordered=ordered)

    def _next(self, pending: deque[Future[Submission]], *, ordered: bool) -> Submission:
        if not ordered:
            done = wait(pending, return_when=FIRST_COMPLETED).done
            while pending[0] not in done:
                pending.rotate(-1)
        return pending.popleft().result()

    def _start(self, item: Item, index: int) -> Future[Submission]:
        result: Future[Submission] = Future()
        self._pool.submit(self._begin, item, index, result)
        return result

    def _begin(self, item: Item, index: int, result: Future[Submission]) -> None:
        try:
            if self._refused is not None:
                raise self._refused
            submission, entry = self._job.begin(item, index)
            if submission.outcome == "processing" and entry is not None and self._wait:
                self._poll(submission, entry, result)
            else:
                result.set_result(submission)
        except BaseException as error:
            if isinstance(error, AccountRefused):
                self._refused = error
            result.set_exception(error)

    def _poll(self, submission: Submission, entry: Entry, result: Future[Submission]) -> None:
        clock = self._job.clock
        kind = submission.report.media.kind if submission.report and submission.report.media else None
        deadline = self._timeout if self._timeout is not None else DEADLINES.get(kind or "", DEADLINES["video"])
        new_until = clock.now() + APPEARS

        def poll() -> Asset | None:
            try:
                asset = self._job.provider.get(entry.asset_id or "")
            except PASSING:
                return None
            except AssetNotFound:
                if clock.now() < new_until:
                    return None
                raise
            return asset if asset.status in ("active", "failed") else None

        def done(asset: object | None, error: BaseException | None) -> None:
            try:
                result.set_result(self._polled(submission, entry, asset, error, deadline))
            except BaseException as fault:
                result.set_exception(fault)

        self._scheduler.watch(poll, deadline, done)

    def _polled(
        self, submission: Submission, entry: Entry, asset: object | None, error: BaseException | None, deadline: float
    ) -> Submission:
        if isinstance(error, AssetNotFound):
            self._job.ledger.settle(entry, "gone")
            return replace(submission, outcome="error", code="not_found", message=str(error), error=error)
        if isinstance(error, PreflightError) and not isinstance(error, Stopped):
            text = f"{error}; it is registered: run the same command again to poll on"
            return replace(submission, outcome="processing", message=text, error=error)
        if error is not None:
            raise error
        if not isinstance(asset, Asset):
            text = f"still processing after {deadline:g} s: run the same command again to poll on"
            return replace(submission, code="deadline", message=text)
        self._job.registrar.record(entry, asset)
        state: Outcome = "active" if asset.status == "active" else "failed"
        # The list and the get of some services leave out what registering told.
        asset = replace(asset, kind=asset.kind or (submission.asset.kind if submission.asset else None))
        return replace(submission, outcome=state, asset=asset, code=asset.error_code, message=asset.error_message)
