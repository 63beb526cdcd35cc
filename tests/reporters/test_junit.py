"""JUnit XML: valid and complete, whatever the names of the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from preflight.report import Report
from preflight.reporters import junit
from tests.reporters.conftest import HOSTILE, report_of, written
from tests.rows import each_row

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "junit.xsd"))


def parsed(text: str) -> etree._Element:
    root = etree.fromstring(text.encode())
    SCHEMA.assertValid(root)
    return root


def test_each_rule_set_is_a_suite_and_each_file_a_case(three: list[Report]) -> None:
    root = parsed(written("junit", three))
    (suite,) = root
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "errors")} == {
        "name": "atlas",
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    assert [(case.get("name"), [child.tag for child in case]) for case in suite.findall("testcase")] == [
        ("a.png", ["failure"]),
        ("b.png", ["error"]),
        ("c.mp4", []),
    ]
    failure = suite.find("testcase/failure")
    assert failure.get("type") == "width_too_small"
    assert failure.get("message").startswith("width 299 px: below the 300 px")
    assert "error: width 299 px" in failure.text
    assert "  → scale it to 300×401\nfix: preflight fix " in failure.text


def test_warnings_of_passing_files_are_output_of_the_suite(three: list[Report]) -> None:
    (suite,) = parsed(written("junit", three))
    assert suite.findtext("system-out").startswith("c.mp4: warning: duration 15.1 s")


def test_rule_sets_are_suites_in_their_order() -> None:
    root = parsed(written("junit", [report_of("a.png", "ltx,atlas")], "ltx,atlas"))
    assert [(suite.get("id"), suite.get("name"), suite.get("failures")) for suite in root] == [
        ("0", "ltx", "0"),
        ("1", "atlas", "1"),
    ]


def test_empty_run_is_valid() -> None:
    assert len(parsed(written("junit", []))) == 0


@each_row("name", HOSTILE)
def test_any_file_name_is_a_valid_attribute(name: str) -> None:
    (suite,) = parsed(written("junit", [report_of(name)]))
    (case,) = suite.findall("testcase")
    assert case.get("name").isprintable()
    assert [child.tag for child in case] == ["failure"]


def test_cases_are_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "_IN_MEMORY", 1000)
    root = parsed(written("junit", (report_of(f"{number}.png") for number in range(50))))
    assert [case.get("name") for case in root.iter("testcase")] == [f"{number}.png" for number in range(50)]
