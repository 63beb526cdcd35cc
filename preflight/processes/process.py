"""The parent's end of one process: start and confine it, and exchange messages with it about one task."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from preflight.errors import ReadLimit, Stopped
from preflight.processes.channel import MAX_FRAME, Channel

if TYPE_CHECKING:
    import subprocess

    from preflight.sources import Source

START_TIMEOUT: Final = 30.0
"""Seconds for the interpreter to start and import a decoder from a cold disk, before any file is touched."""
MAX_READ_BYTES: Final = 1 << 20
MIN_CHARGED_BYTES: Final = 1 << 12
"""Minimum bytes that a read counts: over HTTP each is a request, however few bytes it asks for."""
_STOP_INTERVAL: Final = 0.1
"""Seconds after which a call that can be stopped looks whether it is."""
_AFTER_STOP: Final = 1.0
"""Seconds that a process gets once after its deadline: while the whole group was stopped (SIGSTOP, a paused container),
time passed, but the process could not use it."""


class Limits(NamedTuple):
    """The limits of one task.

    seconds    of processor time, so that results do not depend on the load of the machine; None: unlimited
    memory     bytes by which the process may grow; None: unlimited
    max_bytes  bytes that may be read of the source
    wall       seconds by the clock, for a task that waits instead of working; waiting for the source does not count
    grace      seconds after `wall` until the process ends itself, in case this program is gone
    """

    seconds: float | None = None
    memory: int | None = None
    max_bytes: int = 0
    wall: float = 60.0
    grace: float = 2.0


LOADER_VARIABLES: Final = (
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "PYTHONHOME"),
)
"""Where the interpreter and shared libraries are found, if not in the usual places. No other variable is needed."""
READER_VARIABLES: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TZDIR", "TMPDIR", "XDG_DATA_HOME"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
"""Further variables, with LC_*, of a process that opens files by name. An allowlist: names of secrets are unknown."""
NETWORK_VARIABLES: Final = frozenset(("http_proxy", "https_proxy", "all_proxy", "no_proxy", "netrc"))
"""Variables with proxies and netrc, in lower case: passed on only with `trust_env`."""


def loader_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return those variables of an environment that every process needs: usually none."""
    return {name: environment[name] for name in LOADER_VARIABLES if name in environment}


def reader_environment(environment: Mapping[str, str] = os.environ, *, trust_env: bool = False) -> dict[str, str]:
    """Return the variables that a process needs to examine files, without keys and tokens.

    trust_env  proxies and netrc are to be taken from the environment
    """
    names = [name for name in environment if name in READER_VARIABLES or name.startswith("LC_")]
    if trust_env:
        names += [name for name in environment if name.lower() in NETWORK_VARIABLES]
    return {**{name: environment[name] for name in names}, **loader_environment(environment)}


class ProcessProfile(NamedTuple):
    """The rights of a pool's processes. None of them can gain privileges or dump core.

    sandboxed     no writing, no network, no further process (`confine`), limited memory; its messages are only data
    environment   computes the variables of a new process
    folder        working directory; None: that of this program
    max_frame     bytes of a message that is accepted from it
    max_resident  bytes; a process that has used more memory is replaced
    """

    sandboxed: bool
    environment: Callable[[], Mapping[str, str]]
    folder: str | None
    max_frame: int
    max_resident: int


DECODER: Final = ProcessProfile(
    sandboxed=True, environment=loader_environment, folder=os.sep, max_frame=4 << 20, max_resident=160 << 20
)
"""For libraries that a hostile file may take over. A grown process is replaced, so that files get equal memory."""
ENCODER: Final = DECODER._replace(max_frame=352 << 20)
"""For libraries that also write what they decoded: the answer is a file of up to 256 MB in Base64."""
READER: Final = ProcessProfile(
    sandboxed=False, environment=reader_environment, folder=None, max_frame=MAX_FRAME, max_resident=512 << 20
)
"""For our own readers, which open files and URLs by name."""


class CannotStart(Exception):
    """No process can be started. `str()` says why."""


class TaskTimeout(Exception):
    """A task took longer than `seconds`. Its process is stopped."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"was stopped after {seconds:g} s")
        self.seconds = seconds


class TaskCrashed(Exception):
    """A task failed or ended its process. `str()` says how, as a predicate: "crashed (SIGSEGV)"."""


class Process:
    """A fresh interpreter that performs one task after the other. Used by one thread at a time."""

    def __init__(self, profile: ProcessProfile) -> None:
        """Start the process. Raise `CannotStart`."""
        try:
            self._process, self._channel = _start(profile)
        except OSError as error:
            raise CannotStart(f"cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Return whether the process has not ended by itself."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process at once and leave no zombie. A thread that waits for it sees its end, not a closed socket."""
        self._process.kill()
        self._channel.close()
        self._process.wait()

    def forget(self) -> None:
        """Abandon a process that belongs to the program of which this one is a forked copy."""
        self._channel.close()
        self._process.returncode = 0

    def call(
        self, request: bytes, limits: Limits, source: Source | None, stop: threading.Event | None = None
    ) -> tuple[object, bool]:
        """Return a task's answer, and whether the process may be used again. After an exception it may not.

        Raise `CannotStart`, `TaskTimeout`, `TaskCrashed`, `ReadLimit`, what the source raises while it is read, and
        `Stopped` once `stop` is set.
        """
        reads = None if source is None else _Reads(source, limits.max_bytes)
        try:
            reply = self._converse(request, limits, reads, stop)
        except TimeoutError:
            raise TaskTimeout(limits.wall) from None
        except (EOFError, OSError):
            how = _describe_exit(self._process)
            if limits.seconds is not None and self._process.returncode == -signal.SIGPROF:
                raise TaskTimeout(limits.seconds) from None
            raise TaskCrashed(how) from None
        except (ValueError, RecursionError):
            raise TaskCrashed("sent an invalid answer") from None
        if reads is not None and reads.failure is not None:
            raise reads.failure
        if "answer" not in reply:
            raise TaskCrashed(f"failed: {str(reply.get('failed'))[:200]}")
        return reply["answer"], reply.get("reusable") is True

    def _converse(
        self, request: bytes, limits: Limits, reads: _Reads | None, stop: threading.Event | None
    ) -> dict[str, object]:
        """Send a request and serve the task until it has ended. Return its last message."""
        message = self._begin(request)
        if "started" not in message:
            return message
        timer = _Timer(limits.wall)
        while True:
            message = self._receive(timer, stop)
            match message:
                case {"read": wanted} if reads is not None:
                    began = time.monotonic()
                    reply = reads.reply(wanted)
                    timer.end += time.monotonic() - began
                    self._channel.send(reply, timer.end)
                case {"alive": _} if reads is None:
                    timer = _Timer(limits.wall)
                case {"answer": _} | {"failed": _}:
                    return message
                case _:
                    raise ValueError("an unexpected message")

    def _begin(self, request: bytes) -> dict[str, object]:
        """Return the first message, once the code of the task is loaded: that time does not count as the task's."""
        deadline = time.monotonic() + START_TIMEOUT
        try:
            self._channel.send(request, deadline)
            return self._channel.receive_message(deadline)
        except TimeoutError:
            raise CannotStart(f"did not start within {START_TIMEOUT:g} s") from None

    def _receive(self, timer: _Timer, stop: threading.Event | None) -> dict[str, object]:
        longest = math.inf if stop is None else _STOP_INTERVAL
        is_ready = False
        while not is_ready:
            if stop is not None and stop.is_set():
                raise Stopped
            is_ready = self._channel.is_ready(min(timer.remaining(), longest))  # the timer raises TimeoutError
        return self._channel.receive_message(time.monotonic() + timer.remaining())


class _Timer:
    """The time that a task has left; once it is over, `_AFTER_STOP` is added, once."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self._extended = False

    def remaining(self) -> float:
        """Return the seconds until the deadline, more than 0. Raise TimeoutError."""
        remaining = self.end - time.monotonic()
        if remaining > 0:
            return remaining
        if self._extended:
            raise TimeoutError
        self._extended = True
        self.end = time.monotonic() + _AFTER_STOP
        return _AFTER_STOP


class _Reads:
    """Serves a task's reads of a source. `failure` is the first error of the source; no later read is served."""

    def __init__(self, source: Source, max_bytes: int) -> None:
        self.failure: Exception | None = None
        self._source = source
        self._max_bytes = max_bytes
        self._charged = 0

    def reply(self, wanted: object) -> bytes:
        """Return "+" and the bytes, or nothing after a failure. Raise ValueError for an impossible read."""
        match wanted:
            case [int(offset), int(length)] if offset >= 0 and 0 < length <= MAX_READ_BYTES:
                pass
            case _:
                raise ValueError("an impossible read")
        self._charged += max(length, MIN_CHARGED_BYTES)
        if self.failure is not None:
            return b""
        if self._charged > self._max_bytes:
            self.failure = ReadLimit(self._source.name, self._max_bytes)
            return b""
        try:
            return b"+" + self._source.read_at(offset, length)
        except Exception as error:  # noqa: BLE001 - raised again once the task has ended
            self.failure = error
            return b""


def _start(profile: ProcessProfile) -> tuple[subprocess.Popen[bytes], Channel]:
    """Start an interpreter with one end of a socket as its standard input. Raise OSError.

    It has a session of its own, so that Ctrl-C reaches this program only. It inherits no other descriptor, and what it
    prints is discarded.
    """
    import subprocess  # not for the processes themselves: they load this module too

    load = "sys.path[:] = sys.argv[1:]; from preflight.processes.worker import serve"
    settings = f"sandboxed={profile.sandboxed}, max_resident={profile.max_resident}"
    boot = f"import gc, sys; gc.disable(); {load}; gc.enable(); serve({settings})"
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [interpreter(), "-P", "-s", *_flags(), "-c", boot, *_import_paths()],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=dict(profile.environment()),
            cwd=profile.folder,
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, Channel(ours, sandboxed=profile.sandboxed, max_frame=profile.max_frame)


def _describe_exit(process: subprocess.Popen[bytes]) -> str:
    """Describe how an ended process ended, as a predicate."""
    import subprocess

    try:
        code = process.wait(10)
    except subprocess.TimeoutExpired:
        return "closed its connection"
    with contextlib.suppress(ValueError):
        return f"crashed ({signal.Signals(-code).name})"
    return f"ended with code {code}"


def interpreter() -> str:
    """Return a program that runs Python: the host may be an application that only embeds it."""
    if sys.executable and "python" in os.path.basename(sys.executable) and not getattr(sys, "frozen", False):
        return sys.executable
    return os.path.join(sys.exec_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")


def _flags() -> list[str]:
    """Return interpreter flags that environment variables may have set, since these are not passed on."""
    return ["-B"] if sys.dont_write_bytecode else []


def _import_paths() -> list[str]:
    """Return the module search path without the current folder, which may hold untrusted files."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [path for path in sys.path if isinstance(path, str) and path not in ("", os.curdir)]
    return [os.path.abspath(path) for path in paths] + [package]
