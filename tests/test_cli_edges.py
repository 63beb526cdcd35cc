"""The command in the hands of somebody new: wrong words, odd terminals, odd files. One sentence each, no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from preflight import catalog
from preflight.providers import PROVIDERS
from preflight.rulefile.model import REQUIRED_KEYS
from tests.conftest import ROOT, OnTerminal, Run
from tests.rows import each_row

PASSING = "fixtures/accepted/picture.png"
COMMAND = [sys.executable, "-m", "preflight"]


class TestWords:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["check", PASSING], f"Missing option '--for'. Choose one of {', '.join(catalog.current()[:3])} and "),
            (["submit", PASSING], f"Missing option '--to'. Choose one of {', '.join(PROVIDERS)}."),
            (["chek", PASSING], "Unknown command 'chek'. Did you mean 'check'?"),
            (["rules", "lst"], "Unknown command 'lst'. Did you mean 'list'?"),
            (["rules", "page"], "Unknown command 'page'. Choose one of diff, explain, export, "),
            (["assets", "groups", "nix"], "Unknown command 'nix'. Choose one of create, "),
            (["assets", "session", "\x1b[31m"], "Unknown command '\\x1b[31m'. Choose one of "),
            (["CHECK", PASSING], "Did you mean 'check'?"),
            (["frobnicate"], "Choose one of check, probe, fix, rules, submit, assets, sandbox"),
            ([PASSING], f"write `preflight check {PASSING}`"),
            (["check", PASSING, "--for", "atlas", "-j", "0"], "0 is not allowed. Write a whole number from 1 to 256"),
            (
                ["check", PASSING, "--for", "atlas", "-j", "-1"],
                "-1 is not allowed. Write a whole number from 1 to 256.",
            ),
            (
                ["check", PASSING, "--for", "atlas", "-j", "x\x1b"],
                r"x\x1b is not allowed. Write a whole number",
            ),
            (
                ["check", PASSING, "--for", "atlas", "-j", "100000"],
                "100000 is not allowed. Write a whole number",
            ),
            (["check", PASSING, "--for", "atlas", "--timeout", "x"], "x is not allowed. Write seconds, 0.1 or more"),
            (
                ["check", PASSING, "--for", "atlas", "--timeout", "nan"],
                "nan is not allowed. Write seconds, 0.1 or more",
            ),
            (
                ["submit", PASSING, "--to", "atlas", "--poll-timeout", "-1"],
                "-1 is not allowed. Write seconds, 0 or",
            ),
            (
                ["submit", PASSING, "--to", "atlas", "--sandbox", "--host", "atlas"],
                "--sandbox cannot be used with --host",
            ),
            (["assets", "list", "--limit", "0"], "0 is not allowed. Write a whole number, 1 or more"),
            (
                ["check", PASSING, "--for", "atlas", "--report", "foo=x.csv"],
                "--report foo=x.csv: unknown format 'foo'. Choose one of",
            ),
        ],
    )
    def test_message_of_a_wrong_call_says_what_to_write(self, run: Run, words: list[str], said: str) -> None:
        done = run(*words)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr

    @each_row(
        "words",
        [
            *(
                ("check", PASSING, "--for", "atlas", option)
                for option in ("--proxy", "--ca-bundle", "--ledger", "--for")
            ),
            *(("check", PASSING, "--for", "atlas", option) for option in ("--include", "--exclude", "--select")),
            ("probe", PASSING, "--proxy"),
            *(("submit", PASSING, "--to", "atlas", option) for option in ("--ledger", "--group", "--for", "--include")),
            *(("submit", PASSING, "--to", "volcengine", option) for option in ("--project", "--signing", "--host")),
            *(("assets", "list", option) for option in ("--account", "--group", "--name", "--ledger", "--project")),
            ("sandbox", "--trusted"),
        ],
    )
    def test_option_given_as_empty_text_is_refused(self, run: Run, words: tuple[str, ...]) -> None:
        done = run(*words, "")
        assert (done.returncode, done.stdout) == (2, "")
        assert words[-1] == "--select" or f"for '{words[-1]}': It is empty. Give a value, or leave" in done.stderr

    @each_row("value", ["nan", "inf", "-inf", "1e999"])
    @each_row(
        "words",
        [
            ("sandbox", "--delay"),
            ("sandbox", "--latency"),
            ("sandbox", "--retry-after"),
            ("check", PASSING, "--for", "atlas", "--timeout"),
            ("submit", PASSING, "--to", "atlas", "--poll-timeout"),
            ("assets", "sync", "--settle"),
        ],
    )
    def test_time_that_is_not_finite_is_refused(self, run: Run, words: tuple[str, ...], value: str) -> None:
        done = run(*words, value)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{value} is not allowed. Write seconds, 0" in done.stderr

    def test_empty_target_is_unknown(self, run: Run) -> None:
        done = run("check", "", "--for", "atlas")
        assert done.returncode == 3
        assert "the path is empty. Give a file. [not_found]" in done.stdout

    def test_file_that_looks_like_an_option_is_explained(self, run: Run, tmp_path: Path) -> None:
        shutil.copy(PASSING, tmp_path / "-dash.png")
        done = run("check", "-dash.png", "--for", "atlas", cwd=tmp_path)
        assert done.returncode == 2
        assert "To name the file, write ./-dash.png" in done.stderr
        assert run("check", "./-dash.png", "--for", "atlas", cwd=tmp_path).returncode == 0


class TestTerminals:
    @pytest.mark.parametrize("columns", [40, 60, 100])
    def test_list_of_rule_sets_fits_a_narrow_terminal(self, on_terminal: OnTerminal, columns: int) -> None:
        lines = on_terminal("rules", "list", columns=columns)[0].splitlines()
        assert set(catalog.names()) <= set(lines), "a name is never cut"
        assert max(map(len, lines)) <= columns
        assert "…" not in "".join(lines)

    def test_list_of_rule_sets_is_a_table_on_a_wide_terminal(self, on_terminal: OnTerminal) -> None:
        head, *rows = on_terminal("rules", "list", columns=400, NO_COLOR="1")[0].splitlines()
        assert head.split() == ["name", "stage", "basis", "as", "of", "takes", "from", "title"]
        named = [row.split()[0] for row in rows if not row.startswith(" ")]
        assert named == list(catalog.names()), "variants stand below their rule set"

    def test_closing_table_fits_a_narrow_terminal(self, on_terminal: OnTerminal) -> None:
        words = ("check", PASSING, PASSING, "--for", "volcengine,atlas")
        lines = on_terminal(*words, columns=40, NO_COLOR="1")[0].splitlines()
        assert "rule set   pass warning fail unknown" in lines
        assert any(line.startswith("volcengine") for line in lines)

    def test_characters_that_an_output_cannot_encode_are_escaped(self) -> None:
        done = subprocess.run(
            [*COMMAND, "rules", "diff", "atlas", "volcengine"],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert r"2\u201315 s" in done.stdout

    @pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
    @pytest.mark.parametrize(("words", "code"), [("check '' --for atlas", 3), ("rules list", 0)])
    def test_exit_code_is_right_if_output_is_closed(self, closed: str, words: str, code: int) -> None:
        line = f"{sys.executable} -m preflight {words} {closed}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
        assert done.returncode == code
        assert "fault" not in done.stderr


class TestLists:
    def test_list_may_be_a_pipe(self) -> None:
        line = f"{sys.executable} -m preflight check @<(echo {PASSING}; echo gone.png) --for atlas"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
        assert done.returncode == 3
        assert f"PASS    {PASSING}" in done.stdout
        assert "gone.png does not exist" in done.stdout

    def test_line_that_cannot_be_parsed_is_one_problem(self, run: Run, tmp_path: Path) -> None:
        listed = tmp_path / "deep.jsonl"
        listed.write_text(f'{{"file": "{ROOT / PASSING}"}}\n{"[" * 60_000}\n')
        done = run("check", f"@{listed}", "--column", "file", "--for", "atlas")
        assert done.returncode == 3
        assert "PASS" in done.stdout
        assert "deep.jsonl:2: the line has no 'file'" in done.stdout


@pytest.mark.parametrize("option", ["--output", "--report=csv=", "--resume", "--cache"])
def test_output_never_replaces_a_file_to_be_checked(run: Run, tmp_path: Path, option: str) -> None:
    picture = tmp_path / "picture.png"
    shutil.copy(PASSING, picture)
    words = [f"{option}{picture}"] if option.endswith("=") else [option, picture]
    done = run("check", picture, "--for", "atlas", *words)
    assert done.returncode == 2
    assert "would overwrite a media file" in done.stderr
    assert picture.read_bytes() == Path(PASSING).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


class TestFiles:
    def test_unusual_names_are_checked(self, run: Run, tmp_path: Path) -> None:
        names = ["new\nline.png", "ansi\x1b[31m.png", "rtl\u202egnp.png", "سلام.png", r"C:\x.png", "@at.png", "a*b.png"]
        for name in names:
            shutil.copy(PASSING, tmp_path / name)
        (tmp_path / "zero.png").touch()
        with (tmp_path / "huge.mp4").open("wb") as huge:
            huge.truncate(1 << 40)
        (tmp_path / "loop.png").symlink_to("loop.png")
        (tmp_path / "broken.png").symlink_to("nowhere")
        (tmp_path / "up").symlink_to("..")
        for words in ([tmp_path], sorted(tmp_path.glob("*.*"))):
            done = run("check", *words, "--for", "atlas", "--exclude", "up/*")
            assert done.returncode == 1
            assert not {"\x1b", "\u202e"} & set(done.stdout)
            assert done.stdout.count("PASS ") == len(names)
            for said in ("the file is empty", "is a circular link", "is a link whose target does not exist"):
                assert said in done.stdout
            assert "internal_error" not in done.stdout
            assert done.stderr == ""


class TestRuleFiles:
    HEAD = 'title = "Ours: x"\nstage = "register"\nsource = "https://e.com"\nas_of = 2026-11-20\nbasis = "published"\n'

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", f"basis is missing. Add it: {REQUIRED_KEYS['basis']}"),
            (HEAD.replace("2026-11-20", "2999-01-01"), ":4: as_of 2999-01-01 is in the future. Write the day"),
            (HEAD + '[examples]\nverdict = "pass"\n', "[[examples]] is a table. It is an array of tables. Write"),
            (HEAD + "[asset]\nname = { max_length = -1 }\n", "max_length is -1. Write 1 or more"),
            (HEAD + 'extends = "./gone.toml"\n', "mine.toml:6: Rule file gone.toml not found"),
        ],
    )
    def test_message_names_file_and_line(self, run: Run, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "mine.toml").write_text(text)
        for words in (["rules", "validate", "mine.toml"], ["check", ROOT / PASSING, "--for", "mine.toml"]):
            done = run(*words, cwd=tmp_path)
            assert done.returncode == 2
            assert said in done.stderr


class TestConfiguration:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                '[tool.preflight]\nrules = "atlas"\n',
                "preflight.toml:1: This file has its keys at the top level. Leave",
            ),
            ('rules = "./gone.toml"\n', "preflight.toml:1: rules: the rule file './gone.toml' does not exist"),
            (
                'rules = "atlas"\ntimeout = 1e9\n',
                "preflight.toml:2: timeout = 1000000000.0 is invalid. Write seconds, from 0.1 to",
            ),
        ],
    )
    def test_message_names_the_mistake(self, run: Run, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "preflight.toml").write_text(text)
        done = run("check", ROOT / PASSING, cwd=tmp_path)
        assert done.returncode == 2
        assert said in done.stderr

    def test_byte_order_mark_is_accepted(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "preflight.toml").write_text('rules = "atlas"\n', encoding="utf-8-sig")
        assert run("check", ROOT / PASSING, cwd=tmp_path).returncode == 0
