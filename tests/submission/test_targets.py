"""One target of a run, and the order of its results: without threads, at an account in memory."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preflight.clock import Clock
from preflight.errors import (
    AccountRefused,
    AssetNotFound,
    LedgerError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    SourceError,
    Stopped,
    UnusableAnswer,
    UsageError,
)
from preflight.hosts import LocalFile
from preflight.ledger import ContentId, Entry, Ledger
from preflight.media import Media
from preflight.providers import AGT, ATLAS, Asset, Provider
from preflight.report import Finding, Problem, Rejected, Report
from preflight.submission import run as running
from preflight.submission.account import SUBMIT_THREADS, CallScope
from preflight.submission.client import active_asset
from preflight.submission.options import SubmissionOptions
from preflight.submission.outcome import NotActive, Submission
from preflight.submission.run import EndOfInput, ResultOrder, SubmissionRun
from preflight.submission.submitter import BegunTarget, KnownTarget, Submitter, stem_of
from preflight.targets import Item
from tests.clocks import FakeTime
from tests.rows import each_row
from tests.submission.fakes import FakeApi, entry_of, failure, provider_with

REPORT = Report("a.png", Media(kind="image"))


def one(index: int = 0, outcome: Any = "active", **facts: Any) -> Submission:
    return Submission(f"{index}.png", outcome, index, **facts)


class TestStems:
    @each_row(
        "target, stem",
        [
            ("folder/clip.mp4", "clip"),
            ("clip.tar.gz", "clip.tar"),
            (".hidden", ".hidden"),
            ("https://cdn.example/a%20b.png?x=1.y", "a b"),
            ("https://cdn.example/", ""),
            ("a%20b.png", "a%20b"),
        ],
    )
    def test_asset_is_named_after_its_file(self, target: str, stem: str) -> None:
        assert stem_of(target) == stem


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"a.png"


class BrokenPath:
    def __fspath__(self) -> str:
        raise ValueError


class TestItems:
    @each_row(
        "target, name",
        [
            (5, "<int>"),
            (b"a.png", "<bytes>"),
            (None, "<NoneType>"),
            (BytesPath(), "<BytesPath>"),
            (BrokenPath(), "<BrokenPath>"),
            (Item(5, "line 3"), "line 3"),  # type: ignore[arg-type]
        ],
    )
    def test_target_of_a_wrong_type_has_a_problem(self, target: Any, name: str) -> None:
        item = running._item_of(target)
        assert (item.name, item.problem and item.problem.code) == (name, "not_a_media_source")

    @each_row("target", ["a.png", Path("a.png"), Item("a.png", "list:3")])
    def test_paths_and_items_are_targets(self, target: Any) -> None:
        item = running._item_of(target)
        assert item.problem is None
        assert os.fspath(item.target) == "a.png"  # type: ignore[arg-type]

    def test_problem_of_an_item_stays(self) -> None:
        item = Item("", "list:3", problem=Problem("unreadable_line", "x"))
        assert running._item_of(item) is item


class TestOrder:
    def test_unordered_results_are_passed_on(self) -> None:
        order = ResultOrder([], ordered=False, on_result=None)
        assert [order.add(index, one(index)) for index in (2, 0)] == [[one(2)], [one(0)]]

    def test_ordered_results_wait_for_those_before(self) -> None:
        order = ResultOrder([], ordered=True, on_result=None)
        added = [[made.index for made in order.add(index, one(index))] for index in (1, 3, 0, 2)]
        assert added == [[], [], [0, 1], [2, 3]]

    def test_order_is_complete_with_the_last_result(self) -> None:
        order = ResultOrder([], ordered=False, on_result=None)
        assert not order.is_complete
        order.add(-1, EndOfInput(3))
        for index in range(3):
            assert not order.is_complete
            order.add(index, one(index))
        assert order.is_complete
        order.require_whole_input()

    def test_empty_input_is_complete_at_once(self) -> None:
        order = ResultOrder([], ordered=False, on_result=None)
        order.require_whole_input()
        assert order.add(-1, EndOfInput(0)) == []
        assert order.is_complete

    def test_last_end_counts_the_targets_and_any_keeps_its_error(self) -> None:
        for ends in (
            [EndOfInput(2), EndOfInput(3, OSError("gone"))],
            [EndOfInput(3, OSError("gone")), EndOfInput(2)],
        ):
            order = ResultOrder([], ordered=False, on_result=None)
            for end in ends:
                order.add(-1, end)
            order.add(0, one())
            order.add(1, one(1))
            assert not order.is_complete
            order.add(2, one(2))
            assert order.is_complete
            with pytest.raises(OSError, match="gone"):
                order.require_whole_input()

    @each_row("callback", [5, "print"])
    def test_callback_must_be_a_function(self, callback: Any) -> None:
        with pytest.raises(UsageError, match="on_result= is not a function"):
            ResultOrder([], ordered=False, on_result=callback)

    def test_callback_must_not_be_a_coroutine_function(self) -> None:
        async def callback(_: Submission) -> None:
            pass

        with pytest.raises(UsageError, match="on_result= is not a function"):
            ResultOrder([], ordered=False, on_result=callback)

    def test_error_of_the_call_is_raised(self) -> None:
        with pytest.raises(LedgerError):
            ResultOrder([], ordered=False, on_result=None).add(0, LedgerError("full"))

    def test_each_submission_is_reported_once(self) -> None:
        seen: list[Submission] = []
        order = ResultOrder([], ordered=True, on_result=seen.append)
        order.add(1, one(1))
        order.add(-1, EndOfInput(9))
        order.add_late(EndOfInput(9))
        order.add_late(one(0))
        assert [made.index for made in seen] == [1, 0]

    def test_error_of_the_callback_is_logged_and_loses_no_result(self, caplog: pytest.LogCaptureFixture) -> None:
        def fail(_: Submission) -> None:
            raise ValueError

        assert ResultOrder([], ordered=False, on_result=fail).add(0, one()) == [one()]
        assert "on_result raised an exception for 0.png" in caplog.text

    @each_row(
        "targets, callback, result, said",
        [
            (iter(()), None, one(0, "cancelled"), True),
            (iter(()), None, one(0, "processing"), False),
            (iter(()), lambda made: None, one(0, "cancelled"), False),
            ([], None, one(0, "cancelled"), False),
            ((), None, one(0, "cancelled"), False),
            (iter(()), None, EndOfInput(1), False),
        ],
    )
    def test_taken_target_that_is_reported_to_nobody_is_logged(
        self, caplog: pytest.LogCaptureFixture, targets: Any, callback: Any, result: Any, said: bool
    ) -> None:
        caplog.clear()
        ResultOrder(targets, ordered=False, on_result=callback).add_late(result)
        assert ("Submit it again" in caplog.text) is said


class TestActiveAsset:
    ASSET = Asset("asset-1", "x")

    @each_row(
        "submission, waits, raised",
        [
            (one(outcome="active", asset=ASSET, report=REPORT), True, None),
            (one(outcome="active", asset=ASSET), False, None),
            (one(outcome="active"), True, NotActive),
            (one(outcome="processing", asset=ASSET), False, None),
            (one(outcome="processing", asset=ASSET), True, NotActive),
            (one(outcome="processing"), False, NotActive),
            (one(outcome="failed", asset=ASSET, report=REPORT), True, NotActive),
            (one(outcome="failed", asset=ASSET), False, NotActive),
            (one(outcome="rejected", report=REPORT), True, Rejected),
            (one(outcome="rejected"), True, NotActive),
            (one(outcome="unknown", report=REPORT), True, NotActive),
            (one(outcome="error", error=LedgerError("full"), asset=ASSET), True, LedgerError),
        ],
    )
    def test_only_a_usable_asset_is_returned(self, submission: Submission, waits: bool, raised: Any) -> None:
        if raised is None:
            assert active_asset(submission, waits=waits) is self.ASSET
        else:
            with pytest.raises(raised):
                active_asset(submission, waits=waits)


def _stop() -> None:
    raise Stopped


@dataclass
class Pool:
    """In place of the threads of an account: work waits until a test runs it."""

    clock: Clock
    work: list[Callable[[], object]] = field(default_factory=list)
    watched: list[tuple[Any, ...]] = field(default_factory=list)
    withdrawn: int = 0
    until: float = math.inf

    @property
    def scheduler(self) -> Any:
        return self

    @property
    def workers(self) -> Any:
        return self

    @property
    def readers(self) -> Any:
        return self

    def add(self, scope: CallScope, work: Callable[[], object]) -> None:
        self.work.append(work)

    def watch(self, *arguments: Any) -> None:
        self.watched.append(arguments)

    def working_for(self, scope: CallScope, until: float = math.inf) -> Any:
        self.until = until
        return nullcontext()

    def withdraw(self, scope: CallScope) -> None:
        self.withdrawn += 1


@dataclass
class Begin:
    """In place of the submitter: what a test says of each item."""

    provider: Provider
    ledger: Ledger
    settings: SubmissionOptions
    answer: Callable[[Item, int], Any]

    def begin(self, item: Item, index: int) -> Any:
        return self.answer(item, index)


class Run:
    """A run whose threads do nothing by themselves."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.fake, self.api = FakeTime(), FakeApi()
        self.provider = provider_with(self.api, clock=self.fake.clock)
        self.ledger = Ledger(str(folder / "ledger.sqlite"), clock=self.fake.clock)
        self.results: list[tuple[int, Any]] = []
        self.pool = Pool(self.fake.clock)
        self.submitter = Begin(self.provider, self.ledger, SubmissionOptions(**options), self._active)
        self.run = SubmissionRun(self.pool, self.submitter, self._deliver)  # type: ignore[arg-type]

    def _deliver(self, index: int, result: Any) -> None:
        self.results.append((index, result))

    def _active(self, item: Item, index: int) -> BegunTarget:
        return BegunTarget(one(index))

    def outcomes(self) -> list[tuple[int, str | None]]:
        return [(index, getattr(result, "outcome", None)) for index, result in self.results]

    def processing(self, entry: Entry | None, **facts: Any) -> None:
        """Let each target be registered, and processing."""
        self.submitter.answer = lambda item, index: BegunTarget(one(index, "processing", report=REPORT, **facts), entry)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def make(**options: Any) -> Run:
        runs.append(Run(tmp_path, **options))
        return runs[-1]

    yield make
    for run in runs:
        run.ledger.close()


class TestInput:
    def test_targets_of_a_list_are_started_at_once(
        self, made: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "WINDOW", 3)
        for targets in (["a", "b", "c"], ("a", "b")):
            run = made()
            run.run.feed(targets)
            assert len(run.pool.work) == len(targets)
            assert run.results == [(-1, EndOfInput(len(targets)))]
            for work in run.pool.work:
                work()
            assert run.outcomes()[1:] == [(index, "active") for index in range(len(targets))]
            run.ledger.close()

    def test_stream_is_read_as_fast_as_targets_are_begun(self, made: Callable[..., Run]) -> None:
        run, blocks = made(), threading.Event()
        taken = [0]

        def targets() -> Iterator[str]:
            for number in range(1000):
                taken[0] += 1
                yield f"{number}.png"
                if number == SUBMIT_THREADS - 1:
                    blocks.set()

        before = threading.enumerate()
        run.run.feed(targets())
        (thread,) = [one for one in threading.enumerate() if one.name == "preflight-input" and one not in before]
        assert thread.daemon
        while len(run.pool.work) < SUBMIT_THREADS:
            threading.Event().wait(0.001)
        assert not blocks.wait(0.05)  # nothing has begun
        run.pool.work[0]()
        assert blocks.wait(5)
        while len(run.pool.work) <= SUBMIT_THREADS:
            threading.Event().wait(0.001)
        assert taken == [SUBMIT_THREADS + 1]
        run.run.cancel()
        thread.join(5)
        assert not thread.is_alive()
        assert taken == [SUBMIT_THREADS + 1]

    def test_target_that_is_started_after_the_end_is_cancelled(self, made: Callable[..., Run]) -> None:
        run = made()
        run.run.start("a.png")
        run.run.cancel()
        assert run.outcomes() == [(0, "cancelled")]
        assert run.pool.withdrawn == 1
        run.run.start("b.png")
        assert run.outcomes() == [(0, "cancelled"), (1, "cancelled")]
        assert len(run.pool.work) == 1
        run.pool.work[0]()  # a thread had taken it
        assert len(run.results) == 2

    def test_cancelled_stream_reports_how_many_targets_it_took(self, made: Callable[..., Run]) -> None:
        run = made()
        run.run.on_begun = lambda: None
        run.run.start("a.png")
        run.run.cancel()
        run.run.start("b.png")
        assert run.results[1] == (-1, EndOfInput(1))
        assert run.results[2] == (-1, EndOfInput(2))
        assert run.outcomes()[::3] == [(0, "cancelled"), (1, "cancelled")]

    def test_cancel_does_not_wait_for_calls_in_progress(self, made: Callable[..., Run]) -> None:
        run = made()
        with run.run.scope.in_flight:
            thread = threading.Thread(target=run.run.cancel, daemon=True)
            thread.start()
            thread.join(5)
            assert not thread.is_alive()
        with pytest.raises(Stopped), run.run.scope.in_flight:
            pass

    def test_each_target_that_has_begun_frees_a_worker(self, made: Callable[..., Run]) -> None:
        run, begun = made(), []
        run.run.on_begun = lambda: begun.append(1)
        run.run.start("a.png")
        run.run.start("b.png")
        assert begun == []
        run.pool.work[0]()
        assert begun == [1]


class TestKnownTargets:
    """Targets whose assets the ledger knows are read back by other threads."""

    def known(self, made: Callable[..., Run]) -> Run:
        run, known = made(), KnownTarget(REPORT, None)  # type: ignore[arg-type]
        run.submitter.answer = lambda item, index: known
        run.submitter.finish = lambda given: BegunTarget(one(0)) if given is known else None  # type: ignore[attr-defined]
        return run

    def test_asset_is_read_back_after_the_worker_is_free(self, made: Callable[..., Run]) -> None:
        run, begun = self.known(made), []
        run.run.on_begun = lambda: begun.append(1)
        run.run.start("a.png")
        run.pool.work[0]()
        assert (run.results, begun) == ([], [1])
        run.pool.work[1]()
        assert (run.outcomes(), begun) == ([(0, "active")], [1])

    def test_stop_before_an_asset_is_read_back_cancels_its_target(self, made: Callable[..., Run]) -> None:
        run = self.known(made)
        run.run.start("a.png")
        run.pool.work[0]()
        run.run.cancel()
        run.pool.work[1]()
        assert run.outcomes() == [(0, "cancelled")]

    def test_stop_while_a_target_begins_cancels_it(self, made: Callable[..., Run]) -> None:
        run = self.known(made)
        answer = run.submitter.answer
        run.submitter.answer = lambda item, index: (run.run.scope.stop.set(), answer(item, index))[1]
        run.run.start("a.png")
        run.pool.work[0]()
        assert (run.outcomes(), len(run.pool.work)) == ([(0, "cancelled")], 1)


class TestErrors:
    def test_error_of_the_account_ends_all_targets_that_follow(self, made: Callable[..., Run]) -> None:
        for error, code in (
            (failure(AccountRefused, "credits"), "credits"),
            (LedgerError("full"), "ledger_error"),
        ):
            run, calls = made(), []

            def begin(item: Item, index: int, error: Exception = error, calls: list[int] = calls) -> Any:
                calls.append(index)
                raise error

            run.submitter.answer = begin
            for index in range(2):
                run.run.start(f"{index}.png")
                run.pool.work[index]()
            assert [(result.outcome, result.code) for _, result in run.results] == [("error", code)] * 2
            assert calls == [0]
            run.ledger.close()

    def test_error_that_names_one_asset_is_not_that_of_the_others(self, made: Callable[..., Run]) -> None:
        run = made()

        def begin(item: Item, index: int) -> Any:
            raise LedgerError("full. The asset is registered as asset-1.") from LedgerError("full")

        run.submitter.answer = begin
        for index in range(2):
            run.run.start(f"{index}.png")
            run.pool.work[index]()
        assert [result.message for _, result in run.results] == ["full. The asset is registered as asset-1.", "full"]

    def test_any_other_error_ends_the_call(self, made: Callable[..., Run]) -> None:
        run = made()

        def begin(item: Item, index: int) -> Any:
            raise UsageError("wrong")

        run.submitter.answer = begin
        for index in range(2):
            run.run.start(f"{index}.png")
            run.pool.work[index]()
            run.submitter.answer = run._active
        assert [type(result) for _, result in run.results] == [UsageError, UsageError]

    def test_first_fatal_error_ends_the_call(self, made: Callable[..., Run]) -> None:
        run = made()
        run.run._fatal = first = UsageError("first")

        def begin(item: Item, index: int) -> Any:
            raise AssertionError

        run.submitter.answer = begin
        run.run.start("a.png")
        run.pool.work[0]()
        assert run.results == [(0, first)]
        assert run.run._fatal is first

    @each_row(
        "error, stops, outcome, kind",
        [
            (Stopped(), True, "cancelled", Submission),
            (Stopped(), False, None, Stopped),
            (LedgerError("closed"), True, "cancelled", Submission),
            (LedgerError("closed"), False, "error", Submission),
            (failure(AccountRefused, "credits"), True, "error", Submission),
        ],
    )
    def test_what_a_stop_interrupts_is_cancelled(
        self, tmp_path: Path, error: Exception, stops: bool, outcome: str | None, kind: type
    ) -> None:
        run = Run(tmp_path)

        def begin(item: Item, index: int) -> Any:
            if stops:
                run.run.scope.stop.set()
            raise error

        run.submitter.answer = begin
        run.run.start("a.png")
        run.pool.work[0]()
        assert run.outcomes() == [(0, outcome)]
        assert isinstance(run.results[0][1], kind)
        run.ledger.close()

    def test_target_that_a_thread_takes_after_the_stop_is_cancelled(self, made: Callable[..., Run]) -> None:
        run = made()
        run.run.start("a.png")
        run.run.scope.stop.set()
        run.pool.work[0]()
        assert run.outcomes() == [(0, "cancelled")]


class TestPolling:
    @each_row(
        "outcome, has_entry, wait, polls",
        [
            ("processing", True, True, True),
            ("processing", True, False, False),
            ("processing", False, True, False),
            ("active", True, True, False),
        ],
    )
    def test_processing_asset_is_polled(
        self, tmp_path: Path, outcome: str, has_entry: bool, wait: bool, polls: bool
    ) -> None:
        run = Run(tmp_path, wait=wait, poll_timeout=70.0)
        entry = entry_of(run.provider, asset_id="asset-7") if has_entry else None
        run.submitter.answer = lambda item, index: BegunTarget(one(index, outcome), entry)
        run.run.start("a.png")
        run.pool.work[0]()
        assert bool(run.pool.watched) is polls
        assert run.outcomes() == ([] if polls else [(0, outcome)])
        if polls:
            _, seconds, _, scope, key, kind = run.pool.watched[0]
            assert (seconds, scope, key, kind) == (70.0, run.run.scope, "asset-7", "image")
            assert run.pool.withdrawn == 0
        run.ledger.close()

    def test_polling_that_begins_after_a_stop_is_withdrawn(self, made: Callable[..., Run]) -> None:
        run = made()
        run.processing(entry_of(run.provider, asset_id="asset-7"))
        begin = run.submitter.answer

        def stopping(item: Item, index: int) -> Any:
            run.run.scope.stop.set()
            return begin(item, index)

        run.submitter.answer = stopping
        run.run.start("a.png")
        run.pool.work[0]()
        assert run.pool.withdrawn == 1

    def test_last_poll_waits_for_its_turn_thirty_seconds_longer_than_the_timeout(
        self, made: Callable[..., Run]
    ) -> None:
        run = made()
        begun = run.pool.clock.monotonic()
        self.poll(run, status="processing")()
        assert run.pool.until == begun + run.pool.watched[0][1] + 30.0

    def poll(self, run: Run, error: Exception | None = None, **status: Any) -> Callable[[], Asset | None]:
        """Begin to poll an asset; return the poll."""
        asset = run.api.add(**status)
        run.processing(entry_of(run.provider, asset_id=asset.id))
        run.run.start("a.png")
        run.pool.work[0]()

        def fail(_: int) -> None:
            if error is not None:
                raise error

        run.api.on["get"] = fail
        poll: Callable[[], Asset | None] = run.pool.watched[0][0]
        return poll

    @each_row("status, ends", [("active", True), ("failed", True), ("processing", False), ("unknown", False)])
    def test_final_status_ends_polling(self, tmp_path: Path, status: str, ends: bool) -> None:
        run = Run(tmp_path)
        assert self.poll(run, status=status)() == (run.api.assets[0] if ends else None)
        run.ledger.close()

    @each_row(
        "error, after, raised",
        [
            (failure(ProviderUnavailable), 1e6, False),
            (failure(RateLimited, "rate_limited"), 1e6, False),
            (failure(UnusableAnswer, "response_invalid", retryable=True), 99.9, False),
            (failure(UnusableAnswer, "response_invalid", retryable=True), 100.0, True),
            (failure(UnusableAnswer, "response_invalid"), 0.0, True),
            (failure(AssetNotFound, "not_found"), 29.9, False),
            (failure(AssetNotFound, "not_found"), 30.0, True),
            (failure(AccountRefused, "auth"), 0.0, True),
        ],
    )
    def test_temporary_errors_do_not_end_polling(
        self, tmp_path: Path, error: ProviderError, after: float, raised: bool
    ) -> None:
        run = Run(tmp_path, poll_timeout=100.0)
        poll = self.poll(run, error)
        run.fake.now += after
        if raised:
            with pytest.raises(type(error)):
                poll()
        else:
            assert poll() is None
        run.ledger.close()

    def test_poll_whose_turn_does_not_come_has_no_result(self, made: Callable[..., Run]) -> None:
        run = made()
        poll = self.poll(run, Stopped())
        assert poll() is None
        run.api.on["get"] = lambda number: run.run.scope.stop.set() or _stop()
        with pytest.raises(Stopped):
            poll()

    def test_stop_ends_polling_before_a_call(self, made: Callable[..., Run]) -> None:
        run = made()
        poll = self.poll(run)
        run.run.scope.stop.set()
        with pytest.raises(Stopped):
            poll()
        assert run.api.calls["get"] == 0

    def done(self, run: Run, polled: Asset | None, error: BaseException | None, **facts: Any) -> Any:
        """Return what is delivered when polling has ended so."""
        entry = run.ledger.write(entry_of(run.provider, asset_id="asset-0", state="processing"))
        run.processing(entry, **facts)
        run.run.start("a.png")
        run.pool.work[0]()
        run.pool.watched[0][2](polled, error)
        return run.results[-1][1]

    @each_row(
        "now, before, expected",
        [(None, "image", "image"), ("video", "image", "video"), (None, None, None), (None, ..., None)],
    )
    def test_kind_that_polling_leaves_out_is_that_of_the_registration(
        self, tmp_path: Path, now: str | None, before: Any, expected: str | None
    ) -> None:
        run = Run(tmp_path)
        asset = Asset("asset-0", "x", "active", kind=now)
        facts = {} if before is ... else {"asset": Asset("asset-0", "x", kind=before)}
        made = self.done(run, asset, None, reused=True, message="A note.", **facts)
        assert (made.outcome, made.asset.kind, made.reused, made.message) == ("active", expected, True, "A note.")
        assert next(iter(run.ledger.entries())).state == "active"
        for entry in list(run.ledger.entries()):
            run.ledger.forget(entry)
        run.ledger.close()

    @each_row(
        "error, stops, outcome, code, state",
        [
            (None, False, "processing", "deadline", "processing"),
            (Stopped(), True, "processing", "cancelled", "processing"),
            (failure(AssetNotFound, "not_found"), False, "error", "asset_gone", "gone"),
            (failure(AssetNotFound, "not_found"), True, "error", "asset_gone", "gone"),
            (failure(ProviderUnavailable), False, "processing", "server", "processing"),
        ],
    )
    def test_end_without_a_final_status_keeps_the_asset(
        self, tmp_path: Path, error: Any, stops: bool, outcome: str, code: str, state: str
    ) -> None:
        run = Run(tmp_path, poll_timeout=100.0)
        if stops:
            begin_watch = run.pool.watch
            run.pool.watch = lambda *words: (begin_watch(*words), run.run.scope.stop.set())  # type: ignore[method-assign]
        made = self.done(run, None, error)
        assert (made.outcome, made.code) == (outcome, code)
        assert next(iter(run.ledger.entries())).state == state
        assert code != "deadline" or "still processing after 100 s" in made.message
        for entry in list(run.ledger.entries()):
            run.ledger.forget(entry)
        run.ledger.close()

    def test_any_other_error_is_delivered(self, made: Callable[..., Run]) -> None:
        run = made()
        assert isinstance(self.done(run, None, Stopped()), Stopped)
        error = ValueError()
        run.pool.watched[0][2](None, error)
        assert run.results[-1] == (0, error)

    @each_row("stops, code", [(False, "ledger_error"), (True, "cancelled")])
    def test_ledger_that_fails_afterwards_loses_no_asset(self, tmp_path: Path, stops: bool, code: str) -> None:
        for now, before in ((Asset("asset-0", "x", "active"), None), (None, Asset("asset-0", "x"))):
            run = Run(tmp_path)
            entry = run.ledger.write(entry_of(run.provider, asset_id="asset-0"))
            run.processing(entry, asset=before)
            run.run.start("a.png")
            run.pool.work[0]()
            run.ledger.close()
            if stops:
                run.run.scope.stop.set()
            run.pool.watched[0][2](now, None if now else failure(AssetNotFound, "not_found"))
            (index, made) = run.results[-1]
            assert (index, made.code, made.outcome) == (0, code, "processing")
            if not stops:
                assert made.asset == (now or before)
                assert made.message.endswith("Run the same command again to continue polling.")


class Groups:
    """Stands for the groups of an account; a new one is made after what is given."""

    def resolve(self, group: str | None, prepare: Callable[[], object]) -> str | None:
        if group is not None:
            prepare()
        return group


class Keeper:
    """A host that keeps what it is given."""

    def __init__(self) -> None:
        self.files: list[LocalFile] = []

    def put(self, file: LocalFile) -> str:
        self.files.append(file)
        return "https://cdn.example/x"


class TestRequests:
    def submitter(self, spec: Any = ATLAS, **options: Any) -> Submitter:
        from preflight.checker import CheckPlan

        clock = FakeTime().clock
        return Submitter(
            provider=provider_with(FakeApi(), spec, clock=clock, needs_group=False),
            ledger=None,  # type: ignore[arg-type]
            settings=SubmissionOptions(**options),
            plan=CheckPlan(()),
            rules_digest="rules",
            registrar=None,  # type: ignore[arg-type]
            known=SimpleNamespace(get=None),  # type: ignore[arg-type]
            groups=Groups(),  # type: ignore[arg-type]
            clock=clock,
            account=None,  # type: ignore[arg-type]
            host=Keeper(),
        )

    def request(self, submitter: Submitter, target: str = "https://cdn.example/clip.png", **facts: Any) -> Any:
        report = Report(target, Media(kind="image", **facts))
        return submitter._request(target, report, "image", ContentId("sha256:" + "0" * 64))

    @each_row("target", ["data:image/png;base64,AA==", "DATA:,x"])
    def test_data_uri_is_not_registered_even_if_it_passes(self, target: str) -> None:
        with pytest.raises(SourceError) as raised:
            self.submitter()._submit(Item(target), Report(target, Media(kind="image")), target)
        assert raised.value.code == "data_uri_not_accepted"

    @each_row("name, stem", [("given", "given"), (None, "clip")])
    def test_name_that_is_given_replaces_that_of_the_file(self, name: str | None, stem: str) -> None:
        assert self.request(self.submitter(name=name)).stem == stem

    @each_row(
        "kind, type_, expected",
        [
            ("image", None, "image"),
            ("image", "Image", "image"),
            ("video", None, "video"),
            ("video", "Video", "video"),
            ("video", "TrainingVideo", "video:TrainingVideo"),
            ("image", "Script", "image:Script"),
        ],
    )
    def test_type_that_a_kind_does_not_have_anyway_is_part_of_the_key(
        self, kind: str, type_: str | None, expected: str
    ) -> None:
        key = self.submitter(AGT, type=type_)._key(kind, ContentId("sha256:00"), str, str)
        assert (key.kind, key.group_id) == (expected, "")

    def test_group_is_part_of_the_key_and_follows_the_hosted_file(self) -> None:
        steps: list[str] = []
        key = self.submitter(group="g")._key(
            "image", ContentId("sha256:00"), lambda: steps.append("hosted") or "", lambda: steps.append("compared")
        )
        assert key.group_id == "g"
        assert steps == ["hosted", "compared"]

    def test_codes_of_warnings_are_recorded(self) -> None:
        from preflight.report import Result

        findings = tuple(
            Finding(code, severity, "x")  # type: ignore[arg-type]
            for code, severity in (("animated", "warning"), ("uncommon_coding", "note"), ("animated", "warning"))
        )
        report = Report(
            "https://cdn.example/x.png",
            Media(kind="image"),
            results=(Result("atlas", "register", "2026-01-01", "published", "pass", findings),),  # type: ignore[arg-type]
        )
        request = self.submitter()._request(report.source, report, "image", ContentId("sha256:00"))
        assert request.warnings == "animated"

    @each_row(
        "facts, size, mime",
        [({"size": 7, "format": "png"}, 7, "image/png"), ({}, 0, "application/octet-stream")],
    )
    def test_host_gets_the_facts_that_were_checked(self, facts: dict[str, Any], size: int, mime: str) -> None:
        submitter = self.submitter()
        request = self.request(submitter, "folder/clip.png", **facts)
        assert request.url is None
        assert [request.make_url() for _ in range(2)] == ["https://cdn.example/x"] * 2
        assert submitter.host.files == [LocalFile("folder/clip.png", "clip.png", size, mime, "0" * 64)]  # type: ignore[union-attr]

    def test_url_is_registered_as_it_is(self) -> None:
        submitter = self.submitter()
        request = self.request(submitter)
        assert request.url == request.make_url() == "https://cdn.example/clip.png"
        assert submitter.host.files == []  # type: ignore[union-attr]
