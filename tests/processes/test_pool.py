"""The pool of decoders: whatever one does to its process, its file has a clear error and the next file an answer."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from preflight import processes
from preflight.errors import ReadLimit, SourceChanged, Stopped, WorkerCrashed, WorkerTimeout
from preflight.processes import DECODERS, READER, CannotStart, Limits, Pool, Task, TaskTimeout
from preflight.sources import Source
from preflight.sources.memory import MemorySource

LIMITS = Limits(seconds=20, memory=256 << 20, max_bytes=1 << 20)
TASKS = (
    *("head", "measure", "hang", "sleep", "read_forever", "segfault", "leave", "grow", "fail", "chatter"),
    *("flood", "nest", "opaque", "ask_wildly", "pretend_progress", "dribble"),
)
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the bad decoders, so that a new process can import them."""
    monkeypatch.syspath_prepend(HERE)
    for name in TASKS:
        monkeypatch.setitem(processes.TASKS, name, f"bad_tasks:{name}")
    DECODERS.stop()
    yield
    DECODERS.stop()


def call(task: str, source: Source, limits: Limits, **arguments: object) -> Any:
    return processes.call(task, source, limits, **arguments)


def source(data: bytes = b"12345678") -> MemorySource:
    return MemorySource(data, "clip.bin")


def running() -> list[int]:
    """Return the processes of the pool that have not been ended."""
    return [process.pid for process in DECODERS.processes()]


def gone(pid: int, within: float = 5) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def ended(pid: int, within: float = 5) -> bool:
    """Whether a process whose host is gone ends. Who inherits it may take seconds to notice."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return gone(pid, within)
        time.sleep(0.02)
    return False


def test_decoder_reads_the_source_and_returns_an_answer() -> None:
    assert call("head", source(), LIMITS, length=4)["head"] == b"1234".hex()
    assert call("measure", source(bytes(300_000)), LIMITS) == {"size": 300_000, "read": 300_000}


@pytest.mark.parametrize("task", ["hang", "sleep", "read_forever"])
def test_task_that_is_stopped_ends_with_its_process(task: str) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        DECODERS.call(Task(f"bad_tasks:{task}", {}), LIMITS._replace(max_bytes=1 << 40), source(bytes(1 << 20)), stop)
    timer.join()
    assert time.monotonic() - began < 10  # s, of 3600
    assert running() == []
    assert call("head", source(), LIMITS)["head"] == b"12345678".hex()


def test_bytes_read_by_a_decoder_count_as_read_from_the_source() -> None:
    data = source(bytes(100_000))
    call("head", data, LIMITS)
    assert 8 <= data.bytes_read <= 65_536


def test_process_is_reused_for_the_next_file() -> None:
    assert len({call("head", source(), LIMITS)["pid"] for _ in range(3)}) == 1


def test_memory_of_the_host_does_not_retire_a_process() -> None:
    ballast = b"x" * (300 << 20)
    assert len({call("head", source(), LIMITS)["pid"] for _ in range(3)}) == 1
    assert ballast[-1:] == b"x"


@pytest.mark.parametrize(("task", "limit"), [("hang", "seconds"), ("sleep", "wall")])
def test_hanging_decoder_is_killed_at_its_deadline(task: str, limit: str) -> None:
    pid = call("head", source(), LIMITS)["pid"]
    began = time.monotonic()
    with pytest.raises(WorkerTimeout, match=r"clip\.bin: the decoder was stopped after 0\.3 s") as caught:
        call(task, source(), LIMITS._replace(**{limit: 0.3}))
    assert caught.value.code == "probe_timeout"
    assert time.monotonic() - began < 10  # s, of 3600
    assert gone(pid)
    assert call("head", source(), LIMITS)["pid"] != pid


def test_crash_names_its_signal_and_the_next_file_is_decoded() -> None:
    with pytest.raises(WorkerCrashed, match=r"clip\.bin: the decoder crashed \(SIG(SEGV|BUS)\)") as caught:
        call("segfault", source(), LIMITS)
    assert caught.value.code == "probe_crashed"
    assert not running()
    assert call("head", source(), LIMITS)["head"]


def test_decoder_that_exits_its_process_counts_as_crashed() -> None:
    with pytest.raises(WorkerCrashed, match="ended with code 3"):
        call("leave", source(), LIMITS)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux counts address space")
def test_memory_limit_holds_for_each_file() -> None:
    with pytest.raises(WorkerCrashed, match="needs more than 64 MB of memory"):
        call("grow", source(), LIMITS._replace(memory=64 << 20), size=100 << 20)
    assert call("grow", source(), LIMITS, size=100 << 20) == 100 << 20


def test_process_that_grew_large_is_replaced() -> None:
    before = call("head", source(), LIMITS)["pid"]
    call("grow", source(), LIMITS, size=200 << 20)
    assert gone(before)


@pytest.mark.parametrize(("task", "why"), [("fail", "KeyError: 'odd'"), ("opaque", "ValueError")])
def test_exception_of_a_decoder_is_reported(task: str, why: str) -> None:
    with pytest.raises(WorkerCrashed, match=f"the decoder failed: .*{why}"):
        call(task, source(), LIMITS)


@pytest.mark.parametrize("task", ["flood", "ask_wildly", "pretend_progress"])
def test_invalid_messages_of_a_decoder_are_refused(task: str) -> None:
    with pytest.raises(WorkerCrashed, match="sent an invalid answer"):
        call(task, source(), LIMITS)
    assert call("head", source(), LIMITS)["head"]


def test_slowly_sent_answer_does_not_extend_the_deadline() -> None:
    began = time.monotonic()
    with pytest.raises(WorkerTimeout):
        call("dribble", source(), LIMITS._replace(wall=0.3))
    assert time.monotonic() - began < 10


def test_decoder_that_cannot_be_imported_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(processes.TASKS, "missing", "bad_tasks:missing")
    with pytest.raises(WorkerCrashed, match="failed: AttributeError"):
        call("missing", source(), LIMITS)


def test_deeply_nested_answer_raises_no_recursion_error() -> None:
    with contextlib.suppress(WorkerCrashed):
        assert call("nest", source(), LIMITS)


def test_output_of_decoders_is_discarded(capfd: pytest.CaptureFixture[str]) -> None:
    assert call("chatter", source(), LIMITS) == "quiet"
    assert capfd.readouterr() == ("", "")


def test_decoder_cannot_read_more_than_its_limit() -> None:
    with pytest.raises(ReadLimit) as caught:
        call("read_forever", source(bytes(100_000)), LIMITS)
    assert caught.value.code == "read_limit"


def test_error_of_the_source_is_raised_by_the_call() -> None:
    class Changing(MemorySource):
        def read_at(self, offset: int, length: int) -> bytes:
            raise SourceChanged(self.name)

    with pytest.raises(SourceChanged):
        call("head", Changing(bytes(9)), LIMITS)


def test_waiting_for_the_source_does_not_count_towards_the_deadline() -> None:
    class Slow(MemorySource):
        def read_at(self, offset: int, length: int) -> bytes:
            time.sleep(0.5)
            return super().read_at(offset, length)

    assert call("head", Slow(bytes(9)), LIMITS._replace(seconds=0.4, wall=0.4))["head"]


def test_source_of_unknown_size_is_not_decoded() -> None:
    class Endless(MemorySource):
        size = None  # type: ignore[assignment]

        def __init__(self) -> None:
            self.name, self.bytes_read = "live", 0

    with pytest.raises(ReadLimit):
        call("head", Endless(), LIMITS)


def test_threads_decode_in_parallel() -> None:
    pieces = [bytes([number]) * 8 for number in range(16)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda piece: call("head", source(piece), LIMITS), pieces))
    assert [answer["head"] for answer in answers] == [piece.hex() for piece in pieces]
    assert len(running()) <= 4


def test_process_that_died_while_idle_is_replaced() -> None:
    pid = call("head", source(), LIMITS)["pid"]
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert call("head", source(), LIMITS)["head"]


class TestPool:
    @pytest.fixture
    def pool(self) -> Iterator[Pool]:
        """Provide a pool whose processes are initialized."""
        with closing(Pool(READER, Task("bad_tasks:prepare", {"word": "ready"}))) as pool:
            yield pool

    def test_each_process_is_initialized_once(self, pool: Pool) -> None:
        first = pool.call(Task("bad_tasks:prepared", {}), Limits())
        assert pool.call(Task("bad_tasks:prepared", {}), Limits()) == first
        pool.stop()
        second = pool.call(Task("bad_tasks:prepared", {}), Limits())
        assert second != first
        assert second[1] == first[1] == ["ready"]  # type: ignore[index]

    def test_process_that_cannot_be_initialized_is_not_kept(self) -> None:
        with closing(Pool(READER, Task("bad_tasks:prepare", {"word": "fail"}))) as pool:
            with pytest.raises(CannotStart, match="failed: RuntimeError: not today"):
                pool.call(Task("bad_tasks:prepared", {}), Limits())
            assert pool.processes() == ()

    def test_task_with_a_source_reads_it_outside_of_the_sandbox_too(self, pool: Pool) -> None:
        answer = pool.call(Task("bad_tasks:head", {"length": 4}), LIMITS, source())
        assert answer["head"] == b"1234".hex()  # type: ignore[index]

    def test_heartbeat_starts_the_deadline_anew(self, pool: Pool) -> None:
        limits = Limits(wall=1.0)
        assert pool.call(Task("bad_tasks:step", {"steps": 4, "seconds": 0.3}), limits) == "done"

    def test_step_longer_than_the_deadline_is_stopped(self, pool: Pool) -> None:
        with pytest.raises(TaskTimeout, match=r"was stopped after 0\.2 s"):
            pool.call(Task("bad_tasks:step", {"steps": 1, "seconds": 60}), Limits(wall=0.2))
        assert pool.processes() == ()

    def test_closed_pool_starts_no_process(self, pool: Pool) -> None:
        pool.call(Task("bad_tasks:prepared", {}), Limits())
        (process,) = pool.processes()
        pool.close()
        assert gone(process.pid)
        with pytest.raises(CannotStart):
            pool.call(Task("bad_tasks:prepared", {}), Limits())
        assert pool.processes() == ()


def host(script: str, cwd: Path, **options: object) -> subprocess.Popen[str]:
    """Start a program without `if __name__ == "__main__"` that uses the pool."""
    begin = f"""
        import os, sys, time
        sys.path.insert(0, {str(HERE)!r})
        from preflight import processes
        from preflight.sources.memory import MemorySource
        processes.TASKS.update(head="bad_tasks:head", sleep="bad_tasks:sleep")
        def call(task, seconds=20.0):
            limits = processes.Limits(seconds, 256 << 20, 1 << 20, seconds)
            return processes.call(task, MemorySource(b"12345678"), limits)
    """
    path = cwd / "host.py"
    path.write_text(textwrap.dedent(begin) + textwrap.dedent(script))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, str(path)], cwd=cwd, **pipes, **options)  # type: ignore[call-overload,no-any-return]


def test_program_without_a_main_guard_works_and_leaves_no_process(tmp_path: Path) -> None:
    out, err = host("print(call('head')['pid'])", tmp_path).communicate(timeout=60)
    assert err == ""
    assert gone(int(out))


def test_modules_in_the_working_folder_are_not_imported(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for name in ("json", "resource", "bad_tasks"):
        (tmp_path / "files" / f"{name}.py").write_text("raise SystemExit(9)")
    script = "os.chdir('files'); sys.path.insert(0, ''); print(call('head')['head'])"
    out, err = host(script, tmp_path).communicate(timeout=60)
    assert (out.strip(), err) == (b"12345678".hex(), "")


@pytest.mark.parametrize("then", ["time.sleep(60)", "call('sleep', 1)"])
def test_process_ends_when_its_host_is_killed(tmp_path: Path, then: str) -> None:
    parent = host(f"print(call('head')['pid'], flush=True); {then}", tmp_path)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert ended(pid)


def test_interrupt_of_the_host_ends_the_decoder_without_output(tmp_path: Path) -> None:
    script = """
        print(call('head')['pid'], flush=True)
        try:
            call('sleep', 60)
        except KeyboardInterrupt:
            print('interrupted', flush=True)
    """
    parent = host(script, tmp_path, start_new_session=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.3)
    os.killpg(parent.pid, signal.SIGINT)
    out, err = parent.communicate(timeout=30)
    assert (out, err) == ("interrupted\n", "")
    assert gone(pid)


def test_forked_copy_of_the_host_starts_its_own_process(tmp_path: Path) -> None:
    script = """
        import warnings
        warnings.simplefilter('ignore')
        first = call('head')['pid']
        child = os.fork()
        if child == 0:
            os._exit(0 if call('head')['pid'] != first else 1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, call('head')['pid'] == first)
    """
    out, err = host(script, tmp_path).communicate(timeout=60)
    assert (out.strip(), err) == ("0 True", "")
