"""The temporary folder of a run in which files are fixed: `FixFolder`."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from preflight.errors import SourceError, Stopped

FIX_FOLDER_PREFIX: Final = "preflight-submit-fixed-"
"""Start of the name of a run's folder: after SIGKILL, it is left in the folder for temporary files."""


class FixFolder:
    """A private temporary folder, made when it is needed. It is removed when it is closed, or at exit. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: str | None = None
        self._users = 0
        self._is_closed = False

    @contextmanager
    def subfolder(self) -> Iterator[str]:
        """Yield the path of a new folder in it, which is removed at the end of the block.

        Raise `SourceError` if none can be made, and `Stopped` if it is closed.
        """
        with self._lock:
            path = self._make()
            self._users += 1
        try:
            yield path
        finally:
            self.remove(path)

    def remove(self, path: str) -> None:
        """Remove a folder in it, and all of it if it is closed and nothing else is in it."""
        shutil.rmtree(path, ignore_errors=True)
        with self._lock:
            self._users -= 1
            if self._is_closed and not self._users:
                self._remove_all()

    def close(self) -> None:
        """Remove the folder. What writes to it at this moment fails; the rest that it leaves is removed after it."""
        with self._lock:
            self._is_closed = True
            self._remove_all()

    def _make(self) -> str:
        if self._is_closed:
            raise Stopped
        try:
            if self._path is None:
                self._path = tempfile.mkdtemp(prefix=FIX_FOLDER_PREFIX)
                weakref.finalize(self, _remove, self._path, os.getpid())
            return tempfile.mkdtemp(dir=self._path)
        except OSError as error:
            place, why = tempfile.gettempdir(), error.strerror or str(error)
            message = f"A temporary folder cannot be made in {place} ({why}). Free space, or set TMPDIR."
            raise SourceError("not_fixed", message) from None

    def _remove_all(self) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)


def _remove(path: str, process: int) -> None:
    """Remove a folder, unless this is a fork of the process that uses it."""
    if os.getpid() == process:
        shutil.rmtree(path, ignore_errors=True)
