"""What other repositories use of this one: the pre-commit hook and the GitHub Action."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from preflight import catalog
from preflight.formats import FORMATS, MEDIA_EXTENSIONS
from tests.conftest import ROOT, Run
from tests.hook_files import HOOKS, SOURCE_CODE, renewed

ACTION = ROOT / ".github/actions/preflight"
PASSING = "fixtures/accepted/picture.png"
FAILING = "fixtures/refused/png-too-narrow.png"


@pytest.fixture(scope="module")
def hook() -> dict[str, Any]:
    (hook,) = yaml.safe_load(HOOKS.read_text())
    assert isinstance(hook, dict)
    return hook


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    assert isinstance(action, dict)
    return action


class TestHook:
    def test_hook_has_the_fields_that_pre_commit_requires(self, hook: dict[str, Any]) -> None:
        assert {"id", "name", "entry", "language"} <= set(hook)
        assert (hook["id"], hook["language"]) == ("preflight", "python")

    def test_hook_entry_judges_the_given_files(self, hook: dict[str, Any], run: Run) -> None:
        program, *words = hook["entry"].split()
        assert program == "preflight"
        assert run(*words, "--for=atlas", PASSING).stdout == ""
        done = run(*words, "--for=atlas", PASSING, FAILING)
        assert done.returncode == 1
        assert done.stdout.startswith(f"FAIL    {FAILING}")

    def test_hook_matches_every_format_that_a_rule_set_accepts(self, hook: dict[str, Any]) -> None:
        taken = {
            name
            for rules in map(catalog.load, catalog.current())
            for section in rules.sections.values()
            for limit in section.limits
            if limit.fact == "format"
            for name in limit.any_of or ()
        }
        for name in taken:
            assert any(re.search(hook["files"], f"media/A.{one.upper()}") for one in FORMATS[name].extensions), name

    def test_hook_pattern_is_that_of_known_formats(self) -> None:
        text = HOOKS.read_text(encoding="utf-8")
        assert text == renewed(text), "run `python -m tests.hook_files`"

    def test_hook_matches_every_media_extension(self, hook: dict[str, Any]) -> None:
        missing = {one for one in MEDIA_EXTENSIONS if not re.search(hook["files"], f"media/A.b.{one.upper()}")}
        assert missing == SOURCE_CODE

    @pytest.mark.parametrize("name", ["film.wmv", "film.mpg", "sound.aiff", "drawing.svg", "sound.mp+", "film.m2ts"])
    def test_hook_matches_rare_formats(self, hook: dict[str, Any], name: str) -> None:
        assert re.search(hook["files"], name)

    def test_hook_matches_media_files_only(self, hook: dict[str, Any]) -> None:
        for name in ("main.ts", "main.mts", "readme.md", "png", "photo.png.txt", "mp", "a.mpp", "a.json"):
            assert not re.search(hook["files"], name)

    def test_file_names_cannot_be_options_or_lists(self, hook: dict[str, Any]) -> None:
        for name in ("--output=x.png", "-q.png", "@list.png"):
            assert re.search(hook["exclude"], name)
        assert not re.search(hook["exclude"], "media/-1.png")


class TestAction:
    def test_action_inputs_are_not_interpolated_into_scripts(self, action: dict[str, Any]) -> None:
        for step in action["runs"]["steps"]:
            assert "${{" not in step.get("run", "")
        assert "${{" not in (ACTION / "check.sh").read_text()

    def test_every_action_input_reaches_the_script(self, action: dict[str, Any]) -> None:
        (step,) = action["runs"]["steps"]
        assert set(step["env"].values()) == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}
        script = (ACTION / "check.sh").read_text()
        assert all(name in script for name in step["env"])

    @pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
    @pytest.mark.parametrize(
        ("paths", "rules", "code", "said"),
        [
            (PASSING, "atlas", 0, "1 files: 1 pass"),
            (f"{PASSING}\n{FAILING}", "atlas,runway", 1, f"::error file={FAILING},title=Width too small (atlas)::"),
            (
                "--output=x\n$(touch pwned)\n`touch pwned`\n; touch pwned",
                "atlas",
                3,
                "4 files: 0 pass, 0 fail, 4 unknown",
            ),
            (PASSING, "atlas; touch pwned", 2, ""),
            (PASSING, "--output=pwned", 2, ""),
        ],
    )
    def test_action_script_runs_the_command(self, tmp_path: Path, paths: str, rules: str, code: int, said: str) -> None:
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin/preflight"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m preflight "$@"\n')
        program.chmod(0o755)
        outputs = tmp_path / "outputs"
        environment = {
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_OUTPUT": str(outputs),
            "PREFLIGHT_PATHS": paths,
            "PREFLIGHT_RULES": rules,
            "PREFLIGHT_STRICT": "true",
            "PREFLIGHT_REPORTS": f"{tmp_path}/r.xml\n\ncsv={tmp_path}/two words\n",
        }
        script = str(ACTION / "check.sh")
        done = subprocess.run(["bash", script], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert said in done.stdout
        assert outputs.read_text() == f"exit-code={code}\n"
        assert not (ROOT / "pwned").exists()
        if said:
            assert (tmp_path / "r.xml").stat().st_size
            assert (tmp_path / "two words").stat().st_size
