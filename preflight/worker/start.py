"""A fresh interpreter of ours at the other end of a socket."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from preflight.worker.channel import MAX_FRAME, Channel

if TYPE_CHECKING:
    import subprocess


def start(function: str, max_frame: int = MAX_FRAME) -> tuple[subprocess.Popen[bytes], Channel]:
    """A process that runs `module:function()`, with its end of the socket as standard input. Raises OSError.

    It has a session of its own: Ctrl-C is for us alone. What it prints goes nowhere.
    """
    import subprocess  # not for those that are started: they load this module too

    module, _, name = function.partition(":")
    load = f"sys.path[:] = sys.argv[1:]; from {module} import {name}"
    boot = f"import gc, sys; gc.disable(); {load}; gc.enable(); {name}()"
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [_interpreter(), "-P", "-c", boot, *_import_paths()],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "MALLOC_ARENA_MAX": "1"},  # more arenas reserve address space, which is limited
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, Channel(ours, max_frame)


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """How a process that is gone came to its end, in words."""
    import subprocess

    try:
        code = process.wait(1)
    except subprocess.TimeoutExpired:
        return "closed its connection"
    with contextlib.suppress(ValueError):
        return f"crashed ({signal.Signals(-code).name})"
    return f"ended with code {code}"


def _interpreter() -> str:
    """A program that runs Python: the host may be an application that only embeds it."""
    if sys.executable and "python" in os.path.basename(sys.executable) and not getattr(sys, "frozen", False):
        return sys.executable
    return os.path.join(sys.exec_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")


def _import_paths() -> list[str]:
    """Where this process finds its modules. Never the current folder: the untrusted files may lie there."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return [path for path in sys.path if isinstance(path, str) and path not in ("", os.curdir)] + [package]
