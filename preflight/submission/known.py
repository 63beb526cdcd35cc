"""Read back assets that the ledger knows: many from the provider's list, or a few with one call each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from preflight.clock import Clock
from preflight.errors import ProviderError
from preflight.ledger import Ledger
from preflight.providers import Asset, Page, Provider
from preflight.submission.recover import call_idempotent, read_pages

_MAX_AGE: Final = 30.0
"""Seconds for which what was listed counts as current."""
_MAX_LISTED: Final = 10_000
"""Maximum number of listed assets that are kept until they are asked for: each takes about 2 kB."""
_MIN_FOUND_PER_PAGE: Final = 10
"""Known assets that a page must have on average: if the list has fewer, single calls are cheaper."""


class KnownAssets:
    """The assets that one call of a client reads back. Thread-safe.

    If many are waiting, and the provider's list has current statuses, the list is read page by page. An asset that it
    lacks or shows only in part is read with a call of its own, so that a deletion is noticed.
    """

    def __init__(self, provider: Provider, ledger: Ledger, clock: Clock, count_waiting: Callable[[], int]) -> None:
        """count_waiting: returns how many other assets are waiting to be read."""
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._count_waiting = count_waiting
        self._lock = threading.Lock()
        self._pages: Iterator[Page[Asset]] = iter(())
        self._expires_at = clock.monotonic()
        self._pages_read = self._found = 0
        self._listed: dict[str, Asset] = {}

    def get(self, asset_id: str) -> Asset:
        """Return an asset as it is now, or as it was listed during this call. Raise `ProviderError`."""
        listed = self._find_listed(asset_id) if self._provider.spec.lists_status else None
        return listed or call_idempotent(lambda: self._provider.get(asset_id), self._clock)

    def _find_listed(self, asset_id: str) -> Asset | None:
        with self._lock:  # the others wait for the page that is being read
            if self._clock.monotonic() >= self._expires_at:
                self._listed.clear()
                if self._count_waiting() < self._provider.spec.page_size:
                    return None
                self._pages = read_pages(self._provider, self._clock)
                self._expires_at = self._clock.monotonic() + _MAX_AGE
                self._pages_read = self._found = 0
            while asset_id not in self._listed and self._read_page():
                pass
            return self._listed.pop(asset_id, None)

    def _read_page(self) -> bool:
        """Read the next page; return False at the end of the list, or while single calls are cheaper."""
        wanted = self._found + self._count_waiting()
        if self._pages_read > wanted // _MIN_FOUND_PER_PAGE or len(self._listed) >= _MAX_LISTED:
            return False
        try:
            page = next(self._pages, None)
        except ProviderError:  # the reading has ended
            return False
        if page is None:
            return False
        self._pages_read += 1
        known = {asset.id: asset for asset in page.items if _is_complete(asset) and self._is_known(asset)}
        self._listed |= known
        self._found += len(known)
        return True

    def _is_known(self, asset: Asset) -> bool:
        return self._ledger.by_asset(self._provider.name, asset.id, self._provider.origin) is not None


def _is_complete(asset: Asset) -> bool:
    """Return whether a listed asset has all that a call for this asset would return."""
    if asset.name is None or asset.kind is None:
        return False
    if asset.status == "failed":
        return asset.error_message is not None or asset.provider_code is not None
    return asset.status == "processing" or (asset.status == "active" and asset.url is not None)
