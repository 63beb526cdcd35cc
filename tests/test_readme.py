"""What the README promises: its commands, and that CI runs the very same."""

from __future__ import annotations

import re

from tests.conftest import ROOT, Run


def commands() -> list[str]:
    return re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_first_command_checks_the_fixtures_and_some_fail(run: Run) -> None:
    words = commands()[0].split(".venv/bin/preflight ")[1].split()
    done = run(*words)
    assert done.returncode == 1
    assert "PASS    fixtures/accepted/picture.png" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert commands()[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
