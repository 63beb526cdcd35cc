"""Killable processes with a deadline, a memory limit and no more rights than their tasks need.

A process is a fresh interpreter in a session of its own (`process.py` is the parent's end, `worker.py` the child's). It
performs one task after the other until one hangs, crashes or uses much memory. A profile says how it is confined:
`DECODER` and `ENCODER` for libraries that a hostile file may take over, `READER` for our own readers, which open files
by name.

`call` performs a task in the pool that all decoders share. They read the source through the socket between the two
programs and get nothing else: every kind of source works, nothing is copied to disk, and no decoder opens a path or a
URL by itself.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from preflight.errors import ReadLimit, WorkerCrashed, WorkerTimeout
from preflight.processes.channel import encode_message
from preflight.processes.process import (
    DECODER,
    ENCODER,
    READER,
    START_TIMEOUT,
    CannotStart,
    Limits,
    Process,
    ProcessProfile,
    TaskCrashed,
    TaskTimeout,
)

if TYPE_CHECKING:
    from preflight.sources import Source


__all__ = [
    "DECODER",
    "DECODERS",
    "ENCODER",
    "READER",
    "TASKS",
    "CannotStart",
    "Limits",
    "Pool",
    "ProcessProfile",
    "Task",
    "TaskCrashed",
    "TaskTimeout",
    "call",
]

_STARTING: Final = Limits(wall=START_TIMEOUT)


class Task(NamedTuple):
    """One call in a process: `module:function`, and its keyword arguments. Only the process imports the function.

    With a source it is called as `function(file, **arguments)`, without one as `function(heartbeat, **arguments)`: each
    call of `heartbeat()` restarts the timer of the task.
    """

    function: str
    arguments: Mapping[str, object]


class Pool:
    """Processes with the same profile: as many as threads call at the same time, each used until it dies.

    initializer  a task that each process performs before its first one
    """

    def __init__(self, profile: ProcessProfile, initializer: Task | None = None) -> None:
        self._profile = profile
        self._initializer = None if initializer is None else self._encode(initializer, _STARTING, None)
        self._idle: list[Process] = []  # taken and returned by atomic operations, so that threads need no lock
        self._running: set[Process] = set()
        self._lock = threading.Lock()
        self.closed = False
        _pools.add(self)

    def call(
        self, task: Task, limits: Limits, source: Source | None = None, stop: threading.Event | None = None
    ) -> object:
        """Return the result of a task.

        stop  ends the process when set by another thread

        The answer of a sandboxed process is plain JSON that a hostile file may have shaped: check its types.

        Raise `CannotStart`, `TaskTimeout`, `TaskCrashed`, `ReadLimit`, `Stopped`, and what the source raises while it
        is read.
        """
        request = self._encode(task, limits, None if source is None else source.size)
        process = self._acquire()
        reusable = False
        try:
            answer, reusable = process.call(request, limits, source, stop)
        finally:
            if reusable:
                self._idle.append(process)
            else:
                self._discard(process)
        return answer

    def processes(self) -> tuple[Process, ...]:
        """Return the processes that were started and not yet ended, idle or not."""
        with self._lock:
            return tuple(self._running)

    def stop(self) -> None:
        """End all processes, whatever they are doing. Further calls start new ones."""
        self._idle.clear()
        with self._lock:
            for process in self._running:
                process.stop()
            self._running.clear()

    def close(self) -> None:
        """End all processes, and those that a call in another thread is about to start."""
        self.closed = True
        self.stop()

    def forget(self) -> None:
        """Abandon the processes: a forked copy must not talk to those of the original, nor keep their sockets open."""
        self._lock = threading.Lock()
        self._idle.clear()
        for process in self._running:
            process.forget()
        self._running.clear()

    def _acquire(self) -> Process:
        while self._idle:
            try:
                process = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if process.is_alive():
                return process
            self._discard(process)
        process = Process(self._profile)
        with self._lock:
            if self.closed:
                process.stop()
                raise CannotStart("belongs to a closed pool")
            self._running.add(process)
        self._initialize(process)
        return process

    def _initialize(self, process: Process) -> None:
        if self._initializer is None:
            return
        try:
            process.call(self._initializer, _STARTING, None)
        except (TaskTimeout, TaskCrashed) as error:
            self._discard(process)
            raise CannotStart(str(error)) from error
        except BaseException:
            self._discard(process)
            raise

    def _discard(self, process: Process) -> None:
        with self._lock:
            self._running.discard(process)
        process.stop()

    def _encode(self, task: Task, limits: Limits, size: int | None) -> bytes:
        request = {"function": task.function, "arguments": task.arguments, "size": size, "limits": tuple(limits)}
        return encode_message(request, sandboxed=self._profile.sandboxed)


_pools: Final[weakref.WeakSet[Pool]] = weakref.WeakSet()


def _stop_all() -> None:
    for pool in list(_pools):
        pool.stop()


def _forget_all() -> None:
    for pool in list(_pools):
        pool.forget()


atexit.register(_stop_all)
os.register_at_fork(after_in_child=_forget_all)

TASKS: Final[dict[str, str]] = {
    "av": "preflight.probes.decoders.av_task:decode_picture",
    "frame": "preflight.probes.decoders.previews:frame",
    "image": "preflight.probes.decoders.pillow_task:header",
    "mediainfo": "preflight.probes.decoders.mediainfo_task:tracks",
    "mutagen": "preflight.probes.decoders.mutagen_task:stream",
    "picture": "preflight.probes.decoders.previews:picture",
    "pixels": "preflight.probes.decoders.pillow_task:decode_pixels",
    "structure": "preflight.probes.decoders.structure:find_fault",
    "waveform": "preflight.probes.decoders.previews:waveform",
}
"""The tasks of decoders: `function(file, **arguments)`, which returns plain JSON."""

DECODERS: Final = Pool(DECODER)
"""The one pool under foreign formats, `--deep` and previews."""


def call(task: str, source: Source, limits: Limits, **arguments: object) -> object:
    """Return the result of `TASKS[task]`: plain JSON that a hostile file may have shaped, so check its types.

    Raise `WorkerTimeout`, `WorkerCrashed`, `ReadLimit`, and what the source raises while the decoder reads it.
    """
    if source.size is None:
        raise ReadLimit(source.name, limits.max_bytes)  # a decoder reads the end first
    try:
        return DECODERS.call(Task(TASKS[task], arguments), limits, source)
    except TaskTimeout as error:
        raise WorkerTimeout(source.name, error.seconds) from None
    except TaskCrashed as error:
        raise WorkerCrashed(source.name, str(error)) from None
    except CannotStart as error:
        raise WorkerCrashed("worker", str(error)) from None
