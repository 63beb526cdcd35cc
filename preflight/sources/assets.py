"""References to assets registered with a service: `asset://ID` among the files of a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from preflight.errors import SourceError, UsageError
from preflight.escape import printable
from preflight.formats import KINDS

CODE: Final = "asset_reference"
_REFERENCE: Final = re.compile(rf"(?:({'|'.join(KINDS)})=)?(asset://\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AssetReference:
    """A registered asset in place of a file. Nothing is known of it but, perhaps, its kind.

    reference  `asset://ID`, as a generation request has it
    kind       image, video or audio; None where it is not known
    """

    reference: str
    kind: str | None = None

    def __post_init__(self) -> None:
        """Raise `UsageError` for what is not a reference, and for an unknown kind."""
        if not isinstance(self.reference, str):
            raise UsageError(f"An asset's reference is {type(self.reference).__name__}. Give a text: asset://ID.")
        if self.kind is not None and self.kind not in KINDS:
            raise UsageError(
                f"Unknown kind {self.kind!r} of {printable(self.reference)}. Choose from {', '.join(KINDS)}."
            )


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
    """Return why an asset has no facts."""
    return SourceError(
        CODE,
        f"{printable(asset.reference)} is an asset registered with a service, so its facts are not known: "
        "check the original file, or check the asset as part of a request",
    )
