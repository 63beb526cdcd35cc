"""The ledger remembers the rates of an account, apart from those of others."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from preflight.ledger import AccountKey, Entry, LearnedRate, Ledger, RegistrationKey

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


def test_rate_below_one_call_in_a_second_is_remembered(tmp_path: Path) -> None:
    slow = LearnedRate(0.05, 0.5, 0.25)
    with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        ledger.rates(MINE).save("register", slow)
        assert ledger.rates(MINE).load("register") == slow


def test_row_that_is_not_a_rate_is_ignored(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.sqlite")
    with Ledger(path) as ledger:
        ledger.rates(MINE).save("register", RATE)
        for column, value in (("calls", 0), ("calls", -1), ("per", "x"), ("per", None), ("at", float("inf"))):
            with closing(sqlite3.connect(path)) as database, database:
                database.execute(f'UPDATE rates SET "calls" = 3, "per" = 60, "at" = 5, "{column}" = ?', (value,))
            assert ledger.rates(MINE).load("register") is None, (column, value)


def test_turns_are_taken_by_one_process_each(tmp_path: Path) -> None:
    path = str(tmp_path / "ledger.sqlite")
    with Ledger(path) as ledger, Ledger(path) as other:
        assert ledger.rates(MINE).take_turn("register", 100.0, 20.0) == 0
        assert other.rates(MINE).take_turn("register", 100.0, 20.0) == 20.0
        assert other.rates(MINE).take_turn("get", 100.0, 20.0) == 0
        assert other.rates(MINE._replace(account="second")).take_turn("register", 100.0, 20.0) == 0
        assert other.rates(MINE).take_turn("register", 120.0, 20.0) == 0
        assert ledger.rates(MINE).take_turn("register", 121.0, 20.0) == 19.0
        assert ledger.rates(MINE).load("register") is None


def test_turn_from_before_the_clock_was_set_back_is_free(tmp_path: Path) -> None:
    with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        rates = ledger.rates(MINE)
        assert rates.take_turn("register", 1_000_000.0, 60.0) == 0
        assert rates.take_turn("register", 100.0, 60.0) == 0
        assert rates.take_turn("register", 101.0, 60.0) == 59.0


def test_registrations_of_all_processes_are_counted(tmp_path: Path) -> None:
    with Ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        for number, asset in enumerate(("a1", "a2", None)):
            key = RegistrationKey(*MINE, "", "image", f"sha256:{number}").digest
            place = (key, 1, *MINE, "", "image", f"sha256:{number}")
            ledger.write(Entry(*place, "a.png", f"a-{number}", "rules", asset_id=asset))
        since = time.time() - 60
        assert ledger.rates(MINE).recent("register", since) == 2
        assert ledger.rates(MINE).recent("register", since + 120) == 0
        assert ledger.rates(MINE).recent("get", since) == 0
        assert ledger.rates(MINE._replace(account="second")).recent("register", since) == 0
