"""Remember what each fixed file was made from, and how: `FixRecord`, `FixRecords`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from preflight.ledger.database import Database
from preflight.ledger.entry import Entry


@dataclass(frozen=True, slots=True)
class FixRecord:
    """How the file of a registration was made from another one. The last attempt of a key counts.

    key       of the registration, as in `Entry`
    original  the identity of the original's content
    options   digest of the limits that the file had to be inside of, and of the choices
    fixed     the identity of the content that was registered
    sentence  what was changed; losses: what was lost by it
    at        when it was made, ISO 8601 in UTC
    """

    key: str
    original: str
    options: str
    fixed: str
    sentence: str
    losses: tuple[str, ...]
    at: str = ""

    def as_json(self) -> dict[str, object]:
        """Return a JSON object with all fields but the key."""
        return {
            "original": self.original,
            "options": self.options,
            "fixed": self.fixed,
            "sentence": self.sentence,
            "losses": list(self.losses),
            "at": self.at,
        }


class FixRecords:
    """The fixed files of a ledger, by the key of their registration. Raises `LedgerError`."""

    def __init__(self, database: Database, now: Callable[[], str]) -> None:
        """now: returns the time, ISO 8601 in UTC."""
        self._database = database
        self._now = now

    def for_entry(self, entry: Entry) -> FixRecord | None:
        """Return how the file of an entry was made; None if it was registered as it was."""
        return self.load(entry.key) if entry.is_fixed else None

    def load(self, key: str) -> FixRecord | None:
        """Return how the file of a registration was made; None if it was registered as it was."""
        rows = self._database.select(
            'SELECT "key", "original", "options", "fixed", "sentence", "losses", "at" FROM fixes WHERE "key" = ?',
            (key,),
        )
        if not rows:
            return None
        _, original, options, fixed, sentence, losses, at = rows[0]
        return FixRecord(key, original, options, fixed, sentence, tuple(json.loads(losses)), at)

    def save(self, record: FixRecord) -> FixRecord:
        """Write the record in place of the one of an earlier attempt; return it with its time."""
        record = replace(record, at=record.at or self._now())
        values = (record.key, record.original, record.options, record.fixed, record.sentence)
        self._database.change(
            "INSERT OR REPLACE INTO fixes VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*values, json.dumps(record.losses), record.at),
        )
        return record
