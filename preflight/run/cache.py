"""Cache the results of unchanged files in a SQLite file, which may be deleted at any time."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import count
from typing import Any, Final

from preflight.checker import CheckPlan
from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import PreflightError, UsageError
from preflight.output import require_overwritable
from preflight.report import OUTCOMES
from preflight.reporters import LineReporter
from preflight.ruleset import checksum
from preflight.run.rows import Row
from preflight.scan.items import Cached
from preflight.sources.open import is_url
from preflight.sqlite import DatabaseError, FileFormat, connect, database_error, database_errors
from preflight.targets import Item
from preflight.version import VERSION

ROWS_PER_WRITE: Final = 256
"""Results per transaction."""
CACHE_LOCK_TIMEOUT: Final = 5.0
"""Seconds that a transaction waits for another run's transaction."""
MAX_RESULT_AGE_DAYS: Final = 90
"""Results are removed after this time, since many belong to files, rules and versions that no longer exist."""
_SECONDS_PER_DAY: Final = 86_400

_FRESH_NS: Final = 100_000_000
"""Nanoseconds within which a file may change again with the same modification time: more than a clock tick."""
_FRESH_NS_COARSE: Final = 2_000_000_000
"""The same on file systems whose times are multiples of one or two seconds."""

_OLD_MAGIC: Final = b"preflight cache "
"""The first bytes of caches of versions up to 0.1."""
_FORMAT: Final = FileFormat(
    name="cache",
    parameter="cache",
    version=1,
    application_id=int.from_bytes(b"pfch"),
    schema="""
    CREATE TABLE IF NOT EXISTS results (
        path BLOB NOT NULL,      -- bytes of the file's name, as the call wrote it
        digest TEXT NOT NULL,    -- of the version, the rules and the reporter with its options
        stamp TEXT NOT NULL,     -- differs once the file has changed
        position INTEGER NOT NULL,
        score TEXT NOT NULL,
        text TEXT,               -- NULL: the file is skipped
        checksum INTEGER NOT NULL,
        written INTEGER NOT NULL,
        PRIMARY KEY (path, digest)
    );
    CREATE INDEX IF NOT EXISTS results_written ON results (written);
    """,
)
_SELECT: Final = "SELECT position, score, text, checksum FROM results WHERE path = ? AND digest = ? AND stamp = ?"
_INSERT: Final = "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

Warn = Callable[[PreflightError], None]


class Cache:
    """Rows of unchanged files, by path, as a context manager. Several runs may use one file at the same time.

    A damaged cache is moved aside, and a new one is started. Problems are passed to `warn`, and the run continues.
    """

    def __init__(
        self, path: str, plan: CheckPlan, reporter: LineReporter, *, warn: Warn, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        render = reporter.render
        parts = (VERSION, plan.digest, plan.deep, render.func.__module__, render.keywords)
        self._digest = checksum(*parts)
        self._path = path
        self._moved = reporter.moved
        self._warn = warn
        self._clock = clock
        self._pending: dict[int, tuple[str, str]] = {}
        self._new: list[tuple[Any, ...]] = []
        self._has_damaged_rows = False
        require_overwritable(path, "cache")
        self._database: sqlite3.Connection | None = self._open()

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def known(self, numbered: Iterator[tuple[int, Item]]) -> Iterator[tuple[int, Item | Cached[Row]]]:
        """Yield the items; those that have not changed are replaced by their rows."""
        for index, item in numbered:
            path = item.target
            if item.problem is not None or not isinstance(path, str) or is_url(path):
                yield index, item
                continue
            stamp, is_settled = self._stamp(path, item.explicit)
            row = self._row(path, stamp, index) if stamp else None
            if row is not None:
                yield index, Cached(row)
                continue
            if is_settled:
                self._pending[index] = (path, stamp)
            yield index, item

    def keep(self, row: Row) -> None:
        """Store a new row, if it is valid for as long as the file does not change."""
        path, stamp = self._pending.pop(row.position, ("", ""))
        has_no_size = stamp.startswith("0 ") and row.bytes_read  # a file in /proc: its stated size is always 0
        if not path or has_no_size or not row.is_final or self._database is None:
            return
        name, score = os.fsencode(path), json.dumps(row.score)
        checksum = _checksum(name, stamp, row.position, score, row.text)
        self._new.append((name, self._digest, stamp, row.position, score, row.text, checksum, self._today()))
        if len(self._new) >= ROWS_PER_WRITE:
            self._write()

    def close(self) -> None:
        """Write new results, and close the file."""
        self._write()
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _row(self, path: str, stamp: str, index: int) -> Row | None:
        if self._database is None:
            return None
        name = os.fsencode(path)
        try:
            found = self._database.execute(_SELECT, (name, self._digest, stamp)).fetchone()
        except sqlite3.Error as error:
            self._recover(database_error(error, self._path, _FORMAT, "used", CACHE_LOCK_TIMEOUT))
            return None
        if found is None:
            return None
        position, score, text, checksum = found
        if checksum != _checksum(name, stamp, position, score, text):
            self._warn_of_damaged_row()
            return None
        try:
            words = _parse_score(score, is_skipped=text is None)
            if text is not None and position != index:
                text = self._moved(text, index)
        except (ValueError, TypeError, RecursionError, AttributeError):  # not written by preflight
            self._warn_of_damaged_row()
            return None
        return Row(index, text, words)

    def _warn_of_damaged_row(self) -> None:
        if not self._has_damaged_rows:
            self._has_damaged_rows = True
            self._warn(UsageError(f"The cache {self._path} is damaged. The files concerned are examined again."))

    def _write(self) -> None:
        if self._database is None or not self._new:
            return
        try:
            with database_errors(self._path, _FORMAT, "used", CACHE_LOCK_TIMEOUT):
                try:
                    self._database.execute("BEGIN IMMEDIATE")
                    self._database.executemany(_INSERT, self._new)
                    self._database.execute(
                        "DELETE FROM results WHERE written < ?", (self._today() - MAX_RESULT_AGE_DAYS,)
                    )
                    self._database.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        self._database.execute("ROLLBACK")
                    raise
        except DatabaseError as error:
            self._recover(error)
        self._new.clear()

    def _recover(self, error: DatabaseError) -> None:
        """Start a new cache if the file is damaged; otherwise continue without one."""
        database, self._database = self._database, None
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()
        self._new.clear()
        if error.problem != "damaged":
            self._warn(error)
            self._warn(UsageError("The run continues without a cache."))
            return
        self._move_aside("is damaged")
        self._database = self._open()

    def _open(self) -> sqlite3.Connection | None:
        """Open the file. A damaged cache, or one of another version, is moved aside; other files are left alone.

        Return None if the run continues without a cache. Raise `UsageError` if the path cannot be used for a cache.
        """
        if _starts_with(self._path, _OLD_MAGIC):
            self._move_aside("has the format of an earlier version")
        try:
            return connect(self._path, _FORMAT, timeout=CACHE_LOCK_TIMEOUT, synchronous="NORMAL")
        except DatabaseError as error:
            if error.problem in ("newer", "older"):
                self._move_aside("has the format of another version")
            elif error.problem == "damaged":
                self._move_aside("is damaged")
            elif error.problem in ("locked", "full", "not written"):
                self._warn(error)
                self._warn(UsageError("The run continues without a cache."))
                return None
            else:
                raise UsageError(str(error), parameters=error.parameters) from None
        return connect(self._path, _FORMAT, timeout=CACHE_LOCK_TIMEOUT, synchronous="NORMAL")

    def _move_aside(self, problem: str) -> None:
        """Rename the file, and the files that SQLite keeps beside it, to an unused name."""
        names = (f"{self._path}.bad{number}" if number > 1 else f"{self._path}.bad" for number in count(1))
        aside = next(name for name in names if not os.path.lexists(name))
        try:
            os.rename(self._path, aside)
        except OSError as error:
            raise UsageError(
                f"The cache {self._path} {problem} and cannot be renamed ({error.strerror}). Give another cache=.",
                parameters=("cache",),
            ) from None
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                os.rename(f"{self._path}{suffix}", f"{aside}{suffix}")
        self._warn(UsageError(f"The cache {self._path} {problem} and is now {aside}. Delete that file."))

    def _stamp(self, path: str, explicit: bool) -> tuple[str, bool]:  # noqa: FBT001 - a fact of the item
        """Return a stamp that differs once the file has changed, and whether every further change would alter it.

        The stamp of a missing file is empty. It contains whether the call names the file: such a file is judged even if
        it is not media.
        """
        try:
            state = os.stat(path)
        except (OSError, ValueError):
            return "", False
        changed = state.st_mtime_ns
        fresh = _FRESH_NS if changed % 1_000_000_000 else _FRESH_NS_COARSE
        is_settled = changed + fresh < self._clock.wall() * 1e9
        return f"{state.st_size} {changed} {state.st_ino} {int(explicit)}", is_settled

    def _today(self) -> int:
        return int(self._clock.wall() // _SECONDS_PER_DAY)


def _checksum(path: bytes, stamp: str, position: int, score: str, text: str | None) -> int:
    """Return a checksum of a row: SQLite would return most damaged values as they are."""
    return zlib.crc32(f"{stamp}\n{position}\n{score}\n{text}".encode("utf-8", "surrogatepass"), zlib.crc32(path))


@lru_cache(maxsize=256)
def _parse_score(text: str, *, is_skipped: bool) -> tuple[str, ...]:
    """Return a score from an untrusted file. Raise `ValueError` if it is not a score."""
    words = json.loads(text)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError("not a score")
    if not (is_skipped or len(words) % 2) or not {*words[:1], *words[2::2]} <= set(OUTCOMES):
        raise ValueError("not a score")
    return tuple(words)


def _starts_with(path: str, start: bytes) -> bool:
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(start)) == start
    except OSError:
        return False
