"""Tasks that do what a decoder must not do. Imported in the processes of the pool."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO


def head(file: BinaryIO, length: int = 8) -> dict[str, Any]:
    return {"pid": os.getpid(), "head": file.read(length).hex()}


def measure(file: BinaryIO) -> dict[str, Any]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return {"size": size, "read": len(file.read())}


def hang(file: BinaryIO, **_: object) -> None:
    while True:
        pass


def sleep(file: BinaryIO, **_: object) -> None:
    time.sleep(3600)


def read_forever(file: BinaryIO, **_: object) -> None:
    while True:
        file.seek(0)
        file.read()


def segfault(file: BinaryIO, **_: object) -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # as without pytest's faulthandler
    ctypes.string_at(0)


def abort(file: BinaryIO, **_: object) -> None:
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.abort()


def leave(file: BinaryIO, **_: object) -> None:
    os._exit(3)


def grow(file: BinaryIO, size: int) -> int:
    return len(bytearray(size))


def devour(file: BinaryIO, **_: object) -> None:
    taken = []
    while True:
        taken.append(bytearray(16 << 20))


def fail(file: BinaryIO, **_: object) -> None:
    raise KeyError("odd")


def chatter(file: BinaryIO) -> str:
    os.write(1, b"noise")
    print("noise", file=sys.stderr, flush=True)
    return "quiet"


def flood(file: BinaryIO, **_: object) -> str:
    return "x" * (5 << 20)


def nest(file: BinaryIO) -> list[Any]:
    found: list[Any] = []
    for _ in range(900):
        found = [found]
    return found


def opaque(file: BinaryIO) -> object:
    return float("nan")


def ask_wildly(file: BinaryIO) -> None:
    channel = file.raw._channel  # type: ignore[attr-defined]
    channel.send(b'{"read": [-1, 99999999]}')
    channel.receive()


def pretend_progress(file: BinaryIO) -> None:
    """Report progress forever, as only a task without a source may."""
    channel = file.raw._channel  # type: ignore[attr-defined]
    while True:
        channel.send(b'{"alive": true}')
        time.sleep(0.05)


def dribble(file: BinaryIO) -> None:
    """Send one byte of an answer after the other."""
    raw = file.raw._channel._socket  # type: ignore[attr-defined]
    raw.sendall((1 << 20).to_bytes(4, "big"))
    while True:
        raw.sendall(b" ")
        time.sleep(0.05)


_prepared: list[str] = []


def prepare(heartbeat: Callable[[], None], word: str) -> None:
    """Initialize a process."""
    if word == "fail":
        raise RuntimeError("not today")
    _prepared.append(word)


def prepared(heartbeat: Callable[[], None]) -> tuple[int, list[str]]:
    """Return the id of the process and the words that it was initialized with."""
    return os.getpid(), _prepared


def step(heartbeat: Callable[[], None], steps: int, seconds: float) -> str:
    """Wait in several steps, with a heartbeat before each."""
    for _ in range(steps):
        heartbeat()
        time.sleep(seconds)
    return "done"


def burn(file: BinaryIO, seconds: float) -> str:
    """Compute for `seconds` of processor time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
    return "done"


def surroundings(file: BinaryIO) -> dict[str, Any]:
    return {"pid": os.getpid(), "environment": dict(os.environ), "folder": os.getcwd()}


def attempt(file: BinaryIO, what: str, path: str = "") -> str:
    """Try something that a decoder never needs. Return the name of its error, or "succeeded"."""
    attempts: dict[str, Callable[[], object]] = {
        "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "unix_socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "socket_pair": socket.socketpair,
        "create": lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT)),
        "write": lambda: Path(path).write_bytes(b"changed"),
        "truncate": lambda: os.truncate(path, 0),
        "remove": lambda: os.unlink(path),
        "rename": lambda: os.rename(path, path + ".moved"),
        "make_folder": lambda: os.mkdir(path),
        "run": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        "fork": lambda: os.fork() or os._exit(0),
        "signal": lambda: os.kill(os.getppid(), 0),
        "signal_by_thread": lambda: _call(_NUMBERS[0], os.getppid(), os.getppid(), 0),
        "signal_by_file": lambda: fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid()),
        "limits_of_host": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)),
        "priority_of_host": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
        "key": lambda: _call(_NUMBERS[1], b"user", b"name", b"value", 5, -3),
        "shared_memory": lambda: _call(_NUMBERS[2], 0, 4096, 0o1600),
        "own_limits": lambda: resource.getrlimit(resource.RLIMIT_CPU),
        "change_mode": lambda: os.chmod(path, 0o777),
        "change_owner": lambda: os.chown(path, os.getuid(), os.getgid()),
        "change_times": lambda: os.utime(path, (1, 1)),
        "change_attributes": lambda: os.setxattr(path, "user.name", b"value"),
        "environment_of_host": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "memory_of_host": lambda: os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY)),
        "thread": _thread,
    }
    try:
        attempts[what]()
    except OSError as error:
        return type(error).__name__
    return "succeeded"


_NUMBERS = {"x86_64": (234, 248, 29), "aarch64": (131, 217, 194)}.get(os.uname().machine, (-1, -1, -1))
"""The numbers of the system calls tgkill, add_key and shmget."""


def _call(*arguments: int | bytes) -> None:
    """Make a system call. Raise OSError if it fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _thread() -> None:
    thread = threading.Thread(target=time.monotonic)
    thread.start()
    thread.join()
