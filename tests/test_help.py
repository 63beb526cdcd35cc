"""`--help` of every command, with examples that run and exit codes; and what the shell completes."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from preflight import catalog
from preflight.cli import COMMANDS, group
from preflight.codes import CODES
from tests.conftest import ROOT, Run
from tests.documented import Desk
from tests.rows import each_row

JUDGING = ("check", "probe", "rules")
"""Commands whose examples need neither a key nor a network."""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it."""
    pending: list[tuple[str, click.Command]] = [("", group)]
    while pending:
        words, command = pending.pop()
        yield words, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                pending.append((f"{words} {name}".strip(), inner))


ALL = dict(commands())


def help_of(words: str) -> str:
    command = ALL[words]
    with command.context_class(command, info_name=f"preflight {words}".strip(), terminal_width=120) as context:
        return command.get_help(context)


EXAMPLES = sorted(
    {line.strip() for words in ALL for line in help_of(words).splitlines() if line.startswith("    preflight ")}
)


@each_row("words", ALL)
def test_help_has_examples_and_exit_codes(words: str) -> None:
    text = help_of(words)
    assert re.search(rf"^  Examples:\n    preflight {words}", text, re.MULTILINE), text
    assert re.search(r"^  Exit code:\n    0    [a-z]", text, re.MULTILINE), text
    assert max(map(len, text.splitlines())) <= 120


def test_overview_describes_each_command(run: Run) -> None:
    text = run("--help").stdout
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w", text, re.MULTILINE), name
        assert import_module(f"preflight.cli.{name}").command is ALL[name]


@each_row("example", EXAMPLES)
def test_examples_are_valid_calls(example: str) -> None:
    """Words and options are those of the command; whether it does its work is another test's."""
    words = shlex.split(re.split(r" [<>] ", example)[0], comments=True)[1:]
    length = max(length for length in range(len(words) + 1) if " ".join(words[:length]) in ALL)
    command = ALL[" ".join(words[:length])]
    assert command.make_context(words[length - 1], words[length:]).command is command


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.split()[1] in JUDGING and " import " not in one])
def test_example_runs(example: str, tmp_path: Path, run: Run) -> None:
    desk = Desk(tmp_path)
    words = shlex.split(example, comments=True)[1:]
    done = desk.shell(example) if re.search(r"[<>|*$]", example) else run(*words, cwd=desk.folder)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr


def test_sandbox_runs_until_it_is_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "preflight", "sandbox"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("# preflight sandbox at http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


Offered = Callable[[str], list[str]]


@pytest.fixture
def offered(run: Run) -> Offered:
    """What bash is offered for the last word of a line."""

    def call(line: str) -> list[str]:
        words = line.split(" ")
        environment = {"_PREFLIGHT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = run(env={**os.environ, **environment})
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    return call


class TestCompletion:
    def test_commands_and_options_are_completed(self, offered: Offered) -> None:
        assert offered("preflight che") == ["plain,check"]
        assert "plain,--strict" in offered("preflight check --st")
        assert offered("preflight check --format js") == ["plain,json", "plain,jsonl"]

    def test_stages_and_variants_are_completed(self, offered: Offered) -> None:
        assert offered("preflight check --for stage:tr") == ["plain,stage:transcribe"]
        assert offered("preflight check --for atlas,stage:an") == ["plain,atlas,stage:analyze"]
        assert offered("preflight check --for atlas:") == []

    def test_rule_sets_are_completed_also_in_a_list(self, offered: Offered) -> None:
        every = offered("preflight check --for ")
        assert every == [f"plain,{name}" for name in (*catalog.names(), "all")]
        assert offered("preflight check --for atlas,volc") == [
            f"plain,atlas,{name}" for name in catalog.names() if name.startswith("volc")
        ]
        assert "plain,atlas,atlas" not in offered("preflight check --for atlas,atl")
        assert offered("preflight rules show runw") == ["plain,runway"]

    def test_files_are_completed_by_the_shell(self, offered: Offered) -> None:
        assert offered("preflight check --for ./mi") == ["file,./mi"]
        assert offered("preflight check fix") == ["file,fix"]

    def test_finding_codes_are_completed(self, offered: Offered) -> None:
        assert offered("preflight check --ignore fps_") == ["plain,fps_too_low", "plain,fps_too_high"]
        assert len(offered("preflight check --select ")) == len(CODES)

    def test_providers_are_completed(self, offered: Offered) -> None:
        assert offered("preflight submit --to at") == ["plain,atlas"]

    def test_invalid_configuration_does_not_stop_completion(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "preflight.toml").write_text("nonsense = 1")
        done = Desk(tmp_path).shell(
            "_PREFLIGHT_COMPLETE=zsh_complete COMP_WORDS='preflight check --for run' COMP_CWORD=3 preflight"
        )
        assert done.stdout.splitlines()[:2] == ["plain", "runway"]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_start_up_line_prints_a_script(self, shell: str, tmp_path: Path) -> None:
        line = f"_PREFLIGHT_COMPLETE={shell}_source preflight"
        assert line in help_of("")
        assert line in (ROOT / "README.md").read_text(encoding="utf-8")
        done = Desk(tmp_path).shell(line)
        assert done.returncode == 0
        assert f"_PREFLIGHT_COMPLETE={shell}_complete" in done.stdout

    def test_bash_completes_with_it(self, tmp_path: Path) -> None:
        done = Desk(tmp_path).shell(
            'eval "$(_PREFLIGHT_COMPLETE=bash_source preflight)"; complete -p preflight\n'
            "COMP_WORDS=(preflight check --for runw); COMP_CWORD=3; _preflight_completion preflight; "
            'echo "${COMPREPLY[@]}"'
        )
        assert done.stdout.splitlines()[-1] == "runway", done.stderr
