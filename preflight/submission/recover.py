"""Recover from failed calls: repeat those that are safe to repeat; look up registrations whose response was lost."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import AssetNotFound, ProviderError, RateLimited
from preflight.ledger import SUFFIX_CHARS, AccountKey, Entry, Ledger
from preflight.net.redact import redact
from preflight.providers import Asset, Group, ListsAssets, Page, Provider
from preflight.rates import StillPending
from preflight.retry import Backoff, Deadline, RetryPolicy, retry

T = TypeVar("T")
Listed = TypeVar("Listed", Asset, Group)

MAX_PAGES: Final = 10_000
"""Pages after which a list is not read further."""
MAX_STALE_PAGES: Final = 3
"""Successive pages without new items that end a list. Some servers ignore the requested page; and while others register
assets, items move on to the next page."""
_IDS_PER_PAGE: Final = 10
"""Assets that are polled for each page of the list that may be read; beyond it they are polled one by one."""
_RETRIES: Final = RetryPolicy(attempts=4, backoff=Backoff(first=1.0, factor=2.0, maximum=10.0), max_retry_after=60.0)
_LOOK_UP_BACKOFF: Final = Backoff(first=1.0, factor=1.7, maximum=10.0)
_ASSET_NAME_END: Final = re.compile(rf"-[0-9a-f]{{{SUFFIX_CHARS - 1}}}$")
_MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Tolerated difference between the clocks of the provider and of this computer."""
_MAX_PAGES_WALKED: Final = 50
"""Pages above which new files are looked up one by one, where a list filters by name."""
_MAX_UNNAMED: Final = 200
"""Maximum number of items without a name that are fetched one by one before new files are registered."""
_MAX_READS: Final = 3
"""Readings of the list in one walk: when an asset is deleted, those after it move to a page that was already read."""
_LIST_PAUSE: Final = 60.0
"""Seconds for which new files are not looked up after the list could not be read."""


def account_key(provider: Provider) -> AccountKey:
    """Return the account whose assets an open provider sees, for the ledger."""
    return AccountKey(provider.name, provider.origin, provider.account, provider.project)


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
    attempt = 0
    while True:
        is_last = deadline.remaining() <= 0
        found = look()
        if found is not None or is_last:
            return found
        clock.sleep(min(window.backoff.delay(attempt), max(0.0, deadline.remaining())))
        attempt += 1


def iter_items(read_page: Callable[[str | None], Page[Listed]]) -> Iterator[Listed]:
    """Yield all items of all pages, each once."""
    for page in iter_pages(read_page):
        yield from page.items


def iter_pages(read_page: Callable[[str | None], Page[Listed]]) -> Iterator[Page[Listed]]:
    """Yield all pages, each with the items that no page before it had."""
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


def read_page(
    provider: Provider, clock: Clock, page: str | None = None, *, size: int | None = None, **filters: str | None
) -> Page[Asset]:
    """Return a page of the account's assets. Filters that the provider lacks are left out; others may be fuzzy."""
    api = provider.api
    if not isinstance(api, ListsAssets):
        raise provider.lacks("list")
    given = {name: value for name, value in filters.items() if name in provider.spec.filters}
    return call_idempotent(lambda: api.list(page=page, size=size, **given), clock)


def read_pages(
    provider: Provider, clock: Clock, *, name: str | None = None, group: str | None = None, status: str | None = None
) -> Iterator[Page[Asset]]:
    """Return an iterator over the pages of an account's assets, each with its new items."""
    return iter_pages(lambda page: read_page(provider, clock, page, name=name, group=group, status=status))


def list_processing(provider: Provider, clock: Clock, ids: Collection[str]) -> StillPending:
    """Return which of these assets are listed as processing, in few calls. Raise `ProviderError`."""
    left, read, max_pages = set(ids), 0, 1 + len(ids) // _IDS_PER_PAGE
    for number, page in enumerate(read_pages(provider, clock, status="processing"), 1):
        left.difference_update(asset.id for asset in page.items if asset.status == "processing")
        read += len(page.items)
        if not left or (page.total is not None and read >= page.total):
            break
        if number == max_pages and page.next is not None:
            return StillPending(set(ids) - left, complete=False)
    return StillPending(set(ids) - left, complete=True)


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

    If the provider renames assets, the URL decides, provided that the asset is not older than the entry.
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


@dataclass(slots=True)
class _Walk:
    """One reading of the provider's list, which callers share. A complete one proves what was absent when it began.

    began    monotonic time
    whole    it is read to the end, since other callers will need it
    by_name  items by their name, and by its unique end
    by_url   items by the URL that they were registered from
    unnamed  items by id whose name the list may leave out
    waiting  how many callers need further pages
    """

    began: float
    whole: bool
    by_name: dict[str, list[Asset]] = field(default_factory=dict)
    by_url: dict[str, list[Asset]] = field(default_factory=dict)
    unnamed: dict[str, Asset] = field(default_factory=dict)
    waiting: int = 0
    complete: bool = False
    ended: bool = False
    error: ProviderError | None = None

    def add(self, asset: Asset) -> None:
        """Add an asset by its name, by the unique end of it, and by its URL."""
        for name in {asset.name, unique_end(asset.name or "")} - {None}:
            self.by_name.setdefault(name or "", []).append(asset)
        if url := sent_url(asset):
            self.by_url.setdefault(url, []).append(asset)

    def candidates(self, entry: Entry) -> Iterator[Asset]:
        """Yield the assets that may be the one of an entry, those with its name first."""
        yield from self.by_name.get(entry.name, ())
        yield from self.by_name.get(unique_end(entry.name) or "", ())
        yield from self.by_url.get(entry.url, ())


class AssetFinder:
    """Looks up registrations in the list of one account. Threads that do so at the same time share one walk."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        *,
        clock: Clock = SYSTEM_CLOCK,
        window: RecoveryWindow = DEFAULT_RECOVERY_WINDOW,
    ) -> None:
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._window = window.seconds
        self._changed = threading.Condition()
        self._walk: _Walk | None = None  # the last one, which may be in progress
        self._whole: _Walk | None = None  # the last complete one
        self._due = 0.0  # the last moment until which a caller waits
        self._pages: int | None = None  # how many the list has, as far as is known
        self._count_lock = threading.RLock()
        self._details: dict[str, Asset] = {}  # listed items that were fetched singly, by id
        self._details_lock = threading.Lock()
        self._paused_until = 0.0  # until then, new files are not looked up

    def find(self, entry: Entry, *, age: float | None = None) -> Asset | None:
        """Return the asset of an entry; None once it is certain that there is none."""
        return self.find_many([entry], age=age).get(entry.name)

    def find_many(self, entries: Collection[Entry], *, age: float | None = None) -> dict[str, Asset]:
        """Return the assets of entries, by name; those left out are certainly absent.

        age  seconds since the calls ended; None: those since the entries were written

        Waits until the latest of those that are not listed would be visible. Raise `ProviderError` if the provider
        cannot be asked: then nothing is known.
        """
        if not entries:
            return {}
        now = self._clock.monotonic()
        called = {each.name: now - max(0.0, age_of(each, self._clock) if age is None else age) for each in entries}
        certain = {name: at + self._window for name, at in called.items()}
        after = max(at if certain[name] > now else certain[name] for name, at in called.items())
        others_follow = age is None and self._count_open() > len(entries)
        found = self._look(entries, after, whole=others_follow)
        absent = [entry for entry in entries if entry.name not in found]
        visible = max((certain[entry.name] for entry in absent), default=now)
        if visible > now:
            self._wait_until(visible)
            found |= self._look(absent, visible, whole=others_follow)
        return found

    def find_registered(self, entries: Sequence[Entry], url: str | None) -> tuple[Entry, Asset] | None:
        """Return the registration of a file that the ledger does not know, for example from another computer.

        entries  the attempts to register it that another ledger may have, in their order
        url      where the file is, if that identifies it

        The last attempt that is listed counts, even a failed one. The list is read once a run. None if nothing is found
        or the list cannot be read.
        """
        try:
            with self._count_lock:  # one thread finds out whether the list can be read
                if self._clock.monotonic() < self._paused_until:
                    return None
                asks_singly = self._filters_are_fewer(_MAX_PAGES_WALKED)
            if asks_singly:
                return self._find_attempts(entries)
            walk = self._whole or self._search(-1.0, _never, whole=True)
            if len(walk.unnamed) <= _MAX_UNNAMED:
                self._add_unnamed(walk, _never)
        except ProviderError:
            self._paused_until = self._clock.monotonic() + _LIST_PAUSE
            return None
        with self._changed:
            for entry in reversed(entries):
                for asset in walk.candidates(entry):
                    if is_named_like(asset, entry):
                        return entry, asset
            same = walk.by_url.get(redact((url or "").partition("?")[0]), ())
            found = [asset for asset in same if self._is_file_of(asset, entries[0], url or "")]
        return (entries[0], found[0]) if found else None

    def _find_attempts(self, entries: Sequence[Entry]) -> tuple[Entry, Asset] | None:
        """Look up one attempt after the other, until one is absent."""
        last = None
        for entry in entries:
            asset = self._filtered(entry, (unique_end(entry.name) or entry.name).removeprefix("-"))
            if asset is None:
                break
            last = entry, asset
        return last

    def _is_file_of(self, asset: Asset, entry: Entry, url: str) -> bool:
        """Return whether an asset that was registered elsewhere has the URL, the kind and the group of an entry."""
        return (
            unique_end(asset.name or "") is None
            and asset.status in ("processing", "active")
            and asset.kind in (None, entry.kind)
            and asset.group in (None, entry.group_id or None)
            and redact(asset.source or asset.url or "") == redact(url)
            and self._ledger.by_asset(entry.provider, asset.id, entry.origin) is None
        )

    def _look(self, entries: Collection[Entry], after: float, *, whole: bool) -> dict[str, Asset]:
        """Return the assets of those entries that are listed, by a walk that began at `after` or later."""
        found: dict[str, Asset] = {}
        if self._is_filter_better(entries, after):
            for entry in entries:
                if (asset := self._filtered(entry, entry.name)) is not None:
                    found[entry.name] = asset
            return found

        def look(walk: _Walk) -> bool:
            for entry in entries:
                if entry.name not in found and (asset := self._match(walk, entry)) is not None:
                    found[entry.name] = asset
            return len(found) == len(entries)

        walk = self._search(after, look, whole=whole)
        if not look(walk):
            self._add_unnamed(walk, look)
        return found

    def _is_filter_better(self, entries: Collection[Entry], after: float) -> bool:
        """Return whether looking up each name takes fewer calls than a walk, and no walk can be shared."""
        if "name" not in self._provider.spec.filters:
            return False
        with self._changed:
            walk = self._walk
            if walk is not None and walk.began >= after and (walk.complete or not walk.ended):
                return False
        return self._filters_are_fewer(max(len(entries), self._count_open()))

    def _match(self, walk: _Walk, entry: Entry) -> Asset | None:
        """Return the asset of an entry. One that only has its URL may be recorded as that of another entry."""
        for asset in walk.candidates(entry):
            if is_named_like(asset, entry):
                return asset
            if matches_entry(asset, entry):
                other = self._ledger.by_asset(entry.provider, asset.id, entry.origin)
                if other is None or (other.key, other.attempt) == (entry.key, entry.attempt):
                    return asset
        return None

    def _filtered(self, entry: Entry, name: str) -> Asset | None:
        for page in read_pages(self._provider, self._clock, name=name, group=entry.group_id or None):
            for listed in page.items:
                asset = with_details(self._provider, listed, self._clock)
                if matches_entry(asset, entry):
                    return asset
        return None

    def _filters_are_fewer(self, calls: int) -> bool:
        """Return whether that many calls with a filter for the name are fewer than a walk takes."""
        spec = self._provider.spec
        if "name" not in spec.filters:
            return False
        with self._count_lock:
            if calls > 1 and self._pages is None:
                total = read_page(self._provider, self._clock).total
                self._pages = MAX_PAGES if total is None else -(-total // spec.page_size)
        return calls == 1 or calls < (self._pages or 0)

    def _count_open(self) -> int:
        """Return how many registrations of this account are open: others are about to be looked up too."""
        account = account_key(self._provider)
        intended = self._ledger.entries(provider=self._provider.name, state="intended")
        return sum(entry.account_key == account for entry in intended)

    def _wait_until(self, moment: float) -> None:
        """Wait until `moment`. Callers whose moments are close wait for the last one, and then share its walk."""
        with self._changed:
            self._due = max(self._due, moment)
        latest = moment + self._window
        while (left := min(self._due, latest) - self._clock.monotonic()) > 0:
            self._clock.sleep(left)

    # Walks.

    def _search(self, after: float, look: Callable[[_Walk], bool], *, whole: bool) -> _Walk:
        """Return a walk that began at `after` or later: complete, or read until `look` was satisfied."""
        while True:
            with self._changed:
                walk = self._walk
                if walk is not None and walk.began >= after and walk.complete:
                    return walk
                is_mine = walk is None or walk.ended
                if walk is None or walk.ended:
                    walk = self._walk = _Walk(self._clock.monotonic(), whole)
                elif walk.began < after:
                    self._clock.wait(self._changed, None)
                    continue
            if is_mine:
                self._read(walk, look)
                satisfied = walk.complete or look(walk)
            else:
                satisfied = self._await(walk, look)
            if walk.error is not None and not satisfied:
                raise walk.error
            if satisfied:
                return walk

    def _read(self, walk: _Walk, look: Callable[[_Walk], bool]) -> None:
        """Read the list into the walk, until no caller needs more of it."""
        try:
            for _ in range(_MAX_READS):
                seen, total, is_shorter = 0, 0, False
                for page in read_pages(self._provider, self._clock):
                    is_shorter |= page.total is not None and page.total < total
                    total, seen = page.total or 0, seen + len(page.items)
                    if self._take(walk, page.items, look):
                        return
                if not is_shorter:
                    break
            walk.complete = True
            self._whole = walk
            self._pages = -(-seen // self._provider.spec.page_size)
        except ProviderError as error:
            walk.error = error
        finally:
            with self._changed:
                walk.ended = True
                self._changed.notify_all()

    def _take(self, walk: _Walk, listed: Collection[Asset], look: Callable[[_Walk], bool]) -> bool:
        """Add a page to the walk; return whether no caller needs a further one."""
        with self._changed:
            for asset in listed:
                self._add(walk, asset)
            self._changed.notify_all()
            return look(walk) and not walk.waiting and not walk.whole

    def _await(self, walk: _Walk, look: Callable[[_Walk], bool]) -> bool:
        """Wait until `look` is satisfied or another thread has ended the walk; return whether the result is certain."""
        with self._changed:
            walk.waiting += 1
            try:
                while not (found := look(walk)) and not walk.ended:
                    self._clock.wait(self._changed, None)
            finally:
                walk.waiting -= 1
        return found or walk.complete

    def _add(self, walk: _Walk, listed: Asset) -> None:
        asset = replace(self._details.get(listed.id, listed), raw={})  # many raw responses take much memory
        lacks_name = asset.name is None and asset.source is None and self._provider.spec.lists_partly
        if lacks_name and listed.id not in self._details:
            walk.unnamed[asset.id] = asset
        else:
            walk.add(asset)

    def _add_unnamed(self, walk: _Walk, look: Callable[[_Walk], bool]) -> None:
        """Fetch the items that have neither a name nor the URL that was sent, each once, until `look` is satisfied."""
        with self._details_lock:
            for listed in list(walk.unnamed.values()):
                asset = replace(with_details(self._provider, listed, self._clock), raw={})
                self._details[listed.id] = asset
                with self._changed:
                    del walk.unnamed[listed.id]
                    walk.add(asset)
                    if look(walk):
                        return


def _never(_walk: _Walk) -> bool:
    """Return False, so that the whole list is read."""
    return False
