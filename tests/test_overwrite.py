"""Nothing that a call reads is overwritten, and a report that is there survives every failure of the call."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from preflight.errors import OutputError, UsageError
from preflight.ledger import Ledger
from preflight.output import Outputs, open_descriptor
from tests.conftest import ROOT, Run, many_files
from tests.ledger.test_ledger import entry
from tests.test_interruption import partials

PASSING = ROOT / "fixtures/accepted/picture.png"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a picture under several names, a list, a rule file that extends another, and a configuration."""
    folder = tmp_path / "desk"
    folder.mkdir()
    shutil.copy(PASSING, folder / "photo.png")
    shutil.copy(PASSING, folder / "noext")
    (folder / "link.csv").symlink_to("photo.png")
    os.link(folder / "photo.png", folder / "hard.csv")
    (folder / "list.txt").write_text("photo.png\n")
    (folder / "base.toml").write_text(_house())
    (folder / "house.toml").write_text(_house('extends = "./base.toml"'))
    (folder / ".gitignore").write_text("*.txt\n")
    (folder / "preflight.toml").write_text('rules = "atlas"\n')
    monkeypatch.chdir(folder)
    return folder


def _house(more: str = "") -> str:
    return f"""
title = "House"
stage = "register"
source = "https://example.com/limits"
as_of = 2026-11-01
basis = "published"
{more}

[image]
format = {{ any_of = ["png"] }}
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


REFUSED = [
    ("check noext --for atlas --output noext", "--output noext would overwrite a media file"),
    ("check photo.png --for atlas --report csv=link.csv", "link.csv would overwrite a media file"),
    ("check photo.png --for atlas --report csv=hard.csv", "hard.csv would overwrite a media file"),
    ("check other.png --for atlas --report csv=noext", "noext would overwrite a media file"),
    ("check @list.txt --for atlas --output list.txt", "--output list.txt would overwrite the list list.txt"),
    ("check photo.png @list.txt --for atlas --resume list.txt", "would overwrite the list list.txt"),
    ("check @list.txt --for atlas --cache list.txt", "would overwrite the list list.txt"),
    ("check photo.png --for ./house.toml --output house.toml", "would overwrite the rule file house.toml"),
    ("check photo.png --for atlas,./house.toml --output base.toml", "would overwrite the rule file base.toml"),
    ("check photo.png --for ./house.toml --resume base.toml", "would overwrite the rule file base.toml"),
    ("check photo.png --for ./house.toml --cache base.toml", "would overwrite the rule file base.toml"),
    ("check photo.png --output preflight.toml", "would overwrite the configuration"),
    ("check list.txt --for atlas --output list.txt", "would overwrite the input file list.txt"),
    ("check list.txt --for atlas --report csv=./list.txt", "would overwrite the input file list.txt"),
    ("check list.txt --for atlas --resume list.txt", "would overwrite the input file list.txt"),
    ("check list.txt --for atlas --cache list.txt", "would overwrite the input file list.txt"),
    ("check photo.png --for atlas --output a.csv --report a.csv", "are the same file"),
    ("check photo.png --for atlas --resume a --cache a", "are the same file"),
    ("check 'l*.txt' --for atlas --output list.txt", "would overwrite the input file list.txt"),
    ("check - --for atlas --output list.txt < list.txt", "would overwrite standard input"),
    ("check @list.txt --for atlas >> list.txt", "standard output would overwrite the list list.txt"),
    ("check . --for atlas --report csv=hard.csv", "would overwrite a media file"),
    ("check . --for atlas --output .gitignore", "--output .gitignore would overwrite a .gitignore file"),
    ("probe list.txt --output list.txt", "would overwrite the input file list.txt"),
    ("probe noext -o noext", "would overwrite a media file"),
    ("submit @list.txt --to atlas --sandbox --output list.txt", "would overwrite the list list.txt"),
    ("submit @list.txt --to atlas --ledger list.txt", "--ledger list.txt would overwrite the list list.txt"),
]


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line for line, _ in REFUSED])
def test_input_files_are_not_overwritten(desk: Path, run: Run, line: str, said: str) -> None:
    before = contents(desk)
    done = shell(line) if "<" in line or ">" in line else run(*shlex.split(line), cwd=desk)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert contents(desk) == before


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """A command line as a shell runs it, in the present folder."""
    command = f'"{sys.executable}" -m preflight {line}'
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60)


def test_media_without_a_name_in_a_folder_is_not_overwritten(desk: Path, run: Run) -> None:
    (desk / "media").mkdir()
    text = desk / "media/a.svg"  # named as media, and its content is none
    text.write_text("<svg/>")
    os.link(text, desk / "report")
    done = run("check", "media", "--for", "atlas", "--report", "csv=report", cwd=desk)
    assert done.returncode == 2
    assert "would overwrite the input file media/a.svg" in done.stderr
    assert text.read_text() == "<svg/>"
    assert not partials(desk / "report")


def test_target_of_a_list_is_not_overwritten(desk: Path, run: Run) -> None:
    (desk / "notes").write_text("text")
    (desk / "list.txt").write_text("photo.png\nnotes\n")
    before = contents(desk)
    done = run("check", "@list.txt", "--for", "atlas", "--format", "jsonl", "--output", "notes", cwd=desk)
    assert done.returncode == 2
    assert "--output notes would overwrite the input file notes" in done.stderr
    assert contents(desk) == before


@pytest.mark.parametrize("option", ["-o", "--cache", "--resume", "--report jsonl=", "--report html="])
@pytest.mark.parametrize("name", ["pyproject.toml", "rules.TOML", "link"])
def test_rules_and_configurations_that_are_not_read_are_not_overwritten(
    desk: Path, run: Run, option: str, name: str
) -> None:
    (desk / "pyproject.toml").write_text("[project]\n")
    (desk / "rules.TOML").write_text(_house())
    (desk / "link").symlink_to("pyproject.toml")
    before = contents(desk)
    words = f"{option}{name}" if option.endswith("=") else f"{option} {name}"
    done = run("check", "photo.png", "--for", "atlas", "--no-config", *words.split(), cwd=desk)
    assert done.returncode == 2
    assert "would overwrite a TOML file" in done.stderr
    assert contents(desk) == before


@pytest.mark.parametrize("end", ["", "-wal"])
def test_ledger_is_not_overwritten(desk: Path, run: Run, end: str) -> None:
    with closing(Ledger(str(desk / "l.sqlite"))) as ledger:
        ledger.write(entry("sha256:0"))  # the first write creates the -wal file
        before = (desk / f"l.sqlite{end}").stat().st_ino
        done = run("assets", "list", "--ledger", "l.sqlite", "--output", f"./l.sqlite{end}", cwd=desk)
        assert done.returncode == 2
        assert "Give another path" in done.stderr or "are the same file" in done.stderr
        assert (desk / f"l.sqlite{end}").stat().st_ino == before


def test_cache_in_the_checked_folder_is_used(desk: Path, run: Run) -> None:
    for _ in range(2):
        assert run("check", "noext", "photo.png", "--for", "atlas", "--cache", "cache", cwd=desk).returncode == 0
    assert (desk / "cache").read_bytes().startswith(b"SQLite format 3")


def test_report_in_the_checked_folder_is_replaced_each_time(desk: Path, run: Run) -> None:
    (desk / "hard.csv").unlink()
    (desk / "link.csv").unlink()
    for _ in range(2):
        words = ["--report", "report.csv", "--output", "out.jsonl", "--format", "jsonl"]
        done = run("check", ".", "--for", "atlas", *words, cwd=desk)
        assert done.returncode == 0, done.stderr
        assert len((desk / "report.csv").read_text().splitlines()) == 3
        assert len((desk / "out.jsonl").read_text().splitlines()) == 2


class TestDestination:
    def test_message_names_no_partial_file_if_the_folder_is_removed(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        with Outputs() as outputs:
            outputs.open(str(folder / "r.json")).write("{}")
            shutil.rmtree(folder)
            with pytest.raises(OutputError, match="Give another path") as raised:
                outputs.publish()
        assert not getattr(raised.value, "__notes__", None)
        assert "free space" not in str(raised.value)

    def test_permissions_are_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "report.csv"
        path.write_text("old")
        path.chmod(0o604)
        write(path, "new")
        assert path.read_text() == "new"
        assert stat.S_IMODE(path.stat().st_mode) == 0o604

    def test_new_files_have_the_usual_permissions(self, tmp_path: Path) -> None:
        (tmp_path / "usual").touch()
        write(tmp_path / "report.csv", "new")
        assert (tmp_path / "report.csv").stat().st_mode == (tmp_path / "usual").stat().st_mode

    @pytest.mark.parametrize("there", [True, False])
    def test_output_through_link_replaces_its_target(self, tmp_path: Path, there: bool) -> None:
        (tmp_path / "below").mkdir()
        real, link = tmp_path / "below/report.csv", tmp_path / "link.csv"
        link.symlink_to("below/report.csv")
        if there:
            real.write_text("old")
        write(link, "new")
        assert link.is_symlink()
        assert real.read_text() == "new"
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["below", "link.csv", "report.csv"]

    def test_old_content_remains_until_the_new_is_complete(self, tmp_path: Path) -> None:
        path = tmp_path / "report.csv"
        path.write_text("old")
        with Outputs() as outputs:
            stream = outputs.open(str(path))
            stream.write("new")
            stream.flush()
            assert path.read_text() == "old"
            (partial,) = partials(path)
            assert partial.read_text() == "new"
            outputs.publish()
            assert path.read_text() == "new"
        assert not partials(path)

    @pytest.mark.parametrize("length", [200, 255])
    def test_name_may_be_as_long_as_the_file_system_allows(self, tmp_path: Path, length: int) -> None:
        path = tmp_path / ("ü" * ((length - 4) // 2) + ".csv")
        write(path, "new")
        assert path.read_text() == "new"

    def test_pipe_is_written_to_directly(self, run: Run, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
            done = run("check", PASSING, "--for", "atlas", "--report", f"csv={pipe}")
            assert done.returncode == 0
            assert reader.communicate(timeout=20)[0].startswith("source,")
        assert stat.S_ISFIFO(pipe.stat().st_mode)

    def test_standard_output_to_a_file_is_appended_to(self, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.write_text("earlier\n")
        done = shell(f"check {PASSING} --for atlas --output /dev/null --report csv=/dev/stdout >> {log}")
        assert done.returncode == 0, done.stderr
        assert log.read_text().startswith("earlier\nsource,")

    def test_descriptors_of_this_process_are_known(self) -> None:
        assert open_descriptor("/dev/stdout") == open_descriptor("/proc/self/fd/1") == 1
        assert open_descriptor("/dev/fd/7") == 7
        assert open_descriptor("/dev/null") is open_descriptor("stdout") is None

    @pytest.mark.parametrize("path", ["", "no/such/folder/x", "."])
    def test_unwritable_output_is_refused_before_reading(self, path: str) -> None:
        with Outputs() as outputs, pytest.raises(UsageError, match=r"report=.*cannot be written"):
            outputs.open(path, "report")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
    def test_read_only_file_is_not_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "report.csv"
        path.touch(0o444)
        with Outputs() as outputs, pytest.raises(UsageError, match="Permission denied"):
            outputs.open(str(path))


def write(path: Path, text: str) -> None:
    with Outputs() as outputs:
        outputs.open(str(path)).write(text)
        outputs.publish()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return many_files(tmp_path_factory.mktemp("many"), 10_000)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return many_files(tmp_path_factory.mktemp("few"), 100)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A report that is there before, as it must be afterwards; and nothing beside it."""
    path = tmp_path / "keep.html"
    path.write_text("the report of yesterday")
    yield path
    assert path.read_text() == "the report of yesterday"


WRITING = [
    ("--report",),
    *(pytest.param(("--format", name, "--output"), marks=pytest.mark.slow) for name in ("json", "jsonl")),
]


class TestExistingReportSurvives:
    @pytest.mark.parametrize("words", [("--report",), ("--format", "html", "--output")])
    def test_missing_extra_leaves_existing_reports_unchanged(self, kept: Path, words: tuple[str, ...]) -> None:
        script = "import sys; sys.modules['jinja2'] = None\nfrom preflight.cli import main; main()"
        command = [sys.executable, "-c", script, "check", PASSING, "--for", "atlas", *words, kept]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "preflight-media[report]" in done.stderr
        assert os.listdir(kept.parent) == [kept.name]

    def test_unwritable_second_output_leaves_first_unchanged(self, run: Run, kept: Path) -> None:
        done = run("check", PASSING, "--for", "atlas", "--report", kept, "--report", "no/such/folder/r.xml")
        assert done.returncode == 2
        assert os.listdir(kept.parent) == [kept.name]

    @pytest.mark.parametrize("words", WRITING)
    def test_ctrl_c_leaves_existing_outputs_unchanged(self, many: Path, kept: Path, words: tuple[str, ...]) -> None:
        process = started("check", many, "--for", "atlas", *words, kept)
        wait_until_open(kept)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert f"{kept} is unchanged" in said
        assert "--resume FILE.jsonl from the start" in said
        assert os.listdir(kept.parent) == [kept.name]

    @pytest.mark.parametrize("words", WRITING)
    def test_kill_leaves_only_a_hidden_partial_file(self, many: Path, kept: Path, words: tuple[str, ...]) -> None:
        process = started("check", many, "--for", "atlas", *words, kept)
        wait_until_open(kept)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        (left,) = partials(kept)
        assert sorted(os.listdir(kept.parent)) == sorted([kept.name, left.name])
        shutil.copy(PASSING, kept.parent / "photo.png")
        again = started("check", kept.parent, "--for", "atlas", "--format", "jsonl")
        assert again.communicate(timeout=30)[0].count("\n") == 1

    def test_closed_pipe_leaves_existing_report_unchanged(self, many: Path, kept: Path) -> None:
        process = started("check", many, "--for", "atlas", "--report", kept)
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 128 + signal.SIGPIPE
        assert os.listdir(kept.parent) == [kept.name]
        process.communicate()

    @pytest.mark.parametrize("words", WRITING)
    def test_full_disk_leaves_existing_outputs_unchanged(self, few: Path, kept: Path, words: tuple[str, ...]) -> None:
        done = with_small_files("check", few, "--for", "atlas", *words, kept)
        assert done.returncode == 2
        assert f"{kept} cannot be written to the end (File too large)" in done.stderr
        assert os.listdir(kept.parent) == [kept.name]


def test_incomplete_report_does_not_look_complete(few: Path, tmp_path: Path) -> None:
    assert with_small_files("check", few, "--for", "atlas", "--report", tmp_path / "report.json").returncode == 2
    assert os.listdir(tmp_path) == []


def test_full_temporary_folder_is_named(few: Path, tmp_path: Path) -> None:
    words = ("check", few, "--for", "atlas", "--quiet", "--report", tmp_path / "report.html")
    done = with_small_files(*words, first="from preflight.reporters.html import rows; rows._IN_MEMORY = 1000")
    assert done.returncode == 2
    assert "the rows of the HTML report, in the temporary folder" in done.stderr


def with_small_files(*words: object, first: str = "") -> subprocess.CompletedProcess[str]:
    """The command where no file may become larger than 10 kB, which no report here fits into.

    first: what the process does before.
    """
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))\n"
    script = f"{first}\n{limit}from preflight.__main__ import main; main()"
    command = [sys.executable, "-c", script, *map(str, words)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)


def started(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "preflight", *map(str, words)]
    return subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until_open(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not partials(path) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)  # some files are done
