"""What the ledger holds: entries, groups and disagreements."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from preflight.ledger.claims import Claims
from preflight.ledger.database import LOCK_TIMEOUT, Database, create_private_file, default_path, ledger_errors
from preflight.ledger.entry import Entry, RegistrationKey, State

VERSION: Final = 1
_OPENING: Final = 0
"""The offset of no key: held while the file is made."""
_COLUMNS: Final = tuple(field.name for field in fields(Entry))
_SCHEMA: Final = f"""
CREATE TABLE entries ({", ".join(f'"{name}"' for name in _COLUMNS)}, PRIMARY KEY ("key", "serial")) WITHOUT ROWID;
CREATE INDEX by_asset ON entries ("provider", "asset_id");
CREATE INDEX by_state ON entries ("state");
CREATE INDEX by_time ON entries ("created", "key", "serial");
CREATE TABLE groups ("provider", "origin", "account", "project", "name", "id",
                     PRIMARY KEY ("provider", "origin", "account", "project", "name")) WITHOUT ROWID;
CREATE TABLE disagreements ("key", "serial", "provider", "source", "rules", "ours", "theirs", "message", "at",
                            PRIMARY KEY ("key", "serial")) WITHOUT ROWID;
"""


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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ledger:
    """Safe to use from threads and from several processes at a time. Raises `LedgerError`."""

    def __init__(self, path: str | None = None, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        """lock_timeout: s that a write waits for another program's."""
        self.path = path or default_path()
        self._patience = lock_timeout
        with ledger_errors(self.path, "opened", lock_timeout):
            create_private_file(self.path, VERSION)
            self._claims = Claims.of(f"{self.path}.lock")
        try:
            with self._alone(_OPENING, time.sleep):
                self._database = Database(self.path, _SCHEMA, VERSION, lock_timeout)
        except BaseException:
            self._claims.close()
            raise

    def close(self) -> None:
        """Close the file; claims that are still held are given back."""
        self._database.close()
        self._claims.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def claim(self, key: RegistrationKey, pause: Callable[[float], None] = time.sleep) -> Iterator[None]:
        """Hold one key: no other thread or process works on it meanwhile. Given back even by a killed process.

        pause  waits some seconds while another holds it; what it raises ends the waiting
        """
        with self._alone(int(key.digest[:15], 16), pause):
            yield

    @contextmanager
    def _alone(self, offset: int, pause: Callable[[float], None]) -> Iterator[None]:
        with ledger_errors(self.path, "used", self._patience):
            self._claims.take(offset, pause)
        try:
            yield
        finally:
            self._claims.give_back(offset)

    def latest(self, key: RegistrationKey) -> Entry | None:
        """The registration of this key with the highest serial."""
        rows = self._select('WHERE "key" = ? ORDER BY "serial" DESC LIMIT 1', (key.digest,))
        return rows[0] if rows else None

    def failures(self, entry: Entry) -> int:
        """How many registrations of its key failed one after the other, up to this one, with the same rule sets."""
        rows = self._database.select(
            'SELECT count(*) FROM entries WHERE "key" = ? AND "serial" <= ? AND "serial" > coalesce((SELECT '
            """max("serial") FROM entries WHERE "key" = ? AND ("state" <> 'failed' OR "rules" <> ?)), 0)""",
            (entry.key, entry.serial, entry.key, entry.rules),
        )
        return int(rows[0][0])

    def write(self, entry: Entry) -> Entry:
        """Insert an entry, or replace the one with its key and serial; gives it with its times."""
        entry = replace(entry, created=entry.created or _now(), updated=_now())
        values = [getattr(entry, name) for name in _COLUMNS]
        self._database.change(f"INSERT OR REPLACE INTO entries VALUES ({_marks(values)})", values)  # noqa: S608
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

    def by_asset(self, provider: str, asset_id: str, origin: str | None = None) -> Entry | None:
        """The entry of an asset's id; with `origin` only of one that was registered there."""
        where = (
            'WHERE "provider" = ? AND "asset_id" = ? AND (? IS NULL OR "origin" = ?) ORDER BY "created" DESC LIMIT 1'
        )
        rows = self._select(where, (provider, asset_id, origin, origin))
        return rows[0] if rows else None

    def named(self, words: Collection[str], provider: str | None = None) -> list[Entry]:
        """The entries that one of these words is the asset's id, reference, name or source of; newest first."""
        fields = " OR ".join(f'"{field}" IN ({_marks(words)})' for field in ("asset_id", "reference", "name", "source"))
        where = f'WHERE (? IS NULL OR "provider" = ?) AND ({fields}) ORDER BY "created" DESC LIMIT 1000'
        return self._select(where, (provider, provider, *(word for _ in range(4) for word in words)))

    def group(self, provider: str, origin: str, account: str, project: str, name: str) -> str | None:
        """The id of a group of this name, where a run made or found it."""
        found = self._database.select(
            'SELECT "id" FROM groups WHERE ("provider", "origin", "account", "project", "name") = (?, ?, ?, ?, ?)',
            (provider, origin, account, project, name),
        )
        return found[0][0] if found else None

    def write_group(self, provider: str, origin: str, account: str, project: str, name: str, id_: str | None) -> None:
        """Write the id of a group; None: it is to be made, and may have been."""
        values = (provider, origin, account, project, name, id_)
        self._database.change("INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?, ?, ?)", values)

    def group_intended(self, provider: str, origin: str, account: str, project: str, name: str) -> bool:
        """Whether a run ended between the intent to make this group and the answer."""
        found = self._database.select(
            'SELECT "id" FROM groups WHERE ("provider", "origin", "account", "project", "name") = (?, ?, ?, ?, ?)',
            (provider, origin, account, project, name),
        )
        return found == [(None,)]

    def forget_group(self, provider: str, origin: str, account: str, project: str, name: str) -> None:
        """Drop what is known of this name: no call for it took effect."""
        self._database.change(
            'DELETE FROM groups WHERE ("provider", "origin", "account", "project", "name") = (?, ?, ?, ?, ?)',
            (provider, origin, account, project, name),
        )

    def group_ids(self, name: str) -> set[str]:
        """The ids of all groups of this name that runs made or found."""
        return {row[0] for row in self._database.select('SELECT "id" FROM groups WHERE "name" = ?', (name,)) if row[0]}

    def drop_group(self, provider: str, origin: str, account: str, project: str, id_: str) -> None:
        """Drop a group that is gone, or called otherwise now."""
        self._database.change(
            'DELETE FROM groups WHERE ("provider", "origin", "account", "project", "id") = (?, ?, ?, ?, ?)',
            (provider, origin, account, project, id_),
        )

    def disagree(self, entry: Entry, ours: str, theirs: str, message: str) -> None:
        """Keep that the provider failed what we passed."""
        row = (entry.key, entry.serial, entry.provider, entry.source, entry.rules, ours, theirs, message, _now())
        self._database.change(f"INSERT OR REPLACE INTO disagreements VALUES ({_marks(row)})", row)  # noqa: S608

    def disagreements(self) -> list[Disagreement]:
        """All of them, oldest first."""
        return [Disagreement(*row) for row in self._database.select('SELECT * FROM disagreements ORDER BY "at"', ())]

    def forget(self, entry: Entry) -> None:
        """Drop one entry: the same content will be registered anew."""
        self._database.change('DELETE FROM entries WHERE ("key", "serial") = (?, ?)', (entry.key, entry.serial))

    def _select(self, where: str, values: tuple[Any, ...]) -> list[Entry]:
        return [Entry(*row) for row in self._database.select(f"SELECT * FROM entries {where}", values)]  # noqa: S608


def _marks(values: Collection[Any]) -> str:
    """A question mark for each: all that is put into statements is fixed text."""
    return ", ".join("?" * len(values))
