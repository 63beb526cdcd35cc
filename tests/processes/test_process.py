"""Our end of a process: its deadline, the reads that it is served, and the interpreter that is started."""

from __future__ import annotations

import os
import sys
import time

import pytest

from preflight.errors import ReadLimit, SourceChanged
from preflight.processes import process
from preflight.processes.process import DECODER, MAX_READ_BYTES, MIN_CHARGED_BYTES, READER, _Reads, _Timer
from preflight.sources.memory import MemorySource
from tests.rows import each_row

DATA = bytes(range(256)) * 8192


def reads(max_bytes: int = 1 << 30) -> _Reads:
    return _Reads(MemorySource(DATA, "clip.bin"), max_bytes)


class TestReads:
    def test_reply_is_a_plus_and_the_bytes(self) -> None:
        assert reads().reply([2, 3]) == b"+\x02\x03\x04"

    def test_read_at_the_end_has_no_bytes(self) -> None:
        assert reads().reply([len(DATA), 3]) == b"+"

    def test_longest_read_is_served(self) -> None:
        assert len(reads().reply([0, MAX_READ_BYTES])) == 1 + MAX_READ_BYTES == 1 + (1 << 20)

    @each_row(
        "wanted",
        [[-1, 1], [0, 0], [0, -1], [0, MAX_READ_BYTES + 1], [0], [0, 1, 2], [0.0, 1], ["0", "1"], None, {}, "01"],
    )
    def test_impossible_read_is_refused(self, wanted: object) -> None:
        with pytest.raises(ValueError, match="an impossible read"):
            reads().reply(wanted)

    def test_small_reads_are_charged_at_least_the_minimum(self) -> None:
        served = reads(max_bytes=2 * MIN_CHARGED_BYTES)
        assert (served.reply([0, 1]), served.reply([0, 1])) == (b"+\0", b"+\0")
        assert served.failure is None
        assert served.reply([0, 1]) == b""
        assert isinstance(served.failure, ReadLimit)

    def test_large_reads_are_charged_their_length(self) -> None:
        served = reads(max_bytes=20_000)
        assert len(served.reply([0, 20_000])) == 20_001
        assert served.reply([0, 1]) == b""
        assert isinstance(served.failure, ReadLimit)

    def test_first_failure_of_the_source_is_kept_and_nothing_more_is_read(self) -> None:
        class Changing(MemorySource):
            calls = 0

            def read_at(self, offset: int, length: int) -> bytes:
                self.calls += 1
                raise SourceChanged(f"change {self.calls}")

        source = Changing(DATA, "clip.bin")
        served = _Reads(source, 1 << 30)
        assert (served.reply([0, 1]), served.reply([0, 1])) == (b"", b"")
        assert source.calls == 1
        assert "change 1 changed" in str(served.failure)


def test_processes_have_bounded_messages_memory_and_time() -> None:
    assert (DECODER.max_frame, DECODER.max_resident) == (4 * 1_048_576, 160 * 1_048_576)
    assert (READER.max_frame, READER.max_resident) == (1024 * 1_048_576, 512 * 1_048_576)
    assert (DECODER.folder, READER.folder) == ("/", None)
    assert (process.START_TIMEOUT, MIN_CHARGED_BYTES) == (30.0, 4096)


class TestTimer:
    def test_remaining_time_runs_down(self) -> None:
        timer = _Timer(100.0)
        assert 99.0 < timer.remaining() <= 100.0
        timer.end -= 50.0
        assert 49.0 < timer.remaining() <= 50.0

    def test_deadline_is_extended_by_one_second_once(self) -> None:
        timer = _Timer(-1.0)
        assert timer.remaining() == 1.0
        assert 0.0 < timer.remaining() <= 1.0
        timer.end = time.monotonic()
        with pytest.raises(TimeoutError):
            timer.remaining()


class TestInterpreter:
    def test_interpreter_of_this_program_is_used(self) -> None:
        assert process.interpreter() == sys.executable

    @pytest.mark.parametrize("executable", ["", "/opt/host/application"])
    def test_embedding_application_is_not_started(self, executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", executable)
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        assert process.interpreter() == os.path.join(sys.exec_prefix, "bin", name)

    def test_frozen_application_is_not_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        assert process.interpreter() == os.path.join(sys.exec_prefix, "bin", name)

    @pytest.mark.parametrize(("is_set", "flags"), [(True, ["-B"]), (False, [])])
    def test_bytecode_is_not_written_if_this_program_writes_none(
        self, is_set: bool, flags: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "dont_write_bytecode", is_set)
        assert process._flags() == flags

    def test_current_folder_is_not_on_the_import_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", ["", ".", "lib", "/opt/lib"])
        assert process._import_paths()[:-1] == [os.path.abspath("lib"), "/opt/lib"]
        assert os.path.isdir(os.path.join(process._import_paths()[-1], "preflight"))
