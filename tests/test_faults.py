"""An internal error affects one file only: other files keep their reports, and the run continues to its end."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import preflight
from preflight.checker import plan_for
from preflight.integrations.requirement import Requirement
from preflight.media import Media
from preflight.report import Report, Result
from preflight.reporters import REPORTERS, ReporterOptions, Tee, add_report, make_reporter
from preflight.reporters.text import TextReporter, describe
from preflight.ruleset import RuleSet, Section, compile_ruleset
from preflight.run import RunSettings, run
from preflight.sandbox import Sandbox
from preflight.submission import submit_many
from preflight.summary import Summary
from preflight.targets import Item
from tests.reporters.conftest import report_of
from tests.rows import each_row
from tests.submission.sending import Sender

PICTURE = "fixtures/accepted/picture.png"
SOUND = "fixtures/accepted/sound.mp3"
CLIP = "fixtures/accepted/clip.mp4"
HEAD = {
    "title": "Mine: faulty",
    "stage": "register",
    "source": "https://example.com",
    "as_of": "2026-11-28",
    "basis": "published",
}


def faulty() -> RuleSet:
    """Return a rule set that validation would not accept: judging an image by it raises AttributeError."""
    anything: dict[str, Any] = {"size": {"max": 10**9}}
    table = {**HEAD, "image": anything, "video": anything, "audio": anything}
    rules = compile_ruleset("faulty", {**table, "request": {"all": {"files": {"max": 9}}}})
    limits = tuple(limit._replace(fact="status") for limit in rules.sections["image"].limits)
    return rules._replace(sections={**rules.sections, "image": Section(limits, {})})


def verdicts(reports: Iterator[Report] | list[Report]) -> list[tuple[str, list[str]]]:
    """Return verdict and codes of each report, without remarks."""
    return [(one.verdict, [f.code for f in one.findings if f.severity != "note"]) for one in reports]


FAULT = ("unknown", ["internal_error"])
FINE = ("pass", [])


def test_internal_error_is_a_report() -> None:
    report = preflight.check(PICTURE, faulty())
    assert verdicts([report]) == [FAULT]
    assert "preflight itself failed on this file (AttributeError: " in describe(report)
    assert report.media is not None
    assert report.media.width == 640


def test_other_rule_sets_still_judge_the_file() -> None:
    report = preflight.check(PICTURE, [faulty(), "atlas"])
    assert [result.verdict for result in report.results] == ["unknown", "pass"]


@each_row("jobs", [None, 2])
def test_other_files_keep_their_reports(jobs: int | None) -> None:
    reports = preflight.check_many([CLIP, PICTURE, SOUND], faulty(), jobs=jobs)
    assert verdicts(reports) == [FINE, FAULT, FINE]


def test_request_with_an_internal_error_is_unknown() -> None:
    result, reports = preflight.check_request([CLIP, PICTURE], faulty())
    assert (result.verdict, [one.code for one in result.findings]) == ("unknown", ["file_unknown"])
    assert verdicts(reports) == [FINE, FAULT]


def test_internal_error_in_judging_a_request_is_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise KeyError("total")

    monkeypatch.setattr("preflight.combination._total", broken)
    result, reports = preflight.check_request([CLIP], faulty())
    assert (result.verdict, [one.code for one in result.findings]) == ("unknown", ["internal_error"])
    assert verdicts(reports) == [FINE]


def test_requirement_reports_internal_error() -> None:
    assert verdicts([Requirement(faulty()).report(Path(PICTURE))]) == [FAULT]


def test_error_in_planning_affects_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise OverflowError("cannot convert float infinity to integer")

    monkeypatch.setattr("preflight.judge._planner", lambda: broken)
    reports = preflight.check_many(["fixtures/refused/png-too-narrow.png", PICTURE], "atlas")
    assert verdicts(reports) == [FAULT, FINE]


def test_submit_continues_with_the_next_file(box: Sandbox, tmp_path: Path) -> None:
    atlas = Sender(box, "atlas", tmp_path)
    with closing(submit_many([PICTURE, CLIP], "atlas", rules=faulty(), **atlas.options())) as made:
        outcomes = [(one.source, one.outcome) for one in made]
    assert outcomes == [(PICTURE, "rejected"), (CLIP, "active")]


class Broken(TextReporter):
    """A reporter that raises an exception for one file."""

    def add(self, report: Report) -> None:
        if report.source == "bad.png" and report.media is not None:
            raise ZeroDivisionError("division by zero")
        super().add(report)


def broken_text(report: Report) -> str:
    if report.source.endswith("picture.png") and report.media is not None:
        raise ZeroDivisionError("division by zero")
    return f"{report.source} {report.verdict}\n"


def test_reporter_that_fails_on_one_report_reports_internal_error() -> None:
    main, beside = io.StringIO(), io.StringIO()
    options = make_reporter("text", io.StringIO())._options  # type: ignore[attr-defined]
    reporter = Tee([Broken(main, options), make_reporter("jsonl", beside)])
    passing = {"width": 640, "height": 640}
    reports = [report_of("a.png", **passing), report_of("bad.png", **passing), report_of("c.png", **passing)]
    counted = [add_report(reporter, report) for report in reports]
    assert verdicts(counted) == [FINE, FAULT, FINE]
    words = [line.split()[:2] for line in main.getvalue().splitlines() if not line.startswith(" ")]
    assert words == [["PASS", "a.png"], ["UNKNOWN", "bad.png"], ["PASS", "c.png"]]
    rows = [json.loads(line)["verdict"] for line in beside.getvalue().splitlines()]
    assert rows == ["pass", "pass", "pass"]


def test_failed_verdict_is_kept_if_its_report_cannot_be_written() -> None:
    options = make_reporter("text", io.StringIO())._options  # type: ignore[attr-defined]
    counted = add_report(Broken(io.StringIO(), options), report_of("bad.png"))
    assert (counted.verdict, [one.code for one in counted.findings]) == ("fail", ["internal_error"])


@each_row("jobs", [None, 2])
def test_line_that_cannot_be_rendered_affects_one_file(jobs: int | None) -> None:
    class Lines:
        def __init__(self) -> None:
            self.written: list[str] = []
            self.write = self.written.append
            self.render = broken_text

        def add(self, report: Report) -> None:
            raise AssertionError

        def moved(self, text: str, index: int) -> str:
            return text

        def close(self, summary: Summary) -> None: ...

    lines, plan = Lines(), plan_for(faulty() if jobs is None else "ltx,runway")
    summary = Summary(plan.rules)
    run(map(Item, [CLIP, PICTURE, CLIP]), plan, lines, summary, RunSettings(jobs))  # type: ignore[arg-type]
    assert lines.written[1] == f"{PICTURE} unknown\n"
    assert len(lines.written) == 3
    assert (summary.files, summary.overall.unknown) == (3, 1)


class Unprintable:
    """A value that no reporter can write."""

    def __str__(self) -> str:
        raise ValueError("no text")

    def __repr__(self) -> str:
        raise ValueError("no text")

    def __round__(self, digits: int = 0) -> float:
        raise ValueError("no number")


@pytest.mark.parametrize("name", sorted(set(REPORTERS) - {"commands"}))  # a script has no findings
def test_reporter_writes_no_part_of_a_report_that_it_cannot_write(name: str, tmp_path: Path) -> None:
    """The document is complete, with the other files and the internal error."""
    stream = io.StringIO()
    reporter = make_reporter(name, stream, ReporterOptions(rules=preflight.checker.plan_for("atlas,ltx").rules))
    summary = Summary()
    good, later = report_of("good.png", "atlas,ltx"), report_of("later.png", "atlas,ltx")
    bad = report_of("bad.png", "atlas,ltx", fps=Unprintable())
    second = bad.results[1]._replace(
        findings=(*bad.results[1].findings, good.findings[0]._replace(message=Unprintable(), value=Unprintable()))
    )
    bad = Report("bad.png", bad.media, (bad.results[0], second))
    for report in (good, bad, later):
        summary.add(add_report(reporter, report))
    reporter.close(summary)
    text = stream.getvalue()
    assert text.count("good.png") == text.count("later.png") > 0
    assert "bad.png" in text
    assert "preflight itself failed" in text
    if name in ("json", "sarif"):
        json.loads(text)
    if name == "junit":
        from xml.etree import ElementTree

        suites = ElementTree.fromstring(text).findall("testsuite")
        assert [len(suite.findall("testcase")) for suite in suites] == [3, 3]
    if name == "csv":
        assert sum("bad.png" in line for line in text.splitlines()) == 2


def test_unwritable_output_ends_the_run() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    reporter = make_reporter("text", Full())
    with pytest.raises(OSError, match="No space left"):
        add_report(reporter, report_of("a.png"))


def test_internal_error_is_not_cached(tmp_path: Path) -> None:
    from preflight.run.rows import Rendering

    report = preflight.check(PICTURE, faulty())
    assert isinstance(report.results[0], Result)
    assert isinstance(report.media, Media)
    assert [row.is_final for row in Rendering(describe)([(0, report)])] == [False]
