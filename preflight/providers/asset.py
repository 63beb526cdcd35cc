"""The parsed answers of all providers: `Asset`, `Group`, `Page`, `Session`, `Callback`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from preflight.net.redact import redact
from preflight.providers.generation import GenerationRequest, GenerationSpec, generation_request

if TYPE_CHECKING:
    from preflight.sources.open import Target

Status = Literal["processing", "active", "failed", "unknown"]
STATUSES: Final[tuple[Status, ...]] = ("processing", "active", "failed", "unknown")
"""`unknown`: the provider's status is not documented; `Asset.provider_status` has it."""

T = TypeVar("T")
_MILLISECONDS: Final = 1e11
"""Numbers from here on are milliseconds: as seconds, they would be dates after the year 5000."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset, as its provider describes it.

    id               what the provider's own calls take
    ids              all its ids, by the provider's names for them
    status           one of `STATUSES`
    provider_status  the provider's own word for it
    kind             image, video, audio; None if the provider does not say, or for another kind
    reference        the string for a generation request; None if no page documents it
    usage            how the reference is used, in a sentence
    group            the id of its group
    url              where the provider keeps the file; often signed, so shown only redacted
    url_expires      UTC; None if neither the URL nor a page says
    source           the URL that it was registered from
    error_code       why it failed, as a key of `preflight.codes.CODES`
    provider_code    the provider's own code for it
    error_message    the provider's own sentence, redacted and escaped
    created, updated UTC
    generation       how a generation request names it, which `request` builds
    raw              the provider's answer, redacted
    """

    id: str
    provider: str
    status: Status = "processing"
    kind: str | None = None
    reference: str | None = None
    name: str | None = None
    group: str | None = None
    url: str | None = field(default=None, repr=False)
    url_expires: datetime | None = None
    source: str | None = field(default=None, repr=False)
    error_code: str | None = None
    error_message: str | None = None
    provider_code: str | None = None
    provider_status: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    usage: str | None = field(default=None, repr=False)
    generation: GenerationSpec | None = field(default=None, repr=False, compare=False, hash=False)
    ids: Mapping[str, str] = field(default_factory=dict, hash=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False, hash=False)

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object with every fact; URLs are redacted, times are ISO 8601 in UTC."""
        return _json(self)

    def request(
        self,
        *,
        prompt: str,
        role: str | None = None,
        model: str | None = None,
        parameters: Mapping[str, object] | None = None,
        file: Target | None = None,
    ) -> GenerationRequest:
        """Return the request that generates a video from this asset alone: see `generation_request` for several.

        role  `first_frame`, or `reference_video` … where the kind is not known; None: a reference of its kind
        file  the file that it was registered from, whose facts are checked too
        """
        return generation_request(
            () if role else (self,),
            prompt=prompt,
            roles={role: self} if role else None,
            model=model,
            parameters=parameters,
            files=None if file is None else {self.id: file},
        )


@dataclass(frozen=True, slots=True)
class Group:
    """One group (a container) of assets. `type` as the provider calls it: AIGC, LivenessFace."""

    id: str
    provider: str
    name: str | None = None
    description: str | None = None
    type: str | None = None
    created: datetime | None = None
    updated: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False, hash=False)

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object with every field."""
        return _json(self)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `next`: argument of the same call for the page that follows; None at the end.

    total: the number of all items, if the provider counts them. A page without items ends a list, whatever `next` says;
    callers must also stop at a page with only known ids, since some servers ignore the requested page.
    """

    items: tuple[T, ...]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A real-person verification: the person opens `link`; `token` queries the result. Both are secret."""

    provider: str
    link: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False, hash=False)


@dataclass(frozen=True, slots=True)
class Callback:
    """The result of a verification in its redirect: `success` with the id of the group, or `failed` with a reason."""

    status: Literal["success", "failed"]
    group: str | None = None
    reason: str | None = None


def parse_time(value: object) -> datetime | None:
    """Return a time as providers write it: ISO 8601 text, or seconds or milliseconds since 1970; else None.

    Text without a zone is taken as UTC: every provider that writes a zone writes that one.

    >>> parse_time("2026-04-21T02:41:43Z") == parse_time(1776739303) == parse_time("1776739303000")
    True
    """
    if isinstance(value, str):
        if not value.strip().isdecimal():
            return _from_text(value.strip())
        value = int(value) if len(value) < 20 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value:
        return None
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _from_text(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _json(thing: Asset | Group) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in thing.__dataclass_fields__:
        if name == "generation":  # it describes requests of the provider, not the asset
            continue
        value = getattr(thing, name)
        if isinstance(value, datetime):
            value = value.isoformat().replace("+00:00", "Z")
        elif name in ("url", "source") and value is not None:
            value = redact(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        row[name] = value
    return row
