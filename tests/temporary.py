"""A temporary folder for one run of the tests, which fails where something is left in it.

It is in memory where there is room, unless TMPDIR names another: the tests commit thousands of SQLite transactions, and
each would wait for a disk. pytest's own folders, with the files of the last failures, are beside it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

import pytest

PATIENCE: Final = 5.0
"""s for processes that were told to end, such as browsers, to remove what is theirs."""

_MEMORY: Final = "/dev/shm"
_ROOM: Final = 4 << 30
"""Free bytes of the memory, of which the tests need some 300 MB."""

_folder: pytest.StashKey[Path] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Let everything that this process and those below it make be in a folder of its own."""
    if hasattr(config, "workerinput"):  # of pytest-xdist: it has the environment of the process that started it
        return
    parent = _parent()
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", parent)
    folder = config.stash[_folder] = Path(tempfile.mkdtemp(prefix="preflight-tests-", dir=parent))
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def _parent() -> str:
    """Return the folder for temporary folders."""
    if "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM:
        return _MEMORY
    return tempfile.gettempdir()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a test left files behind."""
    folder = session.config.stash.get(_folder, None)
    if folder is None:
        return
    left = left_behind(folder, PATIENCE)
    shutil.rmtree(folder, ignore_errors=True)
    if left:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"\nThe tests left files in the temporary folder: {', '.join(left)}", red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def left_behind(folder: Path, patience: float) -> list[str]:
    """Return the names of what is still in a folder after some time."""
    until = time.monotonic() + patience
    while (left := sorted(os.listdir(folder))) and time.monotonic() < until:
        time.sleep(0.1)
    return left
