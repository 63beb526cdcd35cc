"""A file that hangs, crashes or leaks costs itself, and every other one keeps its report."""

from __future__ import annotations

import os
import resource
import signal
import sys
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
from tests.scan.traps import Trap

PASSING = "fixtures/accepted/picture.png"
COUNT = 150


def among_others(*traps: Trap) -> list[Report]:
    """The reports of many good files in two processes, with the traps among them."""
    targets: list[str | Trap] = [PASSING] * COUNT
    for place, trap in enumerate(traps):
        targets[40 * place + 20] = trap
    reports = list(check_many(targets, "atlas", jobs=2))
    assert [report.index for report in reports] == list(range(COUNT))
    assert [report.source for report in reports] == [PASSING] * COUNT
    return reports


def lost(reports: list[Report]) -> list[tuple[int, str, str]]:
    """Those that could not be read: where they stand, why, and what it says."""
    return [(report.index, report.error.code, report.error.message) for report in reports if report.error]


class TestProcessesThatExamineFiles:
    @pytest.mark.parametrize(
        ("deed", "how"),
        [
            ("segfault", "crashed (SIGSEGV)"),
            ("kill", "crashed (SIGKILL)"),
            ("leave", "ended with code 0"),
        ],
    )
    def test_a_file_that_ends_its_process(self, deed: str, how: str) -> None:
        reports = among_others(Trap(PASSING, deed))
        message = f"{PASSING}: the process that read it {how}; the others went on"
        assert lost(reports) == [(20, "probe_crashed", message)]
        assert [report.verdict for report in reports].count("pass") == COUNT - 1
        assert reports[20].verdict == "unknown"

    def test_several_of_them(self) -> None:
        reports = among_others(Trap(PASSING, "kill"), Trap(PASSING, "segfault"), Trap(PASSING, "leave"))
        assert [(index, code) for index, code, _ in lost(reports)] == [
            (20, "probe_crashed"),
            (60, "probe_crashed"),
            (100, "probe_crashed"),
        ]

    def test_a_file_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(isolation, "FILE_TIMEOUT", 2.0)
        began = time.monotonic()
        reports = among_others(Trap(PASSING, "hang"))
        assert lost(reports) == [
            (20, "probe_timeout", f"{PASSING}: the process that read it was stopped after 2 s; the others went on")
        ]
        assert time.monotonic() - began < 15

    def test_a_file_for_which_there_is_no_memory(self) -> None:
        ((index, code, message),) = lost(among_others(Trap(PASSING, "exhaust")))
        assert (index, code) == (20, "probe_crashed")
        assert "the process that read it failed: it needs more memory than there is" in message

    def test_a_process_that_was_killed_by_chance_costs_nothing(self, tmp_path: Path) -> None:
        assert lost(among_others(Trap(PASSING, "kill_once", str(tmp_path / "done")))) == []
        alone = [Trap(PASSING, "kill_once", str(tmp_path / "alone"))]
        assert lost(list(check_many(alone, "atlas", jobs=2))) == []

    def test_a_process_that_has_grown_too_large_is_replaced(self, tmp_path: Path) -> None:
        log = tmp_path / "pids"
        note = Trap(PASSING, "note_process", str(log))
        targets = [note, note, Trap(PASSING, "leak"), note]
        with closing(IsolatedExaminer(plan_for("atlas"), as_outcomes)) as examiner:
            for index, target in enumerate(targets):
                (report,) = examiner.examine([(index, Item(target))])
                assert report.verdict == "pass"
        assert READER.max_resident < 600 << 20
        assert len(set(log.read_text().split())) == 2

    def test_where_no_process_can_be_started_this_one_does_the_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError("too many processes")

        monkeypatch.setattr(process, "_start", refuse)
        assert lost(among_others()) == []

    def test_no_more_processes_than_there_are_descriptors_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for allowed, most in ((8, 1), (256, 48), (resource.RLIM_INFINITY, sys.maxsize)):
            monkeypatch.setattr(resource, "getrlimit", lambda _, soft=allowed: (soft, soft))
            assert isolation.max_processes() == most

    def test_a_process_that_hangs_ends_even_if_nobody_is_left_to_end_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(isolation, "FILE_TIMEOUT", 0.1)
        monkeypatch.setattr(isolation, "GRACE", 0.0)
        with closing(IsolatedExaminer(plan_for("atlas"), as_outcomes)) as examiner:
            message = lost(examiner.examine([(0, Item(Trap(PASSING, "hang")))]))[0][2]
        assert "crashed (SIGALRM)" in message

    def test_an_answer_that_lay_there_while_we_were_stopped_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(isolation, "FILE_TIMEOUT", 0.2)
        with closing(IsolatedExaminer(plan_for("atlas"), as_outcomes)) as examiner:
            examiner.examine([(0, Item(PASSING))])
            (process,) = examiner.pool.processes()
            os.kill(process.pid, signal.SIGSTOP)
            threading.Timer(0.4, os.kill, (process.pid, signal.SIGCONT)).start()
            (report,) = examiner.examine([(1, Item(PASSING))])
            assert report.verdict == "pass"
            assert examiner.pool.processes() == (process,)

    def test_what_cannot_be_loaded_there_is_done_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A class of the caller's main program, which is another one in our processes."""
        own = type("Own", (str,), {"__module__": "__main__"})
        monkeypatch.setattr(sys.modules["__main__"], "Own", own, raising=False)
        assert lost(list(check_many([PASSING, own(PASSING), PASSING], "atlas", jobs=2))) == []

    def test_what_cannot_be_sent_is_done_here(self) -> None:
        class Own(Trap):
            """Of a class that no other process can import."""

        assert lost(among_others(Own(PASSING, "nothing"))) == []

    def test_none_is_left_behind(self) -> None:
        reports = check_many([PASSING] * COUNT, "atlas", jobs=2)
        next(reports)
        assert _children()
        reports.close()  # type: ignore[attr-defined]
        deadline = time.monotonic() + 10
        while _children() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _children()


def _children() -> list[str]:
    """Processes of ours that examine files."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as state, open(f"/proc/{pid}/cmdline") as words:
                parent = int(state.read().rpartition(")")[2].split()[1])
                if parent == os.getpid() and "sandboxed=False" in words.read():
                    found.append(pid)
        except OSError:
            continue
    return found


class TestDecoders:
    """What no reader of ours knows goes to a decoder, which may be as bad as it likes."""

    @pytest.mark.parametrize(
        ("deed", "code"),
        [
            ("hang", "probe_timeout"),
            ("sleep", "probe_timeout"),
            ("segfault", "probe_crashed"),
            ("leave", "probe_crashed"),
            ("fail", "probe_crashed"),
            ("flood", "probe_crashed"),
            ("devour", "probe_crashed"),
        ],
    )
    def test_one_costs_the_file_that_it_decodes(
        self, deed: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = self.decoded(deed, tmp_path, monkeypatch)
        assert (report.error.code if report.error else None) == code

    def test_one_that_reads_for_ever_is_stopped_by_time_or_by_bytes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = self.decoded("read_forever", tmp_path, monkeypatch)
        assert report.error is None or report.error.code == "probe_timeout"

    def decoded(self, deed: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
        """The report of a file whose decoder does this, between two that need none."""
        monkeypatch.setitem(processes.TASKS, "mediainfo", f"tests.processes.bad_tasks:{deed}")
        monkeypatch.setattr(fallback, "WALL", 5.0)
        strange = folder / "strange.flv"
        strange.write_bytes(b"FLV\x01\x05\0\0\0\x09" + bytes(4000))
        began = time.monotonic()
        before, report, after = check_many([PASSING, strange, PASSING], "atlas")
        assert time.monotonic() - began < 10 + fallback.WALL
        assert (before.verdict, after.verdict) == ("pass", "pass")
        assert report.verdict != "pass"
        return report
