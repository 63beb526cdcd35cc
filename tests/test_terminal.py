"""Colour on demand, and text for terminals of any width."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest

from preflight.cli.terminal import CommandContext, Formatter
from tests.conftest import OnTerminal, Run
from tests.rows import each_row
from tests.test_help import ALL

PASSING = "fixtures/accepted/picture.png"
CHECK = ("check", PASSING, "--for", "atlas")
DIFF = ("rules", "diff", "atlas", "ltx")
ESCAPE = "\x1b["


class TestColour:
    @pytest.mark.parametrize(
        ("environment", "words", "coloured"),
        [
            ({}, (), False),
            ({"FORCE_COLOR": "1"}, (), True),
            ({"FORCE_COLOR": "0"}, (), False),
            ({"CLICOLOR_FORCE": "1"}, (), True),
            ({"CLICOLOR_FORCE": "0"}, (), False),
            ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, (), False),
            ({"NO_COLOR": "", "FORCE_COLOR": "1"}, (), True),
            ({}, ("--color", "always"), True),
            ({"NO_COLOR": "1"}, ("--color", "always"), True),
            ({"FORCE_COLOR": "1"}, ("--color", "never"), False),
            ({"FORCE_COLOR": "1"}, ("--color", "auto"), True),
        ],
    )
    def test_colour_of_a_pipe_follows_option_and_environment(
        self, run: Run, environment: dict[str, str], words: tuple[str, ...], coloured: bool
    ) -> None:
        done = run(*CHECK, *words, env={**os.environ, **environment})
        assert (ESCAPE in done.stdout) is coloured

    @each_row(
        ("words", "environment", "coloured"),
        [
            (CHECK, {}, True),
            (CHECK, {"TERM": "dumb"}, False),
            (CHECK, {"NO_COLOR": "1"}, False),
            (CHECK, {"CLICOLOR": "0"}, False),
            (CHECK, {"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, True),
            (DIFF, {}, True),
            (DIFF, {"NO_COLOR": "1"}, False),
            (DIFF, {"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, True),
        ],
    )
    def test_colour_of_a_terminal_follows_option_and_environment(
        self, on_terminal: OnTerminal, words: tuple[str, ...], environment: dict[str, str], coloured: bool
    ) -> None:
        assert (ESCAPE in on_terminal(*words, columns=120, **environment)[0]) is coloured

    def test_files_are_coloured_only_by_the_option(self, run: Run, tmp_path: Path) -> None:
        output, report = tmp_path / "output", tmp_path / "report.txt"
        words = (*CHECK, "--output", output, "--report", report)
        run(*words, env={**os.environ, "FORCE_COLOR": "1"})
        assert ESCAPE not in output.read_text() + report.read_text()
        run(*words, "--color", "always")
        assert ESCAPE in output.read_text()
        assert ESCAPE in report.read_text()

    def test_color_may_precede_the_command(self, run: Run) -> None:
        assert ESCAPE in run("--color", "always", *CHECK).stdout

    def test_json_is_never_coloured(self, run: Run) -> None:
        assert ESCAPE not in run(*CHECK, "--color", "always", "--format", "json").stdout


def whole_words(text: str, width: int, original: str) -> None:
    """Every line fits, but for a single word that is too long; no word is broken."""
    for line in text.splitlines():
        assert len(line) <= width or len(line.split()) <= 2, line
    words = {word.removesuffix("...") for word in re.sub(r"\|", " ", original).split()}
    said = {word.removesuffix("...") for word in re.sub(r"\|", " ", text).split()}  # a short help may end early
    assert said - {"\\"} <= words


class TestNarrow:
    def test_help_breaks_no_word(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def text(command: str, width: int) -> str:
            monkeypatch.setenv("COLUMNS", str(width))
            with CommandContext(ALL[command], info_name="preflight", max_content_width=width) as context:
                return ALL[command].get_help(context)

        for command in ALL:
            original = text(command, 1000)
            for columns in (30, 40, 60, 80):
                whole_words(text(command, columns), columns, original)

    def test_help_of_the_command_fits_the_terminal(self, run: Run) -> None:
        for words in (["--help"], ["check", "--help"], ["assets", "groups", "--help"]):
            text = run(*words, env={**os.environ, "COLUMNS": "40"}).stdout
            assert max(map(len, text.splitlines())) <= 44, text

    @each_row(
        "words",
        [
            "rules diff atlas volcengine",
            "rules list",
            f"check {PASSING} {PASSING} --for atlas,volcengine@2026-03",
            f"check {PASSING}",
            f"check {PASSING} --for atlas --report report.doc",
            f"check {PASSING} --for atlas --nonsense",
        ],
    )
    def test_tables_and_errors_break_no_word(self, on_terminal: OnTerminal, words: str) -> None:
        meant, narrow = (
            {word.strip(":,;") for word in on_terminal(*words.split(), columns=columns, NO_COLOR="1")[0].split()}
            for columns in (400, 40)
        )
        assert narrow - {"variants"} <= meant, "what a table shows in rows, a narrow list names"

    def test_long_word_is_not_broken(self) -> None:
        formatter = Formatter(width=20)
        formatter.write_dl([("--option", "a https://example.com/a/long/address b")])
        assert "https://example.com/a/long/address" in formatter.getvalue()

    def test_long_example_command_continues_after_backslash(self) -> None:
        formatter = Formatter(width=40)
        formatter.write_text("Examples:\n  preflight check media/ --for atlas --report report.xml")
        assert formatter.getvalue().splitlines()[1].endswith(" \\")
        assert "".join(formatter.getvalue().replace("\\\n", "").split()) == (
            "Examples:preflightcheckmedia/--foratlas--reportreport.xml"
        )


def test_context_settings_reach_every_command() -> None:
    from preflight.cli import group

    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert command.context_class is CommandContext
