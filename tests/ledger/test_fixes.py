"""The ledger's record of what fixed files were made from, and its migration from version 2."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from preflight.ledger import ContentId, FixRecord, Ledger
from tests.ledger.test_ledger import entry, key

RECORD = FixRecord(
    key().digest,
    "sha256:00",
    "0123456789abcdef",
    "sha256:01",
    "crop it to 720×720",
    ("crops 12 % of the picture", "re-encodes the video"),
    "2026-11-28T00:00:00.000Z",
)


def write_version_2(path: Path) -> None:
    """Write a ledger as version 2 did: it had no table of fixes."""
    with Ledger(str(path)) as ledger:
        ledger.write(entry(asset_id="7", state="active"))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript("DROP TABLE fixes; PRAGMA user_version = 2")


def test_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = str(tmp_path / "l.sqlite")
    with Ledger(path) as ledger:
        ledger.fixes.save(RECORD)
    with Ledger(path) as ledger:
        assert ledger.fixes.load(RECORD.key) == RECORD
        assert ledger.fixes.load(key("sha256:02").digest) is None


def test_last_fix_of_a_key_counts(tmp_path: Path) -> None:
    later = replace(RECORD, fixed="sha256:02", losses=(), at="2026-11-29T00:00:00.000Z")
    with Ledger(str(tmp_path / "l.sqlite")) as ledger:
        ledger.fixes.save(RECORD)
        ledger.fixes.save(later)
        assert ledger.fixes.load(RECORD.key) == later


def test_fixed_file_is_identified_by_its_original_and_the_options() -> None:
    original = ContentId("url:https://a.example/a.mp4||5", reusable=False)
    fixed = original.fixed("0123456789abcdef")
    assert fixed == original.fixed("0123456789abcdef")
    assert not fixed.reusable
    assert len({original.identity, fixed.identity, original.fixed("f" * 16).identity}) == 3
    assert entry(fixed.identity).is_fixed
    assert not entry(original.identity).is_fixed


def test_ledger_of_version_2_keeps_its_entries_and_records_fixes(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    write_version_2(path)
    with Ledger(str(path)) as ledger:
        assert [each.asset_id for each in ledger.entries()] == ["7"]
        ledger.fixes.save(RECORD)
        assert ledger.fixes.load(RECORD.key) == RECORD
    assert sorted(os.listdir(tmp_path)) == ["l.sqlite", "l.sqlite.lock", "l.sqlite.v2"]
