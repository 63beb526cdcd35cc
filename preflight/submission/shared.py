"""What all open clients of one account share in this process: `SharedAccount`, and the register of those that are open.

An account is provider, origin, account, project and ledger. Its first client opens it, its last one closes it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Final

from preflight.clock import Clock
from preflight.errors import UsageError
from preflight.ledger import Ledger
from preflight.providers import Provider, Rate
from preflight.rates import FoundRate, Pacer
from preflight.submission.identity import account_key, choose_account
from preflight.submission.lookup import LookUp
from preflight.submission.recover import RecoveryWindow
from preflight.submission.run import WorkerPool

OnRate = Callable[[FoundRate], None] | None
LedgerArgument = str | os.PathLike[str] | Ledger | None


class SharedAccount:
    """One account that is open: ledger, rate limiter, worker threads, poller, and the connections of its key.

    clock  its waits end when the call that the thread works for is stopped
    users  how many clients have it open; listeners: called with the rates that are found
    """

    def __init__(
        self, provider: Provider, credentials: Hashable, rate: str, ledger: Ledger, clock: Clock, *, owns_ledger: bool
    ) -> None:
        self.rate = rate
        self.users = 0
        self.ledger = ledger
        self.pool = WorkerPool(clock)
        self.clock = self.pool.clock
        self._credentials = credentials
        self._owns_ledger = owns_ledger
        self.listeners: list[Callable[[FoundRate], None]] = []
        self._look_ups: dict[RecoveryWindow, LookUp] = {}
        self._slots: AbstractContextManager[object] | None = None
        self._pacer = Pacer(provider.rate_limits, self.clock, ledger.rates(account_key(provider)), self._on_rate)
        self.provider = self._paced(provider)

    def provider_for(self, provider: Provider, credentials: Hashable) -> Provider:
        """Return the provider to use in place of a newly opened one: the shared one, unless the key differs."""
        if credentials != self._credentials:
            return self._paced(provider)
        if provider is not self.provider:
            provider.close()
        return self.provider

    def look_ups(self, provider: Provider, window: RecoveryWindow) -> LookUp:
        """Return the shared index of the account's assets, or a separate one for a provider with another key."""
        made = LookUp(provider, self.ledger, clock=self.clock, window=window)
        made.slots = self._slots = self._slots or made.slots
        return made if provider is not self.provider else self._look_ups.setdefault(window, made)

    def close(self) -> None:
        """End the threads, close the connections, and the ledger unless the caller opened it."""
        self.pool.close()
        self.provider.close()
        if self._owns_ledger:
            self.ledger.close()

    def _on_rate(self, action: str, rate: Rate) -> None:
        found = FoundRate(self.provider.title, action, rate.calls, rate.per)
        for listener in tuple(self.listeners):
            listener(found)

    def _paced(self, provider: Provider) -> Provider:
        provider.connection.middleware = self._pacer
        provider.clock = self.clock
        return provider


_accounts: Final[dict[Hashable, SharedAccount]] = {}
_lock = threading.Lock()


def _forget() -> None:
    """Share nothing after a fork: the threads of an account exist only in the process that opened it."""
    global _lock  # a lock that another thread held at the fork is never released
    _lock = threading.Lock()
    _accounts.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def open_account(
    provider: Provider, credentials: Hashable, *, rate: str, ledger: LedgerArgument, clock: Clock, on_rate: OnRate
) -> SharedAccount:
    """Return the account of a provider, opened unless it is open already. Each caller calls `release_account`.

    credentials  compared with those of the other users: the same share their connections
    on_rate      called when a rate of the account is found

    Raise `UsageError` if it is open with another rate, or if it is one of several and not named; and `LedgerError`.
    """
    given, path = (ledger, None) if isinstance(ledger, Ledger) else (None, ledger)
    opened = given or Ledger(None if path is None else os.fspath(path), clock=clock)
    account = None
    try:
        choose_account(provider, opened)
        key = (account_key(provider), os.path.realpath(opened.path), id(given) if given else None, clock)
        with _lock:
            account = _accounts.get(key)
            if account is None:
                account = SharedAccount(provider, credentials, rate, opened, clock, owns_ledger=given is None)
                _accounts[key] = account
            elif account.rate != rate:
                raise _other_rate(provider, account.rate, rate)
            account.users += 1
            if on_rate is not None:
                account.listeners.append(on_rate)
            return account
    finally:
        if given is None and (account is None or account.ledger is not opened):
            opened.close()


def release_account(account: SharedAccount, on_rate: OnRate) -> None:
    """Close the account unless it has other users."""
    with _lock:
        if on_rate is not None:
            account.listeners.remove(on_rate)
        account.users -= 1
        if account.users:
            return
        for key in [key for key, open_one in _accounts.items() if open_one is account]:
            del _accounts[key]
    account.close()


def _other_rate(provider: Provider, used: str, rate: str) -> UsageError:
    return UsageError(
        f"{provider.title}: this account is in use with rate={used}, not {rate}. Give the same rate=, or close the "
        "other client first.",
        parameters=("rate",),
    )
