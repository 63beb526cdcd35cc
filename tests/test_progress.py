"""Progress: on a terminal only, on standard error only, with the rate and the time that is left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from preflight.checker import plan_for
from preflight.cli.options import TargetOptions
from preflight.cli.run import Run as CheckRun
from preflight.cli.run import RunOptions
from preflight.run import Progress
from preflight.summary import DEFAULT_POLICY
from tests.conftest import OnTerminal, Run, many_files

COUNT = 3000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    return many_files(folder, COUNT)


def test_rate_and_remaining_time(on_terminal: OnTerminal, run: Run, many: Path) -> None:
    shown, printed = on_terminal("check", many, "--for", "atlas", "--format", "jsonl", shared=False)
    assert re.search(r"\r\x1b\[K[\d,]+ of 3,000 files, [\d,]+ a second, \d+:\d\d left", shown)
    assert shown.endswith("\r\x1b[K")
    done = run("check", many, "--for", "atlas", "--format", "jsonl")
    assert (printed, done.stderr) == (done.stdout, "")


@pytest.mark.slow
def test_standard_output_of_workers_does_not_depend_on_progress(on_terminal: OnTerminal, run: Run, many: Path) -> None:
    words = ("check", many, "--for", "atlas", "--format", "jsonl", "-j", "2")
    assert on_terminal(*words, shared=False)[1] == run(*words).stdout


def test_progress_line_is_removed_before_text(on_terminal: OnTerminal, many: Path) -> None:
    shown, _ = on_terminal("check", many, "--for", "atlas", NO_COLOR="1")
    lines = [line for line in shown.split("\n") if "FAIL " in line]
    assert len(lines) == COUNT
    for line in lines:
        assert re.fullmatch(r"(.*\r\x1b\[K)?FAIL    [^\r\x1b]*\.png  \(png [^\r\x1b]*\)", line)


def test_dumb_terminal_shows_no_progress(on_terminal: OnTerminal, many: Path) -> None:
    shown, _ = on_terminal("check", many, "--for", "atlas", "--format", "jsonl", shared=False, TERM="dumb")
    assert shown == ""


def test_total_of_a_list_on_standard_input_is_unknown() -> None:
    inputs = TargetOptions(targets=("-",), include=(), exclude=(), no_ignore=False, column=None)
    options = RunOptions(inputs, output=None, format_=None, jobs=None, unordered=False)
    assert CheckRun(options, plan_for("atlas"), DEFAULT_POLICY, guard=None)._count() is None


def test_files_of_a_previous_run_count_for_the_total_and_not_for_the_rate() -> None:
    progress = Progress()
    progress.begin_after(7000)
    progress._total = 10_000
    for _ in range(1000):
        progress.advance()
    assert progress._line(2.0) == "8,000 of 10,000 files, 500 a second, 0:04 left"


def test_progress_fits_one_line_of_a_narrow_terminal(on_terminal: OnTerminal, many: Path) -> None:
    shown, _ = on_terminal("check", many, "--for", "atlas", "--format", "jsonl", shared=False, columns=20)
    drawn = [line for line in shown.split("\r\x1b[K") if line]
    assert drawn
    assert max(map(len, drawn)) <= 19
