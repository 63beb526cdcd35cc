"""What becomes of a batch whose process fails, with a pool of the test; and the task that a process performs."""

from __future__ import annotations

import gc
import pickle
import resource
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from preflight import UsageError
from preflight.checker import plan_for
from preflight.processes import CannotStart, Limits, TaskCrashed, TaskTimeout
from preflight.report import Problem
from preflight.scan import isolation
from preflight.scan.isolation import IsolatedExaminer
from preflight.scan.items import Batch
from preflight.targets import Item
from tests.rows import each_row

PLAN = plan_for("atlas")


def encode(outcomes: list[tuple[int, Any]]) -> list[str]:
    """Return what each report says: its position, and the code of its error."""
    return [f"{index} {report.error.code if report.error else report.verdict}" for index, report in outcomes]


class Pool:
    """Answers each call with what is next: an exception is raised, None examines the batch."""

    def __init__(self, *answers: BaseException | tuple[object, object] | None) -> None:
        self.answers = list(answers)
        self.sizes: list[int] = []
        self.closed = False

    def call(self, task: Any, _limits: Limits) -> object:
        batch = pickle.loads(task.arguments["pickled"])
        self.sizes.append(len(batch))
        match self.answers.pop(0) if self.answers else None:
            case BaseException() as error:
                raise error
            case None:
                return [f"{index} there" for index, _ in batch], None
            case answer:
                return answer


def examiner(pool: Pool, *, deep: bool = False) -> IsolatedExaminer[str]:
    given = IsolatedExaminer(plan_for("atlas", deep=deep), encode)
    given.pool = pool  # type: ignore[assignment]
    return given


def batch(count: int) -> Batch:
    problem = Problem("not_found", "x")
    return [(index, Item(f"{index}.png", problem=problem)) for index in range(count)]


CRASH, SLOW = TaskCrashed("crashed (SIGSEGV)"), TaskTimeout(60.0)


@each_row(
    ("count", "answers", "results", "sizes"),
    [
        (3, [None], ["0 there", "1 there", "2 there"], [3]),
        (2, [CRASH], ["0 there", "1 there"], [2, 1, 1]),
        (2, [SLOW, None, SLOW], ["0 there", "1 probe_timeout"], [2, 1, 1]),
        (2, [CRASH, CRASH, CRASH], ["0 probe_crashed", "1 there"], [2, 1, 1, 1]),
        (1, [CRASH], ["0 there"], [1, 1]),
        (1, [CRASH, CRASH], ["0 probe_crashed"], [1, 1]),
        (1, [CRASH, SLOW], ["0 probe_timeout"], [1, 1]),
        (1, [SLOW], ["0 probe_timeout"], [1]),
        (2, [CannotStart("x")], ["0 not_found", "1 not_found"], [2]),
        (2, [(None, None)], ["0 not_found", "1 not_found"], [2]),
        (1, [([], None)], [], [1]),
    ],
)
def test_only_the_file_at_fault_is_lost(
    count: int, answers: list[BaseException | None], results: list[str], sizes: list[int]
) -> None:
    pool = Pool(*answers)
    assert examiner(pool).examine(batch(count)) == results
    assert pool.sizes == sizes


def test_lost_file_is_named_with_the_cause() -> None:
    given = IsolatedExaminer(PLAN, list)
    given.pool = Pool(CRASH, CRASH)  # type: ignore[assignment]
    (((index, report),)) = given.examine([(4, Item("a.png"))])
    assert (index, report.index, report.verdict, report.error.code) == (4, 4, "unknown", "probe_crashed")  # type: ignore[union-attr]
    message = "a.png: the process that read it crashed (SIGSEGV); other files are not affected"
    assert report.error.message == message  # type: ignore[union-attr]


@each_row("error", [CRASH, SLOW, CannotStart("belongs to a closed pool")])
def test_closed_pool_ends_the_run(error: Exception) -> None:
    pool = Pool(error)
    pool.closed = True
    with pytest.raises(type(error)):
        examiner(pool).examine(batch(2))
    assert pool.sizes == [2]


def test_wrong_call_is_raised_here() -> None:
    with pytest.raises(UsageError, match="Unknown rule set"):
        examiner(Pool(([], "Unknown rule set 'atals'."))).examine(batch(1))


def test_batch_that_cannot_be_pickled_is_examined_here() -> None:
    class Local(str):
        """A class that no other process can import."""

    pool = Pool()
    ((index, item),) = batch(1)
    assert examiner(pool).examine([(index, item._replace(name=Local("x")))]) == ["0 not_found"]
    assert pool.sizes == []


@each_row(("deep", "seconds"), [(False, 60.0), (True, 300.0)])
def test_deep_checks_of_a_file_have_more_time(deep: bool, seconds: float) -> None:
    limits = Limits(seconds=None, memory=None, max_bytes=0, wall=seconds, grace=30.0)
    assert examiner(Pool(), deep=deep)._limits == limits


@each_row(("allowed", "most"), [(8, 1), (25, 1), (26, 2), (1024, 201), (resource.RLIM_INFINITY, sys.maxsize)])
def test_number_of_processes_is_limited_by_descriptors(allowed: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resource, "getrlimit", lambda _: (allowed, allowed))
        assert isolation.max_processes() == most


class TestTask:
    @pytest.fixture
    def initialized(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """Initialize this process as one of the pool; provide the heartbeats."""
        frozen: list[str] = []
        monkeypatch.setattr(isolation, "gc", SimpleNamespace(freeze=lambda: frozen.append("frozen")))
        monkeypatch.setattr(isolation._State, "plan", None, raising=False)
        monkeypatch.setattr(isolation._State, "encoder", None, raising=False)
        isolation.initialize(lambda: None, PLAN, encode)
        assert frozen == ["frozen"]
        assert gc.get_freeze_count() >= 0
        return []

    def perform(self, beats: list[str], pickled: bytes) -> tuple[list[object] | None, str | None]:
        return isolation.examine_pickled(lambda: beats.append("beat"), pickled)

    def test_batch_is_examined_with_a_heartbeat_for_each_file(self, initialized: list[str]) -> None:
        answer = self.perform(initialized, pickle.dumps(batch(3)))
        assert answer == (["0 not_found", "1 not_found", "2 not_found"], None)
        assert initialized == ["beat"] * 3

    @pytest.mark.parametrize("pickled", [b"", b"nothing", pickle.dumps(batch(1))[:-1]])
    def test_batch_that_cannot_be_loaded_has_no_results(self, initialized: list[str], pickled: bytes) -> None:
        assert self.perform(initialized, pickled) == (None, None)

    def test_wrong_call_is_reported_as_such(self, initialized: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(outcomes: object) -> list[object]:
            raise UsageError("Unknown rule set 'atals'.")

        monkeypatch.setattr(isolation._State, "encoder", refuse)
        assert self.perform(initialized, pickle.dumps(batch(1))) == ([], "Unknown rule set 'atals'.")


@pytest.mark.parametrize(("options", "passed_on"), [({}, False), ({"trust_env": True}, True), (None, False)])
def test_proxy_variables_are_passed_on_only_if_urls_use_them(
    options: dict[str, bool] | None, passed_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from preflight.net.options import HttpOptions

    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    environment: list[Callable[[], dict[str, str]]] = []
    monkeypatch.setattr(isolation, "Pool", lambda profile, _: environment.append(profile.environment))
    IsolatedExaminer(plan_for("atlas", http=None if options is None else HttpOptions(**options)), encode)
    ((variables),) = (one() for one in environment)
    assert ("HTTPS_PROXY" in variables) is passed_on
