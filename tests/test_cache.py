"""`--cache`: what is known of unchanged files is said again; what has changed, or is damaged, is examined."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from preflight import run as running
from preflight import scan
from preflight.checker import plan_for
from preflight.errors import UsageError
from preflight.report import Finding, Report, Result
from preflight.reporters import is_line_reporter, make_reporter
from preflight.run.cache import BATCH, MAGIC, MAX_LINE_BYTES, Cache
from preflight.run.rows import Rendering, Row
from preflight.scan.items import examine_item
from preflight.summary import Summary
from preflight.targets import Item, expand
from tests.conftest import Run


class Checked(NamedTuple):
    """What a run over a folder gave, how many files it examined, and what it had to say of its cache."""

    output: str
    counts: dict[str, Any]
    examined: int
    notes: list[str]


Check = Callable[..., Checked]


@pytest.fixture
def folder(tmp_path: Path, fixtures: Path) -> Path:
    """Some media that have not changed for long, and something that is none."""
    folder = tmp_path / "media"
    shutil.copytree(fixtures / "refused", folder)
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

    def run(format_: str = "jsonl", cached: bool = True, workers: int = 1, **options: bool) -> Checked:
        examined.clear()
        notes: list[str] = []
        plan = plan_for("atlas", **options)  # type: ignore[arg-type]
        summary, stream = Summary(plan.rules), io.StringIO()
        reporter = make_reporter(format_, stream)
        assert is_line_reporter(reporter)
        cache = Cache(str(tmp_path / "cache"), plan, reporter, notes.append) if cached else None
        how = running.Options(workers, cache=cache)
        running.run(expand([str(folder)]), plan, reporter, summary, how)
        reporter.close(summary)
        if cache is not None:
            cache.close()
        return Checked(stream.getvalue(), summary.as_json(), len(examined), notes)

    return run


class TestUnchanged:
    @pytest.mark.parametrize("format_", ["jsonl", "text"])
    def test_the_second_run_examines_nothing_and_says_the_same(self, check: Check, folder: Path, format_: str) -> None:
        without = check(format_, cached=False)
        first, second = check(format_), check(format_)
        assert first == without
        assert first.examined == len(list(folder.iterdir()))
        assert second.output == re.sub(r"; [\d.]+ kB read\n", "; 0 bytes read\n", first.output)
        assert ("; 0 bytes read\n" in second.output) == (format_ == "text")
        assert second.counts == {**first.counts, "bytes_read": 0}
        assert (second.examined, second.notes) == (0, [])

    def test_whoever_did_the_work(self, check: Check) -> None:
        without = check(cached=False)
        assert check(workers=2).output == check(workers=2).output == without.output
        assert check().examined == 0

    def test_what_has_moved_in_the_input_has_its_new_position(self, check: Check, folder: Path) -> None:
        check()
        (folder / "0.png").write_bytes(b"new")
        again = check()
        assert again.examined == 1
        assert again.output == check(cached=False).output

    def test_more_files_than_are_written_at_once(self, check: Check, folder: Path) -> None:
        file = next(folder.iterdir())
        for number in range(BATCH + 20):
            os.link(file, folder / f"x{number:03}.png")
        assert check().output == check().output
        assert check().examined == 0


class TestChanged:
    def test_a_file_that_was_written_to(self, check: Check, folder: Path) -> None:
        check()
        file = folder / "png-too-narrow.png"
        file.write_bytes(file.read_bytes() + b"\0")
        os.utime(file, ns=(10**18 + 1, 10**18 + 1))
        again = check()
        assert again.examined == 1
        assert again.output == check(cached=False).output

    def test_a_file_that_was_put_in_place_of_another(self, check: Check, folder: Path) -> None:
        """Of the same size and time."""
        check()
        file = folder / "png-too-narrow.png"
        (folder / "new").write_bytes(file.read_bytes())
        os.utime(folder / "new", ns=(10**18 + 1, 10**18 + 1))
        (folder / "new").replace(file)
        assert check().examined == 1

    def test_a_file_that_may_still_change_at_the_same_moment_is_not_kept(self, check: Check, folder: Path) -> None:
        (folder / "png-too-narrow.png").touch()
        check()
        assert check().examined == 1

    def test_a_file_that_changed_while_it_was_read_within_one_tick_is_not_kept(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is kept long after it was read: what counts is how old its change was before."""
        plan, reporter = plan_for("atlas"), make_reporter("jsonl", io.StringIO())
        assert is_line_reporter(reporter)
        cache = Cache(str(tmp_path / "cache"), plan, reporter, print)
        path = folder / "png-too-narrow.png"
        path.touch()
        list(cache.known(iter([(0, Item(str(path)))])))
        later = time.time_ns() + 10**10
        monkeypatch.setattr(time, "time_ns", lambda: later)
        cache.keep(Row(0, "{}\n", ("pass",)))
        assert list(cache.known(iter([(0, Item(str(path)))]))) == [(0, Item(str(path)))]
        assert not cache._new
        cache.close()

    def test_other_rules_options_and_formats_are_apart(self, check: Check, folder: Path) -> None:
        count = len(list(folder.iterdir()))
        assert check().examined == count
        assert check(strict=True).examined == count
        assert check("text").examined == count
        assert check().examined == check(strict=True).examined == check("text").examined == 0

    def test_what_could_not_be_read_is_not_kept(self, check: Check, folder: Path) -> None:
        (folder / "lost.png").symlink_to("nowhere")
        check()
        assert '"not_found"' in check().output
        assert check().examined == 1

    @pytest.mark.parametrize("code", ["probe_crashed", "probe_timeout"])
    def test_what_a_decoder_failed_at_is_tried_again(self, code: str) -> None:
        def row(*findings: Finding) -> Row:
            result = Result("atlas", "register", "2026-11-20", "published", "unknown", findings)
            return Rendering(lambda report: "")([(0, Report("a.mp4", None, (result,)))])[0]

        assert row(Finding("duration_too_long", "error", "")).final
        assert not row(Finding("duration_too_long", "error", ""), Finding(code, "unknown", "")).final

    def test_a_file_that_became_the_target_itself_is_judged_even_if_it_is_no_media(
        self, run: Run, folder: Path, tmp_path: Path
    ) -> None:
        words = ("--for", "atlas", "--format", "jsonl", "--cache", tmp_path / "c")
        assert "notes.txt" not in run("check", folder, *words).stdout
        assert "notes.txt" in run("check", folder / "notes.txt", *words).stdout


class TestTheFile:
    def test_nobody_else_may_read_it(self, check: Check, tmp_path: Path) -> None:
        check()
        assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o600

    @pytest.mark.parametrize("data", [b"preflight cache 0\n...", b"preflight ca", bytes(4096), b"prefl" + bytes(99)])
    def test_a_damaged_cache_is_moved_out_of_the_way(self, check: Check, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "cache").write_bytes(data)
        first = check()
        assert first.output == check(cached=False).output
        assert "is damaged, or of another version" in first.notes[0]
        assert (tmp_path / "cache.bad").read_bytes() == data
        assert check().examined == 0
        (tmp_path / "cache").write_bytes(b"preflight cache 9\n")
        check()
        assert (tmp_path / "cache.bad").read_bytes() == data
        assert (tmp_path / "cache.bad2").read_bytes() == b"preflight cache 9\n"

    @pytest.mark.parametrize("data", [b"something of the user's", b"a.png\n", b"\n", b"{}"])
    def test_another_file_is_left_where_it_is(self, check: Check, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "cache").write_bytes(data)
        with pytest.raises(UsageError, match="is not a cache of preflight: give another path"):
            check()
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}["cache"] == data
        assert not (tmp_path / "cache.bad").exists()

    @pytest.mark.parametrize("words", [("-o", "c"), ("--resume", "c"), ("@c",)])
    def test_what_the_call_needs_otherwise_is_not_taken_away(
        self, run: Run, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        (tmp_path / "c").write_text("a.png\n")
        done = run("check", "a.png", "--for", "atlas", "--cache", "./c", *words, cwd=tmp_path)
        assert done.returncode == 2
        assert "--cache ./c" in done.stderr
        assert re.search("are the same file|would overwrite the list c", done.stderr)
        assert (tmp_path / "c").read_text() == "a.png\n"

    @pytest.mark.parametrize("place", [20, 60, 500, -500, -2])
    def test_damage_is_noticed_and_said(self, check: Check, tmp_path: Path, place: int) -> None:
        expected = check().output
        data = bytearray((tmp_path / "cache").read_bytes())
        data[place] ^= 1
        (tmp_path / "cache").write_bytes(data)
        again = check()
        assert again.output == expected
        assert again.examined > 0
        assert "is damaged" in again.notes[0]
        assert check().output == expected
        assert (check().examined, check().notes) == (0, [])

    def test_a_length_below_zero_is_damage(self, check: Check, tmp_path: Path) -> None:
        expected = check().output
        data = bytearray((tmp_path / "cache").read_bytes())
        data[18:19] = b"-"
        (tmp_path / "cache").write_bytes(data)
        again = check()
        assert again.output == expected
        assert "is damaged: all behind its byte 18" in again.notes[0]

    @pytest.mark.parametrize(
        "entry",
        [
            *("[" * 100_000, "3", "null", '"x"', '["a"]', '[["a"], 1, 2]', '[[["a"], [], 0, 0, false, 0, []]]'),
            *('[["a", [], -1, 0, false, 0, ["pass"]]]', '[["a", [], "0", 0, false, 0, ["pass"]]]'),
            *(
                '[["a", [], 0, 0, false, 0, []]]',
                '[["a", [], 0, 0, false, 0, ["good"]]]',
                '[["a", [], 0, 0, 1, 0, [1]]]',
            ),
            f'[["a", [], {"9" * 5000}, 0, false, 0, ["pass"]]]',
        ],
    )
    def test_malformed_entry_counts_as_damage(self, check: Check, tmp_path: Path, entry: str) -> None:
        expected = check().output
        data = (tmp_path / "cache").read_bytes()
        digest = data.split(b"\n")[1].split(b" ")[3]
        rest = digest + b" " + entry.encode()
        (tmp_path / "cache").write_bytes(MAGIC + b"0 0 %d %b\n" % (zlib.crc32(rest), rest))
        again = check()
        assert again.output == expected
        assert "is damaged: all behind its byte 18" in again.notes[0]

    def test_line_without_end_is_damage(self, check: Check, tmp_path: Path) -> None:
        expected = check().output
        (tmp_path / "cache").write_bytes(MAGIC + b"0" * (MAX_LINE_BYTES + 9))
        assert check().output == expected
        assert (tmp_path / "cache").stat().st_size < MAX_LINE_BYTES

    def test_what_is_no_regular_file_stays_where_it_is(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        reporter = make_reporter("jsonl", io.StringIO())
        assert is_line_reporter(reporter)
        with pytest.raises(UsageError, match="is no regular file"):
            Cache(str(tmp_path / "pipe"), plan_for("atlas"), reporter, print)
        assert not (tmp_path / "pipe.bad").exists()

    @pytest.mark.parametrize("end", [0, 5, 18, 30, 700, -1])
    def test_a_file_that_was_cut_off(self, check: Check, tmp_path: Path, end: int) -> None:
        expected = check().output
        os.truncate(tmp_path / "cache", end if end >= 0 else (tmp_path / "cache").stat().st_size + end)
        assert check().output == expected
        assert check().examined == 0

    def test_it_does_not_grow_for_ever(self, check: Check, folder: Path, tmp_path: Path) -> None:
        sizes = []
        for number in range(40):
            for path in folder.iterdir():
                os.utime(path, ns=(10**18 + 1 + number, 10**18 + 1 + number))
            check()
            sizes.append((tmp_path / "cache").stat().st_size)
        assert max(sizes[20:]) <= max(sizes[:20]) * 1.1

    def test_two_runs_at_once(self, check: Check, tmp_path: Path) -> None:
        plan = plan_for("atlas")
        reporter = make_reporter("jsonl", io.StringIO())
        assert is_line_reporter(reporter)
        other = Cache(str(tmp_path / "cache"), plan, reporter, print)
        assert "is in use by another run" in check().notes[0]
        other.close()

    def test_where_it_cannot_be_written_the_run_goes_on(self, run: Run, folder: Path, tmp_path: Path) -> None:
        expected = run("check", folder, "--for", "atlas", "--format", "jsonl").stdout
        script = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)); "
        script += "from preflight.__main__ import main; main()"
        words = ["check", str(folder), "--for", "atlas", "--format", "jsonl", "--cache", str(tmp_path / "c")]
        import subprocess
        import sys

        done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
        assert done.stdout == expected
        assert "the run goes on without it" in done.stderr

    def test_a_path_that_cannot_be_opened(self, run: Run, folder: Path) -> None:
        done = run("check", folder, "--for", "atlas", "--cache", folder / "no" / "such" / "folder")
        assert done.returncode == 2
        assert "cannot be used (No such file or directory)" in done.stderr

    @pytest.mark.parametrize("words", [("--format", "json"), ("--report", "x.xml"), ("--together",)])
    def test_what_does_not_keep_each_file_by_itself(self, run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
        done = run("check", "fixtures/accepted", "--for", "seedance-2.0", "--cache", tmp_path / "c", *words)
        assert done.returncode == 2
        assert "--cache" in done.stderr
