"""Record what was submitted where, so that no file is registered twice or lost: `Ledger`, an SQLite file.

An entry is one registration: its intent is written before the call, the provider's id after it. Its key says what
would be the same registration again: provider, endpoint, account, project, group, asset type and content. `attempt`
tells registrations of one key apart (an asset that was deleted, a failure that was retried): 1, 2, 3 …
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import LedgerError
from preflight.formats import KINDS
from preflight.ledger.database import (
    LEDGER_FORMAT,
    LOCK_TIMEOUT,
    Database,
    KeyLocks,
    Value,
    default_path,
    ledger_errors,
)
from preflight.ledger.entry import (
    ENTRY_COLUMNS,
    MAX_STEM_CHARS,
    SHA256_PREFIX,
    SUFFIX_CHARS,
    AccountKey,
    ContentId,
    Entry,
    RegistrationKey,
    State,
    asset_name,
)
from preflight.ledger.fixes import FixRecord, FixRecords
from preflight.ledger.rates import AccountRates, LearnedRate
from preflight.sqlite import create_private_file

__all__ = [
    "ENTRY_COLUMNS",
    "MAX_STEM_CHARS",
    "SHA256_PREFIX",
    "SUFFIX_CHARS",
    "AccountKey",
    "ContentId",
    "Disagreement",
    "Entry",
    "FixRecord",
    "LearnedRate",
    "Ledger",
    "LedgerError",
    "RegistrationKey",
    "State",
    "asset_name",
    "default_path",
    "registered_kind",
]


_READ_LOCK_TIMEOUT: Final = 5.0
"""Seconds that a read-only look-up waits for a writer."""
_CREATION_OFFSET: Final = 0
"""A byte of the lock file that belongs to no key: locked while the ledger is created."""
_PAGE_SIZE: Final = 500
_COLUMNS: Final = ", ".join(f'"{name}"' for name in ENTRY_COLUMNS)
_KIND_OF_ASSET: Final = """
SELECT "kind" FROM entries
WHERE "asset_id" = ? OR "reference" = ? COLLATE NOCASE
ORDER BY "created" DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A file that passed here and failed at the provider, for example because a rule set is out of date.

    The fields are named as in the file: `serial` is `Entry.attempt`, `rules` is `Entry.rules_digest`.

    ours    the verdict here: `pass`, or the codes of warnings
    theirs  the provider's reason, as a key of `preflight.codes.CODES`
    at      when, ISO 8601 in UTC
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


class Ledger:
    """The record of registrations. Several threads and processes may use it at the same time. Raises `LedgerError`."""

    def __init__(
        self, path: str | None = None, *, lock_timeout: float = LOCK_TIMEOUT, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Open or create the file. A write waits up to `lock_timeout` seconds for another program's write."""
        self.path = default_path() if path is None else path
        self._lock_timeout = lock_timeout
        self._clock = clock
        with ledger_errors(self.path, "opened", lock_timeout):
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), mode=0o700, exist_ok=True)
            create_private_file(self.path, LEDGER_FORMAT)  # before there are locks beside a file that is not a ledger
            self._locks = KeyLocks.open(f"{self.path}.lock")
        try:
            with self._locked(_CREATION_OFFSET, SYSTEM_CLOCK):
                self._database = Database(self.path, lock_timeout)
        except BaseException:
            self._locks.close()
            raise

    def close(self) -> None:
        """Close the file, and release claims that are still held."""
        self._database.close()
        self._locks.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Claims.

    @contextmanager
    def claim(self, key: RegistrationKey, clock: Clock = SYSTEM_CLOCK) -> Iterator[None]:
        """Lock one key, so that no other thread or process works on it. The lock ends with its process.

        clock  its `sleep` is called while another process holds the key, and may raise to end the wait
        """
        with self._locked(int(key.digest[:15], 16), clock):
            yield

    @contextmanager
    def _locked(self, offset: int, clock: Clock) -> Iterator[None]:
        with ledger_errors(self.path, "used", self._lock_timeout):
            self._locks.acquire(offset, clock)
        try:
            yield
        finally:
            self._locks.release(offset)

    # Entries.

    def latest(self, key: RegistrationKey) -> Entry | None:
        """Return the last attempt to register this key."""
        found = self._entries('WHERE "key" = ? ORDER BY "serial" DESC LIMIT 1', (key.digest,))
        return found[0] if found else None

    def current(self, entry: Entry) -> Entry | None:
        """Return the entry of the same attempt as it is now; None if it was deleted."""
        found = self._entries('WHERE ("key", "serial") = (?, ?)', (entry.key, entry.attempt))
        return found[0] if found else None

    def count_failures(self, entry: Entry) -> int:
        """Count the consecutive failed attempts up to this one, with the same rule sets."""
        rows = self._database.select(
            'SELECT count(*) FROM entries WHERE "key" = ? AND "serial" <= ? AND "serial" > coalesce((SELECT '
            """max("serial") FROM entries WHERE "key" = ? AND ("state" <> 'failed' OR "rules" <> ?)), 0)""",
            (entry.key, entry.attempt, entry.key, entry.rules_digest),
        )
        return int(rows[0][0])

    def write(self, entry: Entry) -> Entry:
        """Insert an entry, or replace the one of the same attempt; return it with its times."""
        now = self._now()
        entry = replace(entry, created=entry.created or now, updated=now)
        values = list(entry.as_json().values())
        self._database.change(
            f"INSERT OR REPLACE INTO entries ({_COLUMNS}) VALUES ({_placeholders(values)})",  # noqa: S608
            values,
        )
        return entry

    def settle(self, entry: Entry, state: State) -> Entry:
        """Write the entry with another state."""
        return self.write(replace(entry, state=state))

    def forget(self, entry: Entry) -> None:
        """Delete one entry: the same content will be registered again."""
        self._database.change('DELETE FROM entries WHERE ("key", "serial") = (?, ?)', (entry.key, entry.attempt))

    def entries(
        self, *, provider: str | None = None, state: str | None = None, account: str | None = None
    ) -> Iterator[Entry]:
        """Yield all entries, oldest first, read in pages so that memory stays flat."""
        after: tuple[Value, ...] = ("", "", 0)
        while True:
            page = self._entries(
                'WHERE ("created", "key", "serial") > (?, ?, ?) AND (? IS NULL OR "provider" = ?)'
                ' AND (? IS NULL OR "state" = ?) AND (? IS NULL OR "account" = ?)'
                f' ORDER BY "created", "key", "serial" LIMIT {_PAGE_SIZE}',
                (*after, provider, provider, state, state, account, account),
            )
            yield from page
            if len(page) < _PAGE_SIZE:
                return
            after = (page[-1].created, page[-1].key, page[-1].attempt)

    def by_asset(self, provider: str, asset_id: str, origin: str | None = None) -> Entry | None:
        """Return the entry of an asset; with `origin` only one that was registered there."""
        where = (
            'WHERE "provider" = ? AND "asset_id" = ? AND (? IS NULL OR "origin" = ?) ORDER BY "created" DESC LIMIT 1'
        )
        found = self._entries(where, (provider, asset_id, origin, origin))
        return found[0] if found else None

    def named(self, words: Collection[str], provider: str | None = None) -> list[Entry]:
        """Return the entries whose asset id, reference, name or source is one of these words, newest first."""
        fields = ("asset_id", "reference", "name", "source")
        any_of = " OR ".join(f'"{field}" IN ({_placeholders(words)})' for field in fields)
        where = f'WHERE (? IS NULL OR "provider" = ?) AND ({any_of}) ORDER BY "created" DESC LIMIT 1000'
        return self._entries(where, (provider, provider, *(word for _ in fields for word in words)))

    def registered(self, account: AccountKey, limit: int) -> list[Entry]:
        """Return the newest entries of an account whose assets the provider should know, newest first."""
        where = (
            'WHERE ("provider", "origin", "account", "project") = (?, ?, ?, ?) AND "state" IN (\'active\', '
            '\'processing\') AND "asset_id" IS NOT NULL ORDER BY "created" DESC LIMIT ?'
        )
        return self._entries(where, (*account, limit))

    # Accounts.

    def last_key_id(self, account: AccountKey) -> str | None:
        """Return the id of the key that the account had last; "" if it had several, None if it is new."""
        found = self._database.select(
            """SELECT coalesce("key_id", '') FROM accounts
               WHERE ("provider", "origin", "account", "project") = (?, ?, ?, ?)""",
            account,
        )
        return found[0][0] if found else None

    def write_key_id(self, account: AccountKey, key_id: str) -> None:
        """Write the id of the account's key, which does not reveal the key."""
        values = (*account, key_id, self._now())
        self._database.change("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?)", values)

    def accounts(self, provider: str, origin: str, project: str) -> list[str]:
        """Return the names of the accounts that have entries."""
        rows = self._database.select(
            'SELECT "account" FROM accounts WHERE ("provider", "origin", "project") = (?, ?, ?) AND EXISTS ('
            'SELECT 1 FROM entries WHERE entries."provider" = accounts."provider" AND '
            'entries."origin" = accounts."origin" AND entries."account" = accounts."account" AND '
            'entries."project" = accounts."project") ORDER BY "account"',
            (provider, origin, project),
        )
        return [row[0] for row in rows]

    def providers_with_several_accounts(self) -> set[str]:
        """Return the names of the providers at which the ledger has several accounts."""
        grouped = 'SELECT "provider" FROM entries GROUP BY "provider" HAVING count(DISTINCT "account") > 1'
        return {row[0] for row in self._database.select(grouped)}

    # Groups.

    def write_group(self, account: AccountKey, name: str, group_id: str | None) -> None:
        """Write the id of a group; None: it is about to be created, and may have been."""
        values = (*account, name, group_id)
        self._database.change("INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?)", values)

    def is_group_intended(self, account: AccountKey, name: str) -> bool:
        """Return whether a run ended between the intent to create this group and the response."""
        found = self._database.select(
            'SELECT "id" FROM groups WHERE ("provider", "origin", "account", "project", "name") = (?, ?, ?, ?, ?)',
            (*account, name),
        )
        return found == [(None,)]

    def forget_group(self, account: AccountKey, name: str) -> None:
        """Delete the record of this name: no call for it took effect."""
        self._database.change(
            'DELETE FROM groups WHERE ("provider", "origin", "account", "project", "name") = (?, ?, ?, ?, ?)',
            (*account, name),
        )

    def drop_group(self, account: AccountKey, group_id: str) -> None:
        """Delete the records of a group that was deleted or renamed at the provider."""
        self._database.change(
            'DELETE FROM groups WHERE ("provider", "origin", "account", "project", "id") = (?, ?, ?, ?, ?)',
            (*account, group_id),
        )

    def group_ids(self, name: str) -> set[str]:
        """Return the ids of all groups of this name, of every account."""
        return {row[0] for row in self._database.select('SELECT "id" FROM groups WHERE "name" = ?', (name,)) if row[0]}

    def has_used_group(self, account: AccountKey, group_id: str) -> bool:
        """Return whether an asset was registered into the group with this id, which may no longer exist."""
        where = 'WHERE ("provider", "origin", "account", "project", "group") = (?, ?, ?, ?, ?) LIMIT 1'
        return bool(self._entries(where, (*account, group_id)))

    # Rates.

    def rates(self, account: AccountKey) -> AccountRates:
        """Return the memory of an account's rates."""
        return AccountRates(self._database, account)

    # Fixes.

    @property
    def fixes(self) -> FixRecords:
        """The record of what fixed files were made from."""
        return FixRecords(self._database, self._now)

    # Disagreements.

    def record_disagreement(self, entry: Entry, ours: str, theirs: str, message: str) -> None:
        """Record that a file that passed here failed at the provider."""
        row = (entry.key, entry.attempt, entry.provider, entry.source, entry.rules_digest)
        values = (*row, ours, theirs, message, self._now())
        self._database.change(f"INSERT OR REPLACE INTO disagreements VALUES ({_placeholders(values)})", values)  # noqa: S608

    def disagreements(self) -> list[Disagreement]:
        """Return all disagreements, oldest first."""
        return [Disagreement(*row) for row in self._database.select('SELECT * FROM disagreements ORDER BY "at"')]

    def _entries(self, where: str, values: tuple[Value, ...]) -> list[Entry]:
        return [Entry(*row) for row in self._database.select(f"SELECT {_COLUMNS} FROM entries {where}", values)]  # noqa: S608

    def _now(self) -> str:
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def registered_kind(reference: str, path: str | None = None) -> str | None:
    """Return image, video or audio for `asset://ID`; None if the ledger does not have it, or does not exist.

    The ledger is neither created nor changed. Raise `LedgerError` if `path` is given and cannot be read.
    """
    ledger = default_path() if path is None else path
    if not os.path.isfile(ledger):
        if path is None or not os.path.exists(ledger):
            return None
        # A pipe would wait for a writer.
        raise LedgerError(f"The ledger {path} is not a regular file. Give another ledger=.", parameters=("ledger",))
    try:
        kind = _read_kind(ledger, reference)
    except sqlite3.Error as error:
        if path is None:  # the default ledger: the kind stays unknown
            return None
        raise LedgerError(f"The ledger {path} cannot be read ({error}). Check the path.") from None
    return kind if kind in KINDS else None


def _read_kind(ledger: str, reference: str) -> str | None:
    words = (reference.partition("://")[2], reference)
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        uri = f"file:{quote(ledger)}?{mode}"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=_READ_LOCK_TIMEOUT)) as database:
                row: tuple[str] | None = database.execute(_KIND_OF_ASSET, words).fetchone()
                return row[0] if row else None
        except sqlite3.OperationalError:
            # In a folder that is not writable, SQLite reads a file in WAL mode only as one that does not change.
            if "immutable" in mode or os.access(os.path.dirname(ledger) or ".", os.W_OK):
                raise
    return None


def _placeholders(values: Collection[Value]) -> str:
    """Return a question mark for each value, so that statements consist of fixed text only."""
    return ", ".join("?" * len(values))
