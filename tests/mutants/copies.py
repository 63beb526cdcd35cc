"""Copies of the project, in which the tests of one mutant at a time run in a process of their own."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

PYTEST = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header")
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".tox", ".*_cache", ".hypothesis", "__pycache__", "dist", "build")
# Every test process would import these; none of them imports the project, and none is a plugin of pytest.
PRELOADED = ("PIL.Image", "click", "mutagen", "pydantic", "pytest", "requests", "rich.console", "urllib3")


def preload() -> None:
    """Import what every test process needs, once."""
    for name in PRELOADED:
        importlib.import_module(name)


class Copy:
    """A copy of the project in which one set of tests at a time runs."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.path = Path(shutil.copytree(root, folder / "project", ignore=NOT_COPIED, symlinks=True))
        self.log = folder / "log"
        self._temporary = folder / "tmp"
        self._process = 0
        self._started = 0.0

    def write(self, path: str, code: str) -> None:
        """Write a file, and remove its compiled form: two versions may have the same size and the same second."""
        target = self.path / path
        target.write_text(code, encoding="utf-8")
        for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
            compiled.unlink()

    def start(self, tests: list[str]) -> None:
        """Start tests in a forked process, with a temporary folder of their own."""
        shutil.rmtree(self._temporary, ignore_errors=True)
        shutil.rmtree(self.path / ".hypothesis", ignore_errors=True)
        self._temporary.mkdir()
        self._started = time.monotonic()
        self._process = os.fork()
        if self._process == 0:
            os._exit(self._run(tests))

    def _run(self, tests: list[str]) -> int:
        os.setsid()
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(self.path)
        os.environ.update(PYTHONPATH=str(self.path), TMPDIR=str(self._temporary))
        tempfile.tempdir = None
        sys.path.insert(0, str(self.path))
        for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "preflight")]:
            del sys.modules[name]
        try:
            return int(importlib.import_module("pytest").main([*PYTEST, *tests]))
        finally:
            sys.stdout.flush()

    def seconds(self) -> float:
        """Return the time since the tests were started."""
        return time.monotonic() - self._started

    def poll(self, limit: float) -> str | None:
        """Return `found`, `survived` or `timeout`, or None while the tests run; end what they left running."""
        process, status = os.waitpid(self._process, os.WNOHANG)
        if process == 0 and self.seconds() < limit:
            return None
        self.kill()
        if process == 0:
            os.waitpid(self._process, 0)
            return "timeout"
        return "survived" if status == 0 else "found"

    def kill(self) -> None:
        """End the tests, and whatever they started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
