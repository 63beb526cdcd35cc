"""One asset, from its key to its id: what the ledger knows decides what is done, and each step is written first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from preflight.errors import AssetNotFound, ProviderError, RateLimited, RequestRefused
from preflight.ledger import Entry, Key, Ledger, asset_name
from preflight.pacing import Clock
from preflight.providers import Asset, Provider
from preflight.submitting.lookup import PASSING, Settling, find

MOST_TRIES: Final = 3
"""Registrations of one content whose failures are worth another try."""
THROTTLED: Final = 20
"""Refusals for too many calls after which a registration is given up; nothing was registered by any of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A registration that is wanted.

    url     makes the URL once it is known that a call will be made (it may upload the file)
    source  redacted; stem: the start of the asset's name; rules: digest of the rule sets that the file passed
    reusable  an active asset of the same key may be used again
    """

    key: Key
    kind: str
    source: str
    stem: str
    rules: str
    reusable: bool
    asset_type: str | None
    url: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Registered:
    """The entry as it is now, the asset as it was last seen, and whether it was there before this run."""

    entry: Entry
    asset: Asset | None
    reused: bool


class Registrar:
    """Registers what is not registered yet. The key must be claimed by the caller."""

    def __init__(
        self, provider: Provider, ledger: Ledger, clock: Clock, settling: Settling, *, retry_failed: bool = False
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._settling = settling
        self._retry_failed = retry_failed

    def register(self, wanted: Wanted) -> Registered:
        """The registration of this key, new or resumed. Raises `ProviderError` where nothing was registered."""
        entry = self._ledger.latest(wanted.key)
        if entry is None:
            return self._anew(wanted, 1)
        if entry.state == "intended":
            return self._resumed(wanted, entry)
        if entry.state == "unknown":
            return Registered(entry, None, True)
        if entry.state == "processing":
            return self._seen(wanted, entry)
        if entry.state == "active":
            return self._seen(wanted, entry) if wanted.reusable else self._anew(wanted, entry.serial + 1)
        if entry.state == "failed" and not self._worth_another_try(wanted, entry):
            return Registered(entry, None, True)
        return self._anew(wanted, entry.serial + 1)

    def _worth_another_try(self, wanted: Wanted, failed: Entry) -> bool:
        if self._retry_failed or failed.rules != wanted.rules:
            return True
        return failed.error_code in self._provider.retryable_failures and failed.serial < MOST_TRIES

    def _seen(self, wanted: Wanted, entry: Entry) -> Registered:
        """An asset that the ledger knows: what the provider says of it now."""
        try:
            asset = self._provider.get(entry.asset_id or "")
        except AssetNotFound:
            self._ledger.settle(entry, "gone")
            return self._anew(wanted, entry.serial + 1)
        except PASSING:
            if entry.state == "active":
                raise
            return Registered(entry, None, True)
        return Registered(self.record(entry, asset), asset, True)

    def _resumed(self, wanted: Wanted, entry: Entry) -> Registered:
        """A run ended between intent and answer: the call may have been made."""
        if self._provider.recover_by is None:
            text = "a run ended while it was registered; see whether it is there, then `assets sync` or `assets forget`"
            unknown = self._ledger.settle(entry, "unknown", error_code="unknown_outcome", error_message=text)
            return Registered(unknown, None, True)
        asset = find(self._provider, entry.name, entry.group or None, self._clock, self._settling)
        if asset is not None:
            return Registered(self.record(entry, asset), asset, True)
        return self._call(wanted, entry)

    def _anew(self, wanted: Wanted, serial: int) -> Registered:
        key = wanted.key
        digest = key.digest
        url = wanted.url()
        entry = Entry(
            key=digest,
            serial=serial,
            provider=key.provider,
            origin=key.origin,
            account=key.account,
            project=key.project,
            group=key.group,
            kind=key.kind,
            content=key.content,
            source=wanted.source,
            name=asset_name(wanted.stem, digest, serial),
            rules=wanted.rules,
        )
        return self._call(replace(wanted, url=lambda: url), self._ledger.write(entry))

    def _call(self, wanted: Wanted, entry: Entry) -> Registered:
        """Make the call whose intent is written, and write what came of it."""
        url = wanted.url()
        lost = throttled = 0
        while True:
            try:
                asset = self._provider.register(
                    url, wanted.kind, name=entry.name, group=entry.group or None, asset_type=wanted.asset_type
                )
            except RateLimited:
                throttled += 1
                if throttled == THROTTLED:
                    self._ledger.forget(entry)
                    raise
                continue  # it was refused before it acted; whoever paces the calls has slowed down
            except ProviderError as error:
                if not error.ambiguous:
                    return self._refused(entry, error)
                found = self._looked_up(entry, error)
                lost += 1
                if found is None and lost < MOST_TRIES:
                    continue  # it is certain by now that the call had no effect
                if found is None:
                    self._ledger.forget(entry)
                    raise
                return found
            return Registered(self.record(entry, asset), asset, False)

    def _looked_up(self, entry: Entry, error: ProviderError) -> Registered | None:
        """The answer was lost: the asset, if there is one. Where none can be looked up the outcome stays unknown."""
        if self._provider.recover_by is None:
            text = f"{error}; see whether it is there, then settle it with `assets sync` or `assets forget`"
            unknown = self._ledger.settle(entry, "unknown", error_code="unknown_outcome", error_message=text)
            return Registered(unknown, None, False)
        asset = find(self._provider, entry.name, entry.group or None, self._clock, self._settling)
        return None if asset is None else Registered(self.record(entry, asset), asset, False)

    def _refused(self, entry: Entry, error: ProviderError) -> Registered:
        """The call had no effect. A limit that it names is a failure of the file; all else is none."""
        if isinstance(error, RequestRefused) and error.finding is not None:
            settled = self._ledger.settle(
                entry, "failed", error_code=error.finding, error_message=str(error), provider_code=error.code
            )
            self._ledger.disagree(settled, "pass", error.finding, str(error))
            return Registered(settled, None, False)
        self._ledger.forget(entry)
        raise error

    def record(self, entry: Entry, asset: Asset) -> Entry:
        """Write what the provider says of the asset now."""
        state = asset.status if asset.status in ("active", "failed") else "processing"
        entry = self._ledger.settle(
            entry,
            state,
            asset_id=asset.id,
            reference=asset.reference,
            error_code=asset.error_code,
            error_message=asset.error_message,
            provider_code=asset.provider_code,
        )
        if state == "failed" and asset.error_code is not None:
            self._ledger.disagree(entry, "pass", asset.error_code, asset.error_message or "")
        return entry
