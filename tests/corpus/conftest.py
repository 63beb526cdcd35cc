"""Read the corpus' values and our reports of all its files once."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from preflight.checker import CheckPlan, examine, plan_for
from preflight.report import Report


class Row(NamedTuple):
    """One file: its values in the corpus, our report, and the processor time that it took in s."""

    path: str
    known: dict[str, Any]
    report: Report
    seconds: float


@pytest.fixture(scope="session")
def plan() -> CheckPlan:
    return plan_for("atlas,volcengine,agentsflare")


@pytest.fixture(scope="session")
def rows(corpus: Path, plan: CheckPlan) -> list[Row]:
    """Return every file of the corpus, of all classes."""
    found = []
    for line in (corpus / "manifest.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n"):
        known = json.loads(line)
        start = time.thread_time()
        report = examine(str(corpus / "files" / known["path"]), plan)
        found.append(Row(known["path"], known, report, time.thread_time() - start))
    return found


@pytest.fixture(scope="session")
def core(rows: list[Row]) -> list[Row]:
    """Return the files of formats that providers take, with values that at least two tools agree on."""
    return [row for row in rows if row.known["class"] == "core"]
