"""The sandbox' own keys, made anew at each start: `Credentials`."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client needs to be let in: `key`, or for providers that check a signature the pair, perhaps with `token`.

    They open this sandbox alone, and only until it ends; nevertheless `repr` does not show them.
    """

    key: str | None = field(default=None, repr=False)
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def environment(self, variables: Sequence[str]) -> dict[str, str]:
        """The values under the names of the environment variables that clients read them from."""
        values = [self.key] if self.key is not None else [self.access_key, self.secret_key]
        return {name: value for name, value in zip(variables, values, strict=True) if value is not None}


def new_key() -> Credentials:
    """A random API key."""
    return Credentials(key=f"sandbox-{secrets.token_urlsafe(24)}")


def new_pair(*, temporary: bool = False) -> Credentials:
    """A random access key and secret key, of the length that Volcengine's have; temporary ones with a token."""
    return Credentials(
        access_key=("AKTP" if temporary else "AKLT") + secrets.token_urlsafe(32),
        secret_key=base64.b64encode(secrets.token_hex(16).encode()).decode(),
        token=f"STS{secrets.token_urlsafe(48)}" if temporary else None,
    )


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same; takes no less time where they differ early."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
