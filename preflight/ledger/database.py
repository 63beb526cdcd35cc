"""The SQLite file of the ledger: opened, asked, and what went wrong said with its remedy."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from preflight.errors import LedgerError

LOCK_TIMEOUT: Final = 30.0
"""Seconds that a write waits for another program's write."""


def default_path() -> str:
    """The ledger in the user's data folder."""
    if sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(base, "preflight", "ledger.sqlite")


class Database:
    """One SQLite file, in WAL mode. Threads use it in turn. Raises `LedgerError`.

    A change is on the disk when `change` returns. That takes milliseconds each time, so the thread whose turn it is
    writes for all that wait.
    """

    def __init__(self, path: str, schema: str, version: int, lock_timeout: float) -> None:
        self._path = path
        self._patience = lock_timeout
        self._lock = threading.Lock()
        self._changes: deque[_Change] = deque()
        with ledger_errors(path, "opened", lock_timeout):
            self._db = sqlite3.connect(path, timeout=lock_timeout, isolation_level=None, check_same_thread=False)
        try:
            with ledger_errors(path, "opened", lock_timeout):
                self._prepare(schema, version)
        except LedgerError:
            self._db.close()
            raise

    def _prepare(self, schema: str, version: int) -> None:
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found > version:
            raise LedgerError(
                f"the ledger {self._path} was written by a newer preflight (version {found}, this one knows "
                f"{version}): upgrade, or give another --ledger"
            )
        if found == 0 and self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            raise LedgerError(f"{self._path} is another program's database, not a ledger: give another --ledger")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # an id that was received must outlive a power cut
        if found == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {version}; COMMIT")

    def select(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of one statement."""
        with self._lock, ledger_errors(self._path, "used", self._patience):
            return self._db.execute(statement, _plain(values)).fetchall()

    def change(self, statement: str, values: Sequence[Any]) -> None:
        """Carry out one statement that changes something."""
        change = _Change(statement, _plain(values))
        self._changes.append(change)
        with self._lock:
            if not change.done:
                self._write([self._changes.popleft() for _ in range(len(self._changes))])
        if change.error is not None:
            raise LedgerError(str(change.error))

    def _write(self, changes: list[_Change]) -> None:
        """All of them in one transaction, or none."""
        error: LedgerError | None = LedgerError(f"the ledger {self._path} was not written: interrupted")
        try:
            with ledger_errors(self._path, "used", self._patience):
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

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


@dataclass(slots=True)
class _Change:
    statement: str
    values: list[Any]
    done: bool = False
    error: LedgerError | None = None


def create_private_file(path: str, version: int) -> None:
    """Make the file, and let nobody else read it: SQLite gives its -wal and -shm the same mode.

    What is there and no ledger stays as it is. Raises `OSError`, `LedgerError`.
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            raise LedgerError(f"the ledger {path} is no plain file: give another --ledger")
        head = os.pread(fd, 100, 0)  # https://www.sqlite.org/fileformat.html#the_database_header
        if head and not head.startswith(b"SQLite format 3\0"):
            raise LedgerError(f"the ledger {path} cannot be opened: {_REASONS['not a database']}")
        if state.st_mode & 0o077 and (not head or int.from_bytes(head[60:64]) == version):
            os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


@contextmanager
def ledger_errors(path: str, what: str, lock_timeout: float) -> Iterator[None]:
    """What goes wrong inside, as a `LedgerError` that names the file and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        reason = next((reason for word, reason in _REASONS.items() if word in text), "{text}")
    except OSError as error:
        text, reason = error.strerror or str(error), "{text}: give another --ledger"
    else:
        return
    raise LedgerError(f"the ledger {path} cannot be {what}: {reason.format(text=text, lock_timeout=lock_timeout)}")


_REASONS: Final = {
    "locked": "another program has locked it for over {lock_timeout:g} s: end that one, or give another --ledger",
    "full": "the disk is full: make room, and run the same command again; nothing is lost",
    "disk I/O": "the disk cannot be written ({text}): see to it, and run the same command again; nothing is lost",
    "not a database": "it is no ledger, or damaged: give another --ledger, and keep this file",
    "malformed": "it is damaged: give another --ledger, and keep this file",
    "no such": "it is no ledger, or damaged ({text}): give another --ledger, and keep this file",
    "readonly": "it is read-only ({text}): check its permissions, or give another --ledger",
    "unable to open": "{text}: check its permissions, or give another --ledger",
}
"""Words of SQLite's messages → what that means and what to do."""


def _plain(values: Sequence[Any]) -> list[Any]:
    """Values with text as UTF-8 can hold it: a file's name need not be."""
    return [value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value for value in values]
