"""What is done with groups by hand: `GroupManager`. The ledger is kept in step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from preflight.errors import AssetNotFound, ProviderError, UsageError
from preflight.escape import printable
from preflight.ledger import Ledger, RegistrationKey
from preflight.providers import Group, Page, Provider
from preflight.rates import Clock
from preflight.submission.groups import LISTED, GroupResolver
from preflight.submission.patience import call_idempotent, call_once_unless_throttled
from preflight.submission.recover import DEFAULT_RECOVERY_WINDOW, RecoveryWindow, iter_pages


class GroupManager:
    """The groups of one account, by id or by a name that only one of them has."""

    def __init__(
        self, provider: Provider, ledger: Ledger, clock: Clock, settling: RecoveryWindow = DEFAULT_RECOVERY_WINDOW
    ) -> None:
        if "list_groups" not in provider.can:
            raise UsageError(f"{provider.title} has no groups")
        self.provider = provider
        self._ledger = ledger
        self._clock = clock
        self._groups = GroupResolver(provider, ledger, clock, settling)
        self._place = (provider.name, provider.origin, provider.account, provider.project)

    def all(self, size: int | None = None) -> Iterator[Group]:
        """All groups."""
        return self._groups.all() if size is None else iter_pages(lambda page: self.page(page, size))

    def page(self, page: str | None, size: int | None = None) -> Page[Group]:
        """One page of them."""
        return call_idempotent(lambda: self.provider.list_groups(page=page, size=size), self._clock)

    def find(self, word: str) -> Group:
        """The group with this id, else the one of this name. Raises `UsageError` where there is not exactly one."""
        matches = [group for group in self.all() if word in (group.id, group.name)]
        matches = [group for group in matches if group.id == word] or matches
        title, shown = self.provider.title, printable(word[:120])
        if len(matches) > 1:
            ids = ", ".join(group.id for group in matches[:LISTED])
            raise UsageError(f"{title} has {len(matches)} groups called '{shown}': give one's id: {ids}")
        if not matches:
            names = [f"{group.name or '(no name)'} ({group.id})" for group in islice(self.all(), LISTED + 1)]
            there = ", ".join(names[:LISTED]) + (" …" if len(names) > LISTED else "")
            raise UsageError(f"{title} has no group '{shown}': it has {there or 'none'}")
        return matches[0]

    def create(self, name: str, description: str | None = None) -> Group:
        """Make a group. Raises `UsageError` where there is one of this name already."""
        with self._ledger.claim(RegistrationKey(*self._place, name, "", "group"), self._clock.sleep):
            for group in self.all():
                if group.name == name:
                    raise UsageError(
                        f"{self.provider.title} has a group '{printable(name)}' already ({group.id}): use that one, "
                        "or give another name"
                    )
            return call_once_unless_throttled(lambda: self._groups.make(name, description), self._clock)

    def rename(self, word: str, name: str | None, description: str | None = None) -> Group:
        """Give a group another name, another description, or both."""
        group = self.find(word)
        changed = replace(group, name=name or group.name, description=description or group.description)
        try:
            call_once_unless_throttled(
                lambda: self.provider.update_group(group.id, name=name, description=description), self._clock
            )
        except ProviderError as error:
            if not error.ambiguous or not self._is(changed):
                raise
        if name is not None:
            self._ledger.drop_group(*self._place, group.id)
            self._ledger.write_group(*self._place, name, group.id)
        return changed

    def assets_in(self, group: Group) -> int | None:
        """How many assets a group has, where the provider counts them."""
        if "group" not in self.provider.filters:
            return None
        return call_idempotent(lambda: self.provider.list(group=group.id, size=1), self._clock).total

    def delete(self, group: Group) -> int:
        """Delete a group with all its assets, for good; gives how many of them the ledger knew."""
        try:
            call_once_unless_throttled(lambda: self.provider.delete_group(group.id), self._clock)
        except AssetNotFound:
            pass  # somebody else was faster
        except ProviderError as error:
            if not error.ambiguous or any(each.id == group.id for each in self.all()):
                raise
        self._ledger.drop_group(*self._place, group.id)
        known = 0
        for entry in self._ledger.entries(provider=self.provider.name):
            there = (entry.origin, entry.project, entry.group) == (
                self.provider.origin,
                self.provider.project,
                group.id,
            )
            if there and entry.state != "gone":
                self._ledger.settle(entry, "gone")
                known += 1
        return known

    def _is(self, wanted: Group) -> bool:
        """Whether a change whose answer was lost took effect."""
        now = call_idempotent(lambda: self.provider.get_group(wanted.id), self._clock)
        return (now.name, now.description) == (wanted.name, wanted.description)
