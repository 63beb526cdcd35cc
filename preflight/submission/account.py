"""One account: the check of its key, and what its open clients share in this process (threads, rates, ledger).

An account is provider, origin, account, project and ledger. Its first client opens it, its last one closes it.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import islice
from typing import Final

from preflight.clock import Clock, InterruptibleLock
from preflight.errors import AssetNotFound, Stopped, UsageError
from preflight.forks import SharedByThreads
from preflight.ledger import AccountKey, Entry, Ledger
from preflight.providers import Asset, ListsAssets, Provider, Rate
from preflight.rates import FoundRate, InFlight, ListPending, Pacer, Scheduler, StillPending
from preflight.submission.known import KnownAssets
from preflight.submission.recover import (
    AssetFinder,
    RecoveryWindow,
    account_key,
    age_of,
    call_idempotent,
    list_processing,
    read_pages,
)
from preflight.submission.register import VISIBLE_AFTER

MAX_READ_BACK: Final = 3
"""Newest assets that are looked up with a changed key; if it knows none of them, the provider's list is read."""
_MAX_LIST_PAGES: Final = 100
"""Pages of that list that are read."""
SUBMIT_THREADS: Final = 32
"""Targets of one account that are checked and registered at once: 30 calls may be in flight."""
READ_THREADS: Final = 16
"""Assets of one account that are read back at once, while others are registered."""
FIX_THREADS: Final = 8
"""Targets of one account that are fixed, hosted and registered at once; of these, `MAX_FIXES` are being fixed."""
MAX_UNRECOVERABLE: Final = 2
"""Registrations in flight at once if the provider has no list: a crash leaves at most these unknown."""
OnRate = Callable[[FoundRate], None] | None
LedgerArgument = str | os.PathLike[str] | Ledger | None


def choose_account(provider: Provider, ledger: Ledger) -> None:
    """Use the only account that the ledger has, if none was named. Raise `UsageError` if it has several."""
    if provider.is_account_named:
        return
    names = ledger.accounts(provider.name, provider.origin, provider.project)
    if len(names) > 1:
        raise UsageError(
            f"The ledger has {len(names)} accounts of {provider.title}: {', '.join(names)}. Name one with account=.",
            parameters=("account",),
        )
    provider.name_account(names[0] if names else provider.account)


class AccountCheck:
    """Checks that the key of an open provider sees the assets of its account. Thread-safe.

    A key may have been rotated since the last run, or it may be the key of another account, whose files must not be
    taken for registered. It is a key of the account if the provider finds one of the newest assets with it, or lists
    any.
    """

    def __init__(self, provider: Provider, ledger: Ledger, clock: Clock) -> None:
        """Choose the account, as `choose_account` does."""
        choose_account(provider, ledger)
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._lock = InterruptibleLock(clock, threading.Lock())
        self._accepted: set[str | None] = set()
        self._problem: str | None = None
        self._asked: list[Entry] = []

    def require(self) -> None:
        """Raise `UsageError` if the key was changed to one that does not know the account's assets.

        Raise `ProviderError` if the provider cannot be asked; the next call asks again.
        """
        with self._lock:
            account = account_key(self._provider)
            key_id = self._ledger.last_key_id(account)
            # Meanwhile another process may have used another key, or settled the assets that this one does not know.
            is_stale = self._problem is not None and self._ledger.registered(account, MAX_READ_BACK) != self._asked
            if key_id not in self._accepted or is_stale:
                self._problem = self._find_problem(key_id)
                self._accepted |= {key_id, self._provider.key_id}
        if self._problem is not None:
            raise UsageError(self._problem, parameters=("account",))

    def _find_problem(self, last_key_id: str | None) -> str | None:
        """Return the message if the key is not one of the account, which had the key `last_key_id`."""
        account = account_key(self._provider)
        if last_key_id == self._provider.key_id:
            return None
        entries = [] if last_key_id is None else self._ledger.registered(account, MAX_READ_BACK)
        if not entries or any(map(self._knows, entries)) or self._is_any_listed(account):
            self._ledger.write_key_id(account, self._provider.key_id)
            return None
        # What was registered just now may not be visible yet, to any key.
        missing = [entry for entry in entries if entry.state == "active" or age_of(entry, self._clock) >= VISIBLE_AFTER]
        self._asked = entries
        return self._describe(missing) if missing else None

    def _knows(self, entry: Entry) -> bool:
        try:
            call_idempotent(lambda: self._provider.get(entry.asset_id or ""), self._clock)
        except AssetNotFound:
            return False
        return True

    def _is_any_listed(self, account: AccountKey) -> bool:
        """Return whether the key sees an asset of the account after all: the newest ones may have been deleted."""
        if not isinstance(self._provider.api, ListsAssets):
            return False
        pages = islice(read_pages(self._provider, self._clock), _MAX_LIST_PAGES)
        known = (
            self._ledger.by_asset(account.provider, asset.id, account.origin) for page in pages for asset in page.items
        )
        return any(entry is not None and entry.account_key == account for entry in known)

    def _describe(self, missing: list[Entry]) -> str:
        newest = f"the newest {len(missing)} assets" if len(missing) > 1 else "the newest asset"
        others = " or any other that it lists" if isinstance(self._provider.api, ListsAssets) else ""
        ids = " ".join(entry.asset_id or "" for entry in missing)
        return (
            f"The key of {self._provider.title} was changed, and the new one does not know {newest} of the account "
            f"{self._provider.account!r}{others}; nothing was sent. If it belongs to another account, name that with "
            f"account=; if the assets were deleted, run `preflight assets forget {ids}`."
        )


class CallScope:
    """One call of a client: `stop` ends its waits, `in_flight` holds its calls with an effect."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.in_flight = InFlight()

    @property
    def has_ended(self) -> bool:
        """Return whether the call is stopped and none of its calls with an effect is in progress."""
        return self.stop.is_set() and self.in_flight.is_idle

    def close(self) -> None:
        """Stop waits and reads; return once the calls with an effect have ended."""
        self.stop.set()
        self.in_flight.close()


class _CurrentScope(threading.local):
    scope = CallScope()  # of a thread that works for no call: it is never stopped
    until = math.inf


class _CurrentInFlight(InFlight):
    """The calls in flight of the scope that the entering thread works for."""

    def __init__(self, current: _CurrentScope) -> None:
        super().__init__()
        self._current = current

    def __enter__(self) -> None:
        self._current.scope.in_flight.__enter__()

    def __exit__(self, *_: object) -> None:
        self._current.scope.in_flight.__exit__()


class Workers:
    """Daemon threads for the queued work of all calls, which take turns. A thread is started when it is needed."""

    def __init__(
        self, name: str, max_threads: int, working_for: Callable[[CallScope], AbstractContextManager[None]]
    ) -> None:
        self._name = name
        self._max_threads = max_threads
        self._working_for = working_for
        self._changed = threading.Condition()
        self._waiting: dict[CallScope, deque[Callable[[], object]]] = {}
        self._threads = self._idle = self._queued = 0
        self._closed = False

    @property
    def queued(self) -> int:
        """Return how many pieces of work no thread has begun."""
        return self._queued

    def add(self, scope: CallScope, work: Callable[[], object]) -> None:
        """Queue work. Raise `RuntimeError` if there is no thread, and none can be started."""
        with self._changed:
            if self._queued >= self._idle and self._threads < self._max_threads:
                self._start_thread()
            self._waiting.setdefault(scope, deque()).append(work)
            self._queued += 1
            self._changed.notify()

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._work, daemon=True, name=self._name).start()
        except RuntimeError:  # the system allows no further thread
            if not self._threads:
                raise
        else:
            self._threads += 1

    def withdraw(self, scope: CallScope) -> None:
        """Remove the queued work of a call."""
        with self._changed:
            self._queued -= len(self._waiting.pop(scope, ()))

    def close(self) -> None:
        """End the threads, each after its current work."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (found := self._take()) is not None:
            scope, work = found
            with self._working_for(scope):
                work()

    def _take(self) -> tuple[CallScope, Callable[[], object]] | None:
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            scope = next(iter(self._waiting))
            queue = self._waiting.pop(scope)
            work = queue.popleft()
            self._queued -= 1
            if queue:
                self._waiting[scope] = queue  # behind all others
            return scope, work


class WorkerPool:
    """The threads of one account, shared by all of its calls: workers, readers, and a scheduler that polls.

    clock      its `sleep` raises `Stopped` once the scope that the thread works for is stopped, or its time is over
    in_flight  the calls with an effect of that scope
    workers    check and register targets; readers: read back assets that the ledger knows; fixers: fix targets that do
               not pass, and register what they made
    """

    def __init__(self, clock: Clock, list_pending: ListPending | None) -> None:
        self._base = clock
        self._current = _CurrentScope()
        self.clock = replace(clock, sleep=self._sleep)
        self.in_flight: InFlight = _CurrentInFlight(self._current)
        self.workers = Workers("preflight-submit", SUBMIT_THREADS, self.working_for)
        self.readers = Workers("preflight-read", READ_THREADS, self.working_for)
        self.fixers = Workers("preflight-fix", FIX_THREADS, self.working_for)
        self.scheduler: Scheduler[Asset] = Scheduler(self.clock, list_pending=list_pending)

    @contextmanager
    def working_for(self, scope: CallScope, until: float = math.inf) -> Iterator[None]:
        """Let this thread work for one call until the end of the block; after `until`, it waits no longer."""
        current = self._current
        before, current.scope, current.until = (current.scope, current.until), scope, until
        try:
            yield
        finally:
            current.scope, current.until = before

    @property
    def is_working(self) -> bool:
        """Return whether this thread works for a call, and so must not wait for it: it would wait for itself."""
        return self._current.scope is not _CurrentScope.scope

    @property
    def scope(self) -> CallScope:
        """Return the call that this thread works for."""
        return self._current.scope

    def withdraw(self, scope: CallScope) -> None:
        """Remove the queued work of a call, and end its polling."""
        for part in (self.workers, self.readers, self.fixers, self.scheduler):
            part.withdraw(scope)

    def close(self) -> None:
        """End the threads, each after its current work."""
        for part in (self.scheduler, self.workers, self.readers, self.fixers):
            part.close()

    def _sleep(self, seconds: float) -> None:
        if self._base.monotonic() >= self._current.until:
            raise Stopped
        self._base.stopped_by(self._current.scope.stop).sleep(seconds)


class SharedAccount:
    """One account that is open: ledger, rate limiter, worker threads, poller, and the connections of its key.

    clock      its waits end when the call that the thread works for is stopped
    slots      entered for each registration
    users      how many clients have it open
    listeners  called with the rates that are found
    """

    def __init__(
        self, provider: Provider, credentials: Hashable, rate: str, ledger: Ledger, clock: Clock, *, owns_ledger: bool
    ) -> None:
        self.rate = rate
        self.users = 0
        self.ledger = ledger
        self.pool = WorkerPool(clock, self._list_processing if provider.spec.lists_status else None)
        self._scope = CallScope()
        self.clock = self.pool.clock
        self._credentials = credentials
        self._owns_ledger = owns_ledger
        self.listeners: list[Callable[[FoundRate], None]] = []
        self._finders: dict[RecoveryWindow, AssetFinder] = {}
        self.slots: AbstractContextManager[object] = nullcontext()
        if provider.spec.recover_by is None:
            self.slots = InterruptibleLock(self.clock, threading.BoundedSemaphore(MAX_UNRECOVERABLE))
        self._pacer = Pacer(provider.rate_limits, self.clock, ledger.rates(account_key(provider)), self._on_rate)
        self.provider = self._install_pacer(provider)

    def provider_for(self, provider: Provider, credentials: Hashable) -> Provider:
        """Return the provider to use in place of a newly opened one: the shared one, unless the key differs."""
        if credentials != self._credentials:
            return self._install_pacer(provider)
        if provider is not self.provider:
            provider.close()
        return self.provider

    def finder(self, provider: Provider, window: RecoveryWindow) -> AssetFinder:
        """Return the shared finder of the account's assets, or a separate one for a provider with another key."""
        made = AssetFinder(provider, self.ledger, clock=self.clock, window=window)
        return made if provider is not self.provider else self._finders.setdefault(window, made)

    def known_assets(self, provider: Provider) -> KnownAssets:
        """Return the reader of known assets for one call."""
        return KnownAssets(provider, self.ledger, self.clock, lambda: self.pool.readers.queued)

    def close(self) -> None:
        """End the threads, close the connections, and the ledger unless the caller opened it."""
        self._scope.stop.set()
        self.pool.close()
        self.provider.close()
        if self._owns_ledger:
            self.ledger.close()

    def _on_rate(self, action: str, rate: Rate) -> None:
        found = FoundRate(self.provider.title, action, rate.calls, rate.per)
        for listener in tuple(self.listeners):
            listener(found)

    def _list_processing(self, ids: Collection[str]) -> StillPending:
        with self.pool.working_for(self._scope):
            return list_processing(self.provider, self.clock, ids)

    def _install_pacer(self, provider: Provider) -> Provider:
        provider.connection.middleware = self._pacer
        provider.clock = self.clock
        return provider


_accounts: Final = SharedByThreads[Hashable, SharedAccount]()


def open_account(
    provider: Provider, credentials: Hashable, *, rate: str, ledger: LedgerArgument, clock: Clock, on_rate: OnRate
) -> SharedAccount:
    """Return the account of a provider, opened unless it is open already. Each caller calls `release_account`.

    credentials  users with the same ones share their connections
    on_rate      called when a rate of the account is found

    Raise `UsageError` if it is open with another rate, or if it is one of several and not named; and `LedgerError`.
    """
    given, path = (ledger, None) if isinstance(ledger, Ledger) else (None, ledger)
    opened = given or Ledger(None if path is None else os.fspath(path), clock=clock)
    account = None
    try:
        choose_account(provider, opened)
        key = (account_key(provider), os.path.realpath(opened.path), id(given) if given else None, clock)
        with _accounts.lock:
            account = _accounts.get(key)
            if account is None:
                account = SharedAccount(provider, credentials, rate, opened, clock, owns_ledger=given is None)
                _accounts[key] = account
            elif account.rate != rate:
                raise UsageError(
                    f"{provider.title}: this account is in use with rate={account.rate}, not {rate}. Give the same "
                    "rate=, or close the other client first.",
                    parameters=("rate",),
                )
            account.users += 1
            if on_rate is not None:
                account.listeners.append(on_rate)
            return account
    finally:
        if given is None and (account is None or account.ledger is not opened):
            opened.close()


def release_account(account: SharedAccount, on_rate: OnRate) -> None:
    """Give up one use of an account; the last one closes it."""
    with _accounts.lock:
        if on_rate is not None:
            account.listeners.remove(on_rate)
        account.users -= 1
        if account.users:
            return
        for key in [key for key, open_one in _accounts.items() if open_one is account]:
            del _accounts[key]
    account.close()
