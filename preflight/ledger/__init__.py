"""Record what was submitted where, so that no file is registered twice or lost: `Ledger`, an SQLite file.

An entry is one registration: its intent is written before the call, the provider's id after it. Its key says what
would be the same registration again: provider, endpoint, account, project, group, asset type and content. `attempt`
tells registrations of one key apart (an asset that was deleted, a failure that was retried): 1, 2, 3 …
"""

from __future__ import annotations

from preflight.errors import LedgerError
from preflight.ledger.database import default_path
from preflight.ledger.entry import (
    ENTRY_COLUMNS,
    MAX_STEM_CHARS,
    SHA256_PREFIX,
    SUFFIX_CHARS,
    AccountKey,
    ContentId,
    Entry,
    RegistrationKey,
    State,
    asset_name,
)
from preflight.ledger.store import Disagreement, Ledger, registered_kind

__all__ = [
    "ENTRY_COLUMNS",
    "MAX_STEM_CHARS",
    "SHA256_PREFIX",
    "SUFFIX_CHARS",
    "AccountKey",
    "ContentId",
    "Disagreement",
    "Entry",
    "Ledger",
    "LedgerError",
    "RegistrationKey",
    "State",
    "asset_name",
    "default_path",
    "registered_kind",
]
