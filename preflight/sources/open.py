"""Open what a caller names as a `Source`: a path, a URL, bytes, an open file; or a reference to a registered asset."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, TypeVar

from preflight.errors import SourceError, UsageError
from preflight.escape import printable
from preflight.formats import KINDS
from preflight.media import EVERYTHING, Need
from preflight.sources import Source
from preflight.sources.local import LocalSource

if TYPE_CHECKING:
    from preflight.sources.http import HttpOptions

ASSET_REFERENCE: Final = "asset_reference"
_REFERENCE: Final = re.compile(rf"(?:({'|'.join(KINDS)})=)?(asset://\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AssetReference:
    """A registered asset in place of a file, of which at most the kind is known.

    reference  `asset://ID`, as a generation request has it
    kind       image, video or audio; None if it is not known
    """

    reference: str
    kind: str | None = None

    def __post_init__(self) -> None:
        """Raise `UsageError` for an invalid reference or an unknown kind."""
        if not isinstance(self.reference, str):
            raise UsageError(f"An asset's reference is {type(self.reference).__name__}. Give a string: asset://ID.")
        if self.kind is not None and self.kind not in KINDS:
            raise UsageError(
                f"Unknown kind {self.kind!r} of {printable(self.reference)}. Choose from {', '.join(KINDS)}."
            )


Target = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | AssetReference
"""A target to check: a path, an http(s) URL, a data URI, bytes, an open binary file.

Within a request, a registered asset too."""
T = TypeVar("T")

_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://|data:", re.IGNORECASE)


def is_url(target: object) -> bool:
    """Return whether a target is a URL of any scheme; `HttpSource` decides which can be fetched."""
    return isinstance(target, str) and ":" in target and _URL.match(target) is not None


def is_fetched(target: object) -> bool:
    """Return whether opening a target sends requests to a server."""
    return is_url(target) and re.match("data:|asset://", str(target), re.IGNORECASE) is None


def open_source(target: Target, need: Need = EVERYTHING, http: HttpOptions | None = None) -> Source:
    """Return a `Source` for a target. Raise `SourceError` if it is not there, `UsageError` if it cannot be a source."""
    if (asset := asset_of(target)) is not None:
        raise unread(asset)
    if isinstance(target, str):
        if is_url(target):
            if target[:5].lower() == "data:":
                from preflight.sources.memory import DataUriSource

                return DataUriSource(target)
            from preflight.sources.http import HttpOptions, HttpSource

            return HttpSource(target, need=need, options=http or HttpOptions())
        return LocalSource(target, display_name(target) if "?" in target else None)
    if isinstance(target, os.PathLike):
        return LocalSource(os.fsdecode(target))
    if isinstance(target, bytes | bytearray | memoryview):
        from preflight.sources.memory import MemorySource

        return MemorySource(target)
    if not isinstance(target, AssetReference) and is_target(target):
        from preflight.sources.stream import StreamSource

        return StreamSource(target)
    raise UsageError(not_a_target_message(target))


def is_target(target: object) -> bool:
    """Return whether a target has a type that can be opened, whether or not it exists."""
    if isinstance(target, str | os.PathLike | bytes | bytearray | memoryview | AssetReference):
        return True
    return callable(getattr(target, "read", None)) and not isinstance(target, type)


def not_a_target_message(target: object) -> str:
    """Return the message for a value that is not a target."""
    return f"{type(target).__name__} cannot be checked. Give a path, a URL, bytes or an open binary file."


def require_iterable(targets: Iterable[T]) -> Iterable[T]:
    """Return the targets unchanged. Raise `UsageError` for a single target, and for a value that is not iterable."""
    if isinstance(targets, str | bytes | bytearray | memoryview | os.PathLike | AssetReference) or hasattr(
        targets, "read"
    ):
        what = f"{targets[:40]!r}" if isinstance(targets, str) else type(targets).__name__
        raise UsageError(f"{what} is one target where several are expected. Give a list of them.")
    if not isinstance(targets, Iterable):
        raise UsageError(
            f"{type(targets).__name__} contains no targets. Give a list of paths, URLs, bytes or open files."
        )
    return targets


def display_name(target: Target) -> str:
    """Return the name of a target in reports, without the secrets of a URL. Opens nothing."""
    if (asset := asset_of(target)) is not None:
        return printable(asset.reference)
    if isinstance(target, str):
        # A URL whose scheme was left out is a path that does not exist, and its query may be a signature.
        if is_url(target) or ("?" in target and "=" in target and not os.path.lexists(target)):
            from preflight.net.redact import redact

            return redact(target)
        return target
    if isinstance(target, os.PathLike):
        return os.fsdecode(target)
    if isinstance(target, bytes | bytearray | memoryview):
        return "<bytes>"
    name = getattr(target, "name", None)
    return name if isinstance(name, str) else "<stream>"


def asset_of(target: object) -> AssetReference | None:
    """Return the asset that a target refers to, as `asset://ID` or `KIND=asset://ID`; None for anything else.

    >>> asset_of("image=asset://asset-1")
    AssetReference(reference='asset://asset-1', kind='image')
    """
    if isinstance(target, AssetReference):
        return target
    if not isinstance(target, str) or "://" not in target or (match := _REFERENCE.fullmatch(target)) is None:
        return None
    return AssetReference(match[2], match[1] and match[1].lower())


def unread(asset: AssetReference) -> SourceError:
    """Return the error for an asset whose facts are requested: it has none."""
    return SourceError(
        ASSET_REFERENCE,
        f"{printable(asset.reference)} is an asset registered with a service, so its facts are not known. "
        "Check the original file, or check the asset as part of a request.",
    )
