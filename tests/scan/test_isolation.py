"""A file that hangs, crashes or leaks costs its own report only."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from preflight import Report, check_many, processes
from preflight.checker import plan_for
from preflight.probes import fallback
from preflight.processes import READER, process
from preflight.scan import isolation
from preflight.scan.isolation import IsolatedExaminer
from preflight.scan.items import as_outcomes
from preflight.targets import Item
from tests.conftest import ROOT
from tests.scan.traps import Trap

PASSING = "fixtures/accepted/picture.png"
COUNT = 150


def among_others(*traps: Trap) -> list[Report]:
    """Return the reports of many good files with the traps among them, from two processes."""
    targets: list[str | Trap] = [PASSING] * COUNT
    for place, trap in enumerate(traps):
        targets[40 * place + 20] = trap
    reports = list(check_many(targets, "atlas", jobs=2))
    assert [report.index for report in reports] == list(range(COUNT))
    assert [report.source for report in reports] == [PASSING] * COUNT
    return reports


def lost(reports: list[Report]) -> list[tuple[int, str, str]]:
    """Return index, code and message of the reports with errors."""
    return [(report.index, report.error.code, report.error.message) for report in reports if report.error]


class TestIsolatedFiles:
    def test_each_crashing_file_costs_its_own_report_only(self) -> None:
        reports = among_others(Trap(PASSING, "kill"), Trap(PASSING, "segfault"), Trap(PASSING, "leave"))
        message = f"{PASSING}: the process that read it %s; other files are not affected"
        assert lost(reports) == [
            (20, "probe_crashed", message % "crashed (SIGKILL)"),
            (60, "probe_crashed", message % "crashed (SIGSEGV)"),
            (100, "probe_crashed", message % "ended with code 0"),
        ]
        assert [report.verdict for report in reports].count("pass") == COUNT - 3
        assert [reports[index].verdict for index in (20, 60, 100)] == ["unknown"] * 3

    def test_hanging_file_is_stopped_at_its_deadline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(isolation, "FILE_TIMEOUT", 0.5)
        began = time.monotonic()
        reports = among_others(Trap(PASSING, "hang"))
        assert lost(reports) == [
            (
                20,
                "probe_timeout",
                f"{PASSING}: the process that read it was stopped after 0.5 s; other files are not affected",
            )
        ]
        assert time.monotonic() - began < 15

    def test_file_that_exhausts_memory_costs_its_own_report_only(self) -> None:
        ((index, code, message),) = lost(among_others(Trap(PASSING, "exhaust")))
        assert (index, code) == (20, "probe_crashed")
        assert "the process that read it failed: it needs more memory than is available" in message

    def test_process_killed_from_outside_costs_no_report(self, tmp_path: Path) -> None:
        assert lost(among_others(Trap(PASSING, "kill_once", str(tmp_path / "done")))) == []
        alone = [Trap(PASSING, "kill_once", str(tmp_path / "alone"))]
        assert lost(list(check_many(alone, "atlas", jobs=2))) == []

    def test_process_that_grew_too_large_is_replaced(self, tmp_path: Path) -> None:
        log = tmp_path / "pids"
        note = Trap(PASSING, "note_process", str(log))
        targets = [note, note, Trap(PASSING, "leak"), note]
        with closing(IsolatedExaminer(plan_for("atlas"), as_outcomes)) as examiner:
            for index, target in enumerate(targets):
                (report,) = examiner.examine([(index, Item(target))])
                assert report.verdict == "pass"
        assert READER.max_resident < 600 << 20
        assert len(set(log.read_text().split())) == 2

    def test_files_are_examined_inline_if_no_process_can_be_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError("too many processes")

        monkeypatch.setattr(process, "_start", refuse)
        assert lost(among_others()) == []

    def test_number_of_processes_is_limited_by_descriptors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for allowed, most in ((8, 1), (256, 48), (resource.RLIM_INFINITY, sys.maxsize)):
            monkeypatch.setattr(resource, "getrlimit", lambda _, soft=allowed: (soft, soft))
            assert isolation.max_processes() == most

    def test_hanging_process_ends_itself_if_its_host_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(isolation, "FILE_TIMEOUT", 0.1)
        monkeypatch.setattr(isolation, "GRACE", 0.0)
        with closing(IsolatedExaminer(plan_for("atlas"), as_outcomes)) as examiner:
            message = lost(examiner.examine([(0, Item(Trap(PASSING, "hang")))]))[0][2]
        assert "crashed (SIGALRM)" in message

    def test_answer_sent_while_the_group_was_stopped_is_accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(isolation, "FILE_TIMEOUT", 0.2)
        with closing(IsolatedExaminer(plan_for("atlas"), as_outcomes)) as examiner:
            examiner.examine([(0, Item(PASSING))])
            (process,) = examiner.pool.processes()
            os.kill(process.pid, signal.SIGSTOP)
            threading.Timer(0.4, os.kill, (process.pid, signal.SIGCONT)).start()
            (report,) = examiner.examine([(1, Item(PASSING))])
            assert report.verdict == "pass"
            assert examiner.pool.processes() == (process,)

    def test_item_of_a_class_unknown_to_the_process_is_examined_inline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In a process, the main module is not the caller's."""
        own = type("Own", (str,), {"__module__": "__main__"})
        monkeypatch.setattr(sys.modules["__main__"], "Own", own, raising=False)
        assert lost(list(check_many([PASSING, own(PASSING), PASSING], "atlas", jobs=2))) == []

    def test_item_that_cannot_be_pickled_is_examined_inline(self) -> None:
        class Own(Trap):
            """A class that no other process can import."""

        assert lost(among_others(Own(PASSING, "nothing"))) == []

    def test_closing_the_reports_ends_all_processes(self) -> None:
        reports = check_many([PASSING] * COUNT, "atlas", jobs=2)
        next(reports)
        assert _children()
        reports.close()  # type: ignore[attr-defined]
        deadline = time.monotonic() + 10
        while _children() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _children()

    @pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
    def test_no_process_survives_its_host(self, kind: signal.Signals) -> None:
        script = f"""
            import itertools, time
            from preflight import check_many
            for report in check_many(itertools.repeat({PASSING!r}), "atlas", jobs=2):
                if report.index == {COUNT}:
                    print("running", flush=True)
        """
        command = [sys.executable, "-c", textwrap.dedent(script)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as host:
            assert host.stdout is not None
            assert host.stdout.readline() == b"running\n"
            pids = _children(host.pid)
            assert pids
            host.send_signal(kind)
        deadline = time.monotonic() + 30
        while any(map(_runs, pids)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not [pid for pid in pids if _runs(pid)]


def _runs(pid: str) -> bool:
    """Whether a process has not ended. Who inherits one that has may take seconds to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children(host: int = os.getpid()) -> list[str]:
    """Return the ids of the processes that examine files for a host."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as state, open(f"/proc/{pid}/cmdline") as words:
                parent = int(state.read().rpartition(")")[2].split()[1])
                if parent == host and "sandboxed=False" in words.read():
                    found.append(pid)
        except OSError:
            continue
    return found


class TestDecoders:
    """Formats without a reader of ours are read by a decoder, which may do anything."""

    @pytest.mark.parametrize(
        ("deed", "code"),
        [
            ("hang", "probe_timeout"),
            pytest.param("sleep", "probe_timeout", marks=pytest.mark.slow),
            ("segfault", "probe_crashed"),
            ("leave", "probe_crashed"),
            ("fail", "probe_crashed"),
            ("flood", "probe_crashed"),
            ("devour", "probe_crashed"),
        ],
    )
    def test_bad_decoder_costs_the_report_of_its_file_only(
        self, deed: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = self.decoded(deed, tmp_path, monkeypatch)
        assert (report.error.code if report.error else None) == code

    def test_decoder_that_reads_forever_is_stopped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        report = self.decoded("read_forever", tmp_path, monkeypatch)
        assert report.error is None or report.error.code == "probe_timeout"

    def decoded(self, deed: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
        """Return the report of a file whose decoder does this, between two files without a decoder."""
        monkeypatch.setitem(processes.TASKS, "mediainfo", f"tests.processes.bad_tasks:{deed}")
        monkeypatch.setattr(fallback, "CPU_SECONDS", 0.5)
        monkeypatch.setattr(fallback, "WALL_SECONDS", 3.0)
        strange = folder / "strange.flv"
        strange.write_bytes(b"FLV\x01\x05\0\0\0\x09" + bytes(4000))
        began = time.monotonic()
        before, report, after = check_many([PASSING, strange, PASSING], "atlas")
        assert time.monotonic() - began < 10 + fallback.WALL_SECONDS
        assert (before.verdict, after.verdict) == ("pass", "pass")
        assert report.verdict != "pass"
        return report
