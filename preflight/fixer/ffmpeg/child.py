"""Run another program as a child process that has deadlines, can be stopped, and never outlives this process.

Linux kills the child when this process dies, however it dies. On other systems a child whose parent is killed runs to
its end.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from preflight.errors import Stopped
from preflight.output import Interrupts
from preflight.processes.process import interpreter, loader_environment

if TYPE_CHECKING:
    import subprocess

MAX_ERROR_BYTES: Final = 8 << 10
"""Bytes of standard error that are kept: its end."""
CHECK_INTERVAL: Final = 0.1
"""Seconds between two checks of the stop event and the deadlines."""

_READ_SIZE: Final = 1 << 16
_MAX_GAP: Final = 1.0
"""A longer gap (s) between two checks means that this process itself was stopped (SIGSTOP, a paused container)."""
_REAP_TIMEOUT: Final = 5.0
"""Seconds for a killed child to end: one that waits for a disk or a network drive does not end at once."""
_LAUNCHER: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")


class ChildExit(NamedTuple):
    """How a child ended: its exit code, negative for a signal, and the end of its standard error."""

    code: int
    errors: bytes


class ChildTimeout(Exception):
    """A child was killed after `seconds`; stalled: that long without progress."""

    def __init__(self, seconds: float, *, stalled: bool) -> None:
        super().__init__(f"was stopped after {seconds:g} s{' without progress' if stalled else ''}")
        self.seconds = seconds
        self.stalled = stalled


class ChildLimits(NamedTuple):
    """The limits of one child.

    seconds   by the clock; time in which this program was stopped does not count
    stall     seconds without progress and without reading; None: unlimited
    max_file  bytes of each file that it writes; None: unlimited
    folders   the only ones in which it may write, on Linux
    """

    seconds: float
    stall: float | None = None
    max_file: int | None = None
    folders: tuple[str, ...] = ()


def run_child(
    args: Sequence[str],
    limits: ChildLimits,
    on_output: Callable[[bytes], bool],
    stop: threading.Event | None = None,
    folder: str = os.sep,
) -> ChildExit:
    """Run the program `args[0]`, an absolute path, until it ends. However this function ends, so has the program.

    on_output  gets its standard output piece by piece and returns whether it shows progress
    stop       ends the program when set by another thread
    folder     its working directory

    Raise `ChildTimeout`, `Stopped`, `OSError` if no process can be started, KeyboardInterrupt, and what `on_output`
    raises.
    """
    process = None
    try:
        with Interrupts() as interrupts, interrupts.deferred():
            process = _start(args, limits, folder)
        watch = _Watch(process.pid, limits, stop)
        errors = _listen(process, on_output, watch)
        _await_exit(process, watch)
    finally:
        if process is not None:
            _end(process)
    return ChildExit(process.returncode, errors)


def _start(args: Sequence[str], limits: ChildLimits, folder: str) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches this program only, and without our environment."""
    import subprocess  # only needed to fix files

    launcher = [interpreter(), "-P", "-s", "-S", "-B", "-X", "utf8", _LAUNCHER]
    confinement = [str(os.getpid()), str(limits.max_file or 0), str(len(limits.folders)), *limits.folders]
    return subprocess.Popen(  # noqa: S603 - a list of arguments, without a shell
        [*launcher, *confinement, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=folder,
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """Return the variables of a child: none of ours but those that a loader or a wrapper script needs."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    return {**loader_environment(), "PATH": os.pathsep.join(folders) or os.defpath, "LC_ALL": "C"}


class _Watch:
    """The deadlines of a child and the event that stops it."""

    def __init__(self, pid: int, limits: ChildLimits, stop: threading.Event | None) -> None:
        self._pid = pid
        self._bytes_read = 0
        self._limits = limits
        self._stop = stop
        self._checked = time.monotonic()
        self._end = self._checked + limits.seconds
        self._stalled = self._checked + (limits.stall or 0)

    def check(self, *, progress: bool = False) -> None:
        """Raise `Stopped` or `ChildTimeout` if it is time."""
        now = time.monotonic()
        if now - self._checked > _MAX_GAP:
            self._end += now - self._checked
            self._stalled += now - self._checked
        self._checked = now
        if self._stop is not None and self._stop.is_set():
            raise Stopped
        if now > self._end:
            raise ChildTimeout(self._limits.seconds, stalled=False)
        if self._limits.stall is None:
            return
        if progress or (now > self._stalled and self._is_reading()):
            self._stalled = now + self._limits.stall
        elif now > self._stalled:
            raise ChildTimeout(self._limits.stall, stalled=True)

    def _is_reading(self) -> bool:
        """Return whether the child has read anything since the last call, where the system tells (proc_pid_io(5)).

        It prints no progress while it moves the index of a large file to its front.
        """
        before = self._bytes_read
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{self._pid}/io", "rb") as file:
            self._bytes_read = int(file.readline().split()[1])
        return self._bytes_read > before


def _listen(process: subprocess.Popen[bytes], on_output: Callable[[bytes], bool], watch: _Watch) -> bytes:
    """Read both outputs until they are closed. Return the end of standard error."""
    errors = b""
    assert process.stdout is not None
    assert process.stderr is not None
    output = process.stdout.fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        selector.register(process.stderr.fileno(), selectors.EVENT_READ)
        while selector.get_map():
            progress = False
            for key, _ in selector.select(CHECK_INTERVAL):
                piece = os.read(key.fd, _READ_SIZE)
                if not piece:
                    selector.unregister(key.fd)
                elif key.fd == output:
                    progress |= on_output(piece)
                else:
                    errors = (errors + piece)[-MAX_ERROR_BYTES:]
            watch.check(progress=progress)
    return errors


def _await_exit(process: subprocess.Popen[bytes], watch: _Watch) -> None:
    """Wait until a child has ended, and leave it a zombie, so that its group can still be killed by its id."""
    pause = 0.001
    while not _has_ended(process):
        watch.check()
        time.sleep(pause)
        pause = min(2 * pause, CHECK_INTERVAL)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    if sys.platform == "darwin":  # Python has no waitid there before 3.13
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:  # the host program ignores SIGCHLD, so that the kernel has reaped the child
        return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and all processes that it started, and leave no zombie."""
    import subprocess

    with contextlib.suppress(ProcessLookupError, PermissionError):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAP_TIMEOUT)
