"""Commands for a shell, which reads exactly the words of the plan, whatever the name of the file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import preflight
from preflight.report import Report
from preflight.reporters.commands import shell_command
from tests.reporters.conftest import HOSTILE, report_of, unreadable, written
from tests.rows import each_row

bash = shutil.which("bash")
needs_bash = pytest.mark.skipif(bash is None, reason="bash is not installed")
AFTER_NUL = [name for name in HOSTILE if "\0" not in name]


@needs_bash
@each_row("name", AFTER_NUL)
def test_shell_reads_exactly_the_words_of_the_plan(name: str) -> None:
    plan = report_of(name).results[0].plan
    assert plan is not None
    assert plan.command is not None
    text = shell_command(plan.command)
    assert text.isprintable()
    line = f"printf '%s\\0' {text}"
    done = subprocess.run([str(bash), "-c", line], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout.split(b"\0")[:-1] == [os.fsencode(word) for word in plan.command]


def body(script: str) -> list[str]:
    """Return the lines between the head of a script and its last line, which is the same for all."""
    lines = script.splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[3] == "status=0"
    assert lines[-1] == "exit $status"
    return lines[4:-1]


def test_script_has_the_command_of_each_file_once() -> None:
    reports = [report_of("a.png", "atlas,seedance-2.0"), report_of("b.png", width=640, height=480), report_of("c.png")]
    lines = body(written("commands", reports))
    assert [line for line in lines if line.startswith("#")] == [
        "# a.png, for atlas, seedance-2.0",
        "# c.png, for atlas",
    ]
    commands = [line for line in lines if not line.startswith("#")]
    assert commands == [
        "preflight fix a.png --for atlas,seedance-2.0 -o a-fixed.png </dev/null || status=1",
        "preflight fix c.png --for atlas -o c-fixed.png </dev/null || status=1",
    ]


def test_script_runs_one_command_a_file_and_none_for_what_is_not_a_file() -> None:
    several, url = report_of("a.png", "atlas,volcengine"), report_of("https://example.com/a.png")
    lines = body(written("commands", [several, url]))
    assert [line.startswith("#") for line in lines] == [True, False, True, True]


def test_script_names_files_that_could_not_be_read() -> None:
    lines = body(written("commands", [unreadable("gone\n.png"), report_of("b.png", width=640, height=480)]))
    assert lines == ["# gone\\n.png: gone\\n.png does not exist. Check the path."]


@needs_bash
def test_script_fixes_a_folder(tmp_path: Path) -> None:
    for name in ("a.png", "b 'c'\n.png"):
        shutil.copy("fixtures/refused/png-too-narrow.png", tmp_path / name)
    reports: list[Report] = list(preflight.check_many(sorted(tmp_path.iterdir()), "atlas"))
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    commands = written("commands", reports).encode()
    env = {"PATH": path}
    subprocess.run([str(bash)], input=commands, check=True, timeout=60, capture_output=True, env=env)
    fixed = sorted(tmp_path.glob("*-fixed.png"))
    assert [preflight.check(path, "atlas").verdict for path in fixed] == ["pass", "pass"]


@needs_bash
def test_script_runs_every_command_and_exits_with_1_if_one_failed(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        shutil.copy("fixtures/refused/png-too-narrow.png", tmp_path / name)
    reports = list(preflight.check_many(sorted(tmp_path.iterdir()), "atlas"))
    (tmp_path / "a.png").write_bytes(b"no longer a picture")
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    commands = written("commands", reports).encode()
    done = subprocess.run([str(bash)], input=commands, check=False, timeout=60, capture_output=True, env={"PATH": path})
    assert done.returncode == 1
    assert [path.name for path in tmp_path.glob("*-fixed.png")] == ["b-fixed.png"]
