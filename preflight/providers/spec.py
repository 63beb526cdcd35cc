"""Describe a provider: `ProviderSpec`, frozen data with the class of its API, and the capabilities of an API.

A capability is one small protocol. An API class names its capabilities as its bases, so that mypy checks their methods.
A method is one HTTP call: it does not retry, wait, loop or cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO, Final, Generic, Literal, Protocol, TypedDict, Unpack, runtime_checkable

from preflight.errors import UsageError
from preflight.net.redact import redact
from preflight.providers.asset import Asset, Callback, Group, Page, Session, Status
from preflight.providers.credentials import Auth, CredentialSpec, Secret, bearer_auth
from preflight.providers.generation import GenerationSpec
from preflight.providers.refusals import RETRYABLE_FAILURES, UPSTREAM_CODES, ParseRefusal, parse_status_refusal

BeforeSend = Callable[[], None]
"""Called right before a request is sent, once its turn has come; an exception from it prevents the request."""


@dataclass(frozen=True, slots=True)
class NewAsset:
    """An asset to be registered, with arguments that were checked. `type`: the provider's own word."""

    url: str
    kind: str | None
    type: str
    name: str | None = None
    group: str | None = None
    description: str | None = None


@runtime_checkable
class RegistersAssets(Protocol):
    """Registers and returns assets; every provider does."""

    def register(self, registration: NewAsset, before_send: BeforeSend | None = None) -> Asset:
        """Register a file. Not idempotent: each call creates an asset."""
        ...

    def get(self, asset: str) -> Asset:
        """Return the asset as it is now. Raise `AssetNotFound` if it is gone."""
        ...


class ListQuery(TypedDict, total=False):
    """The filters of a list, and its page; `size`: items per page."""

    group: str | None
    status: str | None
    name: str | None
    page: str | None
    size: int | None


@runtime_checkable
class ListsAssets(Protocol):
    """Lists the assets of an account."""

    def list(self, **query: Unpack[ListQuery]) -> Page[Asset]:
        """Return one page, by default the first. A name filter may be fuzzy: compare."""
        ...


@runtime_checkable
class RenamesAssets(Protocol):
    """Renames assets."""

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        """Change the name of the asset, and its description."""
        ...


@runtime_checkable
class DeletesAssets(Protocol):
    """Deletes assets."""

    def delete(self, asset: str) -> None:
        """Delete the asset; permanently, unless the provider has a trash."""
        ...


@runtime_checkable
class HasTrash(Protocol):
    """Keeps deleted assets for a while."""

    def restore(self, asset: str) -> None:
        """Take the asset out of the trash."""
        ...

    def list_trash(self, *, page: str | None = None, size: int | None = None) -> Page[Asset]:
        """Return one page of the assets in the trash."""
        ...


@runtime_checkable
class HasGroups(Protocol):
    """Keeps assets in groups."""

    def create_group(self, name: str, *, description: str | None = None) -> Group:
        """Create a group. Not idempotent."""
        ...

    def list_groups(self, *, name: str | None = None, page: str | None = None, size: int | None = None) -> Page[Group]:
        """Return one page of the groups."""
        ...

    def get_group(self, group: str) -> Group:
        """Return the group as it is now."""
        ...

    def update_group(self, group: str, *, name: str | None = None, description: str | None = None) -> None:
        """Change the name of the group, its description, or both."""
        ...

    def delete_group(self, group: str) -> None:
        """Delete the group and all its assets permanently."""
        ...


@runtime_checkable
class VerifiesPersons(Protocol):
    """Verifies real persons, whose likeness assets show."""

    def create_session(self, callback: str, *, name: str | None = None, description: str | None = None) -> Session:
        """Begin the verification of a person, whose browser is redirected to `callback` at the end."""
        ...


@runtime_checkable
class ReportsSessions(Protocol):
    """Reports the result of a verification by its token."""

    def session_result(self, token: str) -> Group:
        """Return the group of a person who was verified."""
        ...


@runtime_checkable
class ParsesCallbacks(Protocol):
    """Reports the result of a verification in the URL of the redirect."""

    def parse_callback(self, url: str) -> Callback:
        """Parse the URL to which the person was redirected, without a call."""
        ...


@runtime_checkable
class UploadsFiles(Protocol):
    """Stores files, so that they can be registered by URL."""

    def upload(self, file: BinaryIO, size: int, name: str, mime: str) -> str:
        """Upload `size` bytes, from the file's current position; return a public URL."""
        ...


CAPABILITIES: Final[Mapping[type, tuple[str, ...]]] = {
    RegistersAssets: ("register", "get"),
    ListsAssets: ("list",),
    RenamesAssets: ("rename",),
    DeletesAssets: ("delete",),
    HasTrash: ("restore", "list_trash"),
    HasGroups: ("create_group", "list_groups", "get_group", "update_group", "delete_group"),
    VerifiesPersons: ("create_session",),
    ReportsSessions: ("session_result",),
    ParsesCallbacks: ("parse_callback",),
    UploadsFiles: ("upload",),
}
API_ACTIONS: Final = tuple(action for actions in CAPABILITIES.values() for action in actions)
"""All actions of all providers. Each except `parse_callback` is a call."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A maximum number of calls in a number of seconds."""

    calls: float
    per: float = 1.0


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of one account. `rates`: by action; `default`: for every other action.

    in_flight  how many calls of these actions may run at the same time
    learned    the account's limits may be lower: start with few calls, and with the rate that was learned before
    """

    default: Rate
    rates: Mapping[str, Rate] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)
    learned: bool = False

    def rate(self, action: str) -> Rate:
        """Return the limit of one action."""
        return self.rates.get(action, self.default)


PUBLISHED_RATES: Final = RateLimits(
    Rate(30),
    {"get": Rate(100), "get_group": Rate(100), "delete": Rate(10), "delete_group": Rate(5)},
    {"register": 30, "create_group": 30},
)
"""The published table. It has no line for the two deletions; theirs are the rates of accounts limited per minute.

The gateways publish no rates, but their upstream limits them too.
"""


if TYPE_CHECKING:
    from typing_extensions import TypeVar

    ApiT_co = TypeVar("ApiT_co", covariant=True, default=RegistersAssets)
else:
    from typing import TypeVar

    ApiT_co = TypeVar("ApiT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec(Generic[ApiT_co]):
    """One asset API.

    name, title         the name that users choose, and the name in messages
    ruleset             the name of its rule set for registering
    api                 the class of its calls, a `BaseApi`; its further bases are its capabilities
    parse_refusal       finds the refusal in an answer, if it is one
    auth                (credentials, options) → the authentication of calls
    origins             scheme and host of each of its hosts; `main` has the assets
    credentials         the keys that it needs, and their environment variables
    options             further arguments, with the values that they accept; empty: any
    types               its words for an asset's type → the kind of media (None: none)
    needs_group         an asset is registered into a group
    describes           actions that take a description
    max_name_chars, max_description_chars  of an asset or a group
    recover_by          the field by which `list` finds an asset whose registration response was lost; None: none
    lists_partly        items of a list may lack fields, even the name; only `get` returns all
    lists_status        items of a list have their current status; at other providers only `get` is sure to have it
    filters             the filters of `list`: `group`, `status`, `name`
    page_size           items per page
    rates               the rate limits that it publishes
    ids                 the names of an asset's ids in its answers; its own calls take the first
    kinds, statuses     its words in answers, in lower case → ours
    group_types         its numbers for types of groups → their names, if it has any
    reference           the string for a generation request, with the id as {}; None: no page documents it
    usage               how the reference is used, by kind; "": for all others
    generation          how a generation request names assets; None: not known
    failure_codes       its codes for problems of a file → `preflight.codes.CODES`
    retryable_failures  failures that a new registration may overcome
    reasons             its codes → `preflight.providers.refusals.REASONS`, if they mean more than elsewhere
    url_lifetime        how long `Asset.url` works, if a page says so
    """

    name: str
    title: str
    ruleset: str
    api: type[ApiT_co]
    parse_refusal: ParseRefusal = parse_status_refusal
    auth: Callable[[Mapping[str, Secret], Mapping[str, str]], Auth] = bearer_auth
    origins: Mapping[str, str]
    credentials: tuple[CredentialSpec, ...]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    types: Mapping[str, str | None] = field(
        default_factory=lambda: {"Image": "image", "Video": "video", "Audio": "audio"}
    )
    needs_group: bool = False
    describes: frozenset[str] = frozenset()
    max_name_chars: int = 64
    max_description_chars: int = 300
    recover_by: Literal["name"] | None = None
    lists_partly: bool = False
    lists_status: bool = False
    filters: frozenset[str] = frozenset()
    page_size: int = 20
    rates: RateLimits = PUBLISHED_RATES
    ids: tuple[str, ...]
    kinds: Mapping[str, str | None] = field(
        default_factory=lambda: {"image": "image", "video": "video", "audio": "audio"}
    )
    statuses: Mapping[str, Status] = field(
        default_factory=lambda: {"processing": "processing", "active": "active", "failed": "failed"}
    )
    group_types: Mapping[str, str | None] = field(default_factory=dict)
    reference: str | None = "asset://{}"
    usage: Mapping[str, str] = field(default_factory=dict)
    generation: GenerationSpec | None = None
    failure_codes: Mapping[str, str] = field(default_factory=lambda: UPSTREAM_CODES)
    retryable_failures: frozenset[str] = RETRYABLE_FAILURES
    reasons: Mapping[str, str] = field(default_factory=dict)
    url_lifetime: timedelta | None = None

    @property
    def can(self) -> frozenset[str]:
        """Return the actions of its API."""
        return frozenset(
            action
            for capability, actions in CAPABILITIES.items()
            if issubclass(self.api, capability)
            for action in actions
        )

    # Arguments are checked before anything is sent: each method raises `UsageError`.

    def registration(
        self,
        url: str,
        kind: str | None,
        *,
        name: str | None = None,
        group: str | None = None,
        description: str | None = None,
        asset_type: str | None = None,
    ) -> NewAsset:
        """Return the registration of a file after checking all arguments."""
        if not url.lower().startswith(("https://", "http://")):
            raise UsageError(f"{self.title} fetches by http(s) URL only, not {redact(url)[:80]}. Host the file first.")
        if self.needs_group and group is None:
            text = f"{self.title} registers an asset into a group. Name one with group=."
            raise UsageError(text, parameters=("group",))
        if group is not None and not self.needs_group:
            raise UsageError(f"{self.title} has no groups. Leave group= out.", parameters=("group",))
        self.check_texts("register", name, description)
        word = self._type(kind, asset_type)
        return NewAsset(url, kind or self.types[word], word, name, group, description)

    def _type(self, kind: str | None, asset_type: str | None) -> str:
        """Return the provider's word for the type: the given one, or else the first for the kind."""
        if asset_type is None:
            for word, means in self.types.items():
                if means is not None and means == kind:
                    return word
            kinds = ", ".join(sorted({means for means in self.types.values() if means}))
            raise UsageError(f"{self.title} takes {kinds}, not {kind or 'a file of unknown kind'}.")
        if asset_type not in self.types:
            raise UsageError(f"{self.title} has no type {asset_type!r}. Choose one of {', '.join(self.types)}.")
        if None not in (kind, self.types[asset_type]) and self.types[asset_type] != kind:
            raise UsageError(f"{self.title}: the type {asset_type} is not for {kind} files. Choose another type.")
        return asset_type

    def check_texts(self, action: str, name: str | None, description: str | None) -> None:
        """Raise `UsageError` for a name or a description that the action does not accept."""
        self.check_name(name)
        self.check_description(action, description)

    def check_name(self, name: str | None) -> None:
        """Raise `UsageError` for a name that is empty or too long."""
        if name is None:
            return
        if not name.strip():
            raise UsageError(f"{self.title}: the name is empty. Give a name.", parameters=("name",))
        if len(name) > self.max_name_chars:
            raise UsageError(
                f"{self.title} takes names of up to {self.max_name_chars} characters, and this one has {len(name)}. "
                "Give a shorter name=.",
                parameters=("name",),
            )

    def check_description(self, action: str, description: str | None) -> None:
        """Raise `UsageError` for a description that the action does not accept, or that is too long."""
        if description is None:
            return
        if action not in self.describes:
            raise UsageError(
                f"{self.title} takes no description here. Leave description= out.", parameters=("description",)
            )
        if len(description) > self.max_description_chars:
            raise UsageError(
                f"{self.title} takes descriptions of up to {self.max_description_chars} characters. "
                "Give a shorter description=.",
                parameters=("description",),
            )
