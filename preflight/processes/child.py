"""The other end: what runs in the process. It loads a decoder, gives it the source as a file, sends its answer back."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, BinaryIO, Final, cast

from preflight.processes.channel import Channel
from preflight.processes.confine import confine

BUFFER: Final = 1 << 16
"""Bytes that a decoder's small reads are gathered to: each is a question to the other end."""
_GRACE: Final = 2.0
"""s past the deadline by the clock until the process ends itself, in case its parent is gone."""
_LOADING: Final = 4 << 30
"""Bytes of address space for the libraries of another decoder, between two files."""
_RETIRE: Final = 160 << 20
"""Bytes: a process that once grew so large is replaced, or the next file would have less than its share."""


def serve() -> None:
    """Obey orders until the other end is closed."""
    os.environ.clear()  # of what the interpreter itself put there
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    channel = Channel(socket.socket(fileno=os.dup(0)))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    confine()
    _limit_memory(_LOADING)
    with contextlib.suppress(EOFError, OSError):
        while True:
            order = json.loads(channel.receive())
            channel.send(_obey(channel, order))


def _obey(channel: Channel, order: dict[str, Any]) -> bytes:
    try:
        module, _, function = order["task"].partition(":")
        task: Callable[..., Any] = getattr(import_module(module), function)
        channel.send(b"{}")
        _limit_memory(order["memory"])
        signal.setitimer(signal.ITIMER_PROF, order["seconds"])
        file = SourceFile(channel, order["size"], order["wall"] + _GRACE)
        answer = task(cast("BinaryIO", io.BufferedReader(file, BUFFER)), **order["arguments"])
        message = {"answer": answer, "reusable": peak() < _RETIRE}
        return json.dumps(message, allow_nan=False).encode()
    except MemoryError:
        failed = f"it needs more than {order['memory'] >> 20} MB of memory"
    except Exception as error:
        failed = f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_memory(_LOADING)
    return json.dumps({"failed": failed[:500]}).encode()


class SourceFile(io.RawIOBase):
    """The source at the other end as a seekable file. Its alarm clock runs only while the decoder works."""

    mode = "rb"

    def __init__(self, channel: Channel, size: int, seconds: float) -> None:
        self._channel = channel
        self._size = size
        self._seconds = seconds
        self._position = 0
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._position, self._size)[whence]
        if base + offset < 0:
            raise OSError("seek before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), BUFFER, self._size - self._position)
        if length <= 0:
            return 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._channel.send(json.dumps({"read": [self._position, length]}).encode())
        reply = self._channel.receive()
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        if not reply:
            raise OSError("the source gives no more")
        buffer[: len(reply) - 1] = reply[1:]
        self._position += len(reply) - 1
        return len(reply) - 1


def _limit_memory(more: int) -> None:
    """Let the process grow by `more` bytes. Only where the system counts address space."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            limit = int(statm.read().split()[0]) * resource.getpagesize() + more
    except OSError:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def peak() -> int:
    """The most memory that the process ever had, in bytes.

    Linux passes the maximum of the host on to what it starts, so that `ru_maxrss` is not ours there.
    """
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
