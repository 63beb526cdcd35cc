"""What an account holds: assets, groups and real-person sessions, as plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

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
