"""JSON lines: put together piece by piece for speed, and the same as if they were not."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from preflight import Report, check_many
from preflight.report import Finding, Problem, Result
from preflight.reporters import is_line_reporter, make_reporter
from preflight.reporters.jsonl import line


@pytest.fixture(scope="module")
def reports(fixtures: Path) -> list[Report]:
    paths = [path for name in ("accepted", "refused") for path in sorted((fixtures / name).iterdir())]
    return list(check_many([*paths, "gone.png", "fixtures"], "all"))


def test_a_line_is_the_report_as_json(reports: list[Report]) -> None:
    for report in reports:
        assert line(report) == json.dumps(report.as_json(), separators=(",", ":")) + "\n"
        assert line(report, probe=True) == json.dumps(report.as_probe_json(), separators=(",", ":")) + "\n"


@pytest.mark.parametrize("value", [1, 1.0, True, None, "1", 0.1, [1, "a"], 'é"\n\udcff', float(10**20)])
def test_values_of_every_type(value: object) -> None:
    """1, 1.0 and True are equal, and are written in three ways."""
    limit = {"any_of": [value]}
    for hint in (None, "\x1b…"):
        finding = Finding("width_too_small", "error", "ü\u2028", "width", value, limit, hint)
        report = Report("a\ud800.png", None, (Result("x", "register", "2026-01-01", "assumed", "fail", (finding,)),))
        assert line(report) == json.dumps(report.as_json(), separators=(",", ":")) + "\n"
        assert line(report).isascii()


def test_limits_that_are_equal_but_not_the_same() -> None:
    for number in range(5000):
        finding = Finding("width_too_small", "error", "m", "width", 1, {"min": number})
        report = Report("a", None, (Result("x", "register", "2026-01-01", "assumed", "fail", (finding,)),))
        assert f'"limit":{{"min":{number}}}' in line(report)


def test_quiet_leaves_out_what_passes(reports: list[Report]) -> None:
    assert [line(report, quiet=True) == "" for report in reports] == [report.passed for report in reports]


@pytest.mark.parametrize("source", ["a.png", 'a,"index":7,.png', ',"index":'])
def test_a_line_moves_to_another_position(source: str) -> None:
    reporter = make_reporter("jsonl", io.StringIO())
    assert is_line_reporter(reporter)
    report = Report(source, None, (), 12, Problem("not_found", "it is gone"))
    assert reporter.moved(line(report), 345) == line(replace(report, index=345))
    assert reporter.moved("", 345) == ""
