"""What happens to assets after they are registered: `AssetManager`. The ledger is kept in step with every call."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from preflight.errors import AssetNotFound, ProviderError, UsageError
from preflight.escape import printable
from preflight.ledger import Entry, Ledger
from preflight.net.redact import redact
from preflight.providers import Asset, Provider, find_provider
from preflight.rates import Clock
from preflight.submission.patience import call_idempotent, call_once_unless_throttled
from preflight.submission.recover import DEFAULT_RECOVERY_WINDOW
from preflight.submission.register import Registrar

_REFERENCE: Final = re.compile("asset://", re.I)
_SHOWN: Final = 10
"""Entries that a message names."""


@dataclass(frozen=True, slots=True)
class ManagedAsset:
    """An asset as its provider describes it, and its entry in the ledger, if there is one."""

    asset: Asset
    entry: Entry | None


def entries_of(ledger: Ledger, word: str, provider: str | None = None) -> list[Entry]:
    """The ledger's entries that a user may mean: by id, reference, name or source, newest first."""
    words = {printable(word), printable(redact(word))}
    if (mark := _REFERENCE.match(word)) is not None:
        words |= {f"asset://{word[mark.end() :]}", f"Asset://{word[mark.end() :]}"}
    return ledger.named(words, provider)


def provider_of(ledger: Ledger, word: str) -> str:
    """The name of the provider whose asset the ledger knows by `word`. Raises `UsageError`."""
    names = sorted({entry.provider for entry in entries_of(ledger, word)})
    if not names:
        raise UsageError(f"the ledger {ledger.path} knows no asset {_said(word)}: say with --to where it is")
    if len(names) > 1:
        raise UsageError(f"{_said(word)} is registered at {' and '.join(names)}: choose one with --to")
    return names[0]


class AssetManager:
    """The assets of one account. Words for an asset are its id, its reference, its name or source in the ledger."""

    def __init__(self, provider: Provider, ledger: Ledger, clock: Clock) -> None:
        self.provider = provider
        self._ledger = ledger
        self._clock = clock
        self._registrar = Registrar(provider, ledger, clock, DEFAULT_RECOVERY_WINDOW)

    def identify(self, word: str, *, gone: bool = False) -> tuple[str, Entry | None]:
        """The asset's id, and its entry in the ledger. `gone`: it is one that was deleted. Raises `UsageError`."""
        known = entries_of(self._ledger, word, self.provider.name)
        there = [entry for entry in known if self._has(entry)]
        here = [entry for entry in there if entry.asset_id is not None]
        fitting = [entry for entry in here if (entry.state == "gone") == gone] or here
        ids = list(dict.fromkeys(entry.asset_id or "" for entry in fitting))
        if len(ids) > 1:
            raise UsageError(f"{len(ids)} assets are meant by {_said(word)}: give one's id: {', '.join(ids[:_SHOWN])}")
        if ids:
            return ids[0], fitting[0]
        if there:
            raise UsageError(
                f"{_said(word)} has no id: whether it is registered is not known; settle it with "
                f"`assets sync --to {self.provider.name}`"
            )
        if any(word != entry.asset_id for entry in known):
            raise UsageError(f"{_said(word)} {_elsewhere(known[0], self.provider)}")
        if not known:
            self._no_other_provider_has(word)
        return _REFERENCE.sub("", word, count=1), None

    def get(self, word: str) -> ManagedAsset:
        """The asset as it is now. Raises `AssetNotFound` where it is gone, and notes that."""
        id_, entry = self.identify(word)
        asset = self._asked(id_, entry)
        return ManagedAsset(asset, None if entry is None else self._registrar.record(entry, asset))

    def rename(self, word: str, name: str, *, description: str | None = None) -> ManagedAsset:
        """Give the asset another name."""
        id_, entry = self.identify(word)
        asset = self._asked(id_, entry)  # where ids of assets and groups look alike, this refuses a group
        try:
            call_once_unless_throttled(lambda: self.provider.rename(id_, name, description=description), self._clock)
        except ProviderError as error:
            if not error.ambiguous or self._asked(id_, entry).name != name:
                raise
        if entry is not None:
            entry = self._ledger.write(replace(entry, name=name))
        return ManagedAsset(replace(asset, name=name), entry)

    def delete(self, word: str) -> ManagedAsset:
        """Delete the asset; for good, unless the provider can restore it."""
        id_, entry = self.identify(word)
        asset = self._asked(id_, entry)
        try:
            call_once_unless_throttled(lambda: self.provider.delete(id_), self._clock)
        except AssetNotFound:
            pass  # somebody else was faster
        except ProviderError as error:
            if not error.ambiguous or not self._is_gone(id_):
                raise
        if entry is not None:
            entry = self._ledger.settle(entry, "gone")
        return ManagedAsset(asset, entry)

    def restore(self, word: str) -> ManagedAsset:
        """Take the asset out of the trash."""
        id_, entry = self.identify(word, gone=True)
        try:
            call_once_unless_throttled(lambda: self.provider.restore(id_), self._clock)
        except ProviderError as error:
            if not error.ambiguous or self._is_gone(id_):
                raise
        asset = self._asked(id_, entry)
        return ManagedAsset(asset, None if entry is None else self._registrar.record(entry, asset))

    def entry(self, asset: Asset) -> Entry | None:
        """What the ledger has of an asset."""
        return self._ledger.by_asset(self.provider.name, asset.id, self.provider.origin)

    def _asked(self, id_: str, entry: Entry | None) -> Asset:
        try:
            return call_idempotent(lambda: self.provider.get(id_), self._clock)
        except AssetNotFound:
            # Another key may just not see it.
            if entry is not None and entry.account == self.provider.account:
                self._ledger.settle(entry, "gone")
            raise

    def _is_gone(self, id_: str) -> bool:
        try:
            call_idempotent(lambda: self.provider.get(id_), self._clock)
        except AssetNotFound:
            return True
        return False

    def _has(self, entry: Entry) -> bool:
        return (entry.origin, entry.project) == (self.provider.origin, self.provider.project)

    def _no_other_provider_has(self, word: str) -> None:
        others = sorted({entry.provider for entry in entries_of(self._ledger, word)})
        if others:
            title = find_provider(others[0]).title
            raise UsageError(
                f"{_said(word)} is an asset of {title}, not of {self.provider.title}: give --to {others[0]}"
            )


def _said(word: str) -> str:
    return repr(redact(word)[:120])


def _elsewhere(entry: Entry, provider: Provider) -> str:
    """Why the entry is not one of this provider as it was opened."""
    if entry.origin != provider.origin:
        usual = entry.origin == provider.origins["main"]
        remedy = "leave --endpoint out" if usual else f"give --endpoint {redact(entry.origin)}"
        return f"was registered at {redact(entry.origin)}, not at {redact(provider.origin)}: {remedy}"
    return (
        f"was registered in the project {printable(entry.project)!r}, not in {printable(provider.project)!r}: "
        f"give --set project={printable(entry.project)}"
    )
