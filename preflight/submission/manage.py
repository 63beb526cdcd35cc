"""Manage registered assets and the entries of the ledger: list, get, rename, delete, restore, settle."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import AssetNotFound, ProviderError, ProviderUnavailable, RateLimited, SourceError, UsageError
from preflight.escape import printable
from preflight.ledger import Entry, Ledger
from preflight.net.redact import redact
from preflight.providers import (
    Asset,
    DeletesAssets,
    HasTrash,
    ListsAssets,
    Page,
    Provider,
    RenamesAssets,
    find_provider,
)
from preflight.submission.account import AccountCheck
from preflight.submission.options import require_text
from preflight.submission.recover import (
    DEFAULT_RECOVERY_WINDOW,
    AssetFinder,
    RecoveryWindow,
    account_key,
    age_of,
    call_idempotent,
    call_once_unless_throttled,
    iter_items,
    read_page,
    with_details,
)
from preflight.submission.register import (
    OPEN_STATES,
    UNKNOWN_OUTCOME,
    VISIBLE_AFTER,
    content_of_file,
    record_asset,
    unfound_message,
    unrecoverable_message,
)

_REFERENCE: Final = re.compile("asset://", re.I)
_NAME: Final = re.compile(r"(?![0-9a-f]{8}(?:-[0-9a-f]{4}){3}-)[^:]*-[0-9a-f]{12}|[^:]*\.[0-9A-Za-z]{2,4}")
"""A name that preflight gives, or a file name; not a UUID, which may be an id."""
_MAX_LISTED: Final = 10
"""Assets that a message lists."""
_THREADS: Final = 16

Found = Literal["active", "processing", "failed", "gone", "absent", "unknown", "unreachable"]
"""`absent`: it was never registered, and its entry is deleted; `gone`: it was registered, and no longer exists;
`unknown`: that cannot be found out; `unreachable`: the provider does not respond now."""

_FOUND: Final[dict[str, Found]] = {"active": "active", "processing": "processing", "failed": "failed", "gone": "gone"}


@dataclass(frozen=True, slots=True)
class ManagedAsset:
    """An asset as its provider describes it, and its entry in the ledger, if there is one."""

    asset: Asset
    entry: Entry | None


def entries_of(ledger: Ledger, word: str, provider: str | None = None) -> list[Entry]:
    """Return the ledger's entries that a user may mean: by id, reference, name or source, newest first."""
    words = {printable(word), printable(redact(word))}
    if (scheme := _REFERENCE.match(word)) is not None:
        words |= {f"asset://{word[scheme.end() :]}", f"Asset://{word[scheme.end() :]}"}
    return ledger.named(words, provider)


def provider_of(ledger: Ledger, word: str) -> str:
    """Return the name of the provider whose asset the ledger knows by `word`. Raise `UsageError`."""
    names = sorted({entry.provider for entry in entries_of(ledger, word)})
    if not names:
        text = f"The ledger {ledger.path} has no asset {_quoted(word)}. Give its provider with to=."
        raise UsageError(text, parameters=("to",))
    if len(names) > 1:
        text = f"{_quoted(word)} is registered at {' and '.join(names)}. Choose one with to=."
        raise UsageError(text, parameters=("to",))
    return names[0]


class AssetManager:
    """Manages the assets of one account, named by id or reference, or by name or source in the ledger."""

    def __init__(self, provider: Provider, ledger: Ledger, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.provider = provider
        self._ledger = ledger
        self._clock = clock
        self._check = AccountCheck(provider, ledger, clock)

    def identify(self, word: str, *, gone: bool = False) -> tuple[str, Entry | None]:
        """Return an asset's id, and its entry in the ledger; gone: of a deleted asset. Raise `UsageError`."""
        require_text("The asset", word)
        known = entries_of(self._ledger, word, self.provider.name)
        here = [entry for entry in known if entry.account_key == account_key(self.provider)]
        with_id = [entry for entry in here if entry.asset_id is not None]
        fitting = [entry for entry in with_id if (entry.state == "gone") == gone] or with_id
        ids = list(dict.fromkeys(entry.asset_id or "" for entry in fitting))
        if len(ids) > 1:
            raise _ambiguous_word(word, ids)
        if ids:
            self._check.require()
            return ids[0], fitting[0]
        if here:
            raise UsageError(
                f"{_quoted(word)} has no id: whether it is registered is not known. Settle it with `assets sync`."
            )
        if any(word != entry.asset_id for entry in known):
            raise _registered_elsewhere(word, known[0], self.provider)
        if not known:
            self._require_no_other_provider(word)
            if _NAME.fullmatch(word):
                raise UsageError(f"The ledger {self._ledger.path} has no asset {_quoted(word)}. Give the asset's id.")
        return _REFERENCE.sub("", word, count=1), None

    def get(self, word: str) -> ManagedAsset:
        """Return the asset as it is now. Raise `AssetNotFound` if it is gone, and record that."""
        asset_id, entry = self.identify(word)
        return self._recorded(entry, self._get(asset_id, entry))

    def rename(self, word: str, name: str, *, description: str | None = None) -> ManagedAsset:
        """Change the name of the asset."""
        api = self.provider.api
        if not isinstance(api, RenamesAssets):
            raise self.provider.lacks("rename")
        asset_id, entry = self.identify(word)
        asset = self._get(asset_id, entry)  # where ids of assets and groups look alike, this refuses a group
        try:
            call_once_unless_throttled(lambda: api.rename(asset_id, name, description=description), self._clock)
        except ProviderError as error:
            if not error.ambiguous or self._get(asset_id, entry).name != name:
                raise
        if entry is not None:
            entry = self._ledger.write(replace(entry, name=name))
        return ManagedAsset(replace(asset, name=name), entry)

    def delete(self, word: str) -> ManagedAsset:
        """Delete the asset; permanently, unless the provider can restore it."""
        api = self.provider.api
        if not isinstance(api, DeletesAssets):
            raise self.provider.lacks("delete")
        asset_id, entry = self.identify(word)
        asset = self._get(asset_id, entry)
        try:
            call_once_unless_throttled(lambda: api.delete(asset_id), self._clock)
        except AssetNotFound:
            pass  # it was deleted meanwhile
        except ProviderError as error:
            if not error.ambiguous or not self._is_gone(asset_id):
                raise
        if entry is not None:
            entry = self._ledger.settle(entry, "gone")
        return ManagedAsset(asset, entry)

    def restore(self, word: str) -> ManagedAsset:
        """Take the asset out of the trash."""
        api = self.provider.api
        if not isinstance(api, HasTrash):
            raise self.provider.lacks("restore")
        asset_id, entry = self.identify(word, gone=True)
        try:
            call_once_unless_throttled(lambda: api.restore(asset_id), self._clock)
        except ProviderError as error:
            if not error.ambiguous or self._is_gone(asset_id):
                raise
        return self._recorded(entry, self._get(asset_id, entry))

    def _recorded(self, entry: Entry | None, asset: Asset) -> ManagedAsset:
        if entry is not None:
            entry = record_asset(self.provider, self._ledger, entry, asset)
        return ManagedAsset(asset, entry)

    def _get(self, asset_id: str, entry: Entry | None) -> Asset:
        try:
            return call_idempotent(lambda: self.provider.get(asset_id), self._clock)
        except AssetNotFound:
            if entry is not None:
                self._ledger.settle(entry, "gone")
            raise

    def _is_gone(self, asset_id: str) -> bool:
        try:
            call_idempotent(lambda: self.provider.get(asset_id), self._clock)
        except AssetNotFound:
            return True
        return False

    def _require_no_other_provider(self, word: str) -> None:
        others = sorted({entry.provider for entry in entries_of(self._ledger, word)})
        if others:
            text = f"{_quoted(word)} is an asset of {find_provider(others[0]).title}, not of {self.provider.title}."
            raise UsageError(f"{text} Give to={others[0]}.", parameters=("to",))


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """Selects assets; None selects all. `name`: a part of the name, case-sensitive."""

    group_id: str | None = None
    state: str | None = None
    kind: str | None = None
    name: str | None = None

    def selects(self, name: str | None, kind: str | None, state: str) -> bool:
        """Return whether something with these facts is selected; the group is not compared."""
        return (
            self.state in (None, state)
            and self.kind in (None, kind)
            and (self.name is None or self.name in (name or ""))
        )


class AssetListing:
    """Lists one provider's assets, or its trash. Filters that the provider lacks are applied here."""

    def __init__(
        self,
        provider: Provider,
        selected: AssetFilter,
        *,
        trash: bool = False,
        size: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """size: items per page. Raise `UsageError` if the provider cannot list this."""
        if trash and selected.group_id is not None:
            raise UsageError("A trash cannot be filtered by group. Leave group= out.", parameters=("group",))
        if selected.group_id is not None and "group" not in provider.spec.filters:
            raise UsageError(f"{provider.title} has no groups. Leave group= out.", parameters=("group",))
        self._provider = provider
        self._clock = clock
        self._selected = selected
        self._read_page = self._trash_reader(size) if trash else self._list_reader(size)

    def page(self, page: str) -> Page[Asset]:
        """Return one page; if a filter is applied here, it may have fewer items than others, or none."""
        found = self._read_page(page)
        return replace(found, items=tuple(self._select(found.items)))

    def all(self) -> Iterator[Asset]:
        """Yield the assets of all pages, each once."""
        return self._select(iter_items(self._read_page))

    def _trash_reader(self, size: int | None) -> Callable[[str | None], Page[Asset]]:
        api = self._provider.api
        if not isinstance(api, HasTrash):
            raise self._provider.lacks("list_trash")
        return lambda page: call_idempotent(lambda: api.list_trash(page=page, size=size), self._clock)

    def _list_reader(self, size: int | None) -> Callable[[str | None], Page[Asset]]:
        if not isinstance(self._provider.api, ListsAssets):
            raise self._provider.lacks("list")
        selected = self._selected
        filters = {"group": selected.group_id, "status": selected.state, "name": selected.name}
        return lambda page: read_page(self._provider, self._clock, page, size=size, **filters)

    def _select(self, assets: Iterable[Asset]) -> Iterator[Asset]:
        for listed in assets:
            # A list may leave out the name.
            asset = listed if self._selected.name is None else with_details(self._provider, listed, self._clock)
            if self._selected.selects(asset.name, asset.kind, asset.status):
                yield asset


def _quoted(word: str) -> str:
    return repr(redact(word)[:120])


def _ambiguous_word(word: str, ids: list[str]) -> UsageError:
    return UsageError(f"{_quoted(word)} means {len(ids)} assets. Give the id of one: {', '.join(ids[:_MAX_LISTED])}.")


def _registered_elsewhere(word: str, entry: Entry, provider: Provider) -> UsageError:
    """Return the error for an entry that is not one of this provider as it was opened."""
    if entry.origin != provider.origin:
        is_default = entry.origin == provider.spec.origins["main"]
        remedy = "Leave endpoint= out." if is_default else f"Give endpoint={redact(entry.origin)}."
        where, here = redact(entry.origin), redact(provider.origin)
        text = f"{_quoted(word)} was registered at {where}, not at {here}. {remedy}"
        return UsageError(text, parameters=("endpoint",))
    if entry.account != provider.account:
        text = f"{_quoted(word)} was registered with the account {entry.account!r}, not {provider.account!r}."
        return UsageError(f"{text} Name it with account={entry.account}.", parameters=("account",))
    where, here = printable(entry.project), printable(provider.project)
    text = f"{_quoted(word)} was registered in the project {where!r}, not in {here!r}. Choose it with project={where}."
    return UsageError(text, parameters=("project",))


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
        raise _ambiguous_word(word, ids)
    return found[0] if found else None


def unchanged_file(entry: Entry) -> str | None:
    """Return the local file that was registered, if it still has the same bytes."""
    if not os.path.isfile(entry.source):
        return None
    try:
        return entry.source if content_of_file(entry.source).identity == entry.content else None
    except SourceError:
        return None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """One entry and what was found; `message`: what to do, if anything."""

    entry: Entry
    found: Found
    message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object: what was found, and the entry as it is now."""
        return {"found": self.found, "message": self.message, "entry": self.entry.as_json()}


class LedgerSync:
    """Settles the entries of one account at one provider, endpoint and project, whatever its key."""

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
        self._finder = AssetFinder(provider, ledger, clock=clock, window=window)

    def pending(self, *, active: bool = False) -> list[Entry]:
        """Return the entries that are open or processing; active: also those that were active when last seen."""
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
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="preflight-sync")
        try:
            yield from executor.map(self._refresh, [entry for entry in entries if entry.asset_id is not None])
        finally:
            executor.shutdown(wait=False, cancel_futures=True)  # all are done, or the caller has stopped iterating

    def adopt(self, entry: Entry, asset_id: str) -> SyncResult:
        """Settle an entry by the id of its asset, which the user knows."""
        self._check.require()
        taken = self._ledger.by_asset(entry.provider, asset_id, entry.origin)
        if taken is not None and (taken.key, taken.attempt) != (entry.key, entry.attempt):
            raise UsageError(f"{asset_id} already belongs to another entry ({taken.name}). Check the id.")
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
            return self._stays_unknown(entry, unrecoverable_message(self._provider, entry))

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
            found = self._finder.find_many(still_open.values())
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
            return self._stays_unknown(entry, unfound_message(self._provider, entry))
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
