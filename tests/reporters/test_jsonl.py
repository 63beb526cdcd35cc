"""JSON lines: one report a line, in the shape that the schema describes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from preflight import Report, check_many
from preflight.report import Finding, Problem, Result
from preflight.reporters import is_line_reporter, make_reporter
from preflight.reporters.json import line
from preflight.schemas import report_schema
from tests.rows import each_row


@pytest.fixture(scope="module")
def reports(fixtures: Path) -> list[Report]:
    paths = [path for name in ("accepted", "refused") for path in sorted((fixtures / name).iterdir())]
    return list(check_many([*paths, "gone.png", "fixtures"], "atlas,volcengine,kling,claude,x"))


def test_every_line_has_the_shape_of_the_schema(reports: list[Report]) -> None:
    validator = Draft202012Validator(report_schema())
    for report in reports:
        for probe in (False, True):
            row = json.loads(line(report, probe=probe))
            validator.validate(row)
            assert row["schema"] == "preflight.report/1"
            assert row == report.as_json(probe=probe)


def test_checked_and_probed_files_have_the_same_facts(reports: list[Report]) -> None:
    for report in reports:
        checked, probed = json.loads(line(report)), json.loads(line(report, probe=True))
        assert {key: checked[key] for key in probed} == probed
        assert set(checked) - set(probed) == {"verdict", "outcome", "results", "digest"}


@each_row("value", [1, 1.0, True, None, "1", 0.1, [1, "a"], 'é"\n\udcff', float(10**20)])
def test_line_is_ascii_and_keeps_values_of_every_type(value: object) -> None:
    limit = {"any_of": [value]}
    for hint in (None, "\x1b…"):
        finding = Finding("width_too_small", "error", "ü\u2028", "width", value, limit, hint)
        report = Report("a\ud800.png", None, (Result("x", "register", "2026-01-01", "assumed", "fail", (finding,)),))
        assert line(report).isascii()
        (written,) = json.loads(line(report))["results"][0]["findings"]
        assert (repr(written["value"]), repr(written["limit"])) == (repr(value), repr(limit))


def test_quiet_leaves_out_what_passes(reports: list[Report]) -> None:
    assert [line(report, quiet=True) == "" for report in reports] == [report.passed for report in reports]


@each_row("source", ["a.png", 'a,"index":7,.png', ',"index":'])
def test_line_can_be_moved_to_another_position(source: str) -> None:
    reporter = make_reporter("jsonl", io.StringIO())
    assert is_line_reporter(reporter)
    report = Report(source, None, (), 12, Problem("not_found", "it is gone"))
    assert reporter.moved(line(report), 345) == line(replace(report, index=345))
    assert reporter.moved("", 345) == ""
