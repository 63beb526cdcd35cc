"""Recover from failed calls: repeat those that are safe to repeat, look up registrations whose response was lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Final, TypeVar

from preflight.clock import Clock
from preflight.errors import AssetNotFound, ProviderError, RateLimited
from preflight.ledger import SUFFIX_CHARS, Entry
from preflight.net.redact import redact
from preflight.providers import Asset, Group, ListsAssets, Page, Provider
from preflight.retry import Backoff, Deadline, RetryPolicy, retry

T = TypeVar("T")
Listed = TypeVar("Listed", Asset, Group)

MAX_PAGES: Final = 10_000
MAX_STALE_PAGES: Final = 3
"""Successive pages without anything new that end a list: some servers ignore the page that they are asked for, and what
others register meanwhile moves items on to the next page."""
_RETRIES: Final = RetryPolicy(attempts=4, backoff=Backoff(first=1.0, factor=2.0, maximum=10.0), max_retry_after=60.0)
_LOOK_UP_BACKOFF: Final = Backoff(first=1.0, factor=1.7, maximum=10.0)
_ASSET_NAME_END: Final = re.compile(rf"-[0-9a-f]{{{SUFFIX_CHARS - 1}}}$")
_MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Tolerated difference between the clocks of the provider and of this computer."""


@dataclass(frozen=True, slots=True)
class RecoveryWindow:
    """How long a registration may take to become visible: one that is not listed `seconds` after its call is absent.

    backoff  between the look-ups of a group
    """

    seconds: float = 60.0
    backoff: Backoff = _LOOK_UP_BACKOFF


DEFAULT_RECOVERY_WINDOW: Final = RecoveryWindow()


def call_idempotent(call: Callable[[], T], clock: Clock) -> T:
    """Return the result of an idempotent call; repeat it after a temporary failure."""
    return retry(
        call,
        _RETRIES,
        errors=ProviderError,
        is_transient=lambda error: error.retryable and error.reason not in ("connection_failed", "response_invalid"),
        clock=clock,
    )


def call_once_unless_throttled(call: Callable[[], T], clock: Clock) -> T:
    """Return the result of a call that has an effect; repeat it only if it was throttled."""
    return retry(call, _RETRIES, errors=RateLimited, clock=clock)


def poll_until(look: Callable[[], T | None], clock: Clock, window: RecoveryWindow) -> T | None:
    """Return the result of `look` once it is not None; None at the end of the window."""
    deadline = Deadline(window.seconds, clock)
    for attempt in count():
        is_last = deadline.remaining() <= 0
        found = look()
        if found is not None or is_last:
            return found
        clock.sleep(min(window.backoff.delay(attempt), max(0.0, deadline.remaining())))
    raise AssertionError("count() does not end")


def iter_pages(read_page: Callable[[str | None], Page[Listed]]) -> Iterator[Listed]:
    """Return all items of all pages, each once."""
    for page in new_items(read_page):
        yield from page.items


def new_items(read_page: Callable[[str | None], Page[Listed]]) -> Iterator[Page[Listed]]:
    """Return all pages, each with the items that no page before it had."""
    page: str | None = None
    seen: set[str] = set()
    stale = 0
    for _ in range(MAX_PAGES):
        found = read_page(page)
        new = tuple(item for item in found.items if item.id not in seen)
        yield replace(found, items=new)
        seen.update(item.id for item in new)
        page = found.next
        stale = 0 if new else stale + 1
        if page is None or not found.items or stale == MAX_STALE_PAGES:
            return


def read_assets(
    provider: Provider, clock: Clock, *, name: str | None = None, group: str | None = None
) -> Iterator[Page[Asset]]:
    """Return the pages of an account's assets as its list has them. The filters may be fuzzy: compare the result."""
    api = provider.api
    if not isinstance(api, ListsAssets):
        raise provider.lacks("list")

    def read_page(page: str | None) -> Page[Asset]:
        return call_idempotent(lambda: api.list(page=page, name=name, group=group), clock)

    return new_items(read_page)


def with_details(provider: Provider, asset: Asset, clock: Clock) -> Asset:
    """Return an item of a list with the fields that the list may leave out."""
    if asset.name is not None or not provider.spec.lists_partly:
        return asset
    try:
        return call_idempotent(lambda: provider.get(asset.id), clock)
    except AssetNotFound:
        return asset


def age_of(entry: Entry, clock: Clock) -> float:
    """Return the seconds since the entry was last written."""
    return clock.wall() - datetime.fromisoformat(entry.updated).timestamp()


def matches_entry(asset: Asset, entry: Entry) -> bool:
    """Return whether an asset is the one of an entry, by the unique end of its name.

    A provider may name assets as it likes. Then the URL decides, if the asset is not older than the entry.
    """
    if is_named_like(asset, entry):
        return True
    is_ours = unique_end(asset.name or "") is not None
    if is_ours or asset.created is None or not entry.url or sent_url(asset) != entry.url:
        return False
    return asset.created >= datetime.fromisoformat(entry.created) - _MAX_CLOCK_SKEW


def is_named_like(asset: Asset, entry: Entry) -> bool:
    """Return whether an asset has the name of an entry, or its unique end."""
    end = unique_end(entry.name)
    return asset.name == entry.name or (end is not None and (asset.name or "").endswith(end))


def unique_end(name: str) -> str | None:
    """Return the unique end that preflight gives to the name of a registration; None for any other name."""
    found = _ASSET_NAME_END.search(name)
    return None if found is None else found[0]


def sent_url(asset: Asset) -> str:
    """Return the URL of an asset as `Entry.url` has it: without its query, redacted."""
    return redact((asset.source or asset.url or "").partition("?")[0])
