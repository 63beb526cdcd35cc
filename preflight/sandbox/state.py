"""What the sandbox keeps: each provider's `Account` with its records, and `Stats`, the counts of all calls."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from preflight.net.redact import redact

StoredStatus = Literal["processing", "active", "failed"]


class ProcessingOutcome(NamedTuple):
    """How processing ends. Without a code, the asset becomes active."""

    code: str | None = None
    message: str = ""


@dataclass(slots=True)
class StoredAsset:
    """One asset.

    number      position in the order of registration, from 1
    kind        image, video or audio; None for other files
    asset_type  the type as the client sent it
    created     seconds since 1970
    ready       seconds on the account's clock, until which the asset stays in processing
    ids         the provider's further ids for the asset, by name
    outcome     how processing will end, once that is known
    code        why processing failed, with `message`
    """

    id: str
    number: int
    kind: str | None
    asset_type: str
    url: str
    name: str
    created: float
    updated: float
    ready: float
    description: str = ""
    group: str | None = None
    project: str = "default"
    ids: dict[str, str] = field(default_factory=dict)
    status: StoredStatus = "processing"
    outcome: ProcessingOutcome | None = None
    code: str | None = None
    message: str = ""
    trashed: bool = False


@dataclass(slots=True)
class StoredGroup:
    """One group. `type` is `AIGC`, or `LivenessFace` for a real person who has consented."""

    id: str
    number: int
    name: str
    type: str
    created: float
    updated: float
    description: str = ""
    project: str = "default"


@dataclass(slots=True)
class StoredSession:
    """One real-person verification. `group` is the id of the group that it created, once the person has consented."""

    token: str
    callback: str
    name: str = ""
    description: str = ""
    group: str | None = None
    failed: bool = False


class Account:
    """The assets, trash, groups and sessions of one account. Thread-safe; every record that it returns is a copy.

    clock  monotonic seconds, for processing times
    now    seconds since 1970
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self._clock, self._now = clock, now
        self._lock = threading.RLock()
        self._numbers = 0
        self._assets: dict[str, StoredAsset] = {}
        self._groups: dict[str, StoredGroup] = {}
        self._sessions: dict[str, StoredSession] = {}
        self._polls: dict[str, int] = {}

    def add_asset(self, make_id: Callable[[int], str], *, delay: float, **facts: Any) -> StoredAsset:
        """Add an asset that stays in processing for at least `delay` seconds; `make_id` turns its number into an id."""
        with self._lock:
            number, key = self._new_id(make_id, self._assets)
            now = self._now()
            asset = StoredAsset(key, number, created=now, updated=now, ready=self._clock() + delay, **facts)
            self._assets[key] = asset
            return replace(asset)

    def set_outcome(self, asset_id: str, outcome: ProcessingOutcome) -> None:
        """Set how the processing of an asset ends. It becomes visible once the processing time is over."""
        with self._lock:
            asset = self._assets.get(asset_id)
            if asset is not None and asset.outcome is None:
                asset.outcome = outcome

    def asset(self, asset_id: str, *, trashed: bool = False) -> StoredAsset | None:
        """Return the asset with an id, or None; `trashed` selects the trash."""
        with self._lock:
            asset = self._assets.get(asset_id)
            return self._copy(asset) if asset is not None and asset.trashed == trashed else None

    def assets(
        self, *, trashed: bool | None = False, where: Callable[[StoredAsset], bool] | None = None
    ) -> list[StoredAsset]:
        """Return the assets, newest first; with `trashed=None`, those in the trash too."""
        with self._lock:
            chosen = (asset for asset in reversed(self._assets.values()) if trashed in (None, asset.trashed))
            return [copy for copy in map(self._copy, chosen) if where is None or where(copy)]

    def page(
        self, number: int, size: int, *, trashed: bool = False, where: Callable[[StoredAsset], bool] | None = None
    ) -> tuple[list[StoredAsset], int]:
        """Return one page of the assets, newest first, counted from 1, and how many assets there are on all pages."""
        with self._lock:
            chosen = (self._updated(asset) for asset in reversed(self._assets.values()) if asset.trashed == trashed)
            found = [asset for asset in chosen if where is None or where(asset)]
            return [replace(asset) for asset in found[(number - 1) * size : number * size]], len(found)

    def change_asset(self, asset_id: str, **facts: Any) -> StoredAsset | None:
        """Set fields (`name`, `description`, `trashed`) of an asset and return it, or None."""
        with self._lock:
            asset = self._assets.get(asset_id)
            return None if asset is None else self._copy(self._changed(asset, facts))

    def remove_asset(self, asset_id: str) -> StoredAsset | None:
        """Delete an asset permanently and return it, or None."""
        with self._lock:
            return self._assets.pop(asset_id, None)

    def add_group(self, make_id: Callable[[int], str], **facts: Any) -> StoredGroup:
        """Add a group and return it."""
        with self._lock:
            number, key = self._new_id(make_id, self._groups)
            now = self._now()
            group = self._groups[key] = StoredGroup(key, number, created=now, updated=now, **facts)
            return replace(group)

    def group(self, group_id: str) -> StoredGroup | None:
        """Return the group with an id, or None."""
        with self._lock:
            group = self._groups.get(group_id)
            return None if group is None else replace(group)

    def groups(self) -> list[StoredGroup]:
        """Return the groups, newest first."""
        with self._lock:
            return [replace(group) for group in reversed(self._groups.values())]

    def change_group(self, group_id: str, **facts: Any) -> StoredGroup | None:
        """Set fields of a group and return it, or None."""
        with self._lock:
            group = self._groups.get(group_id)
            return None if group is None else replace(self._changed(group, facts))

    def remove_group(self, group_id: str) -> StoredGroup | None:
        """Delete a group and all its assets permanently, and return the group or None."""
        with self._lock:
            for asset in [asset for asset in self._assets.values() if asset.group == group_id]:
                del self._assets[asset.id]
            return self._groups.pop(group_id, None)

    def add_session(self, session: StoredSession) -> None:
        """Store a session under its token."""
        with self._lock:
            self._sessions[session.token] = replace(session)

    def session(self, token: str) -> StoredSession | None:
        """Return the session with a token, or None."""
        with self._lock:
            session = self._sessions.get(token)
            return None if session is None else replace(session)

    def add_generation(self, task: str) -> str:
        """Add a generation task under its id, and return the id."""
        with self._lock:
            self._polls[task] = 0
            return task

    def poll_generation(self, task: str) -> int | None:
        """Return how often a task was polled, including this poll; None if there is no such task."""
        with self._lock:
            if task not in self._polls:
                return None
            self._polls[task] += 1
            return self._polls[task]

    def _new_id(self, make_id: Callable[[int], str], taken: dict[str, Any]) -> tuple[int, str]:
        self._numbers += 1
        key = make_id(self._numbers)
        while key in taken:
            key = make_id(self._numbers)
        return self._numbers, key

    def _changed(self, record: Any, facts: dict[str, Any]) -> Any:
        for name, value in facts.items():
            setattr(record, name, value)
        record.updated = self._now()
        return record

    def _copy(self, asset: StoredAsset) -> StoredAsset:
        return replace(self._updated(asset))

    def _updated(self, asset: StoredAsset) -> StoredAsset:
        """Apply the outcome if processing is over. Only reads advance the state, not timers."""
        if asset.status == "processing" and asset.outcome is not None and self._clock() >= asset.ready:
            asset.code, asset.message = asset.outcome
            asset.status = "failed" if asset.code else "active"
            asset.updated = self._now()
        return asset


class Registration(NamedTuple):
    """One registration that took effect, whether or not its response arrived. `name` and `url` are as sent."""

    provider: str
    name: str
    url: str
    id: str

    def __repr__(self) -> str:
        return f"Registration({self.provider}, {self.name!r}, {redact(self.url)!r}, {self.id})"


class Unexpected(NamedTuple):
    """A field of a request that no published page documents."""

    provider: str
    action: str
    field: str


class Stats:
    """Counts by (provider, action), which crash tests and benchmarks read.

    calls      calls with a valid key
    throttled  calls refused with 429
    faults     calls to which a fault was applied
    peak       maximum number of calls at the same time
    denied     calls with an invalid key, by provider
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: Counter[tuple[str, str]] = Counter()
        self._registrations: list[Registration] = []
        self._unexpected: dict[Unexpected, None] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.throttled: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[tuple[str, str]] = Counter()
        self.peak: Counter[tuple[str, str]] = Counter()
        self.denied: Counter[str] = Counter()

    @contextmanager
    def in_flight(self, provider: str, action: str) -> Iterator[None]:
        """Count a call from its arrival to its response."""
        key = (provider, action)
        with self._lock:
            self.calls[key] += 1
            self._busy[key] += 1
            self.peak[key] = max(self.peak[key], self._busy[key])
        try:
            yield
        finally:
            with self._lock:
                self._busy[key] -= 1

    def count(self, counter: Counter[tuple[str, str]], provider: str, action: str) -> None:
        """Increment a counter."""
        with self._lock:
            counter[provider, action] += 1

    def count_denied(self, provider: str) -> None:
        """Count a call with an invalid key."""
        with self._lock:
            self.denied[provider] += 1

    def register(self, registration: Registration) -> None:
        """Record a registration that took effect."""
        with self._lock:
            self._registrations.append(registration)

    def registrations(
        self, provider: str | None = None, *, name: str | None = None, url: str | None = None
    ) -> list[Registration]:
        """Return the registrations that took effect, in order, filtered by provider, name and URL."""
        with self._lock:
            return [
                found
                for found in self._registrations
                if provider in (None, found.provider) and name in (None, found.name) and url in (None, found.url)
            ]

    def note_unexpected(self, provider: str, action: str, fields: set[str]) -> None:
        """Record request fields that no published page documents."""
        with self._lock:
            self._unexpected |= {Unexpected(provider, action, field): None for field in sorted(fields)}

    @property
    def unexpected(self) -> list[Unexpected]:
        """The undocumented fields that clients sent, each once."""
        with self._lock:
            return list(self._unexpected)
