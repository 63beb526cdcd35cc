"""Many targets: each has one report, in order, whichever executor examines it."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from preflight import Report, UsageError, check_many
from preflight.checker import plan_for
from preflight.scan import executors, scan, scan_encoded
from preflight.scan.items import Cached, as_outcomes
from preflight.sources.open import Target
from preflight.targets import Item, expand
from tests.scan.traps import Broken, Failing, Inline, NoPath

PASSING = "fixtures/accepted/picture.png"


@pytest.fixture(scope="module")
def files(fixtures: Path) -> list[str]:
    """Return files that our own readers read: decoders would take too long for so many."""
    folders = [str(fixtures / "accepted"), str(fixtures / "refused")]
    return [str(item.target) for item in expand(folders)] * 5


@pytest.fixture(scope="module")
def expected(files: list[str]) -> list[Report]:
    return list(check_many(files, "atlas,ltx"))


class TestExecutors:
    def test_reports_have_the_order_of_the_targets(self, files: list[str], expected: list[Report]) -> None:
        assert [report.source for report in expected] == files
        assert [report.index for report in expected] == list(range(len(files)))

    def test_jobs_give_the_same_reports(self, files: list[str], expected: list[Report]) -> None:
        assert list(check_many(files, "atlas,ltx", jobs=2)) == expected

    @pytest.mark.parametrize("kind", ["threads", "processes", "inline"])
    def test_executor_of_the_caller_gives_the_same_reports(
        self, kind: str, files: list[str], expected: list[Report]
    ) -> None:
        with ExitStack() as stack:
            executor: Executor = Inline()
            if kind == "threads":
                executor = stack.enter_context(ThreadPoolExecutor(3))
            if kind == "processes":
                context = multiprocessing.get_context("spawn")
                executor = stack.enter_context(ProcessPoolExecutor(2, context))
            assert list(check_many(files, "atlas,ltx", executor=executor)) == expected

    @pytest.mark.parametrize("at", [0, 2])
    def test_broken_executor_costs_no_report(self, at: int, files: list[str], expected: list[Report]) -> None:
        assert list(check_many(files, "atlas,ltx", executor=Broken(at))) == expected

    def test_executor_that_cannot_pickle_costs_no_report(self, files: list[str], expected: list[Report]) -> None:
        assert list(check_many(files[:20], "atlas,ltx", executor=Failing())) == expected[:20]

    def test_urls_are_submitted_to_an_executor_singly(self) -> None:
        executor = Inline()
        reports = list(check_many(["ftp://a.example/b.png"] * 20, "atlas", executor=executor))
        assert len(reports) == 20
        assert [count for count, _, _ in executor.sizes] == [1] * 20

    def test_files_are_examined_inline_if_no_thread_can_be_started(
        self, files: list[str], expected: list[Report], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert list(check_many(files, "atlas,ltx", jobs=2)) == expected

    def test_unordered_reports_are_the_same(self, files: list[str], expected: list[Report]) -> None:
        reports = list(check_many(files, "atlas,ltx", jobs=2, ordered=False))
        assert sorted(reports, key=lambda report: report.index) == expected

    def test_bytes_and_open_files_are_examined_too(self, fixtures: Path) -> None:
        data = (fixtures / "accepted/picture.png").read_bytes()
        with open(PASSING, "rb") as stream:
            targets: list[Target] = [data, Path(PASSING), stream, PASSING, bytearray(data)]
            verdicts = [report.verdict for report in check_many(targets, "atlas", jobs=2)]
            assert verdicts == ["pass"] * 5
            with ThreadPoolExecutor(2) as pool:
                assert [r.verdict for r in check_many(targets, "atlas", executor=pool)] == verdicts


def test_arguments_and_results_of_executors_are_small_and_picklable(files: list[str]) -> None:
    executor = Inline()
    for _ in check_many(files * 3, "atlas", executor=executor):
        pass
    count, sent, received = max(executor.sizes)
    assert count == executors.BATCH_SIZE
    assert sent / count < 200
    assert received / count < 800


def test_wrong_call_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match="executor= is str, not an executor"):
        check_many([PASSING], "atlas", executor="no")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Did you mean 'atlas'"):
        check_many(iter(()), "atlass")


@pytest.mark.parametrize("jobs", [1, 2])
def test_path_object_that_raises_costs_its_own_report_only(jobs: int) -> None:
    before, report, after = check_many([PASSING, NoPath(), PASSING], "atlas", jobs=jobs)
    assert (before.verdict, after.verdict) == ("pass", "pass")
    assert report.error is not None
    assert report.error.message == "<NoPath> cannot be checked (the database is gone). Fix its class."


@pytest.mark.parametrize("jobs", [1, 2])
def test_targets_before_a_failure_of_the_input_have_reports(jobs: int) -> None:
    def targets() -> Iterator[str]:
        yield from [PASSING] * 100
        raise OSError("the list is gone")

    reports = check_many(targets(), "atlas", jobs=jobs)
    assert [report.verdict for report in itertools.islice(reports, 100)] == ["pass"] * 100
    with pytest.raises(OSError, match="the list is gone"):
        next(reports)


def test_slow_input_is_not_collected_into_batches() -> None:
    """Each report is there when the target after the next one comes."""
    given = 0

    def targets() -> Iterator[str]:
        nonlocal given
        for _ in range(6):
            time.sleep(executors.SLOW_SECONDS * 1.2)
            given += 1
            yield PASSING

    with ThreadPoolExecutor(1) as executor:
        ahead = [given - report.index for report in check_many(targets(), "atlas", executor=executor)]
    assert len(ahead) == 6
    assert max(ahead) <= 3


def test_endless_input_is_read_only_as_far_as_needed() -> None:
    taken = itertools.count()
    targets = (PASSING for _ in taken)
    for jobs in (1, 2):
        reports = check_many(targets, "atlas", jobs=jobs)
        assert [report.verdict for report in itertools.islice(reports, 300)] == ["pass"] * 300
        reports.close()  # type: ignore[attr-defined]
        assert next(taken) < 10_000


def test_cached_results_keep_their_place() -> None:
    def numbered() -> Iterator[tuple[int, Item | Cached[int]]]:
        for index in range(400):
            yield index, Cached(-index) if index % 3 else Item(PASSING)

    plan = plan_for("atlas")
    for jobs in (1, 2):
        found = list(scan_encoded(numbered(), plan, _positions, jobs=jobs))
        assert found == [-index if index % 3 else index for index in range(400)]


def _positions(outcomes: list[tuple[int, Report | None]]) -> list[int]:
    return [index for index, _ in outcomes]


def test_before_wait_is_called_before_each_file() -> None:
    calls: list[str] = []
    numbered = enumerate(map(Item, [PASSING] * 3))
    for _ in scan_encoded(numbered, plan_for("atlas"), as_outcomes, before_wait=partial(calls.append, "idle")):
        calls += ["report"]
    assert calls == ["idle", "report"] * 3


class _Slow(BaseHTTPRequestHandler):
    """Responds after a delay, and counts concurrent requests."""

    asking = 0
    most = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        with self.lock:
            type(self).asking += 1
            type(self).most = max(self.most, self.asking)
        time.sleep(0.15)
        with self.lock:
            type(self).asking -= 1
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def slow() -> Iterator[str]:
    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    _Slow.asking = _Slow.most = 0
    with Server(("127.0.0.1", 0), _Slow) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("per_host", "most", "count"), [(None, 16, 24), (3, 3, 9)])
def test_urls_are_fetched_in_parallel_within_the_limit_per_host(
    slow: str, per_host: int | None, most: int, count: int
) -> None:
    from preflight.net.options import HttpOptions

    options = {"allow_private": True} | ({} if per_host is None else {"per_host": per_host})
    plan = plan_for("atlas", http=HttpOptions(**options))  # type: ignore[arg-type]
    items = [Item(f"{slow}/{number}") for number in range(count)]
    reports = [report for report in scan(items, plan) if report is not None]
    assert [(report.index, report.verdict) for report in reports] == [(index, "fail") for index in range(count)]
    assert most - 2 <= _Slow.most <= most


@pytest.mark.parametrize("jobs", [0, -1, 257, 1.5, "2"])
def test_jobs_that_cannot_be_meant_are_refused(jobs: Any) -> None:
    with pytest.raises(UsageError, match="jobs="):
        check_many([], "atlas", jobs=jobs)


@pytest.mark.parametrize("jobs", [None, 1, 256])
def test_jobs_from_1_to_256_are_accepted(jobs: int | None) -> None:
    assert list(check_many([], "atlas", jobs=jobs)) == []
