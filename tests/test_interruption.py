"""A run that is stopped: by Ctrl-C, by a reader that goes away, by a full disk, by force."""

from __future__ import annotations

import ast
import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from preflight.errors import OutputError
from preflight.output import Outputs
from tests.conftest import ROOT, Run, many_files
from tests.rows import each_row

COUNT = 3_000
SOON = 3.0
"""s; it takes some milliseconds, but the machine that runs the tests may be busy with others."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More files than can be examined before anybody stops it."""
    folder = tmp_path_factory.mktemp("many")
    return many_files(folder, COUNT)


def started(*words: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "preflight", *map(str, words)]
    settings: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **settings)  # type: ignore[call-overload, no-any-return]


def partials(path: Path) -> list[Path]:
    """The files that are being written beside a destination."""
    return list(path.parent.glob(f".{path.name}.preflight-*.partial"))


def wait_for(path: Path, size: int) -> None:
    """Wait until an output, which is written beside its destination, has so many bytes."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any(each.stat().st_size >= size for each in (path, *partials(path)) if each.exists()):
            return
        time.sleep(0.01)


def whole_lines(path: Path) -> list[int]:
    """The positions in a file of JSON lines, each of which is whole."""
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line)["index"] for line in text.splitlines()]


class TestCtrlC:
    @pytest.mark.parametrize("words", [(), pytest.param(("-j", "2"), marks=pytest.mark.slow)])
    def test_run_ends_at_once_says_what_was_done_and_can_be_continued(
        self, many: Path, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        file = tmp_path / "run.jsonl"
        process = started("check", many, "--for", "atlas", "--format", "jsonl", "--output", file, *words)
        wait_for(file, 20_000)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert time.monotonic() - began < SOON
        assert process.returncode == 130
        done = whole_lines(file)
        assert done == list(range(len(done)))
        assert 0 < len(done) < COUNT
        assert f"Interrupted: {len(done):,} files are done ({len(done):,} fail)" in said
        assert f"run it again with --resume {file} instead of --output" in said
        assert "Traceback" not in said
        again = started("check", many, "--for", "atlas", "--resume", file, *words)
        again.communicate(timeout=60)
        assert whole_lines(file) == list(range(COUNT))

    def test_run_ends_while_a_server_does_not_respond(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/a.png"
            process = started("check", url, f"{url}?2", "--for", "atlas", "--allow-private", "--timeout", "60")
            connection, _ = server.accept()
            began = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)
            _, said = process.communicate(timeout=30)
            connection.close()
        assert time.monotonic() - began < SOON
        assert process.returncode == 130
        assert "Interrupted: 0 files are done" in said

    def test_text_ends_with_the_table_of_what_was_done(self, many: Path) -> None:
        process = started("check", many, "--for", "atlas")
        assert process.stdout is not None
        for _ in range(9):
            process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        text, said = process.communicate(timeout=30)
        assert "rule set" in text
        assert "A run that can be continued needs --resume FILE.jsonl from the start" in said

    def test_other_reports_have_what_was_done_and_the_remedy_works(self, many: Path, tmp_path: Path) -> None:
        report = tmp_path / "report.json"
        process = started("check", many, "--for", "atlas", "--report", report)
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert "A run that can be continued needs --resume FILE.jsonl from the start, without --report" in said
        assert 0 < len(json.loads(report.read_text())["reports"]) < COUNT


def interrupted_at(module: str, *before: str, becomes: str = "ImportError") -> tuple[int, str, str]:
    """Exit code, output and errors of `submit --help`, with Ctrl-C while a module is imported.

    before   lines that run first
    becomes  the exception that leaves the import: `PyCapsule_Import` replaces a KeyboardInterrupt
    """
    lines = [
        "import os, signal, sys",
        *before,
        "class Interrupting:",
        "    def find_spec(name, path=None, target=None):",
        f"        if name == {module!r}:",
        "            try:",
        "                os.kill(os.getpid(), signal.SIGINT)",
        "            except KeyboardInterrupt:",
        f"                raise {becomes} from None",
        "sys.meta_path.insert(0, Interrupting)",
        "sys.argv[1:] = ['submit', '--help']",
        "from preflight.__main__ import main",
        "main()",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


@each_row("module", ["preflight.cli", "click", "preflight.cli.submit", "preflight.submission"])
def test_ctrl_c_while_modules_are_imported_ends_the_process_silently(module: str) -> None:
    assert interrupted_at(module) == (130, "", "")


def test_ctrl_c_while_the_entry_is_imported_ends_the_process_silently() -> None:
    assert interrupted_at("preflight.interrupts", becomes="KeyboardInterrupt") == (130, "", "")


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    code, text, errors = interrupted_at("preflight.cli", "signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert (code, errors) == (0, "")
    assert "Usage: preflight submit" in text


def test_entry_imports_nothing_before_it_catches_ctrl_c() -> None:
    script = "import os, sys; before = set(sys.modules); import preflight.__main__; print(set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ast.literal_eval(done.stdout) == {"__future__", "gc", "preflight", "preflight.__main__", "preflight.version"}


def test_killed_run_can_be_continued(many: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    process = started("check", many, "--for", "atlas", "--resume", file)
    wait_for(file, 20_000)
    process.kill()
    process.communicate(timeout=30)
    again = started("check", many, "--for", "atlas", "--resume", file)
    again.communicate(timeout=60)
    assert again.returncode == 1
    assert whole_lines(file) == list(range(COUNT))


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "jsonl", "-j", "2"),
        (),
        pytest.param(("--format", "jsonl"), marks=pytest.mark.slow),
        pytest.param(("--format", "json"), marks=pytest.mark.slow),
    ],
)
def test_closed_pipe_ends_the_run_quietly(many: Path, words: tuple[str, ...]) -> None:
    process = started("check", many, "--for", "atlas", *words)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    began = time.monotonic()
    assert process.wait(30) == 128 + signal.SIGPIPE
    assert time.monotonic() - began < SOON
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize("words", [("--for", "all"), ("--for", "atlas", "--format", "json")])
def test_reports_are_published_if_the_summary_cannot_be_written(
    many: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    report = tmp_path / "report.json"
    reader, writer = os.pipe()
    os.close(reader)
    process = started("check", many, *words, "--report", report, stdout=writer)
    os.close(writer)
    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 128 + signal.SIGPIPE
    assert len(json.loads(report.read_text())["reports"]) < COUNT


def test_reports_have_what_was_done_after_a_closed_pipe(many: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    process = started("check", many, "--for", "atlas", "--report", report)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 128 + signal.SIGPIPE
    assert 0 < len(json.loads(report.read_text())["reports"]) < COUNT
    process.communicate()


@pytest.mark.parametrize(
    "words", [("--format", "jsonl", "-j", "2"), pytest.param(("--format", "jsonl"), marks=pytest.mark.slow)]
)
def test_first_result_is_printed_at_once(many: Path, words: tuple[str, ...]) -> None:
    began = time.monotonic()
    process = started("check", many, "--for", "atlas", *words)
    assert process.stdout is not None
    assert process.stdout.readline()
    assert time.monotonic() - began < SOON
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


class TestFullDisk:
    @pytest.fixture
    def small_files(self) -> Iterator[None]:
        """No file may become larger than 100 KB."""
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    @pytest.mark.usefixtures("small_files")
    @pytest.mark.parametrize("words", [(), pytest.param(("-j", "2"), marks=pytest.mark.slow)])
    def test_only_complete_lines_remain(self, many: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
        file = tmp_path / "run.jsonl"
        process = started("check", many, "--for", "atlas", "--format", "jsonl", "--output", file, *words)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        assert f"{file} cannot be written to the end (File too large)" in said
        assert f"To continue, run it again with --resume {file} instead of --output." in said
        done = whole_lines(file)
        assert done == list(range(len(done)))
        assert file.stat().st_size > 95_000

    @pytest.mark.parametrize("format_", ["jsonl", "text", "json", "csv"])
    def test_every_output_reports_a_full_disk(self, run: Run, format_: str) -> None:
        words = ("check", "fixtures/accepted", "--for", "atlas", "--format", format_)
        done = run(*words, "--output", "/dev/full")
        assert done.returncode == 2
        assert "/dev/full cannot be written to the end (No space left on device)" in done.stderr
        with open("/dev/full", "w") as full:
            done = run(*words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 2
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.usefixtures("small_files")
    @pytest.mark.parametrize("line", [10, 70_000, 99_999, 100_000, 300_000])
    def test_lines_of_any_length(self, tmp_path: Path, line: int) -> None:
        file = tmp_path / "out"
        with Outputs() as outputs:
            stream = outputs.open(str(file))
            text = "x" * (line - 1) + "\n"
            with pytest.raises(OutputError):
                stream.writelines(itertools.repeat(text))
            outputs.publish_new()
        assert file.read_text() == text * (100_000 // line)
