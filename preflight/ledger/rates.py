"""Remember what rate an account was found to have: `AccountRates`, `LearnedRate`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from preflight.ledger.database import Database
from preflight.ledger.entry import AccountKey


@dataclass(frozen=True, slots=True)
class LearnedRate:
    """The rate that an account was found to have: `calls` in `per` s; `at`: when, in s since 1970."""

    calls: float
    per: float
    at: float


class AccountRates:
    """The rates of one account by action, in the ledger. Raises `LedgerError`."""

    def __init__(self, database: Database, account: AccountKey) -> None:
        self._database = database
        self._account = account

    def load(self, action: str) -> LearnedRate | None:
        """Return what was learned of an action; None if nothing was, or if it is not a rate."""
        rows = self._database.select(
            'SELECT "calls", "per", "at" FROM rates '
            'WHERE ("provider", "origin", "account", "project", "action") = (?, ?, ?, ?, ?)',
            (*self._account, action),
        )
        if not rows or not all(isinstance(value, int | float) and 0 < value < math.inf for value in rows[0]):
            return None
        return LearnedRate(*(float(value) for value in rows[0]))

    def save(self, action: str, rate: LearnedRate) -> None:
        """Remember what was learned of an action."""
        values = (*self._account, action, rate.calls, rate.per, rate.at)
        self._database.change("INSERT OR REPLACE INTO rates VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
