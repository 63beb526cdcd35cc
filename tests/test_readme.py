"""The commands of the README, and the commands that CI runs."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT, Run


def commands() -> list[str]:
    return re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_first_command_reports_the_failing_fixtures(run: Run) -> None:
    words = commands()[0].split(".venv/bin/preflight ")[1].split()
    done = run(*words)
    assert done.returncode == 1
    assert "PASS    fixtures/accepted/picture.png" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_ci_ends_with_the_test_command_of_the_readme() -> None:
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == commands()[1]


@pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy"])
def test_ci_lints_and_type_checks(command: str) -> None:
    assert f".venv/bin/{command}" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
