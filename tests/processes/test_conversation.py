"""A task as our end sees it, with a process that has sent its messages before; and the pool, with such processes."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from preflight import processes
from preflight.errors import ReadLimit, SourceChanged, WorkerCrashed, WorkerTimeout
from preflight.processes import DECODER, READER, CannotStart, Limits, Pool, Task, TaskCrashed, TaskTimeout, process
from preflight.processes.channel import Channel, decode_message
from preflight.processes.process import Process
from preflight.sources.memory import MemorySource
from tests.rows import each_row

Message = dict[str, Any]
STARTED: Message = {"started": True}
ANSWER: Message = {"answer": 7, "reusable": True}


class Ended:
    """What a process is to its parent, with an exit code; None: it does not end."""

    pid = 4711

    def __init__(self, returncode: int | None = None) -> None:
        self.returncode = returncode
        self.calls: list[str] = []

    def poll(self) -> int | None:
        return self.returncode

    def kill(self) -> None:
        self.calls.append("kill")

    def wait(self, timeout: float | None = None) -> int:
        self.calls.append(f"wait {timeout}")
        if self.returncode is None:
            raise subprocess.TimeoutExpired("python", timeout or 0)
        return self.returncode


class Other:
    """The other end: `say` sends messages, `heard` returns the frames that it was sent."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        ours, self.socket = socket.socketpair()
        self.channel = Channel(self.socket, sandboxed=True)
        self.popen = Ended()
        patch.setattr(process, "_start", lambda _: (self.popen, Channel(ours, sandboxed=True)))
        self.process = Process(DECODER)

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.channel.send(self.channel.encode(message))

    def heard(self) -> list[bytes]:
        frames = []
        while self.channel.is_ready(0):
            frames.append(self.channel.receive())
        return frames

    def end(self, returncode: int | None) -> None:
        self.popen.returncode = returncode
        self.socket.close()


@contextmanager
def talking() -> Iterator[Other]:
    """Start a process, and close both ends of its socket afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        other = Other(patch)
        yield other
        other.socket.close()
        other.process._channel.close()


@pytest.fixture
def other() -> Iterator[Other]:
    with talking() as other:
        yield other


def source(data: bytes = b"12345678") -> MemorySource:
    return MemorySource(data, "clip.bin")


READING = Limits(max_bytes=1 << 20)


class TestAnswers:
    @each_row(
        ("message", "result"),
        [
            ({"answer": 7, "reusable": True}, (7, True)),
            ({"answer": None, "reusable": False}, (None, False)),
            ({"answer": [], "reusable": 1}, ([], False)),
            ({"answer": "x"}, ("x", False)),
        ],
    )
    def test_answer_says_whether_the_process_may_be_used_again(
        self, other: Other, message: Message, result: tuple[object, bool]
    ) -> None:
        other.say(STARTED, message)
        assert other.process.call(b"request", Limits(), None) == result
        assert other.heard() == [b"request"]

    def test_failure_is_shortened(self, other: Other) -> None:
        other.say(STARTED, {"failed": "x" * 300})
        with pytest.raises(TaskCrashed) as caught:
            other.process.call(b"", Limits(), None)
        assert str(caught.value) == "failed: " + "x" * 200

    def test_failure_before_the_start_is_the_answer(self, other: Other) -> None:
        other.say({"failed": "no such function"}, {"failed": "another"})
        with pytest.raises(TaskCrashed, match="failed: no such function"):
            other.process.call(b"", Limits(), None)

    def test_source_is_read_for_the_task(self, other: Other) -> None:
        other.say(STARTED, {"read": [2, 3]}, {"read": [7, 9]}, ANSWER)
        assert other.process.call(b"request", READING, source()) == (7, True)
        assert other.heard() == [b"request", b"+345", b"+8"]

    def test_error_of_the_source_is_raised_once_the_task_has_ended(self, other: Other) -> None:
        class Changing(MemorySource):
            def read_at(self, offset: int, length: int) -> bytes:
                raise SourceChanged(self.name)

        other.say(STARTED, {"read": [2, 3]}, {"read": [2, 3]}, ANSWER)
        with pytest.raises(SourceChanged):
            other.process.call(b"request", READING, Changing(b"123", "clip.bin"))
        assert other.heard() == [b"request", b"", b""]

    @each_row(
        ("messages", "reads"),
        [
            ([STARTED, {"alive": True}], True),
            ([STARTED, {"read": [0, 1]}], False),
            ([STARTED, {"read": [-1, 1]}], True),
            ([STARTED, STARTED], False),
            ([STARTED, {}], True),
        ],
    )
    def test_message_that_a_task_must_not_send_ends_the_task(self, messages: list[Message], reads: bool) -> None:
        with talking() as other:
            other.say(*messages, ANSWER)
            with pytest.raises(TaskCrashed, match="sent an invalid answer"):
                other.process.call(b"", READING, source() if reads else None)


class TestEnds:
    @each_row(
        ("code", "seconds", "error"),
        [
            (-signal.SIGSEGV, None, TaskCrashed("crashed (SIGSEGV)")),
            (-signal.SIGPROF, None, TaskCrashed("crashed (SIGPROF)")),
            (-signal.SIGPROF, 2.5, TaskTimeout(2.5)),
            (-signal.SIGKILL, 2.5, TaskCrashed("crashed (SIGKILL)")),
            (3, 2.5, TaskCrashed("ended with code 3")),
            (0, None, TaskCrashed("ended with code 0")),
            (None, 2.5, TaskCrashed("closed its connection")),
        ],
    )
    def test_end_of_a_process_is_described(self, code: int | None, seconds: float | None, error: Exception) -> None:
        with talking() as other:
            other.say(STARTED)
            other.end(code)
            with pytest.raises(type(error)) as caught:
                other.process.call(b"", Limits(seconds=seconds), None)
        assert str(caught.value) == str(error)
        assert other.popen.calls == ["wait 10"]

    def test_process_that_says_nothing_cannot_start(self, other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "START_TIMEOUT", 0.01)
        with pytest.raises(CannotStart, match=r"did not start within 0\.01 s"):
            other.process.call(b"", Limits(), None)

    def test_task_is_stopped_at_its_deadline(self, other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "_AFTER_STOP", 0.01)
        other.say(STARTED)
        with pytest.raises(TaskTimeout, match=r"was stopped after 0\.02 s"):
            other.process.call(b"", Limits(wall=0.02), None)

    def test_process_that_cannot_be_started_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_: object) -> None:
            raise OSError("too many processes")

        monkeypatch.setattr(process, "_start", refuse)
        with pytest.raises(CannotStart, match="cannot be started: too many processes"):
            Process(DECODER)

    def test_process_is_killed_and_waited_for(self, other: Other) -> None:
        assert (other.process.pid, other.process.is_alive()) == (4711, True)
        other.popen.returncode = -9
        assert not other.process.is_alive()
        other.process.stop()
        assert other.popen.calls == ["kill", "wait None"]
        assert other.channel.is_ready(0)  # the end of file

    def test_forgotten_process_is_neither_killed_nor_waited_for(self, other: Other) -> None:
        other.process.forget()
        assert (other.popen.calls, other.popen.returncode) == ([], 0)
        assert other.channel.is_ready(0)


class Timers:
    """The timers that a task was given, and a clock that a test sets forward."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        self.given: list[process._Timer] = []
        patch.setattr(process, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + self.passed))
        original = process._Timer

        def timer(seconds: float) -> process._Timer:
            self.given.append(original(seconds))
            return self.given[-1]

        patch.setattr(process, "_Timer", timer)

    def remaining(self) -> list[float]:
        return [timer.end - time.monotonic() - self.passed for timer in self.given]


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    return Timers(monkeypatch)


class TestTime:
    def test_reading_does_not_count(self, other: Other, timers: Timers) -> None:
        class Slow(MemorySource):
            def read_at(self, offset: int, length: int) -> bytes:
                timers.passed += 100.0
                return super().read_at(offset, length)

        other.say(STARTED, {"read": [0, 1]}, {"read": [0, 1]}, ANSWER)
        assert other.process.call(b"", READING._replace(wall=50.0), Slow(b"123", "clip.bin")) == (7, True)
        assert timers.remaining() == [pytest.approx(50.0, abs=1.0)]

    def test_heartbeat_restarts_the_timer(self, other: Other, timers: Timers) -> None:
        other.say(STARTED, {"alive": True}, {"alive": True}, ANSWER)
        assert other.process.call(b"", Limits(wall=50.0), None) == (7, True)
        assert timers.remaining() == [pytest.approx(50.0, abs=1.0)] * 3


ERRORS = {"slow": TaskTimeout(30.0), "crash": TaskCrashed("crashed"), "interrupt": KeyboardInterrupt("Ctrl-C")}


class Fake:
    """A process that answers with its number, or raises."""

    started: list[Fake]

    def __init__(self, _profile: object) -> None:
        self.started.append(self)
        self.number = len(self.started)
        self.requests: list[Message] = []
        self.ended = ""
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive

    def call(self, request: bytes, limits: Limits, source: object, stop: object = None) -> tuple[object, bool]:
        self.requests.append(decode_message(request, sandboxed=False))
        match self.requests[-1]["arguments"]:
            case {"error": name}:
                raise ERRORS[name]
            case {"keep": keep}:
                return self.number, keep
        return self.number, True

    def stop(self) -> None:
        self.ended += "stopped "

    def forget(self) -> None:
        self.ended += "forgotten "


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    """Provide the processes that pools start."""
    Fake.started = []
    monkeypatch.setattr(processes, "Process", Fake)
    return Fake.started


def ask(pool: Pool, limits: Limits = READING, **arguments: object) -> object:
    return pool.call(Task("module:function", arguments), limits)


class TestPool:
    def test_process_is_used_again_unless_it_may_not(self, started: list[Fake]) -> None:
        pool = Pool(READER)
        assert [ask(pool), ask(pool), ask(pool, keep=False), ask(pool)] == [1, 1, 1, 2]
        assert [one.ended for one in started] == ["stopped ", ""]
        assert pool.processes() == (started[1],)

    def test_process_of_a_failed_task_is_ended(self, started: list[Fake]) -> None:
        pool = Pool(READER)
        with pytest.raises(TaskCrashed):
            ask(pool, error="crash")
        assert (started[0].ended, ask(pool), pool.processes()) == ("stopped ", 2, (started[1],))

    def test_process_that_died_while_idle_is_replaced(self, started: list[Fake]) -> None:
        pool = Pool(READER)
        ask(pool)
        started[0].alive = False
        assert (ask(pool), started[0].ended) == (2, "stopped ")

    def test_request_has_the_task_the_limits_and_the_size(self, started: list[Fake]) -> None:
        pool = Pool(READER)
        ask(pool, word="a")
        pool.call(Task("module:function", {}), READING, source())
        first, second = started[0].requests
        limits = (None, None, 1 << 20, 60.0, 2.0)
        assert Limits() == (None, None, 0, 60.0, 2.0)
        assert first == {"function": "module:function", "arguments": {"word": "a"}, "size": None, "limits": limits}
        assert second == {"function": "module:function", "arguments": {}, "size": 8, "limits": limits}

    def test_each_process_is_initialized_first(self, started: list[Fake]) -> None:
        pool = Pool(READER, Task("module:prepare", {}))
        assert [ask(pool), ask(pool)] == [1, 1]
        assert [one["function"] for one in started[0].requests] == ["module:prepare"] + ["module:function"] * 2

    @pytest.mark.parametrize(
        ("error", "raised"), [("slow", CannotStart), ("crash", CannotStart), ("interrupt", KeyboardInterrupt)]
    )
    def test_process_that_cannot_be_initialized_is_ended(
        self, started: list[Fake], error: str, raised: type[BaseException]
    ) -> None:
        pool = Pool(READER, Task("module:prepare", {"error": error}))
        with pytest.raises(raised, match=str(ERRORS[error])):
            ask(pool)
        assert (started[0].ended, pool.processes()) == ("stopped ", ())

    def test_stopped_pool_starts_new_processes_and_a_closed_one_none(self, started: list[Fake]) -> None:
        pool = Pool(READER)
        ask(pool)
        pool.stop()
        assert (started[0].ended, pool.processes(), ask(pool)) == ("stopped ", (), 2)
        pool.close()
        with pytest.raises(CannotStart, match="closed pool"):
            ask(pool)
        assert [one.ended for one in started] == ["stopped "] * 3

    def test_forked_copy_forgets_the_processes(self, started: list[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
        pool = Pool(READER)
        monkeypatch.setattr(processes, "_pools", {pool})
        ask(pool)
        processes._forget_all()
        assert (started[0].ended, pool.processes(), ask(pool)) == ("forgotten ", (), 2)
        processes._stop_all()
        assert started[1].ended == "stopped "


@each_row(
    ("error", "raised", "message"),
    [
        (TaskTimeout(2.5), WorkerTimeout, "clip.bin: the decoder was stopped after 2.5 s"),
        (TaskCrashed("crashed (SIGSEGV)"), WorkerCrashed, "clip.bin: the decoder crashed (SIGSEGV)"),
        (CannotStart("cannot be started"), WorkerCrashed, "worker: the decoder cannot be started"),
    ],
)
def test_error_of_a_decoder_names_the_source(error: Exception, raised: type[Exception], message: str) -> None:
    def fail(*_: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes.DECODERS, "call", fail)
        with pytest.raises(raised) as caught:
            processes.call("av", source(), READING)
    assert str(caught.value).startswith(message)


def test_source_of_unknown_size_is_not_given_to_a_decoder() -> None:
    endless = source()
    endless.size = None  # type: ignore[assignment]
    with pytest.raises(ReadLimit):
        processes.call("av", endless, READING)
