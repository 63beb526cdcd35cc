"""Whether an asset exists whose registration's answer was lost: by its unique name, through everything there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final, TypeVar

from preflight.errors import AssetNotFound
from preflight.ledger import SUFFIX_CHARS, Entry
from preflight.net.redact import redact
from preflight.providers import Asset, Group, Page, Provider
from preflight.rates import Backoff, Clock
from preflight.submission.patience import call_idempotent

T = TypeVar("T", Asset, Group)
R = TypeVar("R")

MOST_PAGES: Final = 10_000
STALE: Final = 3
"""Pages one after the other without anything new that end a list: not every server heeds the page it is asked for,
and what others register meanwhile moves items on to the next page."""
_OURS: Final = re.compile(rf"-[0-9a-f]{{{SUFFIX_CHARS - 1}}}$")
_SKEW: Final = timedelta(minutes=5)
"""By which the clocks of a provider and of this machine may differ."""
_WAITS: Final = Backoff(first=1.0, factor=1.7, most=10.0)


@dataclass(frozen=True, slots=True)
class RecoveryWindow:
    """How long an asset is looked for before its absence counts: `seconds`, with `waits` between the look-ups."""

    seconds: float = 60.0
    waits: Backoff = _WAITS


DEFAULT_RECOVERY_WINDOW: Final = RecoveryWindow()


def find(provider: Provider, entry: Entry, clock: Clock, settling: RecoveryWindow) -> Asset | None:
    """The asset of an entry; None once it has been absent from every look-up of `settling.seconds`.

    Raises `ProviderError` where the provider cannot be asked: then nothing is known.
    """
    return poll_until(lambda: _look(provider, entry, clock), clock, settling)


def matches_entry(asset: Asset, entry: Entry) -> bool:
    """Whether an asset is the one of an entry: by the unique end of its name.

    A provider may name assets as it likes. Then the URL tells, of one that is not older than the entry.
    """
    name = asset.name or ""
    if name == entry.name or (_OURS.search(entry.name) and name.endswith(entry.name[-SUFFIX_CHARS:])):
        return True
    source = (asset.source or asset.url or "").partition("?")[0]
    if _OURS.search(name) or asset.created is None or not entry.url or redact(source) != entry.url:
        return False
    return asset.created >= datetime.fromisoformat(entry.created) - _SKEW


def poll_until(look: Callable[[], R | None], clock: Clock, settling: RecoveryWindow) -> R | None:
    """What `look` finds within `settling.seconds`; None where it finds nothing even after them."""
    until = clock.now() + settling.seconds
    for attempt in count():
        late = clock.now() >= until
        found = look()
        if found is not None or late:
            return found
        clock.sleep(min(settling.waits.wait(attempt), max(0.0, until - clock.now())))
    raise AssertionError("count() does not end")


def iter_pages(turn: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """All items of all pages, each once."""
    page: str | None = None
    seen: set[str] = set()
    stale = 0
    for _ in range(MOST_PAGES):
        turned = turn(page)
        fresh = [item for item in turned.items if item.id not in seen]
        yield from fresh
        seen.update(item.id for item in fresh)
        page = turned.next
        stale = 0 if fresh else stale + 1
        if page is None or not turned.items or stale == STALE:
            return


def with_details(provider: Provider, asset: Asset) -> Asset:
    """An item of a list with what that list may leave out."""
    if asset.name is not None or not provider.lists_partly:
        return asset
    try:
        return provider.get(asset.id)
    except AssetNotFound:
        return asset


def _look(provider: Provider, entry: Entry, clock: Clock) -> Asset | None:
    """The asset of an entry in one walk through the list; a filter is used where there is one, and not believed."""
    named = entry.name if "name" in provider.filters else None
    grouped = entry.group or None if "group" in provider.filters else None

    def turn(page: str | None) -> Page[Asset]:
        return call_idempotent(lambda: provider.list(page=page, name=named, group=grouped), clock)

    for listed in iter_pages(turn):
        asset = call_idempotent(lambda listed=listed: with_details(provider, listed), clock)  # type: ignore[misc]
        if matches_entry(asset, entry):
            return asset
    return None
