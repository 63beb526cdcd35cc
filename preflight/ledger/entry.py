"""One registration: `RegistrationKey`, `ContentId`, `Entry`, and the name under which it can be found again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields, replace
from typing import Final, Literal, NamedTuple

State = Literal["intended", "processing", "active", "failed", "unknown", "gone"]
"""`intended`: the call may have been made; `unknown`: it may have been, which cannot be found out; `gone`: deleted,
trashed or forgotten."""

MAX_STEM_CHARS: Final = 48
"""Maximum characters of the file's own name in an asset's name."""
SUFFIX_CHARS: Final = 13
"""Characters that are appended to it: a dash and 12 hex digits."""
SHA256_PREFIX: Final = "sha256:"
"""Start of the identity of a local file's content."""
_FIXED: Final = " fixed:"
"""Between the identity of a file, and the digest of the options with which it was fixed."""


@dataclass(frozen=True, slots=True)
class ContentId:
    """The identity of a file: `sha256:…` of a local one; redacted URL, strong ETag and size of a remote one.

    A fixed file is identified by the file that it is made from: encoders need not make the same bytes twice.

    reusable  false if nothing shows whether the file behind a URL is still the same (no strong ETag)
    """

    identity: str
    reusable: bool = True

    def fixed(self, options: str) -> ContentId:
        """Return the identity of what is made from this file; options: digest of how."""
        return replace(self, identity=f"{self.identity}{_FIXED}{options}")


class AccountKey(NamedTuple):
    """One account at a provider. `origin`: scheme and host; `account`: its name, which stays when its key changes."""

    provider: str
    origin: str
    account: str
    project: str


@dataclass(frozen=True, slots=True)
class RegistrationKey:
    """The identity of a registration. `kind`: as in `Entry`."""

    provider: str
    origin: str
    account: str
    project: str
    group_id: str
    kind: str
    content: str

    @property
    def digest(self) -> str:
        """Return 64 hex digits."""
        parts = "\0".join(getattr(self, field.name) for field in fields(self))
        return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One registration as the ledger has it. Times are ISO 8601 in UTC; `source` is redacted.

    attempt        tells registrations of one key apart: 1, 2, 3 …
    kind           image, video or audio; with the provider's type if it is not the default one, as in `image:Script`
    name           what it was registered as: unique, so that it can be found again
    rules_digest   digest of the rule sets that it passed
    provider_code  the provider's own code for the failure
    warnings       codes of the findings with which it passed, separated by commas
    url            what was sent, without its query; redacted
    """

    key: str
    attempt: int
    provider: str
    origin: str
    account: str
    project: str
    group_id: str
    kind: str
    content: str
    source: str
    name: str
    rules_digest: str
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
        """Return the key of which `key` is the digest, for `Ledger.claim` and `Ledger.latest`."""
        return RegistrationKey(*self.account_key, self.group_id, self.kind, self.content)

    @property
    def account_key(self) -> AccountKey:
        """Return the account that it was registered with."""
        return AccountKey(self.provider, self.origin, self.account, self.project)

    @property
    def media_kind(self) -> str:
        """Return image, video or audio, without the provider's type that `kind` may have, as in `image:Script`."""
        return self.kind.partition(":")[0]

    @property
    def is_fixed(self) -> bool:
        """Return whether the file was fixed before it was registered: `Ledger.fixes` has how."""
        return _FIXED in self.content

    def as_json(self) -> dict[str, str | int | None]:
        """Return a JSON object with every field, named as in the file."""
        return {column: getattr(self, field.name) for column, field in zip(ENTRY_COLUMNS, fields(self), strict=True)}


_OLDER_NAMES: Final = {"attempt": "serial", "group_id": "group", "rules_digest": "rules"}
"""Fields whose columns are named otherwise: files and exports keep their format."""
ENTRY_COLUMNS: Final = tuple(_OLDER_NAMES.get(field.name, field.name) for field in fields(Entry))
"""The columns of the table of entries, in the order of the fields of `Entry`."""


def asset_name(stem: str, digest: str, attempt: int) -> str:
    """Return a name that no other registration has: up to 48 characters of the stem, a dash, 12 hex digits of the key.

    >>> asset_name("holiday clip", "ab" * 32, 1) == asset_name("holiday clip", "ab" * 32, 2)
    False
    """
    suffix = hashlib.sha256(f"{digest}/{attempt}".encode()).hexdigest()[: SUFFIX_CHARS - 1]
    plain = re.sub(r"[^\w.-]+", "-", stem.encode("utf-8", "replace").decode())[:MAX_STEM_CHARS].strip("-.")
    return f"{plain or 'file'}-{suffix}"
