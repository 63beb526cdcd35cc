"""`--cache`: results of unchanged files are reused; changed files and damaged results are examined again."""

from __future__ import annotations

import io
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from preflight import run as runs
from preflight import scan
from preflight.checker import plan_for
from preflight.clock import Clock
from preflight.errors import UsageError
from preflight.ledger import Ledger
from preflight.report import Finding, Report, Result
from preflight.reporters import is_line_reporter, make_reporter
from preflight.run.cache import MAX_RESULT_AGE_DAYS, ROWS_PER_WRITE, Cache
from preflight.run.cache import _checksum as checksum_of
from preflight.run.rows import Rendering, Row
from preflight.scan.items import examine_item
from preflight.summary import Summary
from preflight.targets import Item, expand
from tests.conftest import Run


class Checked(NamedTuple):
    """The result of a run over a folder, the number of files it examined, and the warnings about its cache."""

    output: str
    counts: dict[str, Any]
    examined: int
    warnings: list[str]


Check = Callable[..., Checked]


@pytest.fixture
def folder(tmp_path: Path, fixtures: Path) -> Path:
    """Media files that changed long ago, and a file that is not media."""
    folder = tmp_path / "media"
    folder.mkdir()
    for path in [*sorted((fixtures / "refused").iterdir())[::4], fixtures / "refused/png-too-narrow.png"]:
        shutil.copy(path, folder)
    (folder / "notes.txt").write_text("no media, and not called so either")
    for path in folder.iterdir():
        os.utime(path, ns=(10**18 + 1, 10**18 + 1))
    return folder


@pytest.fixture
def check(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Check the folder with the cache, in this process."""
    examined: list[object] = []

    def counting(*given: object) -> object:
        examined.append(given)
        return examine_item(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(scan, "examine_item", counting)

    def run(format_: str = "jsonl", cached: bool = True, jobs: int = 1, **options: bool) -> Checked:
        examined.clear()
        warnings: list[str] = []
        plan = plan_for("atlas", **options)  # type: ignore[arg-type]
        summary, stream = Summary(plan.rules), io.StringIO()
        reporter = make_reporter(format_, stream)
        assert is_line_reporter(reporter)
        cache = (
            Cache(str(tmp_path / "cache"), plan, reporter, warn=lambda e: warnings.append(str(e))) if cached else None
        )
        settings = runs.RunSettings(jobs, cache=cache)
        runs.run(expand([str(folder)]), plan, reporter, summary, settings)
        reporter.close(summary)
        if cache is not None:
            cache.close()
        return Checked(stream.getvalue(), summary.as_json(), len(examined), warnings)

    return run


class TestUnchanged:
    @pytest.mark.parametrize("format_", ["jsonl", "text"])
    def test_second_run_examines_nothing_and_prints_the_same(self, check: Check, folder: Path, format_: str) -> None:
        without = check(format_, cached=False)
        first, second = check(format_), check(format_)
        assert first == without
        assert first.examined == len(list(folder.iterdir()))
        assert second.output == re.sub(r"; [\d.]+ kB read\n", "; 0 bytes read\n", first.output)
        assert ("; 0 bytes read\n" in second.output) == (format_ == "text")
        assert second.counts == {**first.counts, "bytes_read": 0}
        assert (second.examined, second.warnings) == (0, [])

    def test_results_of_worker_processes_are_stored(self, check: Check) -> None:
        without = check(cached=False)
        assert check(jobs=2).output == check(jobs=2).output == without.output
        assert check().examined == 0

    def test_file_that_moved_in_the_input_has_its_new_position(self, check: Check, folder: Path) -> None:
        check()
        (folder / "0.png").write_bytes(b"new")
        again = check()
        assert again.examined == 1
        assert again.output == check(cached=False).output

    def test_more_files_than_one_transaction_stores(self, check: Check, folder: Path) -> None:
        file = next(folder.iterdir())
        for number in range(ROWS_PER_WRITE + 20):
            os.link(file, folder / f"x{number:03}.png")
        assert check().output == check().output
        assert check().examined == 0


class TestChanged:
    def test_file_that_was_written_to_is_examined_again(self, check: Check, folder: Path) -> None:
        check()
        file = folder / "png-too-narrow.png"
        file.write_bytes(file.read_bytes() + b"\0")
        os.utime(file, ns=(10**18 + 1, 10**18 + 1))
        again = check()
        assert again.examined == 1
        assert again.output == check(cached=False).output

    def test_file_that_replaced_another_is_examined_again(self, check: Check, folder: Path) -> None:
        """Of the same size and time."""
        check()
        file = folder / "png-too-narrow.png"
        (folder / "new").write_bytes(file.read_bytes())
        os.utime(folder / "new", ns=(10**18 + 1, 10**18 + 1))
        (folder / "new").replace(file)
        assert check().examined == 1

    def test_file_that_may_still_change_with_the_same_time_is_not_stored(self, check: Check, folder: Path) -> None:
        soon = time.time_ns() + 10**10  # so that the test does not depend on how fast it runs
        os.utime(folder / "png-too-narrow.png", ns=(soon, soon))
        check()
        assert check().examined == 1

    def test_file_that_changed_just_before_it_was_read_is_not_stored(self, folder: Path, tmp_path: Path) -> None:
        """It is stored long after it was read: what counts is how recent its change was before."""
        plan, reporter = plan_for("atlas"), make_reporter("jsonl", io.StringIO())
        assert is_line_reporter(reporter)
        path = folder / "png-too-narrow.png"
        now = path.stat().st_mtime
        times = iter([now, now + 10, now + 10])
        clock = Clock(wall=lambda: next(times))
        with Cache(str(tmp_path / "cache"), plan, reporter, warn=print, clock=clock) as cache:
            list(cache.known(iter([(0, Item(str(path)))])))
            cache.keep(Row(0, "{}\n", ("pass",)))
        with Cache(str(tmp_path / "cache"), plan, reporter, warn=print) as cache:
            assert list(cache.known(iter([(0, Item(str(path)))]))) == [(0, Item(str(path)))]

    def test_results_of_other_rules_options_and_formats_are_separate(self, check: Check, folder: Path) -> None:
        count = len(list(folder.iterdir()))
        assert check().examined == count
        assert check(strict=True).examined == count
        assert check("text").examined == count
        assert check().examined == check(strict=True).examined == check("text").examined == 0

    def test_file_that_could_not_be_read_is_not_stored(self, check: Check, folder: Path) -> None:
        (folder / "lost.png").symlink_to("nowhere")
        check()
        assert '"not_found"' in check().output
        assert check().examined == 1

    @pytest.mark.parametrize("code", ["probe_crashed", "probe_timeout"])
    def test_file_that_a_decoder_failed_at_is_not_stored(self, code: str) -> None:
        def row(*findings: Finding) -> Row:
            result = Result("atlas", "register", "2026-11-20", "published", "unknown", findings)
            return Rendering(lambda report: "")([(0, Report("a.mp4", None, (result,)))])[0]

        assert row(Finding("duration_too_long", "error", "")).is_final
        assert not row(Finding("duration_too_long", "error", ""), Finding(code, "unknown", "")).is_final

    def test_file_that_is_named_by_the_call_is_judged_even_if_it_is_not_media(
        self, run: Run, folder: Path, tmp_path: Path
    ) -> None:
        words = ("--for", "atlas", "--format", "jsonl", "--cache", tmp_path / "c")
        assert "notes.txt" not in run("check", folder, *words).stdout
        assert "notes.txt" in run("check", folder / "notes.txt", *words).stdout


class TestFile:
    def test_only_its_owner_may_read_it(self, check: Check, tmp_path: Path) -> None:
        check()
        assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o600

    def test_cache_of_an_earlier_version_is_moved_aside(self, check: Check, tmp_path: Path) -> None:
        (tmp_path / "cache").write_bytes(b"preflight cache 1\n...")
        first = check()
        assert first.output == check(cached=False).output
        moved = (
            f"{tmp_path}/cache has the format of an earlier version and is now {tmp_path}/cache.bad. Delete that file."
        )
        assert first.warnings == [f"The cache {moved}"]
        assert (tmp_path / "cache.bad").read_bytes() == b"preflight cache 1\n..."
        assert (check().examined, check().warnings) == (0, [])

    @pytest.mark.parametrize("version", [0, 2])
    def test_cache_of_another_schema_version_is_moved_aside(self, check: Check, tmp_path: Path, version: int) -> None:
        check()
        with closing(sqlite3.connect(tmp_path / "cache")) as database:
            database.execute(f"PRAGMA user_version = {version or 99}")
        assert "has the format of another version and is now" in check().warnings[0]
        assert (check().examined, check().warnings) == (0, [])

    def test_moved_files_never_replace_each_other(self, check: Check, tmp_path: Path) -> None:
        for number in (1, 2):
            (tmp_path / "cache").unlink(missing_ok=True)
            (tmp_path / "cache").write_bytes(b"preflight cache %d" % number)
            check()
        assert (tmp_path / "cache.bad").read_bytes() == b"preflight cache 1"
        assert (tmp_path / "cache.bad2").read_bytes() == b"preflight cache 2"

    @pytest.mark.parametrize(
        "data", [b"something of the user's", b"a.png\n", b"\n", b"{}", bytes(4096), b"preflight ca"]
    )
    def test_another_file_is_left_where_it_is(self, check: Check, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "cache").write_bytes(data)
        with pytest.raises(UsageError, match=r"is not a cache. Keep this file, and give another cache="):
            check()
        assert (tmp_path / "cache").read_bytes() == data
        assert not (tmp_path / "cache.bad").exists()

    def test_database_of_another_program_is_left_where_it_is(self, check: Check, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "cache")) as database:
            database.execute("CREATE TABLE photos (name TEXT)")
        data = (tmp_path / "cache").read_bytes()
        with pytest.raises(UsageError, match=r"is the database of another program\. Keep this file"):
            check()
        assert (tmp_path / "cache").read_bytes() == data

    def test_ledger_is_not_used_as_a_cache(self, check: Check, tmp_path: Path) -> None:
        Ledger(str(tmp_path / "cache")).close()
        with pytest.raises(UsageError, match="is the database of another program"):
            check()

    @pytest.mark.parametrize("words", [("-o", "c"), ("--resume", "c"), ("@c",)])
    def test_a_path_that_the_call_uses_otherwise_is_refused(
        self, run: Run, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        (tmp_path / "c").write_text("a.png\n")
        done = run("check", "a.png", "--for", "atlas", "--cache", "./c", *words, cwd=tmp_path)
        assert done.returncode == 2
        assert "--cache ./c" in done.stderr
        assert re.search("are the same file|would overwrite the list c", done.stderr)
        assert (tmp_path / "c").read_text() == "a.png\n"

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("score", "'[]'"),
            ("score", "'[1]'"),
            ("score", "'[\"good\"]'"),
            ("score", "zeroblob(9)"),
            ("text", "'{}'"),
            ("text", "NULL"),
            ("text", "zeroblob(9)"),
            ("position", "'x'"),
            ("checksum", "0"),
        ],
    )
    def test_damaged_results_are_examined_again(self, check: Check, tmp_path: Path, column: str, value: str) -> None:
        first = check()
        with closing(sqlite3.connect(tmp_path / "cache")) as database, database:
            database.execute(f"UPDATE results SET {column} = {value}")
        again = check()
        assert again.output == first.output
        assert again.examined >= first.examined - 1  # a skipped file has neither a text nor a score
        assert again.warnings == [f"The cache {tmp_path}/cache is damaged. The files concerned are examined again."]
        assert (check().examined, check().warnings) == (0, [])

    @pytest.mark.parametrize("score", ['["good"]', "[]", "3", "null", '"x"', "[" * 100_000, '["pass", 1, "pass"]'])
    def test_results_that_preflight_did_not_write_are_examined_again(
        self, check: Check, tmp_path: Path, score: str
    ) -> None:
        """Their checksum is right: anybody may write a cache."""
        first = check()
        with closing(sqlite3.connect(tmp_path / "cache")) as database, database:
            select = "SELECT path, digest, stamp, position, text FROM results"
            for path, digest, stamp, position, text in database.execute(select).fetchall():
                text = "{}" if text is None else text
                database.execute(
                    "UPDATE results SET score = ?, text = ?, checksum = ? WHERE path = ? AND digest = ?",
                    (score, text, checksum_of(path, stamp, position, score, text), path, digest),
                )
        assert check().output == first.output

    @pytest.mark.parametrize("place", [20, 100, 5000, -500, -2])
    def test_flipped_bit_never_changes_the_output(self, check: Check, tmp_path: Path, place: int) -> None:
        expected = check().output
        data = bytearray((tmp_path / "cache").read_bytes())
        data[place] ^= 1
        (tmp_path / "cache").write_bytes(data)
        assert check().output == expected
        assert check().output == expected
        assert check().examined == 0

    def test_damaged_database_is_moved_aside(self, check: Check, tmp_path: Path) -> None:
        first = check()
        data = bytearray((tmp_path / "cache").read_bytes())
        data[4096:] = b"\xff" * (len(data) - 4096)
        (tmp_path / "cache").write_bytes(data)
        again = check()
        assert again.output == first.output
        assert "is damaged and is now" in again.warnings[0]
        assert (tmp_path / "cache.bad").read_bytes()[4096:8192] == b"\xff" * 4096
        assert (check().examined, check().warnings) == (0, [])

    @pytest.mark.parametrize("end", [0, 4096, 5000])
    def test_truncated_cache_never_changes_the_output(self, check: Check, tmp_path: Path, end: int) -> None:
        expected = check().output
        os.truncate(tmp_path / "cache", end)
        assert check().output == expected
        assert check().output == expected
        assert check().examined == 0

    @pytest.mark.parametrize("name", [":memory:", "file:cache?mode=memory"])
    def test_names_that_sqlite_reads_otherwise_are_files(
        self, run: Run, folder: Path, tmp_path: Path, name: str
    ) -> None:
        assert run("check", folder, "--for", "atlas", "--cache", name, cwd=tmp_path).returncode == 1
        assert (tmp_path / name).read_bytes().startswith(b"SQLite format 3")

    def test_pipe_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        reporter = make_reporter("jsonl", io.StringIO())
        assert is_line_reporter(reporter)
        with pytest.raises(UsageError, match="is not a regular file"):
            Cache(str(tmp_path / "pipe"), plan_for("atlas"), reporter, warn=print)
        assert not (tmp_path / "pipe.bad").exists()

    def test_it_does_not_grow_when_files_change(self, check: Check, folder: Path, tmp_path: Path) -> None:
        sizes = []
        for number in range(12):
            for path in folder.iterdir():
                os.utime(path, ns=(10**18 + 1 + number, 10**18 + 1 + number))
            check()
            sizes.append((tmp_path / "cache").stat().st_size)
        assert max(sizes[6:]) <= max(sizes[:6]) * 1.1

    def test_old_results_are_removed(self, check: Check, folder: Path, tmp_path: Path) -> None:
        check()
        with closing(sqlite3.connect(tmp_path / "cache")) as database, database:
            database.execute("UPDATE results SET path = path || 'x', written = written - ?", (MAX_RESULT_AGE_DAYS + 1,))
        check()
        with closing(sqlite3.connect(tmp_path / "cache")) as database:
            assert database.execute("SELECT count(*) FROM results").fetchone() == (len(list(folder.iterdir())),)

    def test_several_runs_share_it(self, check: Check, tmp_path: Path) -> None:
        reporter = make_reporter("jsonl", io.StringIO())
        assert is_line_reporter(reporter)
        with Cache(str(tmp_path / "cache"), plan_for("atlas"), reporter, warn=print):
            first = check()
            assert (first.warnings, check().examined) == ([], 0)

    def test_concurrent_processes_write_and_read_it(self, run: Run, folder: Path, tmp_path: Path) -> None:
        words = [sys.executable, "-m", "preflight", "check", str(folder), "--for", "atlas", "--format", "jsonl"]
        words += ["--cache", str(tmp_path / "c")]
        processes = [
            subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
        ]
        printed = {process.communicate() for process in processes}
        assert printed == {(run("check", folder, "--for", "atlas", "--format", "jsonl").stdout, "")}

    def test_run_waits_no_longer_than_its_timeout_for_a_lock(
        self, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("preflight.run.cache.CACHE_LOCK_TIMEOUT", 0.05)
        expected = check().output
        check(strict=True)
        with closing(sqlite3.connect(tmp_path / "cache", isolation_level=None)) as database:
            database.execute("DELETE FROM results")
            database.execute("BEGIN IMMEDIATE")
            locked = check()
            database.execute("ROLLBACK")
        assert locked.output == expected
        assert "another program has locked it for more than 0.05 s" in locked.warnings[0]
        assert locked.warnings[1] == "The run continues without a cache."

    @pytest.mark.parametrize("limit", [9_000, 40_000])
    def test_run_continues_if_it_cannot_be_written(self, run: Run, folder: Path, tmp_path: Path, limit: int) -> None:
        expected = run("check", folder, "--for", "atlas", "--format", "jsonl").stdout
        script = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        script += "from preflight.__main__ import main; main()"
        words = ["check", str(folder), "--for", "atlas", "--format", "jsonl", "--cache", str(tmp_path / "c")]
        done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
        assert done.stdout == expected
        assert "The run continues without a cache." in done.stderr

    def test_a_path_that_cannot_be_opened_is_refused(self, run: Run, folder: Path) -> None:
        done = run("check", folder, "--for", "atlas", "--cache", folder / "no" / "such" / "folder")
        assert done.returncode == 2
        assert "cannot be opened (No such file or directory). Check that its folder exists" in done.stderr
        assert "or give another --cache" in done.stderr

    @pytest.mark.parametrize("words", [("--format", "json"), ("--report", "x.xml"), ("--together",)])
    def test_output_that_has_no_line_for_each_file_is_refused(
        self, run: Run, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        done = run("check", "fixtures/accepted", "--for", "seedance-2.0", "--cache", tmp_path / "c", *words)
        assert done.returncode == 2
        assert "--cache" in done.stderr
