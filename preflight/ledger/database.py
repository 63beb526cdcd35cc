"""The files of the ledger: an SQLite database, and a file of locks on single keys."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import LedgerError
from preflight.forks import SharedByThreads
from preflight.ledger.entry import ENTRY_COLUMNS
from preflight.ledger.migration import SINCE_VERSION_2, SINCE_VERSION_3, add_fixes, unify_accounts
from preflight.sqlite import DatabaseError, FileFormat, connect, database_errors

LOCK_TIMEOUT: Final = 30.0
"""Seconds that a write waits for another program's write."""
LOCK_POLL_INTERVAL: Final = 0.03
"""Seconds between two attempts to lock a key."""

Value = str | int | float | None
SqlRow = tuple[Any, ...]


def default_path() -> str:
    """Return the path of the ledger in the user's data folder."""
    if sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(base, "preflight", "ledger.sqlite")


_SCHEMA: Final = f"""
CREATE TABLE entries ({", ".join(f'"{name}"' for name in ENTRY_COLUMNS)}, PRIMARY KEY ("key", "serial")) WITHOUT ROWID;
CREATE INDEX by_asset ON entries ("provider", "asset_id");
CREATE INDEX by_state ON entries ("state");
CREATE INDEX by_time ON entries ("created", "key", "serial");
CREATE TABLE groups ("provider", "origin", "account", "project", "name", "id",
                     PRIMARY KEY ("provider", "origin", "account", "project", "name")) WITHOUT ROWID;
CREATE TABLE disagreements ("key", "serial", "provider", "source", "rules", "ours", "theirs", "message", "at",
                            PRIMARY KEY ("key", "serial")) WITHOUT ROWID;
{"; ".join((*SINCE_VERSION_2, *SINCE_VERSION_3))};
"""
LEDGER_FORMAT: Final = FileFormat(
    "ledger", "ledger", version=3, schema=_SCHEMA, migrations={1: unify_accounts, 2: add_fixes}
)


class Database:
    """One SQLite file, in WAL mode. Threads use it in turn. Raises `LedgerError`.

    A change is on the disk when `change` returns. Since that takes milliseconds, the thread whose turn it is writes the
    changes of all waiting threads.
    """

    def __init__(self, path: str, lock_timeout: float) -> None:
        self._path = path
        self._lock_timeout = lock_timeout
        self._lock = threading.Lock()
        self._changes: deque[_Change] = deque()
        with ledger_errors(path, "opened", lock_timeout):
            # An id that the provider returned must outlive a power cut.
            self._db = connect(path, LEDGER_FORMAT, timeout=lock_timeout, synchronous="FULL")
            self._place = os.path.abspath(path)
            self._file = os.stat(self._place)

    def select(self, statement: str, values: Sequence[Value] = ()) -> list[SqlRow]:
        """Return all rows of one statement."""
        with self._lock, ledger_errors(self._path, "used", self._lock_timeout):
            return self._db.execute(statement, _encodable(values)).fetchall()

    def change(self, statement: str, values: Sequence[Value]) -> None:
        """Execute one statement that writes."""
        change = _Change(statement, _encodable(values))
        self._changes.append(change)
        with self._lock:
            if not change.done:
                self._write([self._changes.popleft() for _ in range(len(self._changes))])
        if change.error is not None:
            raise LedgerError(str(change.error), parameters=change.error.parameters)

    def _write(self, changes: list[_Change]) -> None:
        """Make all changes in one transaction, or none."""
        error: LedgerError | None = LedgerError(f"The ledger {self._path} was not written. The run was interrupted.")
        try:
            with ledger_errors(self._path, "used", self._lock_timeout):
                self._require_file()
                self._db.execute("BEGIN IMMEDIATE")
                for change in changes:
                    self._db.execute(change.statement, change.values)
                self._db.execute("COMMIT")
            error = None
        except LedgerError as failure:
            error = failure
        finally:
            if error is not None:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
            for change in changes:
                change.done, change.error = True, error

    def _require_file(self) -> None:
        """Raise `LedgerError` if another file is at the path, or none: the next run would not find what is written."""
        try:
            is_same = os.path.samestat(os.stat(self._place), self._file)
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise LedgerError(
                f"The ledger {self._path} was deleted or replaced while it was open. Put it back, and open it again."
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


@dataclass(slots=True)
class _Change:
    statement: str
    values: list[Value]
    done: bool = False
    error: LedgerError | None = None


class KeyLocks:
    """Advisory locks, one byte of a lock file a key: the system releases them when a process dies.

    Such a lock belongs to the process, and closing any descriptor of the file releases it (POSIX, fcntl): so everything
    opened on one path shares one descriptor, and a set excludes the threads of a process from each other.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._users = 0
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self._fd: int | None = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    @classmethod
    def open(cls, path: str) -> KeyLocks:
        """Return the locks of the file at `path`, shared with its other users; each calls `close`. Raise `OSError`."""
        path = os.path.realpath(path)
        with _open_locks.lock:
            locks = _open_locks.get(path) or _open_locks.setdefault(path, cls(path))
            locks._users += 1
            return locks

    def close(self) -> None:
        """Release the file; the last user's call releases all locks."""
        with _open_locks.lock, self._lock:
            self._users -= 1
            if not self._users and self._fd is not None:
                _open_locks.pop(self._path, None)
                os.close(self._fd)
                self._fd = None

    def acquire(self, offset: int, clock: Clock = SYSTEM_CLOCK) -> None:
        """Lock one byte once no other thread or process has it. Raise `OSError`, and what `clock.sleep` raises."""
        while not self._try_acquire(offset):
            clock.sleep(LOCK_POLL_INTERVAL)

    def release(self, offset: int) -> None:
        """Unlock one byte."""
        with self._lock:
            self._held.discard(offset)
            if self._fd is not None:
                _lock_byte(self._fd, offset, on=False)

    def _try_acquire(self, offset: int) -> bool:
        with self._lock:
            if self._fd is None:
                raise OSError(errno.EBADF, "it is closed")
            if offset in self._held:
                return False
            if _lock_byte(self._fd, offset, on=True):
                self._held.add(offset)
                return True
            return False


_open_locks: Final = SharedByThreads[str, KeyLocks]()


def _lock_byte(fd: int, offset: int, *, on: bool) -> bool:
    try:
        import fcntl
    except ImportError:  # no such locks on this system: only threads exclude each other
        return True
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB if on else fcntl.LOCK_UN, 1, offset)
    except (BlockingIOError, PermissionError):  # POSIX allows either if another process has the lock
        return False
    return True


@contextmanager
def ledger_errors(path: str, action: str, lock_timeout: float) -> Iterator[None]:
    """Raise errors of SQLite and of the system as a `LedgerError` that names the file and the remedy."""
    try:
        with database_errors(path, LEDGER_FORMAT, action, lock_timeout):
            yield
    except DatabaseError as error:
        failure = error
    else:
        return
    raise LedgerError(str(failure), parameters=failure.parameters)


def _encodable(values: Sequence[Value]) -> list[Value]:
    """Return the values with text that UTF-8 can encode: the name of a file may contain surrogates."""
    return [value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value for value in values]
