"""The child's end of a process, performed here: what it answers, its timers, its memory, and the source as a file."""

from __future__ import annotations

import gc
import io
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, BinaryIO, NamedTuple

import pytest

from preflight.processes import worker
from preflight.processes.channel import Channel
from preflight.processes.process import Limits
from preflight.processes.worker import BUFFER_SIZE, SourceFile
from tests.rows import each_row

GB = 1 << 30
DEFAULT = Limits()


# Tasks, which the worker imports from this module.


def head(file: BinaryIO, length: int) -> str:
    return file.read(length).hex()


def wait(heartbeat: Callable[[], None], answer: str) -> str:
    heartbeat()
    return answer


def fail(file: object, message: str) -> None:
    raise KeyError(message)


def exhaust(file: object) -> None:
    raise MemoryError


class Timers:
    """Records the timers of a task in place of setting them."""

    ITIMER_REAL, ITIMER_PROF = "real", "processor"

    def __init__(self) -> None:
        self.set: list[tuple[str, float]] = []

    def setitimer(self, which: str, seconds: float) -> None:
        self.set.append((which, seconds))


class Ends(NamedTuple):
    """A channel of the worker, the other end of it, and the timers and memory limits that were set."""

    channel: Channel
    host: Channel
    timers: list[tuple[str, float]]
    memory: list[int]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    channel, host = Channel(ours, sandboxed=True), Channel(theirs, sandboxed=True)
    timers, memory = Timers(), list[int]()
    monkeypatch.setattr(worker, "signal", timers)
    monkeypatch.setattr(worker, "_limit_memory", memory.append)
    yield Ends(channel, host, timers.set, memory)
    channel.close()
    host.close()


def perform(
    ends: Ends, task: str, limits: Limits = DEFAULT, size: int | None = None, sandboxed: bool = True, **given: object
) -> Any:
    """Return the last message of a task."""
    request = {"function": f"{__name__}:{task}", "arguments": given, "size": size, "limits": list(limits)}
    payload = worker._perform(ends.channel, request, sandboxed=sandboxed, max_resident=1 << 50)
    ends.host.send(payload)
    return ends.channel.receive_message()


class TestPerform:
    def test_start_and_answer_are_sent(self, ends: Ends) -> None:
        assert perform(ends, "wait", answer="done") == {"answer": "done", "reusable": True}
        assert ends.host.receive_message() == {"started": True}

    @each_row(("peak", "reusable"), [(99, True), (100, False), (101, False)])
    def test_process_that_grew_is_not_reused(self, ends: Ends, peak: int, reusable: bool) -> None:
        request = {"function": f"{__name__}:wait", "arguments": {"answer": ""}, "size": None, "limits": list(Limits())}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(worker, "peak", lambda: peak)
            payload = worker._perform(ends.channel, request, sandboxed=True, max_resident=100)
        assert (b'"reusable": true' in payload) is reusable

    def test_all_limits_of_a_task_are_set_and_ended(self, ends: Ends) -> None:
        limits = Limits(seconds=2.5, memory=3 * GB, wall=4.0, grace=0.5)
        perform(ends, "wait", limits, answer="")
        assert ends.memory == [3 * GB, 4 * GB]
        begin, heartbeat = [("processor", 2.5), ("real", 4.5)], [("real", 4.5)]
        assert ends.timers == [*begin, *heartbeat, ("real", 0), ("processor", 0)]

    def test_unlimited_task_has_an_alarm_only(self, ends: Ends) -> None:
        perform(ends, "fail", Limits(wall=7.0, grace=2.0), sandboxed=False, message="odd")
        assert ends.memory == []
        assert ends.timers == [("real", 9.0), ("real", 0), ("processor", 0)]

    def test_exception_of_a_task_is_its_answer(self, ends: Ends) -> None:
        assert perform(ends, "fail", message="odd") == {"failed": "KeyError: 'odd'"}
        assert len(perform(ends, "fail", message="x" * 1000)["failed"]) == 500

    def test_task_that_cannot_be_imported_fails_before_it_starts(self, ends: Ends) -> None:
        assert perform(ends, "missing")["failed"].startswith("AttributeError: ")
        assert not ends.host.is_ready(0)

    @each_row(
        ("memory", "failed"),
        [
            (None, "it needs more memory than is available"),
            (64 << 20, "it needs more than 64 MB of memory"),
            (1 << 20, "it needs more than 1 MB of memory"),
        ],
    )
    def test_lack_of_memory_names_the_limit(self, ends: Ends, memory: int | None, failed: str) -> None:
        assert perform(ends, "exhaust", Limits(memory=memory)) == {"failed": failed}

    def test_source_is_read_through_the_channel(self, ends: Ends) -> None:
        ends.host.send(b"+ab")
        assert perform(ends, "head", Limits(wall=3.0, grace=1.0), size=2, length=2) == {
            "answer": b"ab".hex(),
            "reusable": True,
        }
        assert ends.host.receive_message() == {"started": True}
        assert ends.host.receive_message() == {"read": [0, 2]}
        assert ends.timers[:3] == [("real", 4.0), ("real", 0), ("real", 4.0)]  # the alarm is paused meanwhile

    def test_objects_are_collected_again_after_an_import(self, ends: Ends) -> None:
        assert gc.isenabled()
        perform(ends, "missing")
        assert gc.isenabled()


class TestHeartbeat:
    def test_only_the_first_message_in_a_second_is_sent(self, ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
        times = iter((100.0, 100.5, 101.0, 101.1, 102.0, 102.1, 102.2))
        monkeypatch.setattr(time, "monotonic", lambda: next(times))
        heartbeat = worker._Heartbeat(ends.channel, 5.0)
        sent = []
        for _ in range(6):
            heartbeat()
            sent.append(ends.host.is_ready(0) and ends.host.receive(None))
        assert sent == [False, False, b'{"alive": true}', False, False, b'{"alive": true}']
        assert ends.timers == [("real", 5.0)] * 6


class TestSourceFile:
    def read(self, ends: Ends, file: SourceFile, length: int, *replies: bytes) -> tuple[bytes, list[Any]]:
        """Return the bytes that were read, and what was asked for."""
        for reply in replies:
            ends.host.send(reply)
        buffer = bytearray(length)
        count = file.readinto(buffer)
        asked = []
        while ends.host.is_ready(0):
            asked.append(ends.host.receive_message()["read"])
        return bytes(buffer[:count]), asked

    def test_position_follows_seeks_and_reads(self, ends: Ends) -> None:
        file = SourceFile(ends.channel, 100, 9.0)
        assert (file.readable(), file.seekable(), file.tell()) == (True, True, 0)
        assert self.read(ends, file, 3, b"+abc") == (b"abc", [[0, 3]])
        assert file.tell() == 3
        assert self.read(ends, file, 3, b"+d") == (b"d", [[3, 3]])
        assert (file.tell(), file.seek(10, io.SEEK_CUR), file.seek(-10, io.SEEK_END), file.seek(5)) == (4, 14, 90, 5)
        assert self.read(ends, file, 3, b"+fgh") == (b"fgh", [[5, 3]])

    def test_read_ends_with_the_source_and_with_the_buffer(self, ends: Ends) -> None:
        file = SourceFile(ends.channel, 200_000, 9.0)
        assert self.read(ends, file, 200_000, b"+")[1] == [[0, BUFFER_SIZE]] == [[0, 65_536]]
        file.seek(199_998)
        assert self.read(ends, file, 10, b"+yz") == (b"yz", [[199_998, 2]])
        assert self.read(ends, file, 10) == (b"", [])
        file.seek(5, io.SEEK_END)
        assert self.read(ends, file, 10) == (b"", [])

    def test_last_byte_can_be_read_alone(self, ends: Ends) -> None:
        file = SourceFile(ends.channel, 10, 9.0)
        file.seek(-1, io.SEEK_END)
        assert self.read(ends, file, 10, b"+z") == (b"z", [[9, 1]])

    def test_position_before_the_start_is_refused(self, ends: Ends) -> None:
        file = SourceFile(ends.channel, 10, 9.0)
        with pytest.raises(OSError, match="before the start"):
            file.seek(-11, io.SEEK_END)
        assert file.seek(-10, io.SEEK_END) == 0

    def test_failed_source_cannot_be_read(self, ends: Ends) -> None:
        with pytest.raises(OSError, match="cannot be read further"):
            self.read(ends, SourceFile(ends.channel, 10, 9.0), 4, b"")


def opened(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> None:
    """Let the worker open these files and no others."""

    def open_(path: str, _: str) -> io.BytesIO:
        if path not in files:
            raise FileNotFoundError
        return io.BytesIO(files[path])

    monkeypatch.setattr(worker, "open", open_, raising=False)


class TestMemory:
    @pytest.mark.parametrize(
        ("hard", "limit"), [(resource.RLIM_INFINITY, 300 * 4096 + 1000), (10**9, 300 * 4096 + 1000), (5, 5)]
    )
    def test_limit_is_the_present_size_and_the_growth(
        self, hard: int, limit: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limits: list[tuple[int, tuple[int, int]]] = []
        fake = SimpleNamespace(
            RLIMIT_AS=resource.RLIMIT_AS,
            RLIM_INFINITY=resource.RLIM_INFINITY,
            getpagesize=lambda: 4096,
            getrlimit=lambda _: (7, hard),
            setrlimit=lambda which, values: limits.append((which, values)),
        )
        monkeypatch.setattr(worker, "resource", fake)
        opened(monkeypatch, {"/proc/self/statm": b"300 20 10 1 0 5 0\n"})
        worker._limit_memory(1000)
        assert limits == [(resource.RLIMIT_AS, (limit, hard))]

    def test_system_that_does_not_count_address_space_has_no_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = resource.getrlimit(resource.RLIMIT_AS)
        opened(monkeypatch, {})
        worker._limit_memory(1000)
        assert resource.getrlimit(resource.RLIMIT_AS) == before

    def test_peak_is_that_of_this_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opened(monkeypatch, {"/proc/self/status": b"Name:\tx\nVmPeak:\t    99 kB\nVmHWM:\t    45 kB\nVmRSS:\t 1 kB\n"})
        assert worker.peak() == 45 * 1024

    @pytest.mark.parametrize(("platform", "bytes_"), [("darwin", 300), ("freebsd14", 300 * 1024)])
    def test_peak_is_in_bytes_on_systems_without_proc(
        self, platform: str, bytes_: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened(monkeypatch, {})
        usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda _: SimpleNamespace(ru_maxrss=300))
        monkeypatch.setattr(worker, "resource", usage)
        monkeypatch.setattr(sys, "platform", platform)
        assert worker.peak() == bytes_
