"""How items are grouped, which route they take, and how many batches are in flight, with executors of the test."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preflight import UsageError, check_many
from preflight.checker import plan_for
from preflight.report import Problem, Report
from preflight.scan import executors, scan, scan_encoded
from preflight.scan.executors import Executors, Work, run_window
from preflight.scan.items import Cached, as_outcomes, examine_item, failed, name_of
from preflight.targets import Item
from tests.rows import each_row
from tests.scan.traps import Broken, Inline

PASSING = "fixtures/accepted/picture.png"
URL = "https://a.example/b.png"


class Routes:
    """Takes the words of items as their routes: at most `most` items in a batch, `window` batches in flight."""

    def __init__(self, most: int = 64, window: int = 48) -> None:
        self.window = window
        self._most = most
        self.works: list[Work[int]] = []
        self.make: Callable[[], Future[list[int]]] = Future
        self.retried: list[int] = []

    def route_of(self, item: Item | Cached[int]) -> Any:
        return "cached" if isinstance(item, Cached) else item.target

    def batch_size(self, route: str) -> int:
        return 1 if route == "urls" else self._most

    def submit(self, work: Work[int]) -> Future[list[int]]:
        self.works.append(work)
        return self.make()

    def retry_isolated(self, batch: Iterable[tuple[int, Item]]) -> list[int]:
        self.retried += [index for index, _ in batch]
        return self.retried


def numbered(routes: Iterable[str]) -> Iterator[tuple[int, Item | Cached[int]]]:
    for index, route in enumerate(routes):
        yield index, Cached(-index) if route == "cached" else Item(route)


def gathered(items: Iterable[tuple[int, Item | Cached[int]]], most: int = 64) -> list[tuple[str, int]]:
    """Return route and size of each batch."""
    works = executors._gather(items, Routes(most))  # type: ignore[arg-type]
    return [(work.route, len(work)) if isinstance(work, Work) else (str(work), 0) for work in works]


class TestBatches:
    def test_first_batches_are_small(self) -> None:
        sizes = [1, 2, 4, 8, 16, 32, 64, 64, 9]
        assert gathered(numbered(["files"] * 200)) == [("files", size) for size in sizes]
        assert gathered(numbered(["inline"] * 6), most=3) == [("inline", size) for size in (1, 2, 3)]

    def test_urls_are_handed_over_singly(self) -> None:
        assert gathered(numbered(["urls"] * 4)) == [("urls", 1)] * 4

    def test_each_batch_has_one_route(self) -> None:
        routes = ["files", "files", "inline", "cached", "cached", "files", "urls"]
        expected = [("files", 1), ("files", 1), ("inline", 1), ("cached", 2), ("files", 1), ("urls", 1)]
        assert gathered(numbered(routes)) == expected

    def test_failure_of_the_input_is_the_last(self) -> None:
        def items() -> Iterator[tuple[int, Item]]:
            yield from enumerate(map(Item, ["files"] * 2))
            raise OSError("the list is gone")

        assert gathered(items()) == [("files", 1), ("files", 1), ("the list is gone", 0)]
        assert gathered(iter([])) == []

    def test_slow_item_ends_its_batch_and_the_next_ones_are_small_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 0.0
        monkeypatch.setattr(executors, "time", SimpleNamespace(monotonic=lambda: now))

        def items() -> Iterator[tuple[int, Item]]:
            nonlocal now
            waits = [executors.SLOW_SECONDS, 0.01, 0.01, 0.01, 0.06, 0.01, 0.01, 0.01, 0.04, 0.0]
            for index, wait in enumerate(waits):
                now += wait
                yield index, Item("files")

        assert gathered(items()) == [("files", size) for size in (1, 2, 2, 1, 2, 2)]


class Lazy(Future[list[int]]):
    """Is done once its result is asked for."""

    def result(self, timeout: float | None = None) -> list[int]:
        if not self.done():
            self.set_result([])
        return super().result(timeout)


class TestWindow:
    def run(self, routes: Routes, count: int, *, ordered: bool = True, log: list[str] | None = None) -> list[int]:
        log = [] if log is None else log

        def items() -> Iterator[tuple[int, Item]]:
            for index in range(count):
                log.append(f"item {index}")
                yield index, Item("urls")

        results = []
        for result in run_window(items(), routes, ordered=ordered, before_wait=lambda: log.append("wait")):  # type: ignore[arg-type]
            log.append(f"result {result}")
            results.append(result)
        return results

    def test_window_is_filled_and_not_exceeded(self) -> None:
        routes, ahead, futures = Routes(window=3), [], list[Lazy]()

        def make() -> Lazy:
            futures.append(Lazy())
            ahead.append(len([future for future in futures if not future.done()]))
            return futures[-1]

        routes.make = make
        self.run(routes, 7)
        assert ahead == [1, 2, 3, 3, 3, 3, 3]

    def test_first_result_is_given_before_the_next_item_is_taken(self) -> None:
        routes, log = Routes(window=3), list[str]()
        routes.make = lambda: done(len(routes.works))
        self.run(routes, 2, log=log)
        assert log == ["item 0", "result 1", "wait", "item 1", "result 2", "wait"]

    def test_results_are_shown_before_a_wait(self) -> None:
        routes, log = Routes(window=2), list[str]()
        routes.make = Lazy
        self.run(routes, 2, log=log)
        assert log == ["item 0", "wait", "item 1", "wait", "wait", "wait"]

    def test_results_that_are_done_come_first_if_order_does_not_matter(self) -> None:
        routes, futures = Routes(window=4), [Future[list[int]]() for _ in range(4)]
        futures[1].set_result([1])
        remaining = iter(futures)
        routes.make = lambda: next(remaining)
        results = []
        for result in run_window(
            numbered(["urls"] * 4),
            routes,  # type: ignore[arg-type]
            ordered=False,
            before_wait=lambda: None,
        ):
            results.append(result)
            for number in (3, 2, 0):
                if not futures[number].done():
                    futures[number].set_result([number])
                    break
        assert results == [1, 3, 2, 0]

    def test_failure_of_the_input_is_raised_after_the_results_before_it(self) -> None:
        def items() -> Iterator[tuple[int, Item]]:
            yield 0, Item("urls")
            raise OSError("the list is gone")

        routes, results = Routes(), list[int]()
        routes.make = lambda: done(7)
        found = run_window(items(), routes, ordered=False, before_wait=lambda: None)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="the list is gone"):
            results.extend(found)
        assert results == [7]

    @each_row("error", [UsageError("wrong"), CancelledError()])
    def test_wrong_call_ends_the_run(self, error: Exception) -> None:
        routes = Routes()
        routes.make = lambda: done(error=error)
        with pytest.raises(type(error)):
            self.run(routes, 1)
        assert routes.retried == []

    def test_batch_on_which_an_executor_fails_is_examined_again(self) -> None:
        routes = Routes()
        routes.make = lambda: done(error=OSError("it broke"))
        assert self.run(routes, 1) == [0]


def done(*results: int, error: Exception | None = None) -> Future[list[int]]:
    future: Future[list[int]] = Future()
    if error is None:
        future.set_result(list(results))
    else:
        future.set_exception(error)
    return future


class TestRoutes:
    def executors(self, jobs: int | None = None, executor: Executor | None = None, *, deep: bool = False) -> Any:
        return closing(Executors(plan_for("atlas", deep=deep), as_outcomes, jobs, executor))

    @each_row(
        ("target", "alone", "parallel", "caller"),
        [
            (PASSING, "inline", "files", "caller"),
            (Path(PASSING), "inline", "files", "caller"),
            (URL, "urls", "urls", "caller_urls"),
            (b"bytes", "inline", "inline", "caller"),
            (io.BytesIO(b""), "inline", "inline", "inline"),
        ],
    )
    def test_route_depends_on_the_target_and_the_executor(
        self, target: Any, alone: str, parallel: str, caller: str
    ) -> None:
        item, broken = Item(target), Item(target, problem=Problem("not_found", "x"))
        with self.executors() as one, self.executors(2) as two, self.executors(2, Inline()) as own:
            assert (one.route_of(item), two.route_of(item), own.route_of(item)) == (alone, parallel, caller)
            assert {one.route_of(Cached(1)), own.route_of(Cached(1))} == {"cached"}
            assert one.route_of(broken) == "inline"
            assert own.route_of(broken) == caller.partition("_")[0]

    def test_batches_have_64_files_or_one_url(self) -> None:
        routes = ("files", "inline", "caller", "cached", "urls", "caller_urls")
        with self.executors() as shallow, self.executors(deep=True) as deep:
            assert [shallow.batch_size(route) for route in routes] == [64, 64, 64, 64, 1, 1]
            assert [deep.batch_size(route) for route in routes] == [1, 1, 1, 64, 1, 1]

    @each_row(("jobs", "window", "threads"), [(None, 48, 32), (1, 17, 1), (4, 68, 4), (50, 850, 50)])
    def test_jobs_decide_how_much_is_in_flight(self, jobs: int | None, window: int, threads: int) -> None:
        with self.executors(jobs) as given:
            assert given.window == window
            work: Work[Any] = Work("urls")
            work.batch.append((0, Item("ftp://a.example/b.png")))
            assert len(given.submit(work).result(20)) == 1
            assert given._threads["urls"]._max_workers == threads

    @each_row(("most", "threads"), [(3, 3), (9, 5)])
    def test_files_have_as_many_threads_as_processes_can_be_started(self, most: int, threads: int) -> None:
        with pytest.MonkeyPatch.context() as patch, self.executors(5) as given:
            patch.setattr(executors, "max_processes", lambda: most)
            patch.setattr(given, "_isolated", lambda: SimpleNamespace(examine=lambda batch: ["examined"]))
            assert given.submit(Work("files")).result(20) == ["examined"]
            assert given._threads["files"]._max_workers == threads

    @each_row(("route", "instead"), [("caller", "files"), ("caller_urls", "urls")])
    def test_batch_that_a_broken_executor_refuses_is_examined_here(self, route: Any, instead: str) -> None:
        with self.executors(2, Broken(-1)) as given:
            work: Work[Any] = Work(route)
            work.batch.append((0, Item("gone.png", problem=Problem("not_found", "x"))))
            given._examiner = SimpleNamespace(examine=lambda batch: ["examined"], close=lambda: None)
            (result,) = given.submit(work).result(20)
            assert (list(given._threads), result == "examined") == ([instead], instead == "files")

    def test_executor_of_the_caller_has_only_what_it_can_examine(self) -> None:
        executor = Inline()
        with self.executors(2, executor) as given:
            inline, cached = Work[Any]("inline"), Work[Any]("cached")
            inline.batch.append((0, Item(io.BytesIO(b"x"))))
            cached.results += [1, 2]
            assert len(given.submit(inline).result(0)) == 1
            assert given.submit(cached).result(0) == [1, 2]
        assert executor.sizes == []

    def test_close_cancels_waiting_calls(self) -> None:
        given = Executors(plan_for("atlas"), as_outcomes, 1, None)
        begun, release = threading.Event(), threading.Event()
        pool = given._thread_pool("urls", 1)
        busy = pool.submit(lambda: (begun.set(), release.wait(5)))
        waiting = pool.submit(time.monotonic)
        assert begun.wait(20)
        given.close()
        assert waiting.cancelled()
        assert not busy.done()
        release.set()
        busy.result(20)


class Late(Executor):
    """Completes the first batch after the second."""

    def __init__(self) -> None:
        self._first: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        result = fn(*args, **kwargs)
        if self._first:
            future.set_result(result)
        else:
            self._first.append(future)
            threading.Timer(0.05, future.set_result, (result,)).start()
        return future


class TestOrder:
    def test_results_are_in_order_unless_the_call_says_otherwise(self) -> None:
        plan, targets = plan_for("atlas"), [PASSING] * 3
        items = [Item(target) for target in targets]
        found = [
            list(check_many(targets, "atlas", executor=Late())),
            list(scan(items, plan, executor=Late())),
            list(scan_encoded(enumerate(items), plan, as_outcomes, executor=Late())),
        ]
        for reports in found:
            assert [report.index for report in reports if report is not None] == [0, 1, 2]
        unordered = check_many(targets, "atlas", executor=Late(), ordered=False)
        assert next(iter(unordered)).index != 0

    @each_row(("jobs", "elsewhere"), [(None, False), (1, False), (2, True)])
    def test_files_are_examined_elsewhere_only_with_jobs(self, jobs: int | None, elsewhere: bool) -> None:
        handed_over: list[Any] = []

        class Recorded(Executors[Any]):
            def submit(self, work: Work[Any]) -> Future[list[Any]]:
                handed_over.append(work)
                return done(*[0] * len(work))  # type: ignore[return-value]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(executors, "Executors", Recorded)
            assert len(list(scan([Item(PASSING)] * 2, plan_for("atlas"), jobs=jobs))) == 2
        assert bool(handed_over) is elsewhere

    def test_files_and_cached_results_alone_need_no_executor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(executors, "Executors", lambda *_: pytest.fail("no executor is needed"))
        items = enumerate([Cached(0), Item(PASSING), Cached(2)])
        encode: Any = lambda outcomes: [index for index, _ in outcomes]  # noqa: E731
        assert list(scan_encoded(items, plan_for("atlas"), encode)) == [0, 1, 2]

    def test_all_items_from_the_first_url_on_go_to_executors(self) -> None:
        routes: list[str] = []

        class Recorded(Executors[Any]):
            def submit(self, work: Work[Any]) -> Future[list[Any]]:
                routes.append(work.route)
                return done(*[0] * len(work))  # type: ignore[return-value]

        broken = Item(URL, problem=Problem("not_found", "x"))
        items = [Item(PASSING), broken, Item(URL), Item(PASSING), broken]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(executors, "Executors", Recorded)
            assert len(list(scan(items, plan_for("atlas")))) == 5
        assert routes == ["urls", "inline"]


class TestItems:
    @each_row(
        ("target", "explicit", "judged"),
        [
            ("pyproject.toml", True, True),
            ("pyproject.toml", False, False),
            (PASSING, False, True),
            ("gone.toml", False, True),
            ("text.png", False, True),
        ],
    )
    def test_file_in_a_folder_that_is_not_media_by_content_or_name_is_skipped(
        self, tmp_path: Path, target: str, explicit: bool, judged: bool
    ) -> None:
        if target == "text.png":
            target = str(tmp_path / target)
            Path(target).write_text("text")
        report = examine_item(3, Item(target, explicit=explicit), plan_for("atlas"))
        assert (report is not None) is judged
        assert report is None or (report.index, report.source) == (3, target)

    def test_item_with_a_problem_has_a_report_of_each_rule_set(self) -> None:
        problem = Problem("not_found", "It is gone.")
        item = Item("a.png", problem=problem)
        for report in (
            examine_item(2, item, plan_for("atlas,ltx")),
            failed(2, item, plan_for("atlas,ltx"), problem),
        ):
            assert isinstance(report, Report)
            assert (report.index, report.source, report.error) == (2, "a.png", problem)
            assert [(result.rules, result.verdict) for result in report.results] == [
                ("atlas", "unknown"),
                ("ltx", "unknown"),
            ]

    def test_name_of_an_item_is_that_of_its_target_unless_it_has_one(self) -> None:
        assert (name_of(Item("a.png")), name_of(Item("a.png", "line 3"))) == ("a.png", "line 3")
