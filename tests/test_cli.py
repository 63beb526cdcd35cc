"""The command as its users meet it: a process with words, output, messages and an exit code."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import Run

PASSING = "fixtures/accepted/picture.png"
FAILING = "fixtures/refused/png-too-narrow.png"


def objects(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


class TestExitCode:
    def test_0_when_everything_passes(self, run: Run) -> None:
        assert run("check", PASSING, "--for", "atlas").returncode == 0

    def test_1_when_something_fails_even_if_something_else_is_unknown(self, run: Run) -> None:
        assert run("check", PASSING, FAILING, "gone.png", "--for", "atlas").returncode == 1

    def test_3_when_something_is_unknown(self, run: Run) -> None:
        assert run("check", PASSING, "gone.png", "--for", "atlas").returncode == 3
        assert run("probe", PASSING, "gone.png").returncode == 3

    def test_3_when_there_is_nothing_to_check(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("not a media file")
        done = run("check", tmp_path, "--for", "atlas")
        assert done.returncode == 3
        assert "Nothing to check. None of the 1 files found is a media file." in done.stderr

    @pytest.mark.parametrize(("policy", "code"), [("fail", 1), ("pass", 0)])
    def test_unknown_decides_what_an_unknown_verdict_exits_with(self, run: Run, policy: str, code: int) -> None:
        words = ("check", PASSING, "gone.png", "--for", "atlas", "--format", "jsonl", "--unknown", policy)
        done = run(*words)
        assert done.returncode == code
        assert [row["verdict"] for row in objects(done.stdout)] == ["pass", "unknown"]
        assert run(*words, FAILING).returncode == 1

    def test_exit_zero_hides_every_verdict_and_no_wrong_call(self, run: Run) -> None:
        assert run("check", FAILING, "gone.png", "--for", "atlas", "--exit-zero").returncode == 0
        assert run("check", FAILING, "--for", "atlass", "--exit-zero").returncode == 2

    def test_sarif_has_the_code_of_the_process(self, run: Run) -> None:
        done = run("check", "gone.png", "--for", "atlas", "--format", "sarif", "--unknown", "fail")
        (invocation,) = json.loads(done.stdout)["runs"][0]["invocations"]
        assert invocation["exitCode"] == done.returncode == 1

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["check", PASSING], "Missing option '--for'"),
            (["check", PASSING, "--for", "atlass"], "Did you mean 'atlas'"),
            (["check", PASSING, "--for", "./gone.toml"], "gone.toml"),
            (["check", PASSING, "--for", "atlas", "--ignore", "fps_low"], "Did you mean 'fps_too_low'"),
            (["check", PASSING, "--for", "atlas", "--output", "no/such/folder/out"], "--output no/such/folder/out"),
            (["chek", PASSING], "Unknown command 'chek'"),
            ([PASSING], f"preflight check {PASSING}"),
            (["check", PASSING, "--for", "atlas", "--together"], "[request] section"),
        ],
    )
    def test_2_and_a_message_when_the_call_is_wrong(self, run: Run, words: list[str], said: str) -> None:
        done = run(*words)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr + done.stdout


class TestCommands:
    def test_commands_are_a_shell_script_that_fixes_the_files(self, run: Run) -> None:
        done = run("check", PASSING, FAILING, "--for", "atlas", "--commands")
        assert done.returncode == 1
        shebang, *lines = done.stdout.splitlines()
        assert shebang.startswith("#!/usr/bin/env bash")
        (command,) = [line for line in lines if not line.startswith(("#", "status=", "exit "))]
        assert shlex.split(command)[0] in ("ffmpeg", "preflight")
        assert FAILING in command

    @pytest.mark.parametrize("other", [("--quiet",), ("--format", "json"), ("--cache", "c"), ("--resume", "r")])
    def test_commands_cannot_be_combined_with_a_report(self, run: Run, other: tuple[str, ...]) -> None:
        done = run("check", PASSING, "--for", "atlas", "--commands", *other)
        assert done.returncode == 2
        assert f"{other[0]}" in done.stderr
        assert "cannot be used with" in done.stderr


class TestText:
    def test_line_for_each_file_and_finding_and_a_table_at_the_end(self, run: Run) -> None:
        lines = run("check", PASSING, FAILING, "--for", "atlas").stdout.splitlines()
        assert lines[0].startswith(f"PASS    {PASSING}  (png 640×480")
        assert lines[1].startswith(f"FAIL    {FAILING}  (png 299×400")
        assert lines[2].startswith("  error   width 299 px: below the 300 px that Atlas Cloud accepts")
        assert lines[2].endswith("[width_too_small]")
        assert "→ scale it to 300×401" in lines[3]
        assert any(line.split() == ["atlas", "1", "·", "1", "·"] for line in lines)

    def test_no_colour_where_there_is_no_terminal(self, run: Run) -> None:
        assert "\x1b" not in run("check", FAILING, "--for", "atlas").stdout

    def test_quiet_prints_only_what_does_not_pass(self, run: Run) -> None:
        out = run("check", PASSING, FAILING, "--for", "atlas", "--quiet").stdout
        assert PASSING not in out
        assert FAILING in out

    def test_assumed_limits_are_marked(self, run: Run) -> None:
        out = run("check", FAILING, "--for", "crun").stdout
        assert "(assumed limit)" in out
        assert "nothing is published" in out

    def test_findings_of_several_rule_sets_name_them(self, run: Run) -> None:
        out = run("check", "fixtures/accepted/sound.wav", "--for", "atlas,agentsflare").stdout
        assert "pass    atlas: passes" in out
        assert "agentsflare: audio: Agentsflare accepts images here [kind_not_accepted]" in out


class TestJson:
    def test_jsonl_is_one_valid_object_per_line(self, run: Run) -> None:
        valid = Draft202012Validator(json.loads(run("rules", "schema", "--report").stdout))
        rows = objects(run("check", "fixtures/", "gone.png", "--for", "atlas,volcengine", "--format", "jsonl").stdout)
        assert len(rows) > 80
        assert [row["index"] for row in rows] == sorted(row["index"] for row in rows)  # type: ignore[type-var]
        for row in rows:
            valid.validate(row)
        assert rows[-1]["error"] == {"code": "not_found", "message": "gone.png does not exist. Check the path."}

    def test_json_is_one_document_with_a_summary(self, run: Run) -> None:
        document = json.loads(run("check", PASSING, FAILING, "--for", "atlas", "--format", "json").stdout)
        assert [report["verdict"] for report in document["reports"]] == ["pass", "fail"]
        assert document["summary"]["by_rules"]["atlas"] == {"pass": 1, "warnings": 0, "fail": 1, "unknown": 0}

    def test_json_without_files_is_a_document(self, run: Run) -> None:
        document = json.loads(run("check", PASSING, "--for", "atlas", "--format", "json", "--quiet").stdout)
        assert document["reports"] == []

    def test_probe_prints_facts_without_verdict(self, run: Run) -> None:
        (row,) = objects(run("probe", PASSING, "--format", "jsonl").stdout)
        assert (row["kind"], row["format"], row["width"], row["height"]) == ("image", "png", 640, 480)
        assert "verdict" not in row

    def test_output_writes_a_file(self, run: Run, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        done = run("check", PASSING, "--for", "atlas", "--format", "jsonl", "--output", out)
        assert done.stdout == ""
        assert objects(out.read_text())[0]["verdict"] == "pass"


class TestTargets:
    def test_folder_is_listed_sorted_without_hidden_and_non_media_files(
        self, run: Run, tmp_path: Path, fixtures: Path
    ) -> None:
        for name in ("b/two.png", "a/one.png", ".hidden/no.png", "a/.no.png"):
            target = tmp_path / name
            target.parent.mkdir(exist_ok=True)
            shutil.copy(fixtures / "accepted/picture.png", target)
        (tmp_path / "readme.txt").write_text("no media, and its name does not say so either")
        (tmp_path / "zz.jpg").write_text("no media, but its name says so")
        done = run("check", ".", "--for", "atlas", "--format", "json", cwd=tmp_path)
        document = json.loads(done.stdout)
        assert [Path(report["source"]).name for report in document["reports"]] == ["zz.jpg", "one.png", "two.png"]
        assert document["summary"]["skipped"] == 1

    def test_loop_of_links_is_entered_once(self, run: Run, tmp_path: Path, fixtures: Path) -> None:
        shutil.copy(fixtures / "accepted/picture.png", tmp_path / "one.png")
        (tmp_path / "again").symlink_to(tmp_path)
        (tmp_path / "self").symlink_to(tmp_path / "self")
        rows = objects(run("check", tmp_path, "--for", "atlas", "--format", "jsonl").stdout)
        assert [Path(str(row["source"])).name for row in rows] == ["one.png", "self"] or len(rows) == 2
        assert rows[0]["verdict"] == "pass"

    def test_empty_folder_is_unknown(self, run: Run, tmp_path: Path) -> None:
        done = run("check", tmp_path, "--for", "atlas")
        assert done.returncode == 3
        assert "no file that could be media" in done.stdout

    def test_globs_lists_and_standard_input(self, run: Run, tmp_path: Path) -> None:
        targets = tmp_path / "targets.txt"
        targets.write_bytes(f"# chosen\n{PASSING}\n\n\xff\xfe broken\n{FAILING}\n".encode("latin-1"))
        rows = objects(run("check", f"@{targets}", "--for", "atlas", "--format", "jsonl").stdout)
        assert [row["verdict"] for row in rows] == ["pass", "unknown", "fail"]
        assert rows[1]["source"] == f"{targets}:4"
        rows = objects(run("check", "-", "--for", "atlas", "--format", "jsonl", input=f"{PASSING}\n").stdout)
        assert [row["source"] for row in rows] == [PASSING]
        rows = objects(run("check", "fixtures/accepted/picture.*", "--for", "atlas", "--format", "jsonl").stdout)
        assert len(rows) == 7
        assert run("check", "fixtures/*.nothing", "--for", "atlas").returncode == 3

    def test_media_file_on_standard_input(self, run: Run, fixtures: Path) -> None:
        data = (fixtures / "accepted/picture.png").read_bytes()
        done = run("check", "-", "--for", "atlas", "--format", "jsonl", input=data, text=False)
        (row,) = objects(done.stdout.decode())
        assert (row["source"], row["verdict"], row["width"]) == ("<stdin>", "pass", 640)

    def test_csv_and_jsonl_lists_by_column(self, run: Run, tmp_path: Path) -> None:
        table = tmp_path / "list.csv"
        table.write_text(f'id,file\n1,"{PASSING}"\n2,\n')
        rows = objects(run("check", f"@{table}", "--column", "file", "--for", "atlas", "--format", "jsonl").stdout)
        assert [row["verdict"] for row in rows] == ["pass", "unknown"]
        lines = tmp_path / "list.jsonl"
        lines.write_text(json.dumps({"file": PASSING}) + "\n{broken\n")
        rows = objects(run("check", f"@{lines}", "--column", "file", "--for", "atlas", "--format", "jsonl").stdout)
        assert [row["verdict"] for row in rows] == ["pass", "unknown"]

    def test_include_and_exclude(self, run: Run) -> None:
        words = ("check", "fixtures/accepted", "--for", "atlas", "--format", "jsonl")
        assert len(objects(run(*words, "--include", "*.png").stdout)) == 1
        assert all("png" not in str(row["source"]) for row in objects(run(*words, "--exclude", "*.png").stdout))


class TestBadInput:
    def test_unreadable_file_does_not_stop_the_run(self, run: Run, tmp_path: Path, fixtures: Path) -> None:
        shutil.copy(fixtures / "accepted/picture.png", tmp_path / "good.png")
        (tmp_path / "empty.png").touch()
        (tmp_path / "folder.jpg").mkdir()
        (tmp_path / "garbage.mp4").write_bytes(os.urandom(4096))
        words = [tmp_path / name for name in ("gone.png", "empty.png", "folder.jpg", "garbage.mp4", "good.png")]
        done = run("check", *words, "--for", "atlas")
        assert done.returncode == 1
        assert "Traceback" not in done.stdout + done.stderr
        for said in ("does not exist", "the file is empty", "no file that could be media", "good.png  (png 640×480"):
            assert said in done.stdout

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_file_without_permission_is_unknown(self, run: Run, tmp_path: Path) -> None:
        secret = tmp_path / "secret.png"
        secret.touch()
        secret.chmod(0)
        done = run("check", secret, "--for", "atlas")
        assert done.returncode == 2
        assert "is not readable" in done.stdout
        secret.chmod(stat.S_IRUSR)

    def test_names_are_shown_escaped(self, run: Run, tmp_path: Path, fixtures: Path) -> None:
        evil = tmp_path / "a\x1b[31m\u202egnp.<b>.png"
        shutil.copy(fixtures / "refused/png-too-narrow.png", evil)
        out = run("check", tmp_path, "--for", "atlas").stdout
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert r"a\x1b[31m\u202egnp.<b>.png" in out

    def test_name_that_is_not_utf_8_is_shown_and_checked(self, run: Run, tmp_path: Path, fixtures: Path) -> None:
        shutil.copy(fixtures / "accepted/picture.png", os.fsencode(tmp_path) + b"/\xff\xfe.png")
        done = run("check", tmp_path, "--for", "atlas")
        assert done.returncode == 0
        assert r"\udcff\udcfe.png" in done.stdout
        assert objects(run("check", tmp_path, "--for", "atlas", "--format", "jsonl").stdout)[0]["verdict"] == "pass"

    def test_fifo_does_not_block_the_run(self, run: Run, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        done = run("check", tmp_path / "pipe.png", "--for", "atlas", timeout=20)
        assert done.returncode == 3
        assert "neither a file nor a folder" in done.stdout

    def test_closed_pipe_ends_the_run_quietly(self, fixtures: Path) -> None:
        import subprocess
        import sys

        script = f"{sys.executable} -m preflight check {fixtures} --for atlas --format jsonl | head -1"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert len(done.stdout.splitlines()) == 1
        assert done.stderr == ""


class TestJudging:
    def test_strict_makes_warnings_fail(self, run: Run) -> None:
        clip = "fixtures/accepted/clip-15.1-s.mp4"
        assert run("check", clip, "--for", "atlas").returncode == 0
        assert run("check", clip, "--for", "atlas", "--strict").returncode == 1

    def test_only_selected_codes_count_and_ignored_ones_do_not(self, run: Run) -> None:
        assert run("check", FAILING, "--for", "atlas", "--ignore", "width_too_small").returncode == 0
        assert run("check", FAILING, "--for", "atlas", "--select", "fps_too_low").returncode == 0
        assert run("check", FAILING, "--for", "atlas", "--select", "width_too_small").returncode == 1

    def test_fail_fast_stops_after_the_first_failure(self, run: Run) -> None:
        done = run("check", PASSING, FAILING, PASSING, "--for", "atlas", "--fail-fast", "--format", "jsonl")
        assert len(objects(done.stdout)) == 2

    def test_all_rule_sets_share_one_probe(self, run: Run) -> None:
        one = objects(run("check", PASSING, "--for", "atlas", "--format", "jsonl").stdout)[0]
        every = objects(run("check", PASSING, "--for", "all", "--format", "jsonl").stdout)[0]
        assert every["bytes_read"] == one["bytes_read"]
        assert len(every["results"]) > 8  # type: ignore[arg-type]

    def test_together(self, run: Run) -> None:
        clip, sound = "fixtures/accepted/clip.mp4", "fixtures/accepted/sound.wav"
        alone = run("check", sound, "--for", "seedance-2.0", "--together")
        assert alone.returncode == 1
        assert "companion_required" in alone.stdout
        assert run("check", sound, clip, "--for", "seedance-2.0", "--together").returncode == 0
        many = run("check", *[clip] * 4, "--for", "seedance-2.0", "--together", "--format", "jsonl")
        assert many.returncode == 1
        (request,) = objects(many.stdout)[-1]["results"]  # type: ignore[misc]
        assert {"too_many_files"} <= {finding["code"] for finding in request["findings"]}


class TestRules:
    def test_list_show_schema_validate(self, run: Run, tmp_path: Path) -> None:
        assert "volcengine" in run("rules", "list").stdout
        assert "409,600 total pixels to 927,408 total pixels" in run("rules", "show", "atlas").stdout
        assert json.loads(run("rules", "schema").stdout)["type"] == "object"
        mine = tmp_path / "mine.toml"
        mine.write_text(
            'extends = "atlas"\ntitle = "Mine: pictures"\nstage = "register"\nsource = "https://example.com"\n'
            'as_of = 2026-11-20\nbasis = "published"\n[image]\nwidth = { min = 700 }\n[video]\npixel = { max = 3 }\n'
        )
        wrong = run("rules", "validate", mine)
        assert wrong.returncode == 2
        assert f"{mine}:10" in wrong.stderr
        assert "pixels" in wrong.stderr
        mine.write_text(mine.read_text().replace("[video]\npixel = { max = 3 }\n", ""))
        assert run("rules", "validate", mine).returncode == 0
        done = run("check", PASSING, "--for", mine)
        assert done.returncode == 1
        assert "below the 700 px that Mine accepts" in done.stdout

    def test_old_rule_set_is_marked(self, run: Run, tmp_path: Path) -> None:
        old = tmp_path / "old.toml"
        old.write_text(
            'title = "Old: pictures"\nstage = "register"\nsource = "https://example.com"\nas_of = 2020-01-01\n'
            'basis = "published"\n[image]\nwidth = { min = 7 }\n'
        )
        assert "days ago (2020-01-01)" in run("check", PASSING, "--for", old).stdout


def test_version_lists_the_libraries(run: Run) -> None:
    lines = run("--version").stdout.splitlines()
    assert lines[0].startswith("preflight ")
    assert any(line.strip().startswith("pillow-heif ") for line in lines)
