"""Run 0.1 % of the mutations of `tox -e fuzz`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from preflight import check_many
from tests.conftest import ROOT, Run
from tests.fuzz.mutations import mutated, seeds
from tests.fuzz.run import fuzz

COUNT = 200
SHOWN = 5


def test_mutations_reveal_no_fault() -> None:
    found = fuzz(range(COUNT, 2 * COUNT))
    assert found.faults[:SHOWN] == []
    assert {"fail", "unknown"} <= set(found.verdicts) <= {"pass", "fail", "unknown", "probe_timeout", "probe_crashed"}
    assert 0 < found.accepted < COUNT
    assert found.verdicts["probe_crashed"] + found.verdicts["probe_timeout"] < 5


def test_every_mutated_file_is_reported(tmp_path: Path) -> None:
    originals = seeds()
    paths = []
    for number in range(200):
        path = tmp_path / f"{number:03}.bin"
        path.write_bytes(mutated(number, originals))
        paths.append(str(path))
    reports = list(check_many(paths, "atlas", jobs=2))
    assert [report.source for report in reports] == paths
    assert [report.index for report in reports] == list(range(200))
    assert [report.error for report in reports if report.error is not None] == []


def test_mutation_is_determined_by_its_number() -> None:
    originals = seeds()
    assert [mutated(number, originals) for number in range(50)] == [mutated(number, originals) for number in range(50)]
    assert len({mutated(number, originals) for number in range(500)}) > 450


def test_command_counts_mutations_and_validates_numbers(run: Run) -> None:
    command = [sys.executable, "-m", "tests.fuzz.run"]
    done = subprocess.run([*command, "--count", "30", "--seed", "9"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "30 mutations in" in done.stdout
    assert "0 faults, 0 mutations lost" in done.stdout
    assert run("--jobs", "0", main="tests.fuzz.run").returncode == 2
