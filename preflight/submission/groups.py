"""Groups of assets: found by name, created exactly once even if a run is killed, renamed, deleted."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from preflight.clock import SYSTEM_CLOCK, Clock, InterruptibleLock
from preflight.errors import AssetNotFound, ProviderError, RequestRefused, Stopped, UsageError
from preflight.escape import printable
from preflight.ledger import Ledger, RegistrationKey
from preflight.providers import Group, HasGroups, ListsAssets, Page, Provider
from preflight.rates import InFlight
from preflight.submission.account import choose_account
from preflight.submission.options import require_text
from preflight.submission.recover import (
    DEFAULT_RECOVERY_WINDOW,
    RecoveryWindow,
    account_key,
    call_idempotent,
    call_once_unless_throttled,
    iter_items,
    poll_until,
)

MAX_LISTED: Final = 20
"""Groups that a message lists."""
MAX_KNOWN_AGE: Final = 60.0
"""Seconds after which a group is looked up again: another program may have deleted it."""
_GROUP_ID: Final = re.compile(r"group-\d{14}-[0-9a-z]+")
"""The form of a group's id at most providers."""
MAX_TRIES: Final = 3
"""How often the creation of a group is tried if its responses are lost."""


class GroupManager:
    """Manages the groups of one account, by id or by a name that only one of them has. Updates the ledger too."""

    def __init__(
        self,
        provider: Provider,
        ledger: Ledger,
        *,
        clock: Clock = SYSTEM_CLOCK,
        window: RecoveryWindow = DEFAULT_RECOVERY_WINDOW,
        in_flight: InFlight | None = None,
    ) -> None:
        """in_flight: entered from the intent of a call to its outcome."""
        choose_account(provider, ledger)
        self.provider = provider
        self._account = account_key(provider)
        self._ledger = ledger
        self._clock = clock
        self._window = window
        self._in_flight = in_flight or InFlight()
        self._known: dict[str, tuple[str, float]] = {}
        self._lock = InterruptibleLock(clock, threading.Lock())

    @property
    def _api(self) -> HasGroups:
        api = self.provider.api
        if not isinstance(api, HasGroups):
            raise UsageError(f"{self.provider.title} has no groups. Choose a provider that has them.")
        return api

    def validate(self, name: str | None) -> None:
        """Raise `UsageError` if a needed group is missing (with those that exist), or if one is not needed."""
        if name is None and self.provider.spec.needs_group:
            raise UsageError(self._missing_group_message(), parameters=("group",))
        if name is not None and not self.provider.spec.needs_group:
            raise UsageError(f"{self.provider.title} has no groups. Leave group= out.", parameters=("group",))
        if name is not None and not name.strip():
            text = f"{self.provider.title}: the group is empty. Give group= a name or an id."
            raise UsageError(text, parameters=("group",))

    def resolve(self, name: str | None, before_create: Callable[[], object] = lambda: None) -> str | None:
        """Return the id of the group with this name or id; create it if there is none.

        before_create  called only if there is none; an exception from it prevents the creation

        Raise `UsageError` if several have the name, and what `validate` and `before_create` raise.
        """
        self.validate(name)
        if name is None:
            return None
        with self._lock:
            found, at = self._known.get(name, ("", -math.inf))
            if self._clock.monotonic() - at >= MAX_KNOWN_AGE:
                found = self._find_or_create(name, before_create)
                self._known[name] = found, self._clock.monotonic()
            return found

    def all(self, size: int | None = None) -> Iterator[Group]:
        """Yield all groups of the account."""
        return iter_items(lambda page: self.page(page, size))

    def page(self, page: str | None, size: int | None = None) -> Page[Group]:
        """Return one page of groups."""
        return call_idempotent(lambda: self._api.list_groups(page=page, size=size), self._clock)

    def find(self, word: str) -> Group:
        """Return the group with this id, else the one of this name. Raise `UsageError` unless there is exactly one."""
        require_text("The group", word)
        matches = [group for group in self.all() if word in (group.id, group.name)]
        matches = [group for group in matches if group.id == word] or matches
        if len(matches) > 1:
            raise _ambiguous_word(self.provider.title, word, matches)
        if not matches:
            title, there = self.provider.title, _names_and_ids(self.all()) or "none"
            raise UsageError(f"{title} has no group '{printable(word[:120])}'. It has {there}.")
        return matches[0]

    def get(self, word: str) -> Group:
        """Return the group with this id or name as it is now, also one that is not listed. Raise `UsageError`."""
        try:
            group_id = self.find(word).id
        except UsageError as error:
            try:
                return call_idempotent(lambda: self._api.get_group(word), self._clock)
            except (AssetNotFound, RequestRefused, UsageError):
                raise error from None
        return call_idempotent(lambda: self._api.get_group(group_id), self._clock)

    def create(self, name: str, description: str | None = None) -> Group:
        """Create a group. Raise `UsageError` if there is one of this name already."""
        with self._ledger.claim(RegistrationKey(*self._account, name, "", "group"), self._clock):
            for group in self.all():
                if group.name == name:
                    raise UsageError(
                        f"{self.provider.title} has a group '{printable(name)}' already ({group.id}). "
                        "Use that one, or give another name."
                    )
            return call_once_unless_throttled(lambda: self._create(name, description), self._clock)

    def rename(self, word: str, name: str | None, description: str | None = None) -> Group:
        """Change the name of a group, its description, or both."""
        group = self.find(word)
        changed = replace(group, name=name or group.name, description=description or group.description)
        try:
            call_once_unless_throttled(
                lambda: self._api.update_group(group.id, name=name, description=description), self._clock
            )
        except ProviderError as error:
            if not error.ambiguous:
                raise
            now = call_idempotent(lambda: self._api.get_group(group.id), self._clock)
            if (now.name, now.description) != (changed.name, changed.description):
                raise
        if name is not None:
            self._known.clear()
            self._ledger.drop_group(self._account, group.id)
            self._ledger.write_group(self._account, name, group.id)
        return changed

    def count_assets(self, group: Group) -> int | None:
        """Return how many assets a group has; None if the provider does not count them."""
        api = self.provider.api
        if not isinstance(api, ListsAssets) or "group" not in self.provider.spec.filters:
            return None
        return call_idempotent(lambda: api.list(group=group.id, size=1), self._clock).total

    def delete(self, group: Group) -> int:
        """Delete a group and all its assets permanently; return how many of them the ledger knew."""
        try:
            call_once_unless_throttled(lambda: self._api.delete_group(group.id), self._clock)
        except AssetNotFound:
            pass  # it was deleted meanwhile
        except ProviderError as error:
            if not error.ambiguous or any(listed.id == group.id for listed in self.all()):
                raise
        self._ledger.drop_group(self._account, group.id)
        self._known.clear()
        known = 0
        for entry in self._ledger.entries(provider=self.provider.name):
            # Entries of all accounts, since two keys may see the same group.
            place = (entry.origin, entry.project, entry.group_id)
            if place == (self.provider.origin, self.provider.project, group.id) and entry.state != "gone":
                self._ledger.settle(entry, "gone")
                known += 1
        return known

    def _create(self, name: str, description: str | None = None) -> Group:
        """Create a group. The caller holds the claim of its name, and no group had it.

        If a response is lost, in this run or in one that was killed, the group is looked up before it is created again.
        """
        found = self._look_up(name) if self._ledger.is_group_intended(self._account, name) else None
        for attempt in range(MAX_TRIES):
            if found is not None:
                break
            try:
                found = self._create_once(name, description)
            except Stopped:
                self._ledger.forget_group(self._account, name)  # stopped while it waited: nothing was sent
                raise
            except ProviderError as error:
                if not error.ambiguous:
                    self._ledger.forget_group(self._account, name)
                    raise
                found = self._look_up(name)
                if found is None and attempt == MAX_TRIES - 1:
                    self._ledger.forget_group(self._account, name)
                    raise
        assert found is not None
        self._ledger.write_group(self._account, name, found.id)
        return found

    def _create_once(self, name: str, description: str | None) -> Group:
        with self._in_flight:
            self._ledger.write_group(self._account, name, None)
            group = self._api.create_group(name, description=description)
            self._ledger.write_group(self._account, name, group.id)
        return group

    def _look_up(self, name: str) -> Group | None:
        def look() -> Group | None:
            return next((group for group in self.all() if group.name == name), None)

        return poll_until(look, self._clock, self._window)

    def _find_or_create(self, name: str, before_create: Callable[[], object]) -> str:
        with self._ledger.claim(RegistrationKey(*self._account, name, "", "group"), self._clock):
            matches = [group for group in self.all() if name in (group.name, group.id)]
            if len(matches) > 1:
                raise _ambiguous_word(self.provider.title, name, matches)
            if not matches:
                if _GROUP_ID.fullmatch(name) or self._ledger.has_used_group(self._account, name):
                    text = f"{self.provider.title} has no group with the id {printable(name)}. Give another group=."
                    raise UsageError(text, parameters=("group",))
                self.provider.spec.check_name(name)
                before_create()
            found = matches[0] if matches else call_once_unless_throttled(lambda: self._create(name), self._clock)
            self._ledger.write_group(self._account, name, found.id)
            return found.id

    def _missing_group_message(self) -> str:
        text = f"{self.provider.title} registers an asset into a group. Name one with group=."
        try:
            listed = _names_and_ids(self.all())
        except ProviderError as error:
            return f"{text} Those that exist cannot be listed. {error}"
        there = f"It has {listed}" if listed else "It has none yet; a new name creates one"
        return f"{text} {there}."


def _ambiguous_word(title: str, word: str, matches: list[Group]) -> UsageError:
    ids = ", ".join(group.id for group in matches[:MAX_LISTED])
    return UsageError(f"{title} has {len(matches)} groups called '{printable(word[:120])}'. Give the id of one: {ids}.")


def _names_and_ids(groups: Iterable[Group]) -> str:
    """Return the names and ids of the first groups; empty without any."""
    names = [f"{group.name or '(no name)'} ({group.id})" for group in islice(groups, MAX_LISTED + 1)]
    return printable(", ".join(names[:MAX_LISTED])) + (" …" if len(names) > MAX_LISTED else "")
