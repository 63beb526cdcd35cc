"""Settles what the ledger left open: looks up what may have been registered, asks once for what is processing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

from preflight.errors import AssetNotFound, ProviderUnavailable, RateLimited, UsageError
from preflight.ledger import Entry, Ledger
from preflight.providers import Asset, Provider
from preflight.rates import Clock
from preflight.submission.patience import call_idempotent
from preflight.submission.recover import (
    DEFAULT_RECOVERY_WINDOW,
    RecoveryWindow,
    iter_pages,
    matches_entry,
    poll_until,
    with_details,
)
from preflight.submission.register import APPEARS, Registrar, age_of

OPEN: Final = ("intended", "unknown")
"""States of which the ledger has no id."""
_THREADS: Final = 16
_BATCH: Final = 512

Found = Literal["active", "processing", "failed", "gone", "absent", "unknown", "unreachable"]
"""`absent`: it was never registered, and its entry is dropped; `gone`: it was, and is no longer; `unknown`: that cannot
be found out; `unreachable`: the provider does not say now."""

_FOUND: Final[dict[str, Found]] = {"active": "active", "processing": "processing", "failed": "failed", "gone": "gone"}


@dataclass(frozen=True, slots=True)
class SyncResult:
    """One entry and what was found; `message` says what to do where that is needed."""

    entry: Entry
    found: Found
    message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """A JSON object: what was found, and the entry as it is now."""
        return {"found": self.found, "message": self.message, "entry": self.entry.as_json()}


class LedgerSync:
    """Settles the entries of one account: those of its provider, endpoint, key and project."""

    def __init__(
        self, provider: Provider, ledger: Ledger, clock: Clock, settling: RecoveryWindow = DEFAULT_RECOVERY_WINDOW
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._settling = settling
        self._registrar = Registrar(provider, ledger, clock, settling)

    def pending(self, *, active: bool = False) -> list[Entry]:
        """What there is to settle; `active`: also what was active when it was last seen."""
        states = (*OPEN, "processing", *(["active"] if active else []))
        return [entry for state in states for entry in self._ledger.entries(provider=self._provider.name, state=state)]

    def is_mine(self, entry: Entry) -> bool:
        """Whether it is of this very account: another key does not see another's assets."""
        provider = self._provider
        here = (provider.name, provider.origin, provider.account, provider.project)
        return (entry.provider, entry.origin, entry.account, entry.project) == here

    def settle(self, entries: Iterable[Entry]) -> Iterator[SyncResult]:
        """What became of each entry. Raises what stops them all: `AccountRefused`, `ProviderUnreachable`."""
        entries = list(entries)
        lost = {entry.key: entry for entry in entries if entry.asset_id is None}
        yield from self._look_up(lost.values()) if self._provider.recover_by else map(self._unknown, lost.values())
        rest = iter([entry for entry in entries if entry.asset_id is not None])
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="preflight-sync")
        try:
            while batch := list(islice(rest, _BATCH)):
                yield from pool.map(self._ask, batch)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # all are done, or nobody wants to wait for the rest

    def adopt(self, entry: Entry, asset_id: str) -> SyncResult:
        """Settle an entry by an id that its owner found in the provider's console."""
        taken = self._ledger.by_asset(entry.provider, asset_id, entry.origin)
        if taken is not None and (taken.key, taken.serial) != (entry.key, entry.serial):
            raise UsageError(f"{asset_id} is the asset of another entry already ({taken.name}): check the id")
        with self._ledger.claim(entry.registration, self._clock.sleep):
            asset = call_idempotent(lambda: self._provider.get(asset_id), self._clock)
            if asset.name is not None and asset.name != entry.name:
                raise UsageError(f"{asset_id} is called {asset.name!r}, not {entry.name!r}: it is another asset")
            return self._recorded(entry, asset)

    def _unknown(self, entry: Entry) -> SyncResult:
        text = (
            f"{self._provider.title} has no list to look it up in: see in its console whether there is an asset "
            f"called {entry.name}; if so, `assets sync --to {entry.provider} --entry {entry.name} --id ITS-ID`, "
            f"if not, `assets forget {entry.name}`"
        )
        with self._ledger.claim(entry.registration, self._clock.sleep):
            if not self._is_open(entry):
                return self._settled_elsewhere(entry)
            settled = self._ledger.settle(entry, "unknown", error_code="unknown_outcome", error_message=text)
        return SyncResult(settled, "unknown", text)

    def _look_up(self, entries: Collection[Entry]) -> list[SyncResult]:
        """By their names, while no other run works on them: only so absence means that nothing was registered."""
        with ExitStack() as stack:
            for entry in sorted(entries, key=lambda entry: entry.key):  # in one order, so that no two runs wait in turn
                stack.enter_context(self._ledger.claim(entry.registration, self._clock.sleep))
            still = {entry.name: entry for entry in entries if self._is_open(entry)}
            found = self._found(still)
            return [self._looked_up(entry, entry.name in still, found.get(entry.name)) for entry in entries]

    def _looked_up(self, entry: Entry, still: bool, asset: Asset | None) -> SyncResult:
        if not still:
            return self._settled_elsewhere(entry)
        if asset is not None:
            return self._recorded(entry, asset)
        self._ledger.forget(entry)
        return SyncResult(entry, "absent", "it was never registered: the next submit registers it")

    def _found(self, wanted: Mapping[str, Entry]) -> dict[str, Asset]:
        """The assets of these entries, by name; what is missing has been absent for the settling time."""
        found: dict[str, Asset] = {}

        def look() -> bool | None:
            nonlocal found
            for listed in iter_pages(lambda page: call_idempotent(lambda: self._provider.list(page=page), self._clock)):
                asset = call_idempotent(lambda listed=listed: with_details(self._provider, listed), self._clock)  # type: ignore[misc]
                found |= {name: asset for name, entry in wanted.items() if matches_entry(asset, entry)}
                if wanted.keys() == found.keys():
                    return True
            return None

        if wanted:
            poll_until(look, self._clock, self._settling)
        return found

    def _is_open(self, entry: Entry) -> bool:
        """Whether the entry, now that it is claimed, is as it was: another run may have settled it."""
        latest = self._ledger.latest(entry.registration)
        return latest is not None and latest.serial == entry.serial and latest.state in OPEN

    def _settled_elsewhere(self, entry: Entry) -> SyncResult:
        latest = self._ledger.latest(entry.registration)
        if latest is None:
            return SyncResult(entry, "absent", "another run settled it")
        return SyncResult(latest, _FOUND.get(latest.state, "unknown"), "another run settled it")

    def _ask(self, entry: Entry) -> SyncResult:
        try:
            asset = call_idempotent(lambda: self._provider.get(entry.asset_id or ""), self._clock)
        except AssetNotFound:
            if age_of(entry) < APPEARS:
                return SyncResult(entry, "processing", "it does not show yet")
            return SyncResult(
                self._ledger.settle(entry, "gone"), "gone", "it is gone: the next submit registers it again"
            )
        except (ProviderUnavailable, RateLimited) as error:
            return SyncResult(entry, "unreachable", str(error))
        return self._recorded(entry, asset)

    def _recorded(self, entry: Entry, asset: Asset) -> SyncResult:
        entry = self._registrar.record(entry, asset)
        if entry.state == "failed":
            return SyncResult(entry, "failed", entry.error_message)
        return SyncResult(entry, _FOUND[entry.state])
