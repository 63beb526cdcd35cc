"""SQLite files: private, recognized by their header, shared by processes; errors name the file and the remedy."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal

from preflight.errors import PreflightError

Migration = Callable[[sqlite3.Connection], None]
ProblemKind = Literal["foreign", "newer", "older", "damaged", "locked", "full", "not written", "not opened"]

_HEADER: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
"""https://www.sqlite.org/fileformat.html#the_database_header"""
_STATE: Final = """
SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
FROM pragma_user_version, pragma_application_id
"""
"""One statement: another process may create the schema between two."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """The format of a SQLite file of preflight.

    name, parameter  its name in messages, and the parameter that names it
    version, schema  the version of the schema, at least 1, and the statements that create it, which other processes may
                     execute at the same time
    application_id   marks the header of the file; 0: the version alone marks it
    migrations       by older version: a function that changes a file to the next version, within a transaction
    """

    name: str
    parameter: str
    version: int
    schema: str
    application_id: int = 0
    migrations: Mapping[int, Migration] = field(default_factory=dict)


class DatabaseError(PreflightError):
    """A SQLite file cannot be opened or used; `problem` says why."""

    def __init__(self, message: str, problem: ProblemKind, file_format: FileFormat) -> None:
        super().__init__(message, parameters=(file_format.parameter,))
        self.problem = problem


def connect(
    path: str, file_format: FileFormat, *, timeout: float, synchronous: Literal["FULL", "NORMAL"] = "FULL"
) -> sqlite3.Connection:
    """Open a file in WAL mode, or create it so that only its owner can read it; migrate a file of an older version.

    timeout      seconds that a statement waits for another process
    synchronous  FULL: a committed transaction survives a power failure; NORMAL: the file does

    Raise `DatabaseError` for a file of another program or version, which is left unchanged.
    """
    with database_errors(path, file_format, "opened", timeout):
        create_private_file(path, file_format)
        # SQLite takes `:memory:` and, in some builds, `file:` for something other than a path.
        place = os.path.abspath(path)
        database = sqlite3.connect(place, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        with database_errors(path, file_format, "opened", timeout):
            _prepare(database, path, file_format)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"PRAGMA synchronous = {synchronous}")
    except BaseException:
        database.close()
        raise
    return database


def create_private_file(path: str, file_format: FileFormat) -> None:
    """Create the file for its owner only, or check its header; SQLite gives its -wal and -shm files the same mode.

    Raise `DatabaseError` for a file that is not one of SQLite, which is left unchanged, and `OSError`.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise _error(path, file_format, "foreign", "is not a regular file")
        header = os.pread(descriptor, _HEADER_BYTES, 0)
        if header and not header.startswith(_HEADER):
            raise _error(path, file_format, "foreign", f"is not a {file_format.name}")
        versions = (file_format.version, *file_format.migrations)
        is_ours = not header or int.from_bytes(header[60:64]) in versions
        if state.st_mode & 0o077 and is_ours:
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _prepare(database: sqlite3.Connection, path: str, file_format: FileFormat) -> None:
    """Create the schema in an empty file, migrate an older one. Raise `DatabaseError` for one of another program."""
    version, application_id, tables = database.execute(_STATE).fetchone()
    if not version and not tables:
        database.executescript(
            f"BEGIN IMMEDIATE; {file_format.schema} PRAGMA user_version = {file_format.version}; "
            f"PRAGMA application_id = {file_format.application_id}; COMMIT"
        )
    elif not version or application_id != file_format.application_id:
        raise _error(path, file_format, "foreign", "is the database of another program")
    elif version > file_format.version:
        raise _error(path, file_format, "newer", f"was written by a newer preflight (version {version})")
    elif version < file_format.version:
        if version not in file_format.migrations:
            raise _error(path, file_format, "older", f"was written by an older preflight (version {version})")
        _migrate(database, path, file_format, version)
        _prepare(database, path, file_format)  # another process may have changed the file first


def _migrate(database: sqlite3.Connection, path: str, file_format: FileFormat, version: int) -> None:
    """Change a file of an older version in one transaction. A copy of it stays beside it: `ledger.sqlite.v1`."""
    database.execute("BEGIN IMMEDIATE")
    copy = f"{path}.v{version}"
    part = f"{copy}.part"
    try:
        if database.execute("PRAGMA user_version").fetchone() == (version,):
            _copy(path, part)
            for number in range(version, file_format.version):
                file_format.migrations[number](database)
            database.execute(f"PRAGMA user_version = {file_format.version}")
            os.rename(part, _unused(copy))
            _write_through(os.path.dirname(part) or ".")
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        with suppress(OSError):
            os.unlink(part)
        raise


def _copy(path: str, copy: str) -> None:
    """Copy what is committed in a SQLite file into a new private file, and write that through to the disk."""
    with suppress(FileNotFoundError):
        os.unlink(copy)  # left by a process that was killed
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    # A connection of its own: one that has begun to write cannot be copied.
    with closing(_connect(path)) as source, closing(_connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # a single file
    _write_through(copy)


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(os.path.abspath(path), isolation_level=None)


def _unused(path: str) -> str:
    """Return the path, or the path with the first number from 2 on, so that no file is overwritten."""
    if not os.path.lexists(path):
        return path
    return next(name for number in count(2) if not os.path.lexists(name := f"{path}-{number}"))


def _write_through(path: str) -> None:
    """Write a file, or the names in a folder, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def database_errors(path: str, file_format: FileFormat, action: str, timeout: float) -> Iterator[None]:
    """Raise errors of SQLite and of the operating system as `DatabaseError`; `action` is "opened" or "used"."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise database_error(error, path, file_format, action, timeout) from None


def database_error(
    error: sqlite3.Error | OSError, path: str, file_format: FileFormat, action: str, timeout: float
) -> DatabaseError:
    """Return an error of SQLite or of the operating system as `DatabaseError`."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _error(path, file_format, "full", f"cannot be {action} (the disk is full)")
    if isinstance(error, OSError):
        return _error(path, file_format, "not opened", f"cannot be {action} ({error.strerror or error})")
    text = str(error)
    found = next((found for fragment, found in _PROBLEMS.items() if fragment in text), ("not opened", "{text}"))
    problem, reason = found
    sentence = f"cannot be {action} ({reason.format(text=text, timeout=timeout, name=file_format.name)})"
    return _error(path, file_format, problem, sentence)


def _error(path: str, file_format: FileFormat, problem: ProblemKind, sentence: str) -> DatabaseError:
    remedy = _REMEDIES[problem].format(another=f"give another {file_format.parameter}=")
    return DatabaseError(f"The {file_format.name} {path} {sentence}. {remedy}", problem, file_format)


_PROBLEMS: Final[dict[str, tuple[ProblemKind, str]]] = {
    "locked": ("locked", "another program has locked it for more than {timeout:g} s"),
    "full": ("full", "the disk is full"),
    "disk I/O": ("not written", "{text}"),
    "not a database": ("foreign", "it is not a {name}, or damaged"),
    "malformed": ("damaged", "it is damaged"),
    "no such": ("damaged", "it is not a {name}, or damaged: {text}"),
    "readonly": ("not opened", "{text}"),
    "unable to open": ("not opened", "{text}"),
}
"""Fragments of SQLite's messages: the problem, and how messages describe it."""

_REMEDIES: Final[dict[ProblemKind, str]] = {
    "foreign": "Keep this file, and {another}.",
    "newer": "Upgrade preflight, or {another}.",
    "older": "Keep this file, and {another}.",
    "damaged": "Keep this file, and {another}.",
    "locked": "End that program, or {another}.",
    "full": "Free space, then repeat the call; nothing is lost.",
    "not written": "Check the disk, then repeat the call; nothing is lost.",
    "not opened": "Check that its folder exists and its permissions, or {another}.",
}
