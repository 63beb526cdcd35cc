"""The capabilities of a provider's API: one small protocol each, and `CAPABILITIES`, the actions of each.

An API class names its capabilities as its bases, so that mypy checks their methods. A method is one HTTP call: it does
not retry, wait, loop or cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol, runtime_checkable

from preflight.providers.asset import Asset, Callback, Group, Page, Session
from preflight.providers.client import BeforeSend


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


@runtime_checkable
class ListsAssets(Protocol):
    """Lists the assets of an account."""

    def list(
        self,
        *,
        group: str | None = None,
        status: str | None = None,
        name: str | None = None,
        page: str | None = None,
        size: int | None = None,
    ) -> Page[Asset]:
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
        """Delete the asset; for good, unless the provider has a trash."""
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
        """Delete the group with all its assets, for good."""
        ...


@runtime_checkable
class VerifiesPersons(Protocol):
    """Verifies real persons, whose likeness assets show."""

    def create_session(self, callback: str, *, name: str | None = None, description: str | None = None) -> Session:
        """Begin the verification of a person, whose browser is redirected to `callback` at its end."""
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
        """Upload `size` bytes from the file's position on; return a public URL."""
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
