"""Settle open ledger entries: look up assets that may be registered, query once those that are processing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Literal

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import AssetNotFound, ProviderUnavailable, RateLimited, UsageError
from preflight.ledger import Entry, Ledger
from preflight.providers import Asset, Provider
from preflight.submission.account import AccountCheck
from preflight.submission.identity import account_key
from preflight.submission.lookup import LookUp
from preflight.submission.recover import DEFAULT_RECOVERY_WINDOW, RecoveryWindow, age_of, call_idempotent
from preflight.submission.register import (
    OPEN_STATES,
    UNKNOWN_OUTCOME,
    VISIBLE_AFTER,
    record_asset,
    unfound,
    unrecoverable,
)

_THREADS: Final = 16
_BATCH_SIZE: Final = 512

Found = Literal["active", "processing", "failed", "gone", "absent", "unknown", "unreachable"]
"""`absent`: it was never registered, and its entry is deleted; `gone`: it was registered, and no longer exists;
`unknown`: that cannot be found out; `unreachable`: the provider does not respond now."""

_FOUND: Final[dict[str, Found]] = {"active": "active", "processing": "processing", "failed": "failed", "gone": "gone"}


@dataclass(frozen=True, slots=True)
class SyncResult:
    """One entry and what was found; `message` says what to do if that is needed."""

    entry: Entry
    found: Found
    message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object: what was found, and the entry as it is now."""
        return {"found": self.found, "message": self.message, "entry": self.entry.as_json()}


class LedgerSync:
    """Settles the entries of one account: those of its provider, endpoint and project, whatever its key."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        *,
        clock: Clock = SYSTEM_CLOCK,
        window: RecoveryWindow = DEFAULT_RECOVERY_WINDOW,
    ) -> None:
        self._provider = provider
        self._check = AccountCheck(provider, ledger, clock)
        self._account = account_key(provider)
        self._ledger = ledger
        self._clock = clock
        self._look_ups = LookUp(provider, ledger, clock=clock, window=window)

    def pending(self, *, active: bool = False) -> list[Entry]:
        """Return the open entries; `active`: also those that were active when last seen."""
        states = (*OPEN_STATES, "processing", *(["active"] if active else []))
        return [entry for state in states for entry in self._ledger.entries(provider=self._provider.name, state=state)]

    def is_mine(self, entry: Entry) -> bool:
        """Return whether an entry belongs to this account."""
        return entry.account_key == self._account

    def settle(self, entries: Iterable[Entry]) -> Iterator[SyncResult]:
        """Yield the result of each entry.

        Raise `AccountRefused`, `ProviderUnreachable` and, if the key is another account's, `UsageError`: they concern
        all entries.
        """
        self._check.require()
        entries = list(entries)
        lost = [entry for entry in entries if entry.asset_id is None]
        if self._provider.spec.recover_by:
            yield from self._look_up(lost)
        else:
            yield from map(self._cannot_look_up, lost)
        known = iter([entry for entry in entries if entry.asset_id is not None])
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="preflight-sync")
        try:
            while batch := list(islice(known, _BATCH_SIZE)):
                yield from executor.map(self._refresh, batch)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)  # all are done, or the caller has stopped iterating

    def adopt(self, entry: Entry, asset_id: str) -> SyncResult:
        """Settle an entry by the id of its asset, which the user knows."""
        self._check.require()
        taken = self._ledger.by_asset(entry.provider, asset_id, entry.origin)
        if taken is not None and (taken.key, taken.attempt) != (entry.key, entry.attempt):
            raise UsageError(f"{asset_id} is the asset of another entry already ({taken.name}). Check the id.")
        with self._ledger.claim(entry.registration, self._clock):
            asset = call_idempotent(lambda: self._provider.get(asset_id), self._clock)
            if asset.name is not None and asset.name != entry.name:
                raise UsageError(
                    f"{asset_id} is called {asset.name!r}, not {entry.name!r}: it is another asset. Check the id."
                )
            return self._record(entry, asset)

    def _cannot_look_up(self, entry: Entry) -> SyncResult:
        with self._ledger.claim(entry.registration, self._clock):
            if not self._is_open(entry):
                return self._settled_elsewhere(entry)
            return self._stays_unknown(entry, unrecoverable(self._provider, entry))

    def _stays_unknown(self, entry: Entry, text: str) -> SyncResult:
        written = self._ledger.write(replace(entry, state="unknown", error_code=UNKNOWN_OUTCOME, error_message=text))
        return SyncResult(written, "unknown", text)

    def _look_up(self, entries: Collection[Entry]) -> list[SyncResult]:
        """Look entries up by name while no other run processes them: only then does absence mean unregistered."""
        with ExitStack() as stack:
            # Entries can share a key: a migrated ledger may have two attempts open.
            claims = {entry.key: entry.registration for entry in entries}
            for key in sorted(claims):  # in one order, so that two runs never deadlock
                stack.enter_context(self._ledger.claim(claims[key], self._clock))
            still_open = {entry.name: entry for entry in entries if self._is_open(entry)}
            found = self._look_ups.find_many(still_open.values())
            return [
                self._settle_lost(entry, found.get(entry.name), still_open=entry.name in still_open)
                for entry in entries
            ]

    def _settle_lost(self, entry: Entry, asset: Asset | None, *, still_open: bool) -> SyncResult:
        if not still_open:
            return self._settled_elsewhere(entry)
        if asset is not None:
            return self._record(entry, asset)
        if not self._provider.sends_names:
            return self._stays_unknown(entry, unfound(self._provider, entry))
        self._ledger.forget(entry)
        return SyncResult(entry, "absent", "It was never registered. The next submit registers it.")

    def _is_open(self, entry: Entry) -> bool:
        """Return whether the claimed entry is unchanged: another run may have settled it before the claim."""
        current = self._ledger.current(entry)
        return current is not None and current.state in OPEN_STATES

    def _settled_elsewhere(self, entry: Entry) -> SyncResult:
        latest = self._ledger.latest(entry.registration)
        if latest is None:
            return SyncResult(entry, "absent", "Another run settled it.")
        return SyncResult(latest, _FOUND.get(latest.state, "unknown"), "Another run settled it.")

    def _refresh(self, entry: Entry) -> SyncResult:
        try:
            asset = call_idempotent(lambda: self._provider.get(entry.asset_id or ""), self._clock)
        except AssetNotFound:
            if age_of(entry, self._clock) < VISIBLE_AFTER:
                return SyncResult(entry, "processing", "It is not visible yet.")
            gone = self._ledger.settle(entry, "gone")
            return SyncResult(gone, "gone", "It is gone. The next submit registers it again.")
        except (ProviderUnavailable, RateLimited) as error:
            return SyncResult(entry, "unreachable", str(error))
        return self._record(entry, asset)

    def _record(self, entry: Entry, asset: Asset) -> SyncResult:
        entry = record_asset(self._provider, self._ledger, entry, asset)
        if entry.state == "failed":
            return SyncResult(entry, "failed", entry.error_message)
        return SyncResult(entry, _FOUND[entry.state])
