"""The SQLite file of the ledger, and the locks that keep two runs off one registration."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from preflight.errors import PreflightError
from preflight.ledger.entry import Entry, Key, State

VERSION: Final = 1
BUSY: Final = 30.0
"""Seconds that a write waits for another run's write."""
_COLUMNS: Final = tuple(field.name for field in fields(Entry))
_SCHEMA: Final = f"""
CREATE TABLE entries ({", ".join(f'"{name}"' for name in _COLUMNS)}, PRIMARY KEY ("key", "serial")) WITHOUT ROWID;
CREATE INDEX by_asset ON entries ("provider", "asset_id");
CREATE INDEX by_state ON entries ("state");
CREATE TABLE groups ("provider", "origin", "account", "project", "name", "id",
                     PRIMARY KEY ("provider", "origin", "account", "project", "name")) WITHOUT ROWID;
CREATE TABLE disagreements ("key", "serial", "provider", "source", "rules", "ours", "theirs", "message", "at",
                            PRIMARY KEY ("key", "serial")) WITHOUT ROWID;
"""


class LedgerError(PreflightError):
    """The ledger cannot be read or written. The message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A file that we passed and the provider failed: how a rule set is found to be out of date.

    ours     what we said of it: `pass`, or the codes of warnings; theirs: the provider's code, as one of ours
    """

    key: str
    serial: int
    provider: str
    source: str
    rules: str
    ours: str
    theirs: str
    message: str
    at: str


def default_path() -> str:
    """The ledger in the user's data folder."""
    if sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(base, "preflight", "ledger.sqlite")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ledger:
    """Safe to use from threads and from several processes at a time. Raises `LedgerError`."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path or default_path()
        self._lock = threading.Lock()
        self._claims = _Claims(f"{self.path}.lock")
        with self._told("opened"):
            folder = os.path.dirname(os.path.abspath(self.path))
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # an id that was told to us must outlive a power cut
            self._prepare()

    def _prepare(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        self._db.execute("COMMIT")
        if version > VERSION:
            self._db.close()
            raise LedgerError(
                f"{self.path} was written by a newer preflight (version {version}, this one knows {VERSION}): "
                "upgrade, or give another --ledger"
            )

    def close(self) -> None:
        """Close the file; claims that are still held are given back."""
        with self._lock:
            self._db.close()
        self._claims.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def claim(self, key: Key) -> Iterator[None]:
        """Hold one key: no other thread or process works on it meanwhile. Given back even by a killed process."""
        with self._claims.hold(key.digest):
            yield

    def latest(self, key: Key) -> Entry | None:
        """The registration of this key with the highest serial."""
        rows = self._select('WHERE "key" = ? ORDER BY "serial" DESC LIMIT 1', (key.digest,))
        return rows[0] if rows else None

    def write(self, entry: Entry) -> Entry:
        """Insert an entry, or replace the one with its key and serial; gives it with its times."""
        entry = replace(entry, created=entry.created or _now(), updated=_now())
        marks = ", ".join("?" * len(_COLUMNS))
        self._execute(f"INSERT OR REPLACE INTO entries VALUES ({marks})", [getattr(entry, name) for name in _COLUMNS])  # noqa: S608 - question marks
        return entry

    def settle(self, entry: Entry, state: State, **changes: Any) -> Entry:
        """The entry with another state."""
        return self.write(replace(entry, state=state, **changes))

    def entries(self, *, provider: str | None = None, state: str | None = None) -> Iterator[Entry]:
        """All entries, oldest first, a page at a time so that memory stays flat."""
        after = ("", "", 0)
        while True:
            page = self._select(
                'WHERE ("created", "key", "serial") > (?, ?, ?) AND (? IS NULL OR "provider" = ?)'
                ' AND (? IS NULL OR "state" = ?) ORDER BY "created", "key", "serial" LIMIT 500',
                (*after, provider, provider, state, state),
            )
            yield from page
            if len(page) < 500:
                return
            after = (page[-1].created, page[-1].key, page[-1].serial)

    def by_asset(self, provider: str, asset_id: str) -> Entry | None:
        """The entry of an asset's id."""
        rows = self._select('WHERE "provider" = ? AND "asset_id" = ? LIMIT 1', (provider, asset_id))
        return rows[0] if rows else None

    def group(self, provider: str, origin: str, account: str, project: str, name: str) -> str | None:
        """The id of a group of this name, where a run made or found it."""
        found = self._execute(
            'SELECT "id" FROM groups WHERE ("provider", "origin", "account", "project", "name") = (?, ?, ?, ?, ?)',
            (provider, origin, account, project, name),
        )
        return found[0][0] if found else None

    def write_group(self, provider: str, origin: str, account: str, project: str, name: str, id_: str | None) -> None:
        """Write the id of a group; None: it is to be made, and may have been."""
        values = (provider, origin, account, project, name, id_)
        self._execute("INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?)", values)

    def disagree(self, entry: Entry, ours: str, theirs: str, message: str) -> None:
        """Keep that the provider failed what we passed."""
        row = (entry.key, entry.serial, entry.provider, entry.source, entry.rules, ours, theirs, message, _now())
        self._execute(f"INSERT OR REPLACE INTO disagreements VALUES ({', '.join('?' * 9)})", row)  # noqa: S608

    def disagreements(self) -> list[Disagreement]:
        """All of them, oldest first."""
        return [Disagreement(*row) for row in self._execute('SELECT * FROM disagreements ORDER BY "at"', ())]

    def forget(self, entry: Entry) -> None:
        """Drop one entry: the same content will be registered anew."""
        self._execute('DELETE FROM entries WHERE ("key", "serial") = (?, ?)', (entry.key, entry.serial))

    def _select(self, where: str, values: tuple[Any, ...]) -> list[Entry]:
        return [Entry(*row) for row in self._execute(f"SELECT * FROM entries {where}", values)]  # noqa: S608 - fixed text

    def _execute(self, statement: str, values: Any) -> list[Any]:
        with self._lock, self._told("used"):
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"the ledger {self.path} cannot be {what}: {_reason(error)}") from None
        except OSError as error:
            raise LedgerError(
                f"the ledger {self.path} cannot be {what}: {error.strerror}: give another --ledger"
            ) from None


def _reason(error: sqlite3.DatabaseError) -> str:
    text = str(error)
    if "locked" in text:
        return f"another program has locked it for over {BUSY:.0f} s: end that one, or give another --ledger"
    if "full" in text:
        return "the disk is full: make room, and run the same command again; nothing is lost"
    if "not a database" in text or "malformed" in text:
        return "it is no ledger, or damaged: give another --ledger, and keep this file"
    if "readonly" in text or "unable to open" in text:
        return f"{text}: check its permissions, or give another --ledger"
    return text


class _Claims:
    """Advisory locks, one byte of a lock file a key: the system gives them back when a process dies.

    Such locks belong to a process, so threads of one are kept apart by a set of keys of our own.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None
        self._held: set[int] = set()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, digest: str) -> Iterator[None]:
        place = int(digest[:15], 16)
        with self._changed:
            while place in self._held:
                self._changed.wait()
            self._held.add(place)
        try:
            self._lock_byte(place, on=True)
            try:
                yield
            finally:
                self._lock_byte(place, on=False)
        finally:
            with self._changed:
                self._held.discard(place)
                self._changed.notify_all()

    def _lock_byte(self, place: int, *, on: bool) -> None:
        try:
            import fcntl
        except ImportError:  # no such locks on this system: threads alone are kept apart
            return
        with self._changed:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.lockf(self._fd, fcntl.LOCK_EX if on else fcntl.LOCK_UN, 1, place)

    def close(self) -> None:
        with self._changed:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
