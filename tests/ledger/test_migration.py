"""Migration of ledgers of version 1, where each key was an account."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preflight import sqlite
from preflight.errors import LedgerError
from preflight.ledger import AccountKey, Entry, Ledger, State, registered_kind
from tests.conftest import ROOT
from tests.ledger.version_1 import ORIGIN, old_entry, write_old_ledger

ACCOUNT = AccountKey("atlas", ORIGIN, "default", "")


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def old_rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT * FROM entries ORDER BY key, serial").fetchall()


def at(day: int) -> str:
    return f"2026-01-{day:02}T00:00:00.000Z"


def unified(entry: Entry) -> Entry:
    """Return the entry with what the migration may change left out."""
    return replace(entry, key="", attempt=0, account="")


class TestEntries:
    def test_entry_of_an_older_key_is_found_by_the_default_account(self, tmp_path: Path) -> None:
        old = old_entry("key-0123456789ab", attempt=2, state="active", asset_id="7", group_id="group-1")
        with Ledger(str(write_old_ledger(tmp_path / "l.sqlite", [old]))) as ledger:
            found = ledger.latest(replace(old.registration, account="default"))
            assert found is not None
            assert found == replace(old, account="default", key=found.registration.digest)
            assert ledger.latest(old.registration) is None
            assert ledger.last_key_id(ACCOUNT) == "key-0123456789ab"
            assert ledger.accounts("atlas", ORIGIN, "") == ["default"]

    @pytest.mark.parametrize(
        ("first", "second", "latest"),
        [
            ("active", "failed", "active"),
            ("active", "processing", "active"),
            ("processing", "intended", "processing"),
            ("gone", "failed", "failed"),
            ("active", "active", "active"),
        ],
    )
    def test_asset_that_can_be_reused_comes_last_of_one_file_of_two_keys(
        self, tmp_path: Path, first: State, second: State, latest: State
    ) -> None:
        older = old_entry("key-1", created=at(1), state=first, asset_id="1")
        newer = old_entry("key-2", created=at(2), state=second, asset_id="2")
        with Ledger(str(write_old_ledger(tmp_path / "l.sqlite", [newer, older]))) as ledger:
            entries = list(ledger.entries())
            found = ledger.latest(replace(older.registration, account="default"))
            assert found is not None
            assert (found.state, found.attempt) == (latest, 2)
            assert found.asset_id == ("1" if first == latest != second else "2")
            assert sorted(entry.attempt for entry in entries) == [1, 2]
            assert {entry.name for entry in entries} == {older.name, newer.name}
            assert ledger.last_key_id(ACCOUNT) == "", "it had two keys: which one it has now is not known"

    def test_providers_and_projects_stay_apart(self, tmp_path: Path) -> None:
        old = [
            old_entry(provider="ark"),
            old_entry(provider="ark", project="two"),
            old_entry("key-2", project="two", provider="byteplus"),
        ]
        with Ledger(str(write_old_ledger(tmp_path / "l.sqlite", old))) as ledger:
            assert [entry.attempt for entry in ledger.entries()] == [1, 1, 1]
            assert ledger.last_key_id(AccountKey("byteplus", ORIGIN, "default", "two")) == "key-2"
            assert ledger.accounts("byteplus", ORIGIN, "") == []

    def test_disagreements_follow_their_entries(self, tmp_path: Path) -> None:
        one, two = old_entry("key-1", created=at(1), state="active"), old_entry("key-2", created=at(2), state="failed")
        rows = [(entry.key, 1, "atlas", entry.account, "r", "pass", "x", "m", at(3)) for entry in (one, two)]
        rows.append(("0" * 64, 3, "atlas", "forgotten", "r", "pass", "x", "m", at(4)))
        with Ledger(str(write_old_ledger(tmp_path / "l.sqlite", [one, two], disagreements=rows))) as ledger:
            key = replace(one.registration, account="default").digest
            found = [(row.source, row.key, row.serial) for row in ledger.disagreements()]
        assert sorted(found) == [("forgotten", "0" * 64, 3), ("key-1", key, 2), ("key-2", key, 1)]

    @settings(deadline=None, max_examples=40)
    @given(
        rows=st.dictionaries(
            st.tuples(st.sampled_from(["k1", "k2", "k3"]), st.sampled_from(["a", "b"]), st.integers(1, 3)),
            st.tuples(st.sampled_from(get_args(State)), st.integers(1, 5)),
            max_size=18,
        )
    )
    def test_migration_loses_no_entry_and_keeps_the_latest(
        self, rows: dict[tuple[str, str, int], tuple[State, int]]
    ) -> None:
        old = [
            old_entry(
                account, content, attempt, state=state, created=at(day), asset_id=f"{account}-{content}-{attempt}"
            )
            for (account, content, attempt), (state, day) in rows.items()
        ]
        with (
            tempfile.TemporaryDirectory() as folder,
            Ledger(str(write_old_ledger(Path(folder, "l.sqlite"), old))) as ledger,
        ):
            new = list(ledger.entries())
        assert sorted(map(unified, new), key=repr) == sorted(map(unified, old), key=repr)
        assert all(entry.key == entry.registration.digest for entry in new)
        before, after = defaultdict(list), defaultdict(list)
        for entry in old:
            before[entry.content].append(entry)
        for entry in new:
            after[entry.content].append(entry)
        for content, entries in before.items():
            if len({entry.account for entry in entries}) == 1:
                assert sorted(entry.attempt for entry in after[content]) == sorted(entry.attempt for entry in entries)
                continue
            assert sorted(entry.attempt for entry in after[content]) == list(range(1, len(entries) + 1))
            *earlier, last = sorted(after[content], key=lambda entry: entry.attempt)
            assert earlier == sorted(earlier, key=lambda entry: entry.created)
            states = {entry.state for entry in entries}
            best = next((state for state in ("active", "processing") if state in states), last.state)
            assert last.state == best
            assert last.created == max(
                entry.created for entry in entries if entry.state == best or best not in ("active", "processing")
            )


def test_groups_of_one_name_become_the_one_used_last(tmp_path: Path) -> None:
    place = ("atlas", ORIGIN)
    groups = [
        (*place, "key-1", "", "used", "g1"),
        (*place, "key-2", "", "used", "g2"),
        (*place, "key-3", "", "used", None),
        (*place, "key-1", "", "unused", None),
        (*place, "key-2", "", "unused", "g3"),
        (*place, "key-1", "", "intended", None),
        (*place, "key-2", "", "intended", None),
        (*place, "key-2", "other", "intended", "g4"),
    ]
    entries = [old_entry("key-1", created=at(2), group_id="g1"), old_entry("key-2", created=at(1), group_id="g2")]
    path = write_old_ledger(tmp_path / "l.sqlite", entries, groups)
    with Ledger(str(path)) as ledger:
        assert ledger.group_ids("used") == {"g1"}
        assert ledger.group_ids("unused") == {"g3"}
        assert ledger.group_ids("intended") == {"g4"}
        assert ledger.is_group_intended(ACCOUNT, "intended")
        assert not ledger.is_group_intended(ACCOUNT._replace(project="other"), "intended")


class TestCopy:
    def test_old_ledger_stays_beside_the_new_one(self, tmp_path: Path) -> None:
        path = write_old_ledger(tmp_path / "l.sqlite", [old_entry("key-1"), old_entry("key-2")])
        before = old_rows(path)
        Ledger(str(path)).close()
        copy = tmp_path / "l.sqlite.v1"
        assert (version_of(path), version_of(copy)) == (3, 1)
        assert old_rows(copy) == before
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert sorted(os.listdir(tmp_path)) == ["l.sqlite", "l.sqlite.lock", "l.sqlite.v1"]

    def test_earlier_copy_is_not_overwritten(self, tmp_path: Path) -> None:
        path = write_old_ledger(tmp_path / "l.sqlite", [old_entry()])
        copy = tmp_path / "l.sqlite.v1"
        copy.write_bytes(b"kept")
        (tmp_path / "l.sqlite.v1.part").write_bytes(b"of a killed process")
        Ledger(str(path)).close()
        assert copy.read_bytes() == b"kept"
        assert version_of(tmp_path / "l.sqlite.v1-2") == 1
        assert not (tmp_path / "l.sqlite.v1.part").exists()

    def test_new_ledger_has_no_copy(self, tmp_path: Path) -> None:
        Ledger(str(tmp_path / "l.sqlite")).close()
        assert sorted(os.listdir(tmp_path)) == ["l.sqlite", "l.sqlite.lock"]


def test_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "songs.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE songs (title); PRAGMA user_version = 1")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"it is not a ledger, or damaged.*give another ledger="):
        Ledger(str(path))
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["songs.sqlite", "songs.sqlite.lock"]


def test_kind_is_read_from_both_versions_without_a_change(tmp_path: Path) -> None:
    path = write_old_ledger(tmp_path / "l.sqlite", [old_entry(asset_id="7", reference="asset://7")])
    assert registered_kind("asset://7", str(path)) == "image"
    assert (version_of(path), os.path.exists(f"{path}.v1")) == (1, False)
    Ledger(str(path)).close()
    assert registered_kind("asset://7", str(path)) == "image"


@pytest.mark.parametrize("step", ["_copy", "_write_through"])
def test_full_disk_leaves_the_old_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = write_old_ledger(tmp_path / "l.sqlite", [old_entry("key-1"), old_entry("key-2")])
    before = old_rows(path)

    def fail(*_: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(sqlite, step, fail)
        with pytest.raises(LedgerError, match=r"the disk is full\)\. Free space"):
            Ledger(str(path))
    assert (version_of(path), old_rows(path)) == (1, before)
    assert sorted(os.listdir(tmp_path)) == ["l.sqlite", "l.sqlite.lock"]
    Ledger(str(path)).close()
    assert version_of(path) == 3


def test_older_program_that_has_the_file_open_can_no_longer_write_entries(tmp_path: Path) -> None:
    path = write_old_ledger(tmp_path / "l.sqlite", [old_entry()])
    values = list(old_entry(content="sha256:01").as_json().values())
    statement = f"INSERT OR REPLACE INTO entries VALUES ({', '.join('?' * len(values))})"
    with closing(sqlite3.connect(path, isolation_level=None)) as older:
        older.execute(statement, values)
        Ledger(str(path)).close()
        with pytest.raises(sqlite3.OperationalError, match="has 23 columns"):
            older.execute(statement, values)


KILLED = """
import os, signal, sqlite3, sys
from preflight import sqlite
from preflight.ledger import Ledger, database, migration
left = int(sys.argv[2])
def step(*_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
for name in ("_copy", "_write_through"):
    def stepped(*values, act=getattr(sqlite, name)):
        step()
        act(*values)
        step()
    setattr(sqlite, name, stepped)
class Connection(sqlite3.Connection):
    def execute(self, statement, *values):
        if self.in_transaction:
            step()
        found = super().execute(statement, *values)
        if statement == "COMMIT":
            step()
        return found
connect = sqlite3.connect
sqlite3.connect = lambda *values, **options: connect(*values, **options, factory=Connection)
Ledger(sys.argv[1]).close()
"""


def kill_at(path: Path, step: int) -> int:
    command = [sys.executable, "-c", KILLED, str(path), str(step)]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


@pytest.mark.parametrize("steps", [(3, 9), pytest.param(range(40), marks=pytest.mark.slow)])
def test_killed_process_leaves_the_old_ledger_or_the_new_one(tmp_path: Path, steps: list[int]) -> None:
    old = [old_entry(account, state="active", asset_id=account) for account in ("key-1", "key-2")]
    codes = set()
    for step in steps:
        path = write_old_ledger(tmp_path / str(step) / "l.sqlite", old)
        before = old_rows(path)
        codes.add(kill_at(path, step))
        if version_of(path) == 1:
            assert old_rows(path) == before
        else:
            assert old_rows(Path(f"{path}.v1")) == before
        with Ledger(str(path)) as ledger:
            assert {entry.asset_id for entry in ledger.entries()} == {"key-1", "key-2"}
        assert version_of(path) == 3
        assert not os.path.exists(f"{path}.v1.part")
    assert codes >= {-signal.SIGKILL}


def test_processes_that_open_an_old_ledger_together_migrate_it_once(tmp_path: Path) -> None:
    path = write_old_ledger(tmp_path / "l.sqlite", [old_entry("key-1"), old_entry("key-2")])
    script = "import sys; from preflight.ledger import Ledger; print(len(list(Ledger(sys.argv[1]).entries())))"
    command = [sys.executable, "-c", script, str(path)]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["2\n"] * 3
    assert [name for name in os.listdir(tmp_path) if ".v1" in name] == ["l.sqlite.v1"]
