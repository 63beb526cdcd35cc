"""The ledger remembers the rates of an account, apart from those of others."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from preflight.ledger import AccountKey, LearnedRate, Ledger

MINE = AccountKey("atlas", "https://x", "default", "")
RATE = LearnedRate(3.0, 60.0, 1_700_000_000.5)


def test_rate_is_remembered_for_its_account_and_action_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.sqlite")
    with Ledger(path) as ledger:
        ledger.rates(MINE).save("register", LearnedRate(9.0, 1.0, 1.0))
        ledger.rates(MINE).save("register", RATE)
    with Ledger(path) as ledger:
        assert ledger.rates(MINE).load("register") == RATE
        assert ledger.rates(MINE).load("get") is None
        for other in (MINE._replace(account="second"), MINE._replace(project="p"), MINE._replace(origin="https://y")):
            assert ledger.rates(other).load("register") is None


def test_what_is_not_a_rate_is_not_used(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.sqlite")
    with Ledger(path) as ledger:
        ledger.rates(MINE).save("register", RATE)
        for column, value in (("calls", 0), ("calls", -1), ("per", "x"), ("per", None), ("at", float("inf"))):
            with closing(sqlite3.connect(path)) as database, database:
                database.execute(f'UPDATE rates SET "calls" = 3, "per" = 60, "at" = 5, "{column}" = ?', (value,))
            assert ledger.rates(MINE).load("register") is None, (column, value)
