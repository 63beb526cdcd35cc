"""A provider in memory that has every call for assets and groups, which fail as a test decides; and its ledger."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, Unpack, cast

from preflight.errors import AssetNotFound, ProviderError, ProviderUnavailable, RequestRefused
from preflight.ledger import AccountKey, Entry, Ledger
from preflight.providers import (
    PROVIDERS,
    Asset,
    DeletesAssets,
    Group,
    HasGroups,
    HasTrash,
    ListsAssets,
    Page,
    Provider,
    RenamesAssets,
    open_provider,
)
from preflight.providers.connection import ApiConnection
from preflight.providers.provider import BaseApi
from preflight.providers.spec import BeforeSend, ListQuery, NewAsset
from preflight.submission.recover import account_key
from tests.clocks import FakeTime
from tests.submission.fakes import entry_of

T = TypeVar("T")


def lost(call: str = "Call") -> ProviderUnavailable:
    """The error of a call whose response is lost."""
    return ProviderUnavailable(f"{call}: lost", provider="atlas", call=call, reason="server", ambiguous=True)


def refused(call: str = "Call") -> RequestRefused:
    """The error of a call that certainly had no effect."""
    return RequestRefused(f"{call}: refused", provider="atlas", call=call, reason="invalid")


def not_found(call: str = "Get") -> AssetNotFound:
    return AssetNotFound(f"{call}: not found", provider="atlas", call=call, reason="not_found")


class PlainApi(BaseApi):
    """Registers and returns assets.

    calls     the calls in their order
    failures  by call, the errors of the next calls; None: it succeeds. `late`: calls that fail after their effect
    """

    def __init__(self, connection: ApiConnection) -> None:
        super().__init__(connection)
        self.assets: dict[str, Asset] = {}
        self.calls: list[str] = []
        self.failures: dict[str, list[ProviderError | None]] = {}
        self.late: set[str] = set()
        self.numbers = itertools.count(1)

    @contextmanager
    def call(self, action: str) -> Iterator[None]:
        self.calls.append(action)
        failures = self.failures.get(action)
        failure = failures.pop(0) if failures else None
        if failure is not None and action not in self.late:
            raise failure
        yield
        if failure is not None:
            raise failure

    def add(self, asset_id: str, **facts: Any) -> Asset:
        asset = Asset(asset_id, self.spec.name, **{"status": "active", "reference": f"asset://{asset_id}", **facts})
        self.assets[asset_id] = asset
        return asset

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        with self.call("register"):
            return self.add(f"asset-{next(self.numbers)}", name=registration.name, kind=registration.kind)

    def get(self, asset: str) -> Asset:
        with self.call("get"):
            return _known(self.assets, asset)


class MemoryApi(PlainApi, ListsAssets, RenamesAssets, DeletesAssets, HasTrash, HasGroups):
    """Has every capability that assets and groups have."""

    def __init__(self, connection: ApiConnection) -> None:
        super().__init__(connection)
        self.trash: dict[str, Asset] = {}
        self.groups: dict[str, Group] = {}

    def list(self, **query: Unpack[ListQuery]) -> Page[Asset]:
        with self.call("list"):
            found = [
                asset
                for asset in self.assets.values()
                if query.get("group") in (None, asset.group)
                and query.get("status") in (None, asset.status)
                and (query.get("name") or "") in (asset.name or "")
            ]
            return _page(found, query.get("page"), query.get("size") or self.spec.page_size)

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        with self.call("rename"):
            self.assets[asset] = replace(_known(self.assets, asset), name=name)

    def delete(self, asset: str) -> None:
        with self.call("delete"):
            self.trash[asset] = _known(self.assets, asset)
            del self.assets[asset]

    def restore(self, asset: str) -> None:
        with self.call("restore"):
            self.assets[asset] = _known(self.trash, asset)
            del self.trash[asset]

    def list_trash(self, *, page: str | None = None, size: int | None = None) -> Page[Asset]:
        with self.call("list_trash"):
            return _page([*self.trash.values()], page, size or self.spec.page_size)

    def add_group(self, name: str | None, description: str | None = None, group_id: str | None = None) -> Group:
        group = Group(group_id or f"g-{next(self.numbers)}", self.spec.name, name, description)
        self.groups[group.id] = group
        return group

    def create_group(self, name: str, *, description: str | None = None) -> Group:
        with self.call("create_group"):
            return self.add_group(name, description)

    def list_groups(self, *, name: str | None = None, page: str | None = None, size: int | None = None) -> Page[Group]:
        with self.call("list_groups"):
            return _page([*self.groups.values()], page, size or self.spec.page_size)

    def get_group(self, group: str) -> Group:
        with self.call("get_group"):
            return _known(self.groups, group)

    def update_group(self, group: str, *, name: str | None = None, description: str | None = None) -> None:
        with self.call("update_group"):
            before = _known(self.groups, group)
            self.groups[group] = replace(
                before, name=name or before.name, description=description or before.description
            )

    def delete_group(self, group: str) -> None:
        with self.call("delete_group"):
            del self.groups[_known(self.groups, group).id]


class Memory:
    """A provider in memory, its ledger and its time. A context manager.

    spec  fields of the provider's spec in place of those of Atlas, with all filters and groups
    """

    def __init__(self, folder: Path, api: type[PlainApi] = MemoryApi, *, key: str = "sk-1", **spec: Any) -> None:
        self.time = FakeTime()
        self.clock = self.time.clock
        fields = {"needs_group": True, "filters": frozenset({"group", "status", "name"}), **spec}
        self.spec = replace(PROVIDERS["atlas"], api=api, **fields)
        self.ledger = Ledger(str(folder / "ledger.sqlite"), clock=self.clock)
        self.provider = self.open(key)
        self.api = cast("MemoryApi", self.provider.api)
        self._contents = itertools.count(1)

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.provider.close()
        self.ledger.close()

    def open(self, key: str = "sk-1", **options: Any) -> Provider:
        return open_provider(self.spec, key, clock=self.clock, env={}, **options)

    @property
    def account(self) -> AccountKey:
        return account_key(self.provider)

    def enter(self, asset_id: str | None, **facts: Any) -> Entry:
        """Write an entry of this account, a second after the last one."""
        self.time.now += 1
        content = facts.pop("content", f"sha256:{next(self._contents):064}")
        plain = {
            "asset_id": asset_id,
            "source": f"{content[-4:]}.png",
            "state": "intended" if asset_id is None else "active",
            "reference": None if asset_id is None else f"asset://{asset_id}",
            "url": "",
        }
        return self.ledger.write(entry_of(self.provider, content, **plain | facts))

    def both(self, asset_id: str, **facts: Any) -> Entry:
        """Add an asset to the provider, and its entry to the ledger."""
        entry = self.enter(asset_id, **facts)
        self.api.add(asset_id, name=entry.name, kind=entry.media_kind, group=entry.group_id or None)
        return entry


def _known(things: dict[str, T], id_: str) -> T:
    if id_ not in things:
        raise not_found()
    return things[id_]


def _page(things: Sequence[T], page: str | None, size: int) -> Page[T]:
    begin = (int(page or "1") - 1) * size
    rest = len(things) > begin + size
    following = str(int(page or "1") + 1) if rest else None
    return Page(tuple(things[begin : begin + size]), following, len(things))
