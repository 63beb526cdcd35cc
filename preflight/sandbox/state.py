"""All that one account holds at one provider: `Account`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

Status = Literal["processing", "active", "failed"]


class Outcome(NamedTuple):
    """How processing ended: without a code the asset is active."""

    code: str | None = None
    message: str = ""


@dataclass(slots=True)
class StoredAsset:
    """One asset.

    number    counts an account's assets in the order of their registration
    kind      image, video, audio; None for what is no media
    stated    the client's word for the type; ids: the provider's further ids for it, by their names
    created   s since 1970; ready: s on the clock of the account, before which it stays in processing
    outcome   how processing will end, once that is known; code, message: why it failed
    """

    id: str
    number: int
    kind: str | None
    stated: str
    url: str
    name: str
    created: float
    updated: float
    ready: float
    description: str = ""
    group: str | None = None
    project: str = "default"
    ids: dict[str, str] = field(default_factory=dict)
    status: Status = "processing"
    outcome: Outcome | None = None
    code: str | None = None
    message: str = ""
    trashed: bool = False


@dataclass(slots=True)
class StoredGroup:
    """One group. `type`: `AIGC`, or `LivenessFace` where a real person proved consent."""

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
    """One real-person verification. `group`: the group that it made, once the person has agreed."""

    token: str
    callback: str
    name: str = ""
    description: str = ""
    group: str | None = None
    failed: bool = False


class Account:
    """Assets, their trash, groups and sessions. Every method may be called from any thread; what it gives is a copy.

    clock  s, for processing times · now  s since 1970
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self._clock, self._now = clock, now
        self._lock = threading.RLock()
        self._numbers = 0
        self._assets: dict[str, StoredAsset] = {}
        self._groups: dict[str, StoredGroup] = {}
        self._sessions: dict[str, StoredSession] = {}

    def add_asset(self, new_id: Callable[[int], str], *, delay: float, **facts: Any) -> StoredAsset:
        """A new asset in processing, for at least `delay` s. `new_id` makes an id out of its number."""
        with self._lock:
            number, key = self._fresh(new_id, self._assets)
            now = self._now()
            asset = StoredAsset(key, number, created=now, updated=now, ready=self._clock() + delay, **facts)
            self._assets[key] = asset
            return replace(asset)

    def settle(self, asset_id: str, outcome: Outcome) -> None:
        """Say how the processing of an asset ends; it shows as soon as its time is over."""
        with self._lock:
            asset = self._assets.get(asset_id)
            if asset is not None and asset.outcome is None:
                asset.outcome = outcome

    def asset(self, asset_id: str, *, trashed: bool = False) -> StoredAsset | None:
        """One asset; None where there is none with this id, or it is on the other side of the trash."""
        with self._lock:
            asset = self._assets.get(asset_id)
            return self._copy(asset) if asset is not None and asset.trashed == trashed else None

    def assets(
        self, *, trashed: bool | None = False, where: Callable[[StoredAsset], bool] = lambda asset: True
    ) -> list[StoredAsset]:
        """The assets, newest first; `trashed` None: those in the trash too."""
        with self._lock:
            chosen = (asset for asset in reversed(self._assets.values()) if trashed in (None, asset.trashed))
            return [copy for copy in map(self._copy, chosen) if where(copy)]

    def change_asset(self, asset_id: str, **facts: Any) -> StoredAsset | None:
        """Write new facts (`name`, `description`, `trashed`) into an asset, and give it."""
        with self._lock:
            asset = self._assets.get(asset_id)
            return None if asset is None else self._copy(self._changed(asset, facts))

    def remove_asset(self, asset_id: str) -> StoredAsset | None:
        """Forget an asset for good."""
        with self._lock:
            return self._assets.pop(asset_id, None)

    def add_group(self, new_id: Callable[[int], str], **facts: Any) -> StoredGroup:
        """A new group."""
        with self._lock:
            number, key = self._fresh(new_id, self._groups)
            now = self._now()
            group = self._groups[key] = StoredGroup(key, number, created=now, updated=now, **facts)
            return replace(group)

    def group(self, group_id: str) -> StoredGroup | None:
        """One group."""
        with self._lock:
            group = self._groups.get(group_id)
            return None if group is None else replace(group)

    def groups(self) -> list[StoredGroup]:
        """The groups, newest first."""
        with self._lock:
            return [replace(group) for group in reversed(self._groups.values())]

    def change_group(self, group_id: str, **facts: Any) -> StoredGroup | None:
        """Write new facts into a group, and give it."""
        with self._lock:
            group = self._groups.get(group_id)
            return None if group is None else replace(self._changed(group, facts))

    def remove_group(self, group_id: str) -> StoredGroup | None:
        """Forget a group, and with it all its assets, for good."""
        with self._lock:
            for asset in [asset for asset in self._assets.values() if asset.group == group_id]:
                del self._assets[asset.id]
            return self._groups.pop(group_id, None)

    def add_session(self, session: StoredSession) -> None:
        """Keep a session under its token."""
        with self._lock:
            self._sessions[session.token] = replace(session)

    def session(self, token: str) -> StoredSession | None:
        """The session with this token."""
        with self._lock:
            session = self._sessions.get(token)
            return None if session is None else replace(session)

    def _fresh(self, new_id: Callable[[int], str], taken: dict[str, Any]) -> tuple[int, str]:
        self._numbers += 1
        key = new_id(self._numbers)
        while key in taken:
            key = new_id(self._numbers)
        return self._numbers, key

    def _changed(self, record: Any, facts: dict[str, Any]) -> Any:
        for name, value in facts.items():
            setattr(record, name, value)
        record.updated = self._now()
        return record

    def _copy(self, asset: StoredAsset) -> StoredAsset:
        """A copy, after the end of its processing has been seen to. Only reading moves time on: no timers."""
        if asset.status == "processing" and asset.outcome is not None and self._clock() >= asset.ready:
            asset.code, asset.message = asset.outcome
            asset.status = "failed" if asset.code else "active"
            asset.updated = self._now()
        return replace(asset)
