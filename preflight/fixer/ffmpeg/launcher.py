"""Run by a fresh interpreter: confine this process, then become another program.

`python launcher.py PARENT MAX_FILE FOLDERS FOLDER… PROGRAM ARGUMENT…`, where FOLDERS is their number. A program that
is started directly would outlive its parent, and code between fork and exec is not safe in a program with threads. Of
the package only one file is loaded, so that this takes some milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from importlib.util import module_from_spec, spec_from_file_location
from typing import Final

CANNOT_START: Final = 126
"""The exit code if the program cannot be started, as in a shell. The last line of standard error says why."""

_PR_SET_PDEATHSIG: Final = 1
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_CONFINE: Final = os.path.join(_PACKAGE, "processes", "confine.py")


def launch(parent: int, max_file: int, folders: list[str], args: list[str]) -> None:
    """Become the program `args[0]`, which ends with its parent, gains no privileges and dumps no core.

    parent    id of the process that started this one
    max_file  bytes that a file may grow to; 0: unlimited
    folders   the only ones in which it may write, on Linux
    """
    if max_file:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails with an error instead
        _limit(resource.RLIMIT_FSIZE, max_file)
    spec = spec_from_file_location("confine", _CONFINE)
    assert spec is not None
    assert spec.loader is not None
    confine = module_from_spec(spec)
    spec.loader.exec_module(confine)
    confine.forbid_privileges()
    confine.forbid_writing_outside(folders)
    if sys.platform == "linux":
        _limit(resource.RLIMIT_DATA, _physical_memory())
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
        if os.getppid() != parent:  # it ended before this process could ask for the signal
            return
    os.execv(args[0], args)  # noqa: S606 - a list of arguments, without a shell


def _limit(which: int, maximum: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(which)[1]
        maximum = maximum if hard == resource.RLIM_INFINITY else min(hard, maximum)
        resource.setrlimit(which, (maximum, maximum))


def _physical_memory() -> int:
    """Return the bytes of memory of this machine: a program that needs more would make the system end any program."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


if __name__ == "__main__":
    first = 4 + int(sys.argv[3])
    try:
        launch(int(sys.argv[1]), int(sys.argv[2]), sys.argv[4:first], sys.argv[first:])
    except OSError as error:
        print(f"cannot be started: {error.strerror}", file=sys.stderr)
    sys.exit(CANNOT_START)
