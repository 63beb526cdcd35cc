"""Ledgers as version 1 wrote them: there an account was the access key's id, or a fingerprint of the key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from preflight.ledger import ENTRY_COLUMNS, Entry, RegistrationKey, asset_name

SCHEMA = """
CREATE TABLE entries ("key", "serial", "provider", "origin", "account", "project", "group", "kind", "content", "source",
                      "name", "rules", "state", "asset_id", "reference", "error_code", "error_message", "provider_code",
                      "created", "updated", "warnings", "url", PRIMARY KEY ("key", "serial")) WITHOUT ROWID;
CREATE INDEX by_asset ON entries ("provider", "asset_id");
CREATE INDEX by_state ON entries ("state");
CREATE INDEX by_time ON entries ("created", "key", "serial");
CREATE TABLE groups ("provider", "origin", "account", "project", "name", "id",
                     PRIMARY KEY ("provider", "origin", "account", "project", "name")) WITHOUT ROWID;
CREATE TABLE disagreements ("key", "serial", "provider", "source", "rules", "ours", "theirs", "message", "at",
                            PRIMARY KEY ("key", "serial")) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
ORIGIN = "https://a.example"


def old_entry(
    account: str = "key-1",
    content: str = "sha256:00",
    attempt: int = 1,
    *,
    provider: str = "atlas",
    project: str = "",
    **changes: object,
) -> Entry:
    """Return an entry as version 1 wrote it, created at the start of 2026 unless `created` is given."""
    key = RegistrationKey(provider, ORIGIN, account, project, "", "image", content)
    facts: dict[str, object] = {"created": "2026-01-01T00:00:00.000Z", "updated": "2026-01-01T00:00:00.000Z"} | changes
    group = str(facts.pop("group_id", ""))
    key = RegistrationKey(provider, ORIGIN, account, project, group, "image", content)
    name = asset_name("a", key.digest, attempt)
    place = (provider, ORIGIN, account, project, group, "image", content)
    return Entry(key.digest, attempt, *place, "a.png", name, "rules", **facts)  # type: ignore[arg-type]


def write_old_ledger(
    path: Path,
    entries: Iterable[Entry] = (),
    groups: Iterable[tuple[str | None, ...]] = (),
    disagreements: Iterable[tuple[str | int, ...]] = (),
) -> Path:
    """Write a ledger of version 1, as a process leaves it that was killed: what it wrote last is in the -wal file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(SCHEMA)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN")
        for table, width, rows in (
            ("entries", len(ENTRY_COLUMNS), [tuple(entry.as_json().values()) for entry in entries]),
            ("groups", 6, list(groups)),
            ("disagreements", 9, list(disagreements)),
        ):
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)
        database.execute("COMMIT")
    path.chmod(0o600)
    return path
