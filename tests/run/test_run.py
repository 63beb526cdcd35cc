"""A run in this process: what it counts, where it stops, its rows, and its progress line."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from preflight import run as runs
from preflight.checker import plan_for
from preflight.report import Finding, Report, Result
from preflight.reporters import make_reporter
from preflight.run import Progress, RunSettings, status_line
from preflight.run.rows import Rendering, Row
from preflight.summary import Summary
from preflight.targets import Item
from tests.rows import each_row

PASSING, FAILING, SKIPPED = "fixtures/accepted/picture.png", "fixtures/refused/png-too-narrow.png", "pyproject.toml"
CLEAR = "\r\x1b[K"


def counted(*targets: str, format_: str = "jsonl", **settings: Any) -> Summary:
    """Return the counts of a run over files that were found in folders."""
    summary = Summary()
    reporter = make_reporter(format_, io.StringIO())
    items = [Item(target, explicit=False) for target in targets]
    runs.run(items, plan_for("atlas"), reporter, summary, RunSettings(**settings))
    return summary


@pytest.mark.parametrize("format_", ["jsonl", "json"])
class TestCounts:
    def test_files_that_are_not_media_are_skipped(self, format_: str) -> None:
        summary = counted(SKIPPED, PASSING, SKIPPED, FAILING, SKIPPED, format_=format_)
        assert (summary.files, summary.skipped, *summary.overall) == (2, 3, 1, 0, 1, 0)
        assert summary.bytes_read > 0

    @each_row(
        ("targets", "files", "skipped"),
        [
            ((FAILING, PASSING), 1, 0),
            ((PASSING, SKIPPED, FAILING, PASSING, PASSING), 2, 1),
            ((PASSING, PASSING), 2, 0),
        ],
    )
    def test_run_stops_after_the_first_file_that_fails(
        self, format_: str, targets: tuple[str, ...], files: int, skipped: int
    ) -> None:
        summary = counted(*targets, format_=format_, fail_fast=True)
        assert (summary.files, summary.skipped) == (files, skipped)
        assert counted(*targets, format_=format_).files == len(targets) - skipped


@each_row(("fail_fast", "outcome", "files"), [(True, "fail", 1), (True, "pass", 2), (False, "fail", 2)])
def test_run_that_stops_at_a_failure_ends_with_one_of_the_previous_run(
    fail_fast: bool, outcome: str, files: int
) -> None:
    summary = Summary()
    summary.count((outcome,))
    reporter = make_reporter("jsonl", io.StringIO())
    runs.run([Item(PASSING)], plan_for("atlas"), reporter, summary, RunSettings(fail_fast=fail_fast))
    assert summary.files == files


def test_run_is_in_order_and_complete_unless_the_call_says_otherwise() -> None:
    assert RunSettings() == (None, True, False, None, None)


def test_results_are_flushed_before_each_file_and_at_the_end() -> None:
    stream, flushed = io.StringIO(), []
    reporter = make_reporter("jsonl", stream)
    runs.run(
        map(Item, [PASSING] * 3),
        plan_for("atlas"),
        reporter,
        Summary(),
        flush=lambda: flushed.append(stream.getvalue().count("\n")),
    )
    assert flushed == [0, 1, 2, 3]


class TestRows:
    RESULT = Result("atlas", "register", "2026-11-20", "published", "pass", ())

    def test_report_becomes_a_row(self) -> None:
        report = Report("a.png", None, (self.RESULT,), bytes_read=7, requests=2)
        rows = Rendering(lambda report: report.source)([(3, report), (4, None)])
        assert rows == [Row(3, "a.png", ("pass", "atlas", "pass"), 7, 2, is_final=True), Row(4, None)]
        assert rows[1] == (4, None, (), 0, 0, True)

    def test_report_that_cannot_be_rendered_costs_its_own_row(self) -> None:
        def render(report: Report) -> str:
            if report.error is None:
                raise ValueError("odd")
            return report.error.code

        (row,) = Rendering(render)([(0, Report("a.png", None, (self.RESULT,)))])
        assert (row.text, row.score[0], row.is_final) == ("internal_error", "unknown", False)

    def test_report_that_cannot_be_rendered_at_all_is_counted(self) -> None:
        def render(report: Report) -> str:
            raise ValueError("odd")

        (row,) = Rendering(render)([(0, Report("a.png", None, (self.RESULT,)))])
        assert (row.text, row.score[0], row.is_final) == ("", "unknown", False)

    @each_row(
        ("code", "is_final"),
        [("fps_too_low", True), ("internal_error", False), ("probe_crashed", False), ("probe_timeout", False)],
    )
    def test_result_that_another_run_may_not_repeat_is_not_final(self, code: str, is_final: bool) -> None:
        findings = (Finding("size_too_large", "error", ""), Finding(code, "unknown", ""))
        report = Report("a.mp4", None, (self.RESULT, Result("b", "", "", "published", "unknown", findings)))
        assert Rendering(lambda _: "")([(0, report)])[0].is_final is is_final


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Screen:
    """A terminal, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.terminal = Terminal()

    def advance(self, progress: Progress, now: float) -> str:
        """Count one more file; return what is written."""
        self.now = now
        return self.written(progress.advance)

    def written(self, call: Callable[[], None]) -> str:
        before = len(self.terminal.getvalue())
        call()
        return self.terminal.getvalue()[before:]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Provide a terminal for standard error, whose width is unknown."""
    screen = Screen()
    monkeypatch.setattr(status_line, "sys", SimpleNamespace(stderr=screen.terminal))
    monkeypatch.setattr(time, "monotonic", lambda: screen.now)
    monkeypatch.delenv("TERM", raising=False)
    return screen


class TestProgress:
    def test_line_is_drawn_at_most_every_tenth_of_a_second(self, screen: Screen) -> None:
        progress = Progress()
        shown = [screen.advance(progress, now) for now in (0.05, 0.1, 0.125, 0.2, 0.25)]
        assert shown == ["", "", f"{CLEAR}3 files, 24 a second", "", f"{CLEAR}5 files, 20 a second"]

    def test_comparison_with_the_previous_run_does_not_count_for_the_rate(self, screen: Screen) -> None:
        progress = Progress()
        progress.begin_after(1000)
        progress._total = 1602
        assert screen.advance(progress, 50.0) == ""
        assert screen.advance(progress, 52.0) == f"{CLEAR}1,002 of 1,602 files, 1 a second, 10:00 left"
        assert screen.advance(progress, 53.0) == f"{CLEAR}1,003 of 1,602 files, 1 a second, 9:59 left"

    def test_more_files_than_expected_leave_no_time(self, screen: Screen) -> None:
        progress = Progress()
        progress._total = 1
        screen.advance(progress, 1.0)
        assert screen.advance(progress, 2.0) == f"{CLEAR}2 of 1 files, 1 a second, 0:00 left"

    def test_line_is_removed_once(self, screen: Screen) -> None:
        progress = Progress()
        assert screen.written(progress.clear) == ""
        screen.advance(progress, 1.0)
        assert (screen.written(progress.clear), screen.written(progress.clear)) == (CLEAR, "")

    @each_row(("shares_terminal", "written"), [(True, CLEAR), (False, "")])
    def test_line_makes_room_for_output_on_the_same_terminal(
        self, screen: Screen, shares_terminal: bool, written: str
    ) -> None:
        progress = Progress(shares_terminal=shares_terminal)
        screen.advance(progress, screen.now + 1.0)
        assert screen.written(progress.make_room) == written

    @each_row(("columns", "width"), [(20, 20), (0, 80), (None, 80)])
    def test_line_is_shorter_than_the_terminal(self, screen: Screen, columns: int | None, width: int) -> None:
        progress = Progress()
        progress._total = 10**60
        with pytest.MonkeyPatch.context() as patch:
            if columns is not None:
                patch.setattr(screen.terminal, "fileno", lambda: 2)
                patch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
            assert len(screen.advance(progress, screen.now + 1.0)) == len(CLEAR) + width - 1

    def test_total_is_counted_in_a_thread(self, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[bool] = []

        def start(thread: threading.Thread) -> None:
            started.append(thread.daemon)
            thread.run()

        monkeypatch.setattr(threading.Thread, "start", start)
        progress = Progress(lambda: 8)
        assert started == [True]  # it does not keep the program running
        assert screen.advance(progress, 2.0) == f"{CLEAR}1 of 8 files, 0 a second, 0:14 left"

    @pytest.mark.parametrize("terminal", [True, False])
    def test_nothing_is_shown_or_counted_elsewhere(
        self, screen: Screen, monkeypatch: pytest.MonkeyPatch, terminal: bool
    ) -> None:
        if terminal:
            monkeypatch.setenv("TERM", "dumb")
        else:
            monkeypatch.setattr(screen.terminal, "isatty", lambda: False)
        monkeypatch.setattr(threading.Thread, "start", threading.Thread.run)
        progress = Progress(lambda: pytest.fail("it is not shown"))
        assert screen.advance(progress, 1.0) == screen.written(progress.clear) == ""
