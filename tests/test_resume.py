"""`--resume`: an interrupted run goes on where it was, and never mixes what does not belong together."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from preflight.checker import plan_for
from preflight.errors import UsageError
from preflight.report import SCHEMA
from preflight.run import resume
from preflight.run.resume import PreviousRun
from preflight.summary import Summary
from preflight.targets import Item
from tests.conftest import Run

FOLDER = "fixtures/refused"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run without interruption writes."""
    import subprocess
    import sys

    words = [sys.executable, "-m", "preflight", "check", FOLDER, "--for", "atlas", "--format", "jsonl"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def resumed(run: Run, path: Path, *words: str, code: int = 1) -> str:
    """What the file holds after a run that goes on with it."""
    done = run("check", FOLDER, "--for", "atlas", "--resume", path, *words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    return path.read_text()


class TestContinuing:
    def test_new_file_is_started(self, run: Run, tmp_path: Path, whole: str) -> None:
        assert resumed(run, tmp_path / "run.jsonl") == whole

    @pytest.mark.parametrize("cut", [0, 1, 20, 5000, -1])
    def test_run_continues_from_any_byte(self, run: Run, tmp_path: Path, whole: str, cut: int) -> None:
        file = tmp_path / "run.jsonl"
        file.write_text(whole[:cut])
        assert resumed(run, file) == whole

    def test_zeros_after_a_power_failure_are_removed(self, run: Run, tmp_path: Path, whole: str) -> None:
        file = tmp_path / "run.jsonl"
        file.write_text(whole[:3000] + "\0" * 500)
        assert resumed(run, file) == whole

    def test_run_continues_with_other_jobs(self, run: Run, tmp_path: Path, whole: str) -> None:
        file = tmp_path / "run.jsonl"
        file.write_text(whole[:3000])
        assert resumed(run, file, "-j", "2") == whole

    def test_only_missing_files_are_examined(self, run: Run, tmp_path: Path, whole: str) -> None:
        file = tmp_path / "run.jsonl"
        lines = whole.splitlines(keepends=True)
        file.write_text("".join(lines[:4] + lines[6:]))
        assert resumed(run, file).splitlines(keepends=True) == [*lines[:4], *lines[6:], *lines[4:6]]

    def test_complete_run_is_counted_and_unchanged(self, run: Run, tmp_path: Path, whole: str) -> None:
        file = tmp_path / "run.jsonl"
        file.write_text(whole)
        assert resumed(run, file) == whole

    def test_skipped_files_are_skipped_again(self, run: Run, tmp_path: Path, fixtures: Path) -> None:
        for name in ("a.png", "c.png"):
            shutil.copy(fixtures / "accepted/picture.png", tmp_path / name)
        (tmp_path / "b.txt").write_text("no media, and not called so either")
        file = tmp_path.parent / f"{tmp_path.name}.jsonl"
        for _ in range(2):
            assert run("check", tmp_path, "--for", "atlas", "--resume", file).returncode == 0
            assert [json.loads(line)["index"] for line in file.read_text().splitlines()] == [0, 2]
        file.write_text(file.read_text().splitlines(keepends=True)[0])
        assert run("check", tmp_path, "--for", "atlas", "--resume", file).returncode == 0
        assert len(file.read_text().splitlines()) == 2

    def test_exit_code_is_that_of_the_whole_run(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        words = ("check", "fixtures/refused/png-too-narrow.png", "fixtures/accepted/picture.png", "--for", "atlas")
        assert run(*words, "--resume", file).returncode == 1
        file.write_text(file.read_text().splitlines(keepends=True)[0])
        assert run(*words, "--resume", file).returncode == 1

    def test_counts_are_printed_with_the_file(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        words = ("check", "fixtures/refused/png-too-narrow.png", "fixtures/accepted/picture.png", "--for", "atlas")
        for _ in range(2):
            done = run(*words, "--resume", file)
            assert (done.stdout, done.stderr) == ("", f"2 files are done (1 pass, 1 fail): {file}\n")

    def test_failure_of_the_previous_run_ends_a_fail_fast_run(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        words = ("check", "fixtures/refused", "--for", "atlas", "--fail-fast", "--resume", file)
        for _ in range(2):
            assert run(*words).returncode == 1
            assert len(file.read_text().splitlines()) == 1


class TestRefused:
    """With a sentence, with exit code 2, and without a byte written."""

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (
                (FOLDER, "--for", "volcengine"),
                "was written with other rule sets or options, or by another version (line 1)",
            ),
            (
                (FOLDER, "--for", "atlas,fal"),
                "was written with other rule sets or options, or by another version (line 1)",
            ),
            (
                (FOLDER, "--for", "atlas", "--strict"),
                "was written with other rule sets or options, or by another version (line 1)",
            ),
            (
                (FOLDER, "--for", "atlas", "--ignore", "fps_too_low"),
                "was written with other rule sets or options, or by another version (line 1)",
            ),
            (("fixtures/accepted", "--for", "atlas"), "belongs to other inputs: position 0 is"),
            ((f"{FOLDER}/png-too-narrow.png", "--for", "atlas"), "belongs to other inputs"),
            ((FOLDER, "--for", "atlas", "--output", "x"), "--resume FILE is the output. Leave --output out."),
            ((FOLDER, "--for", "atlas", "--format", "text"), "--resume writes JSON lines. Leave --format out."),
            ((FOLDER, "--for", "atlas", "--quiet"), "--resume cannot be used with --quiet"),
            ((FOLDER, "--for", "seedance-2.0", "--together"), "--resume cannot be used with --together"),
        ],
    )
    def test_other_call_is_refused(
        self, run: Run, tmp_path: Path, whole: str, words: tuple[str, ...], said: str
    ) -> None:
        file = tmp_path / "run.jsonl"
        before = whole[: len(whole) // 2]
        file.write_text(before)
        done = run("check", *words, "--resume", file)
        assert done.returncode == 2
        assert said in done.stderr
        assert file.read_text() == before

    @pytest.mark.parametrize(
        "content",
        ["hello", "hello\n", '{"source":"a"}\n', "[]\n", '{"source":1,"index":"x","results":0}\n', "\x89PNG\r\n\x1a\n"],
    )
    def test_file_that_is_not_of_a_run_is_refused(self, run: Run, tmp_path: Path, content: str) -> None:
        file = tmp_path / "run.jsonl"
        file.write_bytes(content.encode())
        done = run("check", FOLDER, "--for", "atlas", "--resume", file)
        assert done.returncode == 2
        assert "has a line that this version of `preflight check` has not written as JSON (line 1)" in done.stderr
        assert file.read_bytes() == content.encode()

    @pytest.mark.parametrize(
        ("key", "value"),
        [("index", 0.5), ("index", -1), ("index", 1e999), ("bytes_read", 1e999), ("outcome", "good"), ("source", None)],
    )
    def test_changed_line_is_refused(self, tmp_path: Path, key: str, value: object) -> None:
        plan = plan_for("atlas")
        row = {"source": "a", "index": 0, "requests": 0, "bytes_read": 9, "outcome": "pass", "results": []}
        file = tmp_path / "run.jsonl"
        file.write_text(json.dumps({**row, "digest": plan.digest, key: value}) + "\n")
        with pytest.raises(UsageError, match=r"has not written as JSON \(line 1\)"):
            PreviousRun(str(file), plan, Summary())

    def test_endlessly_nested_line_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        file.write_text("[" * 100_000 + "\n")
        with pytest.raises(UsageError, match=r"has not written as JSON \(line 1\)"):
            PreviousRun(str(file), plan_for("atlas"), Summary())

    def test_line_without_end_is_refused_in_little_memory(self, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        with file.open("wb") as sparse:
            sparse.truncate(1 << 32)
        tracemalloc.start()
        with pytest.raises(UsageError, match=r"has not written as JSON \(line 1\)"):
            PreviousRun(str(file), plan_for("atlas"), Summary())
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
        tracemalloc.stop()
        assert file.stat().st_size == 1 << 32

    @pytest.mark.parametrize(("longer", "accepted"), [(-1, True), (0, False), (1, False)])
    def test_line_is_shorter_than_its_maximum(
        self, tmp_path: Path, longer: int, accepted: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert resume.MAX_LINE_BYTES == 64 * 1_048_576
        monkeypatch.setattr(resume, "MAX_LINE_BYTES", 500)
        row = {"index": 0, "requests": 0, "bytes_read": 9, "outcome": "pass", "results": []}
        plan, summary = plan_for("atlas"), Summary()
        rest = json.dumps({**row, "digest": plan.digest, "source": ""}) + "\n"
        file = tmp_path / "run.jsonl"
        file.write_text(json.dumps({**row, "digest": plan.digest, "source": "a" * (500 + longer - len(rest))}) + "\n")
        assert file.stat().st_size == 500 + longer
        if accepted:
            PreviousRun(str(file), plan, summary).stream.close()
            assert summary.files == 1
        else:
            with pytest.raises(UsageError, match=r"\(line 1\)"):
                PreviousRun(str(file), plan, summary)

    def test_device_is_refused(self) -> None:
        with pytest.raises(UsageError, match="resume=/dev/null is not a regular file"):
            PreviousRun("/dev/null", plan_for("atlas"), Summary())

    def test_repeated_position_is_refused(self, run: Run, tmp_path: Path, whole: str) -> None:
        file = tmp_path / "run.jsonl"
        first = whole.splitlines(keepends=True)[0]
        file.write_text(first * 2)
        done = run("check", FOLDER, "--for", "atlas", "--resume", file)
        assert done.returncode == 2
        assert "has position 0 twice (line 2)" in done.stderr

    def test_file_of_a_running_run_is_refused(self, tmp_path: Path) -> None:
        plan = plan_for("atlas")
        first = PreviousRun(str(tmp_path / "run.jsonl"), plan, Summary())
        with pytest.raises(UsageError, match="is in use by another run"):
            PreviousRun(str(tmp_path / "run.jsonl"), plan, Summary())
        first.stream.close()
        PreviousRun(str(tmp_path / "run.jsonl"), plan, Summary()).stream.close()


def test_urls_are_compared_without_their_secrets(tmp_path: Path) -> None:
    """The file shows them redacted: a new signature for the same file is the same input."""
    file = tmp_path / "run.jsonl"
    plan = plan_for("atlas")
    row = {
        "source": "https://cdn.example/a.mp4?X-Amz-Signature=…",
        "index": 0,
        "requests": 1,
        "bytes_read": 9,
        "outcome": "pass",
        "results": [],
        "digest": plan.digest,
    }
    file.write_text(json.dumps(row) + "\n")
    previous = PreviousRun(str(file), plan, Summary())
    items = [Item("https://cdn.example/a.mp4?X-Amz-Signature=5f2c"), Item("https://cdn.example/b.mp4")]
    assert list(previous.remaining(enumerate(items))) == [(1, items[1])]
    previous.stream.close()


class TestWhatIsCounted:
    """The reports in the file count as if they had been made in this run."""

    PLAN = plan_for("atlas")

    def counted(self, tmp_path: Path, *rows: dict[str, Any]) -> Summary:
        base = {"requests": 0, "bytes_read": 0, "outcome": "pass", "results": [], "digest": self.PLAN.digest}
        lines = [{**base, "source": str(index), "index": index, **row} for index, row in enumerate(rows)]
        file = tmp_path / "run.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        summary = Summary()
        PreviousRun(str(file), self.PLAN, summary).stream.close()
        return summary

    @staticmethod
    def result(outcome: str, rules: str = "atlas") -> dict[str, Any]:
        return {"rules": rules, "outcome": outcome}

    @pytest.mark.parametrize(
        ("overall", "results", "counts"),
        [
            ("pass", ["pass"], (1, 0, 0, 0)),
            ("pass_with_warning", ["pass_with_warning"], (1, 1, 0, 0)),
            ("pass_with_warning", ["pass", "pass_with_warning"], (1, 1, 0, 0)),
            ("fail", ["pass_with_warning", "fail"], (0, 0, 1, 0)),
            ("unknown", ["pass_with_warning", "unknown"], (0, 0, 0, 1)),
            ("pass", [], (1, 0, 0, 0)),
        ],
    )
    def test_outcomes_are_counted(
        self, tmp_path: Path, overall: str, results: list[str], counts: tuple[int, ...]
    ) -> None:
        row = {"outcome": overall, "results": [self.result(one) for one in results]}
        assert tuple(self.counted(tmp_path, row).overall) == counts

    def test_rule_sets_are_counted_apart(self, tmp_path: Path) -> None:
        row = {"results": [self.result("pass_with_warning"), self.result("pass", "fal")]}
        by_rules = self.counted(tmp_path, row).by_rules
        assert (by_rules["atlas"].warnings, by_rules["fal"].warnings) == (1, 0)

    def test_bytes_and_requests_are_added_up(self, tmp_path: Path) -> None:
        summary = self.counted(tmp_path, {"bytes_read": 7, "requests": 1}, {"bytes_read": 20, "requests": 3})
        assert (summary.files, summary.bytes_read, summary.requests) == (2, 27, 4)

    @pytest.mark.parametrize(
        ("change", "accepted"),
        [
            ({"index": 0}, True),
            ({"requests": True}, False),
            ({"requests": -1}, False),
            ({"bytes_read": "1"}, False),
            ({"outcome": "pass_with_warning"}, True),
            ({"outcome": "good"}, False),
            ({"results": [{"rules": "a", "outcome": "good"}]}, False),
            ({"results": [{"rules": name, "outcome": "pass"} for name in "abc"]}, True),
            ({"results": [{"rules": name, "outcome": {"b": "good"}.get(name, "pass")} for name in "abc"]}, False),
        ],
    )
    def test_lines_must_be_possible(self, tmp_path: Path, change: dict[str, Any], accepted: bool) -> None:
        if accepted:
            assert self.counted(tmp_path, change).files == 1
        else:
            with pytest.raises(UsageError, match=r"\(line 1\)"):
                self.counted(tmp_path, change)

    def test_only_items_that_are_done_are_skipped(self, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        row = {"requests": 0, "bytes_read": 0, "outcome": "pass", "results": [], "digest": self.PLAN.digest}
        lines = [json.dumps({**row, "source": name, "index": index}) + "\n" for index, name in ((1, "b"), (3, "d"))]
        file.write_text("".join(lines) + f'{{"schema":"{SCHEMA}","source":"e')
        items = [Item(name) for name in "abcdef"]
        previous = PreviousRun(str(file), self.PLAN, Summary())
        assert [index for index, _ in previous.remaining(enumerate(items))] == [0, 2, 4, 5]
        previous.stream.close()
        assert file.read_text() == "".join(lines)

    def test_missing_or_different_input_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "run.jsonl"
        row = {"requests": 0, "bytes_read": 0, "outcome": "pass", "results": [], "digest": self.PLAN.digest}
        file.write_text("".join(json.dumps({**row, "source": "ab"[index], "index": index}) + "\n" for index in (0, 1)))
        for names, difference in (("ac", "position 1 is b there, and c in this call"), ("a", "it also has b")):
            previous = PreviousRun(str(file), self.PLAN, Summary())
            with pytest.raises(UsageError, match=difference):
                list(previous.remaining(enumerate(map(Item, names))))
            previous.stream.close()

    @pytest.mark.parametrize(
        "tail",
        [
            "\0\0",
            "{",
            '{"sch',
            '{"sch\0\0',
            f'{{"schema":"{SCHEMA}","source":"x',
            f'{{"schema":"{SCHEMA}","source":"x\0\0',
        ],
    )
    def test_incomplete_last_line_is_removed(self, tmp_path: Path, tail: str) -> None:
        file = tmp_path / "run.jsonl"
        row = {"requests": 0, "bytes_read": 0, "outcome": "pass", "results": [], "digest": self.PLAN.digest}
        line = json.dumps({**row, "source": "a", "index": 0}) + "\n"
        file.write_text(line + tail)
        previous = PreviousRun(str(file), self.PLAN, Summary())
        assert list(previous.remaining(enumerate([Item("a")]))) == []
        previous.stream.close()
        assert file.read_text() == line

    @pytest.mark.parametrize("content", ["\0\0", "x", '{"source":1', "{x"])
    def test_file_of_another_format_is_refused(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "run.jsonl"
        file.write_text(content)
        with pytest.raises(UsageError, match=r"\(line 1\)"):
            PreviousRun(str(file), self.PLAN, Summary())
        assert file.read_text() == content
