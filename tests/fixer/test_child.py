"""A child process ends when it should: at its deadlines, when it is stopped, and together with its parent."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from preflight.errors import Stopped
from preflight.fixer.ffmpeg import child, launcher
from preflight.fixer.ffmpeg.child import MAX_ERROR_BYTES, ChildExit, ChildLimits, ChildTimeout, run_child
from tests.conftest import ROOT
from tests.fixer.programs import children, pid_in, program, runs, until

HANG = 'echo $$ > "$0.pid"; exec sleep 60'
SOON = 5.0
"""s; it takes some milliseconds, but the machine that runs the tests may be busy with others."""


def run(path: Path, *words: str, seconds: float = 20.0, **options: object) -> tuple[ChildExit, bytes]:
    printed = bytearray()
    limits = ChildLimits(seconds, folders=(str(path.parent),), **options)  # type: ignore[arg-type]

    def collect(piece: bytes) -> bool:
        printed.extend(piece)
        return False

    return run_child([str(path), *words], limits, collect), bytes(printed)


def test_output_errors_and_exit_code_are_returned(tmp_path: Path) -> None:
    path = program(tmp_path / "p", "echo out; echo wrong >&2; exit 3")
    assert run(path) == (ChildExit(3, b"wrong\n"), b"out\n")


def test_arguments_arrive_unchanged(tmp_path: Path) -> None:
    path = program(tmp_path / "p", 'for word; do printf "%s\\0" "$word"; done')
    words = ["-x.mp4", "a\nb", "'\"$(id) `id`", "%d", "", os.fsdecode(b"\xff\xfe")]
    assert run(path, *words)[1] == b"".join(os.fsencode(word) + b"\0" for word in words)


def test_environment_of_the_child_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    monkeypatch.setenv("FFREPORT", "file=x")
    monkeypatch.setenv("PATH", f".:relative::{os.defpath}")
    names = {line.partition(b"=")[0] for line in run(program(tmp_path / "p", "env"))[1].splitlines()}
    assert names <= {b"PATH", b"LC_ALL", b"PWD", b"_", b"SHLVL", b"OLDPWD"}
    assert b"relative" not in run(program(tmp_path / "q", "echo $PATH"))[1]


def test_standard_input_is_empty_and_no_descriptor_is_inherited(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        printed = run(program(tmp_path / "p", "cat; for file in /proc/$$/fd/*; do readlink $file; done"))[1]
    opened = printed.splitlines()
    assert opened[0] == b"/dev/null"
    assert os.fsencode(tmp_path / "open") not in opened


def test_only_the_end_of_many_errors_is_kept(tmp_path: Path) -> None:
    path = program(tmp_path / "p", "yes 2> /dev/null | head -c 100000000 >&2; echo last >&2")
    ended = run(path)[0]
    assert len(ended.errors) == MAX_ERROR_BYTES
    assert ended.errors.endswith(b"y\nlast\n")


def test_program_that_hangs_is_killed_at_its_deadline(tmp_path: Path) -> None:
    before = children()
    path = program(tmp_path / "p", f"trap '' TERM INT HUP; {HANG}")
    with pytest.raises(ChildTimeout, match=r"^was stopped after 0.5 s$"):
        run(path, seconds=0.5)
    assert not runs(pid_in(tmp_path / "p.pid"))
    assert children() <= before


def test_program_that_prints_without_progress_is_killed(tmp_path: Path) -> None:
    path = program(tmp_path / "p", "while :; do echo progress=continue; done")
    with pytest.raises(ChildTimeout, match=r"^was stopped after 0.3 s without progress$"):
        run(path, stall=0.3)


def test_reading_counts_as_progress(tmp_path: Path) -> None:
    path = program(
        tmp_path / "p", f"for i in 1 2 3 4 5 6 7 8; do read line < '{path_to_read(tmp_path)}'; sleep 0.1; done"
    )
    assert run(path, stall=0.3)[0].code == 0


def path_to_read(folder: Path) -> Path:
    (folder / "read").write_text("line\n")
    return folder / "read"


def test_time_in_which_this_program_was_stopped_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with SIGSTOP, or in a container that is paused: the child could work, but nobody read what it printed."""
    now = 100.0
    monkeypatch.setattr(child.time, "monotonic", lambda: now)
    watch = child._Watch(os.getpid(), ChildLimits(10), None)
    for seconds in (*[0.9] * 5, 3600, *[0.9] * 6):
        now += seconds
        watch.check()
    now += 0.9
    with pytest.raises(ChildTimeout, match=r"^was stopped after 10 s$"):
        watch.check()


def test_processes_that_a_child_started_end_with_it(tmp_path: Path) -> None:
    path = program(tmp_path / "p", 'sleep 60 > /dev/null 2>&1 & echo $! > "$0.pid"')
    assert run(path)[0].code == 0
    assert until(lambda: not runs(pid_in(tmp_path / "p.pid"))) < SOON


def test_stop_from_another_thread_ends_the_child(tmp_path: Path) -> None:
    path = program(tmp_path / "p", HANG)
    stop = threading.Event()

    before = children()

    def set_it() -> None:
        pid_in(tmp_path / "p.pid")
        stop.set()

    thread = threading.Thread(target=set_it)
    thread.start()
    with pytest.raises(Stopped):
        run_child([str(path)], ChildLimits(20, folders=(str(tmp_path),)), lambda _: False, stop)
    thread.join()
    assert not runs(pid_in(tmp_path / "p.pid"))
    assert children() <= before


def test_error_of_the_listener_ends_the_child(tmp_path: Path) -> None:
    path = program(tmp_path / "p", f"echo out; {HANG}")

    def fail(piece: bytes) -> bool:
        pid_in(tmp_path / "p.pid")
        raise ValueError(piece)

    with pytest.raises(ValueError, match="out"):
        run_child([str(path)], ChildLimits(20, folders=(str(tmp_path),)), fail)
    assert not runs(pid_in(tmp_path / "p.pid"))


def test_file_larger_than_allowed_is_an_error_of_the_program(tmp_path: Path) -> None:
    path = program(tmp_path / "p", f"head -c 100000 /dev/zero > {tmp_path}/written")
    ended = run(path, max_file=5000)[0]
    assert b"File too large" in ended.errors
    assert (tmp_path / "written").stat().st_size == 5000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has Landlock")
def test_program_writes_to_its_folders_only(tmp_path: Path) -> None:
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    script = (
        'for file in "$@"; do (echo text > $file) 2> /dev/null && echo $file; done; echo to > /dev/null && echo null'
    )
    path = program(tmp_path / "own/p", f"{script}; mv {tmp_path}/own/a {tmp_path}/own/b; rm {tmp_path}/own/p")
    words = [str(tmp_path / name) for name in ("own/a", "other/a", "a")]
    ended, printed = run(path, *words)
    if printed.count(b"\n") == 4:
        pytest.skip("this kernel has no Landlock")
    assert printed.decode().splitlines() == [str(tmp_path / "own/a"), "null"]
    assert ended == ChildExit(0, b"")
    assert os.listdir(tmp_path / "own") == ["b"]


def test_no_core_is_dumped(tmp_path: Path) -> None:
    assert run(program(tmp_path / "p", "ulimit -c"))[1] == b"0\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts all memory")
def test_memory_is_that_of_the_machine(tmp_path: Path) -> None:
    printed = run(program(tmp_path / "p", "ulimit -d"))[1]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    assert int(printed) << 10 == (memory if hard == resource.RLIM_INFINITY else min(memory, hard))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child whose parent is killed")
def test_program_is_not_started_if_its_parent_has_already_ended(tmp_path: Path) -> None:
    path = program(tmp_path / "p", "echo started")
    for parent, printed in ((os.getpid(), b"started\n"), (os.getpid() + 1, b"")):
        words = [sys.executable, launcher.__file__, str(parent), "0", "0", str(path)]
        assert subprocess.run(words, capture_output=True, check=False).stdout == printed


def test_crash_is_a_negative_code(tmp_path: Path) -> None:
    assert run(program(tmp_path / "p", "kill -SEGV $$"))[0].code == -signal.SIGSEGV


def test_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    assert run(tmp_path / "missing")[0] == ChildExit(126, b"cannot be started: No such file or directory\n")


def interrupted(path: Path, number: signal.Signals) -> tuple[subprocess.Popen[bytes], int, float]:
    """Send a signal to a process that runs a child. Return it, the child's pid, and when the signal was sent."""
    code = """if True:
        import sys
        from preflight.fixer.ffmpeg.child import *
        run_child(sys.argv[1:2], ChildLimits(60, folders=tuple(sys.argv[2:])), lambda _: False)
    """
    command = [sys.executable, "-c", code, str(path), str(path.parent)]
    parent = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    pid = pid_in(path.with_suffix(".pid"))
    assert runs(pid)
    parent.send_signal(number)
    return parent, pid, time.monotonic()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_signal_that_ends_this_program_ends_the_child(tmp_path: Path, number: signal.Signals) -> None:
    if number != signal.SIGINT and sys.platform != "linux":
        pytest.skip("only Linux kills a child whose parent is killed")
    path = program(tmp_path / "p", f"trap '' INT TERM; {HANG}")
    parent, pid, sent = interrupted(path, number)
    assert parent.wait(SOON) == -number
    until(lambda: not runs(pid), SOON)
    assert time.monotonic() - sent < SOON


def test_ctrl_c_does_not_leave_a_zombie(tmp_path: Path) -> None:
    before = children()
    path = program(tmp_path / "p", HANG)
    threading.Thread(target=lambda: (pid_in(tmp_path / "p.pid"), signal.raise_signal(signal.SIGINT))).start()
    with pytest.raises(KeyboardInterrupt):
        run(path)
    assert children() <= before
    assert not Path(f"/proc/{pid_in(tmp_path / 'p.pid')}").exists()
