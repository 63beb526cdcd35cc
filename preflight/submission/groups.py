"""A group by its name: the single match, or a new one; made once, whatever is killed when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Final

from preflight.errors import ProviderError, UsageError
from preflight.escape import printable
from preflight.ledger import Ledger, RegistrationKey
from preflight.providers import Group, Provider
from preflight.rates import Clock, InFlight, Stopped
from preflight.submission.patience import call_idempotent, call_once_unless_throttled
from preflight.submission.recover import RecoveryWindow, iter_pages, poll_until

LISTED: Final = 20
"""Names of groups that a message shows."""
MOST_TRIES: Final = 3
"""Calls that make one group, whose answers are lost."""


class GroupResolver:
    """Groups of one account, by name or id. Each is looked up once a run."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        clock: Clock,
        settling: RecoveryWindow,
        *,
        calls: InFlight | None = None,
    ) -> None:
        """calls: entered from an intent to its outcome."""
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._settling = settling
        self._calls = calls or InFlight()
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def admit(self, name: str | None) -> None:
        """Raise `UsageError` where a group is needed and none is named, listing those that there are, or vice versa."""
        if name is None and self._provider.needs_group:
            raise UsageError(self._which())
        if name is not None and not self._provider.needs_group:
            raise UsageError(f"{self._provider.title} has no groups: leave --group out")

    def resolve(self, name: str | None) -> str | None:
        """The id of the group called `name`, or with this id; it is made where there is none.

        Raises `UsageError` where several have the name, and what `admit` raises.
        """
        self.admit(name)
        if name is None:
            return None
        with self._lock:
            if name not in self._known:
                self._known[name] = self._find_or_make(name)
            return self._known[name]

    def all(self) -> Iterator[Group]:
        """All groups of the account."""
        return iter_pages(lambda page: call_idempotent(lambda: self._provider.list_groups(page=page), self._clock))

    def make(self, name: str, description: str | None = None) -> Group:
        """Make a group, of which the caller holds the claim and has seen that there is none.

        Where an answer is lost, in this run or in one that was killed, it is looked for before it is made again.
        """
        if "create_group" not in self._provider.can:
            raise UsageError(f"{self._provider.title} has no group {name!r}, and no call that makes one")
        place = self._place(name)
        found = self._awaited(name) if self._ledger.group_intended(*place) else None
        for attempt in range(MOST_TRIES):
            if found is not None:
                break
            try:
                found = self._made(name, description)
            except Stopped:
                self._ledger.forget_group(*place)  # it waited for its turn: nothing was sent
                raise
            except ProviderError as error:
                if not error.ambiguous:
                    self._ledger.forget_group(*place)
                    raise
                found = self._awaited(name)
                if found is None and attempt == MOST_TRIES - 1:
                    self._ledger.forget_group(*place)
                    raise
        assert found is not None
        self._ledger.write_group(*place, found.id)
        return found

    def _made(self, name: str, description: str | None) -> Group:
        with self._calls:
            self._ledger.write_group(*self._place(name), None)
            group = self._provider.create_group(name, description=description)
            self._ledger.write_group(*self._place(name), group.id)
        return group

    def _awaited(self, name: str) -> Group | None:
        def look() -> Group | None:
            return next((group for group in self.all() if group.name == name), None)

        return poll_until(look, self._clock, self._settling)

    def _find_or_make(self, name: str) -> str:
        place = self._place(name)
        with self._ledger.claim(RegistrationKey(*place, "", "group"), self._clock.sleep):
            matches = [group for group in self.all() if name in (group.name, group.id)]
            if len(matches) > 1:
                ids = ", ".join(group.id for group in matches[:LISTED])
                title, shown = self._provider.title, printable(name)
                raise UsageError(f"{title} has {len(matches)} groups called {shown!r}: give one's id: {ids}")
            found = matches[0] if matches else call_once_unless_throttled(lambda: self.make(name), self._clock)
            self._ledger.write_group(*place, found.id)
            return found.id

    def _which(self) -> str:
        title = self._provider.title
        names = [f"{group.name or '(no name)'} ({group.id})" for group in islice(self.all(), LISTED + 1)]
        there = printable(", ".join(names[:LISTED])) + (" …" if len(names) > LISTED else "")
        has = f"it has {there}" if names else "it has none yet; a name that is new makes one"
        return f"{title} registers an asset into a group: name one with --group; {has}"

    def _place(self, name: str) -> tuple[str, str, str, str, str]:
        provider = self._provider
        return provider.name, provider.origin, provider.account, provider.project, name
