"""Targets that crash, block or exhaust the process that opens them, and executors that fail. Imported there too."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from pickle import dumps, loads
from typing import Any

_kept: list[bytes] = []


class Trap(os.PathLike[str]):
    """A path that works in the process that made it and does `deed` in every other one."""

    def __init__(self, path: str, deed: str, flag: str = "") -> None:
        self._path = path
        self._deed = deed
        self._flag = flag
        self._home = os.getpid()

    def __fspath__(self) -> str:
        if os.getpid() != self._home:
            globals()[self._deed](self._flag)
        return self._path


def nothing(flag: str) -> None:
    pass


def hang(flag: str) -> None:
    while True:
        time.sleep(0.01)


def segfault(flag: str) -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    ctypes.string_at(0)


def kill(flag: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(flag: str) -> None:
    os._exit(0)


def exhaust(flag: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
    bytearray(300 << 20)


def leak(flag: str) -> None:
    if not _kept:
        _kept.append(b"x" * (600 << 20))


def note_process(flag: str) -> None:
    with open(flag, "a") as file:
        file.write(f"{os.getpid()}\n")


def kill_once(flag: str) -> None:
    if not os.path.exists(flag):
        open(flag, "w").close()
        kill(flag)


class Inline(Executor):
    """Executes what is submitted at once, through pickle, and records the sizes."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int, int]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        sent = dumps((fn, args, kwargs))
        again, positional, named = loads(sent)
        answer = dumps(again(*positional, **named))
        self.sizes.append((len(args[0]), len(sent), len(answer)))
        future: Future[Any] = Future()
        future.set_result(loads(answer))
        return future


class Broken(Executor):
    """Breaks at batch number `at` and stays broken, as a process pool does when a process dies."""

    def __init__(self, at: int) -> None:
        self._left = at

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._left -= 1
        if self._left < -1:
            raise BrokenExecutor
        future: Future[Any] = Future()
        if self._left < 0:
            future.set_exception(BrokenExecutor())
        else:
            future.set_result(fn(*args, **kwargs))
        return future


class Failing(Executor):
    """Accepts a batch and fails, as a process pool does that cannot pickle it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(TypeError("cannot be pickled"))
        return future


class NoPath(os.PathLike[str]):
    """A path object that raises when its path is asked for."""

    def __fspath__(self) -> str:
        raise RuntimeError("the database is gone")
