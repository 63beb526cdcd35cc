"""Remember what rate an account was found to have: `AccountRates`, `LearnedRate`."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from preflight.ledger.database import Database
from preflight.ledger.entry import AccountKey

_MAX_TURN: Final = 120.0
"""Maximum seconds that a turn can be ahead; a later one was taken before the clock was set back."""


@dataclass(frozen=True, slots=True)
class LearnedRate:
    """The rate that an account was found to have: `calls` in `per` seconds; `at`: when, in seconds since 1970."""

    calls: float
    per: float
    at: float


class AccountRates:
    """The rates of one account by action, in the ledger. Raises `LedgerError`."""

    def __init__(self, database: Database, account: AccountKey) -> None:
        self._database = database
        self._account = account

    def load(self, action: str) -> LearnedRate | None:
        """Return the learned rate of an action; None if there is none, or if it is not a rate."""
        rows = self._database.select(
            'SELECT "calls", "per", "at" FROM rates '
            'WHERE ("provider", "origin", "account", "project", "action") = (?, ?, ?, ?, ?)',
            (*self._account, action),
        )
        if not rows or not all(isinstance(value, int | float) and 0 < value < math.inf for value in rows[0]):
            return None
        return LearnedRate(*(float(value) for value in rows[0]))

    def save(self, action: str, rate: LearnedRate) -> None:
        """Remember the learned rate of an action."""
        values = (*self._account, action, rate.calls, rate.per, rate.at)
        self._database.change("INSERT OR REPLACE INTO rates VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def recent(self, action: str, since: float) -> int:
        """Count the calls of all processes that were accepted since a time (seconds since 1970); registrations only."""
        if action != "register":
            return 0
        rows = self._database.select(
            'SELECT count(*) FROM entries WHERE ("provider", "origin", "account", "project") = (?, ?, ?, ?) '
            'AND "created" > ? AND "asset_id" IS NOT NULL',
            (*self._account, datetime.fromtimestamp(since, UTC).isoformat(timespec="milliseconds")),
        )
        return int(rows[0][0])

    def take_turn(self, action: str, now: float, interval: float) -> float:
        """Take the next call of an action, for all processes; return 0, or the seconds until it is free.

        now       seconds since 1970
        interval  seconds until the call after this one
        """
        # A turn is a row of its own: "at" is when the next call is free, "per" identifies who took this one.
        row = (*self._account, f"{action} turn")
        token = secrets.randbits(62)
        self._database.change("INSERT OR IGNORE INTO rates VALUES (?, ?, ?, ?, ?, 0, 0, 0)", row)
        self._database.change(
            'UPDATE rates SET "per" = ?, "at" = ? '
            'WHERE ("provider", "origin", "account", "project", "action") = (?, ?, ?, ?, ?) '
            'AND ("at" <= ? OR "at" > ?)',
            (token, now + interval, *row, now, now + _MAX_TURN),
        )
        ((taken_by, free_at),) = self._database.select(
            'SELECT "per", "at" FROM rates '
            'WHERE ("provider", "origin", "account", "project", "action") = (?, ?, ?, ?, ?)',
            row,
        )
        return 0.0 if taken_by == token else max(0.001, float(free_at) - now)
