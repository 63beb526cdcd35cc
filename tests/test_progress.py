"""Progress: on a terminal only, on standard error only, with the rate and the time that is left."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from preflight.checker import plan_for
from preflight.cli.options import TargetOptions
from preflight.cli.run import Run, RunOptions
from preflight.run import Progress
from preflight.summary import DEFAULT_POLICY
from tests.conftest import ROOT, many_files

COUNT = 3000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    return many_files(folder, COUNT)


def on_terminal(*words: object, shared: bool, term: str = "xterm", columns: int = 80) -> tuple[str, str]:
    """What a command writes to its terminal, and to standard output where that is a pipe."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    command = [sys.executable, "-m", "preflight", *map(str, words)]
    environment = {**os.environ, "TERM": term, "NO_COLOR": "1"}
    out = theirs if shared else subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        printed = b""
        if process.stdout is not None:
            printed = process.stdout.read()
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return shown.decode().replace("\r\n", "\n"), printed.decode()


def test_rate_and_remaining_time(many: Path) -> None:
    shown, printed = on_terminal("check", many, "--for", "atlas", "--format", "jsonl", shared=False)
    assert len(printed.splitlines()) == COUNT
    assert re.search(r"\r\x1b\[K[\d,]+ of 3,000 files, [\d,]+ a second, \d+:\d\d left", shown)
    assert shown.endswith("\r\x1b[K")


def test_progress_line_is_removed_before_text(many: Path) -> None:
    shown, _ = on_terminal("check", many, "--for", "atlas", shared=True)
    lines = [line for line in shown.split("\n") if "FAIL " in line]
    assert len(lines) == COUNT
    for line in lines:
        assert re.fullmatch(r"(.*\r\x1b\[K)?FAIL    [^\r\x1b]*\.png  \(png [^\r\x1b]*\)", line)


@pytest.mark.parametrize("words", [("-j", "2"), pytest.param((), marks=pytest.mark.slow)])
def test_standard_output_does_not_depend_on_progress(many: Path, words: tuple[str, ...]) -> None:
    _, printed = on_terminal("check", many, "--for", "atlas", "--format", "jsonl", *words, shared=False)
    command = [sys.executable, "-m", "preflight", "check", str(many), "--for", "atlas", "--format", "jsonl"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (printed, done.stderr) == (done.stdout, "")


def test_dumb_terminal_shows_no_progress(many: Path) -> None:
    shown, _ = on_terminal("check", many, "--for", "atlas", "--format", "jsonl", shared=False, term="dumb")
    assert shown == ""


def test_total_of_a_list_on_standard_input_is_unknown() -> None:
    inputs = TargetOptions(targets=("-",), include=(), exclude=(), no_ignore=False, column=None)
    options = RunOptions(inputs, output=None, format_=None, jobs=None, unordered=False)
    assert Run(options, plan_for("atlas"), DEFAULT_POLICY, guard=None)._count() is None


def test_files_of_a_previous_run_count_for_the_total_and_not_for_the_rate() -> None:
    progress = Progress()
    progress.begin_after(7000)
    progress._total = 10_000
    for _ in range(1000):
        progress.advance()
    assert progress._line(2.0) == "8,000 of 10,000 files, 500 a second, 0:04 left"


def test_progress_fits_one_line_of_a_narrow_terminal(many: Path) -> None:
    shown, _ = on_terminal("check", many, "--for", "atlas", "--format", "jsonl", shared=False, columns=20)
    drawn = [line for line in shown.split("\r\x1b[K") if line]
    assert drawn
    assert max(map(len, drawn)) <= 19
