"""The mutation run itself: over a project of one module, whose mutants are known."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = """
def fits(value):
    return value < 10


def untested(value):
    return value + 1
"""
TESTS = """
from planted import fits


def test_values_below_ten_fit():
    assert fits(9)
    assert not fits(10)
"""
PACKAGES = """
[planted]
code = ["planted.py"]
tests = ["tests/test_planted.py"]
"""
EQUIVALENT = """
[[mutant]]
path = "planted.py"
before = "return value + 1"
after = "return value + 2"
reason = "for this test"
"""


def test_planted_mutants_are_found_and_survivors_are_reported(tmp_path: Path) -> None:
    pytest.importorskip("mutmut", reason="mutation testing needs mutmut: tox -e mutants")
    (tmp_path / "tests/mutants").mkdir(parents=True)
    (tmp_path / "planted.py").write_text(CODE)
    (tmp_path / "tests/test_planted.py").write_text(TESTS)
    (tmp_path / "tests/mutants/packages.toml").write_text(PACKAGES)
    (tmp_path / "tests/mutants/equivalent.toml").write_text(EQUIVALENT)
    command = [sys.executable, "-m", "tests.mutants.run", "--root", tmp_path, "--count", "50", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "planted.py:7\n    - return value + 1\n    + return value - 1" in done.stdout
    assert "value < 10" not in done.stdout.partition("Survivors")[2]
    counts = next(line for line in done.stdout.splitlines() if line.startswith("all"))
    assert counts.split() == ["all", "4", "2", "0", "1", "1", "66.7"]
    assert (tmp_path / "planted.py").read_text() == CODE


def test_every_package_has_code_and_tests() -> None:
    table = tomllib.loads((ROOT / "tests/mutants/packages.toml").read_text())
    for name, package in table.items():
        assert all(any(ROOT.glob(pattern)) for pattern in package["code"]), name
        for test in package["tests"]:
            path, _, function = test.partition("[")[0].partition("::")
            assert (ROOT / path).exists(), test
            assert not function or f"def {function.rpartition('::')[2]}(" in (ROOT / path).read_text(), test


def test_lines_of_equivalent_mutants_are_in_the_code() -> None:
    listed = tomllib.loads((ROOT / "tests/mutants/equivalent.toml").read_text())["mutant"]
    texts = {
        path: " ".join(line.strip() for line in (ROOT / path).read_text().splitlines())
        for path in {mutant["path"] for mutant in listed}
    }
    assert [mutant for mutant in listed if mutant["before"] not in texts[mutant["path"]]] == []
    assert all(mutant["reason"] and mutant["after"] != mutant["before"] for mutant in listed)


def test_every_equivalent_mutant_exists() -> None:
    pytest.importorskip("mutmut", reason="mutation testing needs mutmut: tox -e mutants")
    from tests.mutants.generate import File
    from tests.mutants.run import equivalent

    listed = equivalent(ROOT)
    for path in {path for path, _, _ in listed}:
        file, here = File(ROOT, path), {one for one in listed if one[0] == path}
        places = [
            number
            for number in range(len(file))
            if any(old in before and new in after for old, new in [file.texts(number)] for _, before, after in here)
        ]
        assert here <= {file.mutant(number).key for number in places}
