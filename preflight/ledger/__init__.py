"""What was submitted where, so that nothing is registered twice or lost: `Ledger`, an SQLite file.

An entry is one registration: its intent is written before the call, the provider's id after it. Its key says what
would be the same registration again: provider, endpoint, account, project, group, asset type and content. `serial`
tells registrations of one key apart (an asset that was deleted, a failure that was tried again): 1, 2, 3 …
"""

from __future__ import annotations

from preflight.errors import LedgerError
from preflight.ledger.database import default_path
from preflight.ledger.entry import (
    MAX_STEM_CHARS,
    SHA256_PREFIX,
    SUFFIX_CHARS,
    ContentId,
    Entry,
    RegistrationKey,
    State,
    asset_name,
)
from preflight.ledger.kinds import registered_kind
from preflight.ledger.store import Disagreement, Ledger

__all__ = [
    "MAX_STEM_CHARS",
    "SHA256_PREFIX",
    "SUFFIX_CHARS",
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
