"""Locks on single keys, so that no two runs work on one registration: `Claims`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

PAUSE: Final = 0.03
"""s between two looks whether a key has become free."""


class Claims:
    """Advisory locks, one byte of a lock file a key: the system gives them back when a process dies.

    Such a lock belongs to the process, and closing any descriptor of the file gives it back (POSIX, fcntl): so all
    that is opened on one path shares one descriptor, and the threads of a process are kept apart by a set.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._users = 0
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self._fd: int | None = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    @classmethod
    def of(cls, path: str) -> Claims:
        """The claims of the lock file at `path`, for one more user, who calls `close`. Raises `OSError`."""
        path = os.path.realpath(path)
        with _opening:
            claims = _open.get(path) or _open.setdefault(path, cls(path))
            claims._users += 1
            return claims

    def close(self) -> None:
        """One user less; the last one gives everything back."""
        with _opening, self._lock:
            self._users -= 1
            if not self._users and self._fd is not None:
                del _open[self._path]
                os.close(self._fd)
                self._fd = None

    def take(self, offset: int, pause: Callable[[float], None] = time.sleep) -> None:
        """Hold one offset of the file, once no other thread or process holds it.

        Raises `OSError`, and what `pause` raises.
        """
        while not self._taken(offset):
            pause(PAUSE)

    def give_back(self, offset: int) -> None:
        """Hold it no longer."""
        with self._lock:
            self._held.discard(offset)
            if self._fd is not None:
                _lock_byte(self._fd, offset, on=False)

    def _taken(self, offset: int) -> bool:
        with self._lock:
            if offset in self._held or self._fd is None:
                return False
            if _lock_byte(self._fd, offset, on=True):
                self._held.add(offset)
                return True
            return False


_open: Final[dict[str, Claims]] = {}
_opening: Final = threading.Lock()


def _lock_byte(fd: int, offset: int, *, on: bool) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks on this system: threads alone are kept apart
        return True
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB if on else fcntl.LOCK_UN, 1, offset)
    except (BlockingIOError, PermissionError):  # POSIX lets a system say either where another process holds it
        return False
    return True
