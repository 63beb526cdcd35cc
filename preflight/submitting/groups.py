"""A group by its name: the single match, or a new one; made once, whatever is killed when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

from preflight.errors import ProviderError, UsageError
from preflight.ledger import Key, Ledger
from preflight.pacing import Clock
from preflight.providers import Group, Provider
from preflight.submitting.lookup import Settling, every

LISTED = 20
"""Names of groups that a message shows."""


class Groups:
    """Groups of one account, by name or id. Each is looked up once a run."""

    def __init__(self, provider: Provider, ledger: Ledger, clock: Clock, settling: Settling) -> None:
        self._provider = provider
        self._ledger = ledger
        self._clock = clock
        self._settling = settling
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def resolve(self, name: str | None) -> str | None:
        """The id of the group called `name` (or with this id); it is made where there is none.

        Raises `UsageError` where the provider needs a group and none is named, listing those that there are, and
        where several have the name.
        """
        if name is None:
            if self._provider.needs_group:
                raise UsageError(self._which())
            return None
        if not self._provider.needs_group:
            raise UsageError(f"{self._provider.title} has no groups: leave --group out")
        with self._lock:
            if name not in self._known:
                self._known[name] = self._find_or_make(name)
            return self._known[name]

    def _which(self) -> str:
        title = self._provider.title
        names = [f"{group.name or '(no name)'} ({group.id})" for group in islice(self._all(), LISTED + 1)]
        there = ", ".join(names[:LISTED]) + (" …" if len(names) > LISTED else "")
        has = f"it has {there}" if names else "it has none yet; a name that is new makes one"
        return f"{title} registers an asset into a group: name one with --group; {has}"

    def _all(self) -> Iterator[Group]:
        return every(lambda page: self._provider.list_groups(page=page))

    def _find_or_make(self, name: str) -> str:
        provider = self._provider
        place = (provider.name, provider.origin, provider.account, provider.project, name)
        with self._ledger.claim(Key(*place, "", "group")):
            matches = [g for g in self._all() if name in (g.name, g.id)]
            if len(matches) > 1:
                ids = ", ".join(group.id for group in matches)
                raise UsageError(f"{provider.title} has {len(matches)} groups called {name!r}: give one's id: {ids}")
            found = matches[0].id if matches else self._make(name)
            self._ledger.write_group(*place, found)
            return found

    def _make(self, name: str) -> str:
        """Make the group. Where the answer is lost it is looked for before it is made again, and never made twice."""
        provider = self._provider
        if "create_group" not in provider.can:
            raise UsageError(f"{provider.title} has no group called {name!r}, and no call that makes one")
        try:
            return provider.create_group(name).id
        except ProviderError as error:
            if not error.ambiguous:
                raise
        until = self._clock.now() + self._settling.seconds
        attempt = 0
        while True:
            for group in self._all():
                if group.name == name:
                    return group.id
            if self._clock.now() >= until:
                return provider.create_group(name).id
            self._clock.sleep(self._settling.waits.wait(attempt))
            attempt += 1
