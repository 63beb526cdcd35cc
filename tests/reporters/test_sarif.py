"""SARIF: valid by the schema of OASIS, with every rule and with exact locations."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from jsonschema.validators import validator_for

from preflight.codes import CODES
from preflight.report import Report
from tests.reporters.conftest import HOSTILE, report_of, written

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0.json").read_text())
VALID = validator_for(SCHEMA)(SCHEMA)


def run_of(text: str) -> Any:
    document = json.loads(text)
    VALID.validate(document)
    (run,) = document["runs"]
    return run


def test_each_finding_is_a_result(three: list[Report]) -> None:
    run = run_of(written("sarif", three))
    assert [(one["ruleId"], one["level"], one["properties"]["severity"]) for one in run["results"]] == [
        ("width_too_small", "error", "error"),
        ("not_found", "error", "unknown"),
        ("duration_too_long", "warning", "warning"),
        ("extension_mismatch", "note", "note"),
    ]
    first = run["results"][0]
    assert first["message"]["text"].startswith("atlas: width 299 px: below the 300 px")
    assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a.png"
    assert first["properties"]["plan"]["sentence"] == first["properties"]["hint"] == "scale it to 300×401"
    assert first["properties"]["plan"]["command"][-2:] == ["-o", "a-fixed.png"]
    assert [one["properties"]["plan"] for one in run["results"][1:]] == [None] * 3
    assert run["invocations"][0]["exitCode"] == 1


def test_every_code_is_a_rule_at_its_index(three: list[Report]) -> None:
    run = run_of(written("sarif", three))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])


def test_run_without_findings_is_valid() -> None:
    assert run_of(written("sarif", []))["results"] == []


def test_fingerprints_differ_by_file_and_rule_set() -> None:
    reports = [report_of(name, "atlas,agentsflare") for name in ("a.png", "b.png")]
    results = run_of(written("sarif", reports, "atlas,agentsflare"))["results"]
    assert len({one["partialFingerprints"]["preflight/v1"] for one in results}) == len(results) == 4


def test_location_refers_to_the_exact_bytes_of_a_name() -> None:
    results = run_of(written("sarif", [report_of(name) for name in HOSTILE]))["results"]
    for name, result in zip(HOSTILE, results, strict=True):
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii(), name
        assert not any(mark in uri for mark in ' "<>\\^`{|}#?:'), name
        assert unquote_to_bytes(uri) == os.fsencode(name)
        assert result["message"]["text"].isprintable(), name


def test_brackets_in_a_message_are_not_a_link() -> None:
    from tests.reporters.conftest import unreadable

    (result,) = run_of(written("sarif", [unreadable("[x](http://example.com).png")]))["results"]
    assert "\\[x\\](http" in result["message"]["text"]
