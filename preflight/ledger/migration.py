"""Migrate older files of the ledger.

From version 1, where each key was an account, to version 2; from version 2, where no file was fixed, to version 3.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from preflight.ledger.entry import RegistrationKey

SINCE_VERSION_2: Final = (
    """CREATE TABLE accounts ("provider", "origin", "account", "project", "key_id", "at",
                               PRIMARY KEY ("provider", "origin", "account", "project")) WITHOUT ROWID""",
    """CREATE TABLE rates ("provider", "origin", "account", "project", "action", "calls", "per", "at",
                            PRIMARY KEY ("provider", "origin", "account", "project", "action")) WITHOUT ROWID""",
    'CREATE INDEX by_account ON entries ("provider", "origin", "account", "project", "created")',
    'ALTER TABLE entries ADD COLUMN "version" DEFAULT 2',
)
"""What version 2 adds. The additional column of `entries` makes writes fail in an older program that still has the file
open: it would not find files under its key, and would register them again."""

SINCE_VERSION_3: Final = (
    """CREATE TABLE fixes ("key", "original", "options", "fixed", "sentence", "losses", "at",
                            PRIMARY KEY ("key")) WITHOUT ROWID""",
)
"""What version 3 adds."""

_RENUMBERED: Final = """
CREATE TABLE renumbered AS
WITH keyed AS (
    SELECT *, registration_digest("provider", "origin", "project", "group", "kind", "content") AS new_key FROM entries
), ranked AS (
    SELECT *,
        min("key") OVER same <> max("key") OVER same AS collides,
        row_number() OVER (PARTITION BY new_key ORDER BY
            CASE "state" WHEN 'active' THEN 2 WHEN 'processing' THEN 1 ELSE 0 END DESC,
            "created" DESC, "key" DESC, "serial" DESC) = 1 AS is_last
    FROM keyed WINDOW same AS (PARTITION BY new_key)
)
SELECT *, CASE WHEN collides
    THEN row_number() OVER (PARTITION BY new_key ORDER BY is_last, "created", "key", "serial")
    ELSE "serial" END AS new_serial
FROM ranked
"""
"""Entries with their new key and attempt. If several keys become one, its attempts are ordered by time, but one that is
active, or else processing, comes last, because the last attempt is the one that is reused."""
_UNIFIED_GROUPS: Final = """
INSERT INTO groups
SELECT "provider", "origin", 'default', "project", "name", "id" FROM (
    SELECT former.*, row_number() OVER (
        PARTITION BY former."provider", former."origin", former."project", former."name"
        ORDER BY former."id" IS NULL, used."at" DESC, former."id"
    ) AS place
    FROM former_groups AS former LEFT JOIN (
        SELECT "provider", "origin", "project", "group", max("created") AS "at" FROM entries GROUP BY 1, 2, 3, 4
    ) AS used
    ON (used."provider", used."origin", used."project", used."group")
     = (former."provider", former."origin", former."project", former."id")
) WHERE place = 1
"""
"""Of the groups with the same name, the one that the newest entry uses."""
_STATEMENTS: Final = (
    *SINCE_VERSION_2,
    _RENUMBERED,
    'CREATE INDEX renumbered_keys ON renumbered ("key", "serial")',
    "DELETE FROM entries",
    """INSERT INTO entries
       SELECT new_key, new_serial, "provider", "origin", 'default', "project", "group", "kind", "content", "source",
              "name", "rules", "state", "asset_id", "reference", "error_code", "error_message", "provider_code",
              "created", "updated", "warnings", "url", 2
       FROM renumbered""",
    "CREATE TABLE former_disagreements AS SELECT * FROM disagreements",
    "DELETE FROM disagreements",
    """INSERT INTO disagreements
       SELECT coalesce(new_key, former."key"), coalesce(new_serial, former."serial"), former."provider",
              former."source", former."rules", "ours", "theirs", "message", "at"
       FROM former_disagreements AS former LEFT JOIN renumbered USING ("key", "serial")""",
    "CREATE TABLE former_groups AS SELECT * FROM groups",
    "DELETE FROM groups",
    _UNIFIED_GROUPS,
    """INSERT INTO accounts
       SELECT "provider", "origin", 'default', "project",
              CASE WHEN min("account") = max("account") THEN min("account") END, max("updated")
       FROM renumbered GROUP BY 1, 2, 4""",
    "DROP TABLE former_groups",
    "DROP TABLE former_disagreements",
    "DROP TABLE renumbered",
)


def unify_accounts(database: sqlite3.Connection) -> None:
    """Merge the accounts of each provider, origin and project: a key may have been rotated.

    The key of a merged account is known if all of its entries had the same one.
    """
    database.create_function("registration_digest", 6, _digest, deterministic=True)
    for statement in _STATEMENTS:
        database.execute(statement)


def add_fixes(database: sqlite3.Connection) -> None:
    """Add the table of what fixed files were made from."""
    for statement in SINCE_VERSION_3:
        database.execute(statement)


def _digest(provider: str, origin: str, *rest: str) -> str:
    return RegistrationKey(provider, origin, "default", *rest).digest
