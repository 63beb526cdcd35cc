"""What every provider is: `Provider`. A provider is class data and one short method for each of its calls.

A method is one HTTP call: it does not retry, wait, loop or remember. Whoever holds the rates gives `middleware`,
which is entered with the action's name for the time of the call and sees its error.
A signature is made inside, after the wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Final, Literal, NamedTuple, NoReturn, Self

from preflight.errors import UsageError
from preflight.net.redact import redact
from preflight.providers.asset import Asset, Callback, Group, Page, Session
from preflight.providers.calls import Calls
from preflight.providers.client import Call

VERBS: Final[tuple[str, ...]] = (
    "register",
    "get",
    "list",
    "rename",
    "delete",
    "restore",
    "list_trash",
    "create_group",
    "list_groups",
    "get_group",
    "update_group",
    "delete_group",
    "create_session",
    "session_result",
    "parse_callback",
    "upload",
)
"""Everything that one or another can do. But for `parse_callback` each is a call, and the name of its action."""


class Registration(NamedTuple):
    """What is to be registered, once it may be sent; type: the provider's own word."""

    url: str
    type: str
    name: str | None
    group: str | None
    description: str | None


RegistrationAnswer = tuple[Call, Mapping[str, Any]]
"""A call, and what it answered of the asset."""


class Provider(Calls):
    """One asset API. `can` says what it is able to do; another verb raises `UsageError`.

    Class data, so that nobody needs to ask which provider it is:

    name, title         as it is chosen, and as it is called in messages
    rules               its register rule set
    origins             scheme and host of each of its hosts; `main` has the assets
    keys                what it asks for, and which environment variables hold it
    types               its words for an asset's type → the kind of media (None: none)
    kinds, statuses     its words in answers, in small letters → ours; group_types: where groups have numbers for types
    needs_group         an asset is registered into a group
    describes           actions that take a description
    name_max            characters of an asset's or group's name; description_max: of a description
    recover_by          what an asset whose registration's answer was lost is found by in `list`: `name`; None: nothing
    lists_partly        items of a list may lack fields, the name among them: only `get` has them all
    filters             what `list` can be asked for: `group`, `status`, `name`; page_size: items to a page
    plans               its rates by plan; plan: the chosen one
    reference           the string for a generation request, with the id as {}; None: no page says what it looks like
    usage               how the reference is used, by kind; "": for all others
    failure_codes       its words for what is wrong with a file → `preflight.codes.CODES`
    retryable_failures  failures that a new registration may overcome
    reasons             its codes → `preflight.providers.refusals.REASONS`, where they mean more than elsewhere
    url_lifetime        how long `Asset.url` works, where a page says so
    options             further arguments, with the values that they take; none: any
    """

    rules: ClassVar[str]
    needs_group: ClassVar[bool] = False
    describes: ClassVar[frozenset[str]] = frozenset()
    name_max: ClassVar[int] = 64
    description_max: ClassVar[int] = 300
    recover_by: ClassVar[Literal["name"] | None] = None
    lists_partly: ClassVar[bool] = False
    filters: ClassVar[frozenset[str]] = frozenset()
    page_size: ClassVar[int] = 20
    can: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        methods = {verb: "_register" if verb == "register" else verb for verb in VERBS}
        cls.can = frozenset(verb for verb, name in methods.items() if getattr(cls, name) is not getattr(Provider, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self.title} at {self.origin}>"

    # Assets.

    def register(
        self,
        url: str,
        kind: str | None,
        *,
        name: str | None = None,
        group: str | None = None,
        description: str | None = None,
        asset_type: str | None = None,
    ) -> Asset:
        """Register the file at `url`. Not idempotent: each call makes an asset.

        kind: of `types`' values; asset_type: one of `types` itself, where a kind has several or none.
        """
        word = self._admit(url, kind, name, group, description, asset_type)
        call, data = self._register(Registration(url, word, name, group, description))
        kind = kind or self.types[word]
        return self._asset(call, data, status="processing", kind=kind, name=name, group=group, source=url)

    def _register(self, wanted: Registration) -> RegistrationAnswer:
        """The call that registers, and what it answers of the asset."""
        self._lacks("register")

    def get(self, asset: str) -> Asset:
        """The asset as it is now. Raises `AssetNotFound` where it is gone."""
        self._lacks("get")

    def list(
        self,
        *,
        group: str | None = None,
        status: str | None = None,
        name: str | None = None,
        page: str | None = None,
        size: int | None = None,
    ) -> Page[Asset]:
        """One page of the assets. A name filter may be fuzzy: compare. Without `page` the first one."""
        self._lacks("list")

    def rename(self, asset: str, name: str, *, description: str | None = None) -> None:
        """Give the asset another name."""
        self._lacks("rename")

    def delete(self, asset: str) -> None:
        """Delete the asset; for good, unless the provider can `restore`."""
        self._lacks("delete")

    def restore(self, asset: str) -> None:
        """Take the asset out of the trash."""
        self._lacks("restore")

    def list_trash(self, *, page: str | None = None, size: int | None = None) -> Page[Asset]:
        """One page of the assets in the trash."""
        self._lacks("list_trash")

    # Groups.

    def create_group(self, name: str, *, description: str | None = None) -> Group:
        """Make a group. Not idempotent."""
        self._lacks("create_group")

    def list_groups(self, *, name: str | None = None, page: str | None = None, size: int | None = None) -> Page[Group]:
        """One page of the groups."""
        self._lacks("list_groups")

    def get_group(self, group: str) -> Group:
        """The group as it is now."""
        self._lacks("get_group")

    def update_group(self, group: str, *, name: str | None = None, description: str | None = None) -> None:
        """Give the group another name, another description, or both."""
        self._lacks("update_group")

    def delete_group(self, group: str) -> None:
        """Delete the group with all its assets, for good."""
        self._lacks("delete_group")

    # Real persons.

    def create_session(self, callback: str, *, name: str | None = None, description: str | None = None) -> Session:
        """Begin the verification of a real person, who is sent on to `callback` at its end."""
        self._lacks("create_session")

    def session_result(self, token: str) -> Group:
        """The group of a person who was verified, by the session's token."""
        self._lacks("session_result")

    def parse_callback(self, url: str) -> Callback:
        """What the URL says to which the person was sent on. No call."""
        self._lacks("parse_callback")

    # Files.

    def upload(self, file: BinaryIO, size: int, name: str, mime: str) -> str:
        """Upload a file of `size` bytes, from its position on; gives a public URL to register it by."""
        self._lacks("upload")

    # Before anything is sent.

    def _lacks(self, verb: str) -> NoReturn:
        raise UsageError(f"{self.title} has no call for {verb.replace('_', ' ')}")

    def _admit(
        self,
        url: str,
        kind: str | None,
        name: str | None,
        group: str | None,
        description: str | None,
        given: str | None,
    ) -> str:
        """The word for the type of an asset to be registered, once all arguments are such that they may be sent."""
        if not url.lower().startswith(("https://", "http://")):
            raise UsageError(f"{self.title} fetches by http(s) URL alone, not {redact(url)[:80]}: host the file first")
        if self.needs_group and group is None:
            raise UsageError(f"{self.title} registers an asset into a group: name one with --group")
        if group is not None:
            if not self.needs_group:
                raise UsageError(f"{self.title} has no groups: leave --group out")
            self._id(group)
        self._named(name)
        self._described("register", description)
        return self._type(kind, given)

    def _type(self, kind: str | None, given: str | None) -> str:
        """The provider's word for the type: the given one, or else the first for the kind."""
        if given is None:
            for word, means in self.types.items():
                if means is not None and means == kind:
                    return word
            kinds = ", ".join(sorted({means for means in self.types.values() if means}))
            raise UsageError(f"{self.title} takes {kinds}, not {kind or 'a file of unknown kind'}")
        if given not in self.types:
            raise UsageError(f"{self.title} has no type {given!r}: its types are {', '.join(self.types)}")
        if None not in (kind, self.types[given]) and self.types[given] != kind:
            raise UsageError(f"{self.title}: the type {given} is not for a file of kind {kind}")
        return given

    def _named(self, name: str | None) -> None:
        if name is not None and not name.strip():
            raise UsageError(f"{self.title}: an empty name is no name: give another --name")
        if name is not None and len(name) > self.name_max:
            raise UsageError(
                f"{self.title} takes names of up to {self.name_max} characters, and this one has {len(name)}: "
                "give a shorter --name"
            )

    def _described(self, action: str, description: str | None) -> None:
        if description is None:
            return
        if action not in self.describes:
            raise UsageError(f"{self.title} takes no description here")
        if len(description) > self.description_max:
            raise UsageError(f"{self.title} takes descriptions of up to {self.description_max} characters")

    def _filtered(self, **filters: str | None) -> None:
        for name, value in filters.items():
            if value is not None and name not in self.filters:
                raise UsageError(f"{self.title} cannot list by {name}: leave it out, and look through what it lists")

    def _paged(self, page: str | None) -> int:
        if page is None:
            return 1
        if not page.isdecimal() or not 0 < int(page[:18]) < 10**9:
            raise UsageError(f"{self.title}: {page[:40]!r} is no page: pages are counted from 1")
        return int(page)
