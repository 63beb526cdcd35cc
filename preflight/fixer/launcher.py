"""Run by a fresh interpreter: limit this process, then become another program.

`python launcher.py PARENT MAX_FILE PROGRAM WORD…`. A program that is started directly would outlive its parent, and
code between fork and exec is not safe in a program with threads. This file imports nothing of the package, so that it
takes some milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import Final

CANNOT_START: Final = 126
"""The exit code if the program cannot be started, as in a shell. The last line of standard error says why."""

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def launch(parent: int, max_file: int, words: list[str]) -> None:
    """Become the program `words[0]`, which ends with its parent and dumps no core.

    parent    id of the process that started this one
    max_file  bytes that a file may grow to; 0: unlimited
    """
    _limit(resource.RLIMIT_CORE, 0)
    if max_file:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails with an error instead
        _limit(resource.RLIMIT_FSIZE, max_file)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
        libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        if os.getppid() != parent:  # it ended before this process could ask for the signal
            return
    os.execv(words[0], words)  # noqa: S606 - a list of words, without a shell


def _limit(which: int, maximum: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(which)[1]
        maximum = maximum if hard == resource.RLIM_INFINITY else min(hard, maximum)
        resource.setrlimit(which, (maximum, maximum))


if __name__ == "__main__":
    try:
        launch(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    except OSError as error:
        print(f"cannot be started: {error.strerror}", file=sys.stderr)
    sys.exit(CANNOT_START)
