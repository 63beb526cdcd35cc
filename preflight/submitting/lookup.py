"""Whether an asset exists whose registration's answer was lost: by its unique name, through everything there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from preflight.errors import AssetNotFound, ProviderUnavailable, ProviderUnreachable, RateLimited
from preflight.pacing import Backoff, Clock
from preflight.providers import Asset, Group, Page, Provider

T = TypeVar("T", Asset, Group)

MOST_PAGES: Final = 10_000
_WAITS: Final = Backoff(first=1.0, factor=1.7, most=10.0)
PASSING: Final = (ProviderUnavailable, ProviderUnreachable, RateLimited)
"""What says nothing of the thing asked for: ask again later."""


@dataclass(frozen=True, slots=True)
class Settling:
    """How long an asset is looked for before its absence counts: `seconds`, with `waits` between the look-ups."""

    seconds: float = 60.0
    waits: Backoff = _WAITS


USUAL_SETTLING: Final = Settling()


def find(provider: Provider, name: str, group: str | None, clock: Clock, settling: Settling) -> Asset | None:
    """The asset of this name; None once it has been absent from every look-up of `settling.seconds`."""
    until = clock.now() + settling.seconds
    attempt = 0
    while True:
        try:
            found = _look(provider, name, group)
        except PASSING:
            found = None
            until = max(until, clock.now() + settling.waits.most)  # not one of the look-ups that say it is absent
            if attempt > 60:
                raise
        if found is not None or clock.now() >= until:
            return found
        clock.sleep(min(settling.waits.wait(attempt), max(0.0, until - clock.now())))
        attempt += 1


def _look(provider: Provider, name: str, group: str | None) -> Asset | None:
    named = name if "name" in provider.filters else None
    grouped = group if "group" in provider.filters else None
    for asset in every(lambda page: provider.list(page=page, name=named, group=grouped)):
        if provider.lists_partly and asset.name is None:
            asset = _whole(provider, asset)
        if asset.name == name:
            return asset
    return None


def _whole(provider: Provider, asset: Asset) -> Asset:
    try:
        return provider.get(asset.id)
    except AssetNotFound:
        return asset


def every(turn: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """All items of all pages. A page without news ends it: not every server heeds the page that it is asked for."""
    page: str | None = None
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        turned = turn(page)
        fresh = [item for item in turned.items if item.id not in seen]
        yield from fresh
        seen.update(item.id for item in fresh)
        page = turned.next
        if page is None or not fresh:
            return
