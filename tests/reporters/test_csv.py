"""CSV: a table that a spreadsheet can open safely, whatever the names of the files."""

from __future__ import annotations

import csv
import io

from preflight.report import Report
from tests.reporters.conftest import HOSTILE, report_of, written


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_each_finding_is_a_row_and_so_is_a_result_without_findings(three: list[Report]) -> None:
    fine = report_of("d.png", width=640, height=480)
    table = rows(written("csv", [*three, fine]))
    assert [(row["source"], row["verdict"], row["code"]) for row in table] == [
        ("a.png", "fail", "width_too_small"),
        ("b.png", "unknown", "not_found"),
        ("c.mp4", "pass", "duration_too_long"),
        ("c.mp4", "pass", "extension_mismatch"),
        ("d.png", "pass", ""),
    ]
    assert (table[0]["value"], table[0]["width"], table[0]["format"]) == ("299", "299", "png")
    assert table[0]["limit"] == '{"min": 300, "max": 6000}'


def test_plan_and_command_are_columns(three: list[Report]) -> None:
    failed, unread, warned, noted = rows(written("csv", three))
    assert (failed["outcome"], failed["plan"], failed["hint"]) == ("fail", "scale it to 300×401", "scale it to 300×401")
    assert failed["command"].startswith("preflight fix a.png ")
    assert (unread["outcome"], unread["plan"], unread["command"]) == ("unknown", "", "")
    assert {warned["outcome"], noted["outcome"]} == {"pass_with_warning"}


def test_each_rule_set_has_a_row() -> None:
    table = rows(written("csv", [report_of("a.png", "atlas,ltx")], "atlas,ltx"))
    assert [(row["rules"], row["verdict"]) for row in table] == [("atlas", "fail"), ("ltx", "pass")]


def test_no_cell_is_a_formula_or_has_control_characters() -> None:
    text = written("csv", [report_of(name) for name in HOSTILE])
    table = rows(text)
    assert len(table) == len(HOSTILE)
    for row in table:
        for cell in row.values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")), cell
            assert cell.isprintable(), cell


def test_negative_numbers_are_numbers() -> None:
    (row,) = rows(written("csv", [report_of("a.png", rotation=-90)]))
    assert row["rotation"] == "-90"


def test_quiet_leaves_out_what_passes(three: list[Report]) -> None:
    assert "c.mp4" not in written("csv", three, quiet=True)


def test_probe_writes_only_facts(three: list[Report]) -> None:
    table = rows(written("csv", three, probe=True))
    assert [(row["source"], row["kind"], row["code"]) for row in table] == [
        ("a.png", "image", ""),
        ("b.png", "", "not_found"),
        ("c.mp4", "video", ""),
    ]
    assert "verdict" not in table[0]
