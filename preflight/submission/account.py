"""Check that a key sees its account's assets before one of them is reused: `AccountCheck`."""

from __future__ import annotations

import threading
from typing import Final

from preflight.clock import Clock
from preflight.errors import AssetNotFound, UsageError
from preflight.escape import printable
from preflight.ledger import Entry, Ledger
from preflight.providers import Provider
from preflight.submission.identity import account_key, choose_account
from preflight.submission.recover import age_of, call_idempotent
from preflight.submission.register import VISIBLE_AFTER

MAX_READ_BACK: Final = 3
"""Newest assets that are looked up with a changed key: it is another account's if it knows none of them."""


class AccountCheck:
    """Checks that the key of an open provider sees the assets of its account. Thread-safe.

    A key may have been rotated since the last run, or it may be the key of another account, whose files must not be
    taken for registered. It is a key of the account if the provider finds one of the newest assets with it.
    """

    def __init__(self, provider: Provider, ledger: Ledger, clock: Clock) -> None:
        """Choose the account, as `choose_account` does."""
        choose_account(provider, ledger)
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted: set[str | None] = set()
        self._problem: str | None = None

    def require(self) -> None:
        """Raise `UsageError` if the key was changed to one that does not know the account's assets.

        Raise `ProviderError` if the provider cannot be asked; the next call asks again.
        """
        with self._lock:
            known = self._ledger.account(account_key(self._provider))
            if known not in self._accepted:  # also if another process has used another key meanwhile
                self._problem = self._find_problem(known)
                self._accepted |= {known, self._provider.key_id}
        if self._problem is not None:
            raise UsageError(self._problem, parameters=("account",))

    def _find_problem(self, known: str | None) -> str | None:
        account = account_key(self._provider)
        if known == self._provider.key_id:
            return None
        entries = [] if known is None else self._ledger.registered(account, MAX_READ_BACK)
        if not entries or any(map(self._knows, entries)):
            self._ledger.write_account(account, self._provider.key_id)
            return None
        # What was registered just now may not be visible yet, to any key.
        missing = [entry for entry in entries if entry.state == "active" or age_of(entry, self._clock) >= VISIBLE_AFTER]
        return self._describe(missing) if missing else None

    def _knows(self, entry: Entry) -> bool:
        try:
            call_idempotent(lambda: self._provider.get(entry.asset_id or ""), self._clock)
        except AssetNotFound:
            return False
        return True

    def _describe(self, missing: list[Entry]) -> str:
        newest = f"the newest {len(missing)} assets" if len(missing) > 1 else "the newest asset"
        ids = ", ".join(entry.asset_id or "" for entry in missing)
        return (
            f"The key of {self._provider.title} was changed, and the new one does not know {newest} of the account "
            f"{printable(self._provider.account)!r} ({ids}); nothing was sent. If it belongs to another account, name "
            "that with account=; if these assets were deleted, remove them from the ledger with `assets forget`."
        )
