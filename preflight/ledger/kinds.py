"""Read the kind of a registered asset from a ledger, without creating or changing it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Final
from urllib.parse import quote

from preflight.errors import LedgerError
from preflight.formats import KINDS
from preflight.ledger.database import default_path

_LOCK_TIMEOUT: Final = 5.0
"""Seconds that a reader waits for a writer."""
_QUERY: Final = """
SELECT "kind" FROM entries
WHERE "asset_id" = ? OR "reference" = ? COLLATE NOCASE
ORDER BY "created" DESC LIMIT 1
"""


def registered_kind(reference: str, path: str | None = None) -> str | None:
    """Return image, video or audio for `asset://ID`; None if the ledger does not have it, or does not exist.

    Raise `LedgerError` if `path` is given and cannot be read.
    """
    ledger = path or default_path()
    if not os.path.exists(ledger):
        return None
    try:
        row = _first_row(ledger, reference)
    except sqlite3.Error as error:
        if path is None:  # the default ledger: the kind stays unknown
            return None
        raise LedgerError(f"the ledger {path} cannot be read ({error}): check the path") from None
    return row[0] if row and row[0] in KINDS else None


def _first_row(ledger: str, reference: str) -> tuple[str] | None:
    words = (reference.partition("://")[2], reference)
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        try:
            with closing(sqlite3.connect(f"file:{quote(ledger)}?{mode}", uri=True, timeout=_LOCK_TIMEOUT)) as database:
                row: tuple[str] | None = database.execute(_QUERY, words).fetchone()
                return row
        except sqlite3.OperationalError:
            # In a folder that may not be written, SQLite reads a file in WAL mode only as one that does not change.
            if "immutable" in mode or os.access(os.path.dirname(ledger) or ".", os.W_OK):
                raise
    return None
