"""The child's end, which runs in a process: perform one task after the other and send back the answers."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from preflight.processes.channel import Channel
from preflight.processes.confine import confine, forbid_privileges
from preflight.processes.process import Limits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_SIZE: Final = 1 << 16
"""Bytes that small reads of a decoder are combined to, since each read is a request to the other end."""
HEARTBEAT_INTERVAL: Final = 1.0
"""Seconds between two messages that a task is still making progress."""
_LOADING_MEMORY: Final = 4 << 30
"""Bytes of address space for the libraries of another decoder, between two tasks."""


def serve(*, sandboxed: bool, max_resident: int) -> None:
    """Perform tasks until the other end is closed."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    channel = Channel(socket.socket(fileno=os.dup(0)), sandboxed=sandboxed)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    if sandboxed:
        os.environ.clear()  # of the variables that the interpreter itself set
        confine()
        _limit_memory(_LOADING_MEMORY)
    else:
        forbid_privileges()
    with contextlib.suppress(EOFError, OSError):
        while True:
            request = channel.receive_message()
            channel.send(_perform(channel, request, sandboxed=sandboxed, max_resident=max_resident))


def _perform(channel: Channel, request: dict[str, object], *, sandboxed: bool, max_resident: int) -> bytes:
    """Perform a task and return its last message."""
    limits = Limits(*cast("tuple[float]", request["limits"]))
    try:
        function = _load(cast("str", request["function"]))
        channel.send(channel.encode({"started": True}))
        arguments = cast("dict[str, object]", request["arguments"])
        answer = function(_open(channel, cast("int | None", request["size"]), limits), **arguments)
        return channel.encode({"answer": answer, "reusable": peak() < max_resident})
    except MemoryError:
        failed = "it needs more memory than is available"
        if limits.memory is not None:
            failed = f"it needs more than {limits.memory >> 20} MB of memory"
    except Exception as error:  # noqa: BLE001 - whatever a library raises is the answer
        failed = f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if sandboxed:
            _limit_memory(_LOADING_MEMORY)
    return channel.encode({"failed": failed[:500]})


def _open(channel: Channel, size: int | None, limits: Limits) -> io.BufferedReader | _Heartbeat:
    """Set the limits of a task, and return its first argument: the source, or without one the heartbeat."""
    if limits.memory is not None:
        _limit_memory(limits.memory)
    if limits.seconds is not None:
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)
    alarm = limits.wall + limits.grace
    signal.setitimer(signal.ITIMER_REAL, alarm)
    if size is None:
        return _Heartbeat(channel, alarm)
    return io.BufferedReader(SourceFile(channel, size, alarm), BUFFER_SIZE)


def _load(name: str) -> Callable[..., object]:
    """Return the function called `module:function`."""
    module, _, function = name.partition(":")
    gc.disable()  # objects that an import creates are permanent
    try:
        return cast("Callable[..., object]", getattr(import_module(module), function))
    finally:
        gc.enable()


class _Heartbeat:
    """Restarts the timer of a task, in this process and, if the last message was long ago, at the other end."""

    def __init__(self, channel: Channel, alarm: float) -> None:
        self._channel = channel
        self._alarm = alarm
        self._sent = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self._sent > HEARTBEAT_INTERVAL:
            self._channel.send(self._channel.encode({"alive": True}))
            self._sent = now
        signal.setitimer(signal.ITIMER_REAL, self._alarm)


class SourceFile(io.RawIOBase):
    """The source at the other end as a seekable file. The alarm is paused while the source is read."""

    mode = "rb"

    def __init__(self, channel: Channel, size: int, alarm: float) -> None:
        self._channel = channel
        self._size = size
        self._alarm = alarm
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position and return it. Raise OSError for one before the start."""
        base = (0, self._position, self._size)[whence]
        if base + offset < 0:
            raise OSError("seek before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into a buffer and return the number of bytes, 0 at the end. Raise OSError if the source has failed."""
        view = memoryview(buffer).cast("B")
        length = min(len(view), BUFFER_SIZE, self._size - self._position)
        if length <= 0:
            return 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._channel.send(self._channel.encode({"read": [self._position, length]}))
        reply = self._channel.receive()
        signal.setitimer(signal.ITIMER_REAL, self._alarm)
        if not reply:
            raise OSError("the source cannot be read further")
        view[: len(reply) - 1] = reply[1:]
        self._position += len(reply) - 1
        return len(reply) - 1


def _limit_memory(growth: int) -> None:
    """Let the process grow by `growth` bytes, on systems that count address space."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            limit = int(statm.read().split()[0]) * resource.getpagesize() + growth
    except OSError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def peak() -> int:
    """Return the peak memory of the process in bytes.

    Linux passes the maximum of a program on to those that it starts, so that `ru_maxrss` is not that of this process.
    """
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
