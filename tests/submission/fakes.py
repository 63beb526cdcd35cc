"""A provider in memory that registers, gets and lists, with hooks before each call; and entries for its ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from preflight.clock import Clock
from preflight.errors import AssetNotFound, ProviderError, ProviderUnavailable
from preflight.ledger import AccountKey, Entry, RegistrationKey, asset_name
from preflight.providers import ATLAS, Asset, Page, Provider, ProviderSpec, open_provider
from preflight.providers.spec import BeforeSend, NewAsset
from preflight.submission.recover import account_key

URL = "https://cdn.example/picture.png"


def failure(kind: type[ProviderError] = ProviderUnavailable, reason: str = "server", **more: Any) -> ProviderError:
    return kind(
        "It fails. Try again.", **{"provider": "x", "call": "x", "reason": reason, "remedy": "Try again.", **more}
    )


@dataclass
class FakeApi:
    """The calls of one account.

    assets  what it has, in the order of its list; size: of its pages; total: in place of their number
    listed  changes each item of the list; on: called before an action takes effect, with the number of its calls
    calls   by action; queries, pages: what was listed; sent: what was registered, which becomes `status`
    """

    assets: list[Asset] = field(default_factory=list)
    size: int = 20
    total: int | None = -1
    listed: Callable[[Asset], Asset] = lambda asset: asset
    on: dict[str, Callable[[int], object]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    queries: list[dict[str, Any]] = field(default_factory=list)
    pages: list[str | None] = field(default_factory=list)
    sent: list[NewAsset] = field(default_factory=list)
    status: Any = "active"

    def _called(self, action: str) -> None:
        self.calls[action] += 1
        self.on.get(action, lambda number: None)(self.calls[action])

    def list(self, *, page: str | None = None, size: int | None = None, **filters: str | None) -> Page[Asset]:
        self.queries.append(filters)
        self.pages.append(page)
        self._called("list")
        given = {name: value for name, value in filters.items() if value is not None}
        found = [
            asset
            for asset in self.assets
            if given.get("name", "") in (asset.name or "")
            and given.get("status", asset.status) == asset.status
            and given.get("group", asset.group) == asset.group
        ]
        start, size = (int(page or 1) - 1) * self.size, size or self.size
        following = str(int(page or 1) + 1) if start + size < len(found) else None
        total = len(found) if self.total == -1 else self.total
        return Page(tuple(map(self.listed, found[start : start + size])), following, total)

    def get(self, asset_id: str) -> Asset:
        self._called("get")
        for asset in self.assets:
            if asset.id == asset_id:
                return asset
        raise failure(AssetNotFound, "not_found")

    def register(self, registration: NewAsset, before_send: BeforeSend | None) -> Asset:
        if before_send is not None:
            before_send()
        self.sent.append(registration)
        self._called("register")
        return self.add(
            registration.name,
            status=self.status,
            kind=registration.kind,
            group=registration.group,
            source=registration.url,
        )

    def add(self, name: str | None = None, **facts: Any) -> Asset:
        """Add an asset to the end of the list."""
        asset = Asset(f"asset-{len(self.assets)}", "x", name=name, **{"status": "active", **facts})
        self.assets.append(asset)
        return asset


def provider_with(
    api: FakeApi, spec: ProviderSpec[Any] = ATLAS, *, clock: Clock, send_name: bool | None = None, **facts: Any
) -> Provider:
    """Open a provider whose calls go to `api`. facts: in place of those of its spec."""
    keys = {key.name: "a-key-0123456789" for key in spec.credentials}
    options = {} if send_name is None else {"send_name": send_name}
    provider = open_provider(replace(spec, **facts), keys, clock=clock, env={}, **options)  # type: ignore[arg-type]
    provider.api = api
    return provider


def entry_of(
    provider: Provider,
    content: str = "sha256:00",
    *,
    account: AccountKey | None = None,
    group: str = "",
    kind: str = "image",
    attempt: int = 1,
    **facts: Any,
) -> Entry:
    """Return the entry of a registration that is about to be made. account: in place of the provider's."""
    account = account or account_key(provider)
    key = RegistrationKey(*account, group, kind, content)
    name = asset_name("picture", key.digest, attempt)
    made = Entry(key.digest, attempt, *account, group, kind, content, "picture.png", name, "rules", url=URL)
    return replace(made, **facts)
