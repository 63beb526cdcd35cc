"""Find what the ledger knows of assets that a generation request uses, without asking their provider."""

from __future__ import annotations

import os

from preflight.errors import SourceError, UsageError
from preflight.escape import printable
from preflight.formats import KINDS
from preflight.ledger import Entry, Ledger
from preflight.providers import Asset, find_provider
from preflight.submission.identity import content_of_file
from preflight.submission.manage import entries_of


def active_entry(
    ledger: Ledger, word: str, provider: str, *, origin: str | None = None, account: str | None = None
) -> Entry | None:
    """Return the ledger's active asset with this id, reference, name or source; None if there is none.

    origin, account  only assets that were registered there

    Raise `UsageError` if there are several.
    """
    found = [
        entry
        for entry in entries_of(ledger, word, provider)
        if entry.state == "active"
        and entry.asset_id is not None
        and origin in (None, entry.origin)
        and account in (None, entry.account)
    ]
    ids = list(dict.fromkeys(entry.asset_id or "" for entry in found))
    if len(ids) > 1:
        raise UsageError(f"{printable(word)!r} means {len(ids)} assets. Give the id of one: {', '.join(ids[:10])}.")
    return found[0] if found else None


def asset_from_entry(entry: Entry) -> Asset:
    """Return an active asset as the ledger has it."""
    spec = find_provider(entry.provider)
    is_default = entry.origin == spec.origins["main"]
    origins = spec.origins if is_default else dict.fromkeys(spec.origins, entry.origin)
    return Asset(
        entry.asset_id or "",
        entry.provider,
        "active",
        kind=entry.media_kind if entry.media_kind in KINDS else None,
        reference=entry.reference,
        name=entry.name,
        generation=None if spec.generation is None else spec.generation.at(origins),
    )


def unchanged_file(entry: Entry) -> str | None:
    """Return the local file that was registered, if it still has the same bytes."""
    if not os.path.isfile(entry.source):
        return None
    try:
        return entry.source if content_of_file(entry.source).identity == entry.content else None
    except SourceError:
        return None
