"""One registration: `RegistrationKey`, `ContentId`, `Entry`, and the name under which it can be found again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

State = Literal["intended", "processing", "active", "failed", "unknown", "refused", "gone"]
"""`intended`: the call may or may not have been made; `unknown`: nor can that be found out; `refused`: it was made and
refused; `gone`: deleted, trashed or forgotten."""

MAX_STEM_CHARS: Final = 48
"""Characters of the file's own name in an asset's name."""
SUFFIX_CHARS: Final = 13
"""Characters that are added to it."""
SHA256_PREFIX: Final = "sha256:"
"""What the identity of a local file's content begins with."""


@dataclass(frozen=True, slots=True)
class ContentId:
    """What is the same file: `sha256:…` of a local one, URL without signature plus strong ETag and size of a remote.

    reusable  false where nothing tells whether the file behind a URL is still the same (no strong ETag)
    """

    identity: str
    reusable: bool = True


@dataclass(frozen=True, slots=True)
class RegistrationKey:
    """What makes two registrations the same one. `origin` scheme and host; `kind` image, video or audio."""

    provider: str
    origin: str
    account: str
    project: str
    group: str
    kind: str
    content: str

    @property
    def digest(self) -> str:
        """64 hex digits."""
        parts = "\0".join(getattr(self, field.name) for field in fields(self))
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One registration as the ledger has it. Times are ISO 8601 in UTC; `source` is redacted.

    name     what it was registered as: unique, so that it can be found again
    rules    digest of the rule sets that it passed
    group    the group's id; provider_code: the provider's own word for why it failed
    warnings codes of the findings with which it passed all the same, with commas
    url      what was sent, without its query; redacted
    """

    key: str
    serial: int
    provider: str
    origin: str
    account: str
    project: str
    group: str
    kind: str
    content: str
    source: str
    name: str
    rules: str
    state: State = "intended"
    asset_id: str | None = None
    reference: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    provider_code: str | None = None
    created: str = ""
    updated: str = ""
    warnings: str = ""
    url: str = ""

    @property
    def registration(self) -> RegistrationKey:
        """The key itself, of which `key` is the digest: for `Ledger.claim` and `Ledger.latest`."""
        return RegistrationKey(
            self.provider, self.origin, self.account, self.project, self.group, self.kind, self.content
        )

    def as_json(self) -> dict[str, Any]:
        """A JSON object with every field."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def asset_name(stem: str, digest: str, serial: int) -> str:
    """A name that no other registration has: up to 48 characters of the stem, a dash, 12 hex digits of the key.

    >>> asset_name("holiday clip", "ab" * 32, 1) == asset_name("holiday clip", "ab" * 32, 2)
    False
    """
    tail = hashlib.sha256(f"{digest}/{serial}".encode()).hexdigest()[: SUFFIX_CHARS - 1]
    plain = re.sub(r"[^\w.-]+", "-", stem.encode("utf-8", "replace").decode())[:MAX_STEM_CHARS].strip("-.")
    return f"{plain or 'file'}-{tail}"
