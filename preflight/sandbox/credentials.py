"""The sandbox' own keys, made anew at each start: `Credentials`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import quote

from preflight.sandbox.messages import Ask, Refusal


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


ALGORITHM: Final = "HMAC-SHA256"
CLOCK_SKEW: Final = 15 * 60
"""s that X-Date may be away from now."""
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Credential=([^/,\s]+)/([^,\s]+), *SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{{64}})"
)


class Form(NamedTuple):
    """One way to sign. `prefix` stands before the secret key; `signed`: headers that have to be signed at least."""

    prefix: str
    signed: frozenset[str]


OFFICIAL: Final = Form("", frozenset(("content-type", "host", "x-content-sha256", "x-date")))
"""As the official SDKs sign."""
PUBLISHED: Final = Form("VolcEngine", frozenset(("host", "x-date")))
"""As the published page's sample code signs."""


def check_signature(
    ask: Ask, form: Form, find: Callable[[str], Credentials | None], *, region: str, service: str, now: float
) -> None:
    """Raise `Refusal` unless the request is signed by a pair that `find` knows by its access key.

    The path that is signed may be the one that was sent or the one behind the provider's prefix: the prefix is the
    sandbox' own, and what stands behind a proxy that takes a prefix away sees the latter.
    """
    authorization = ask.headers.get("authorization")
    if not authorization:
        raise Refusal(401, "MissingAuthenticationToken", "the request is missing an authentication token")
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise Refusal(401, "MissingSignature", "the Authorization header is not a signature")
    access_key, scope, names, signature = match.groups()
    date = ask.headers.get("x-date", "")
    if scope != f"{date[:8]}/{region}/{service}/request":
        raise _mismatch(f"the credential's scope has to be the day of X-Date, then {region}/{service}/request")
    _check_time(date, now)
    pair = find(access_key)
    if pair is None:
        raise Refusal(401, "InvalidAccessKey", "the access key in the request is invalid")
    _check_token(ask, pair)
    signed = names.split(";")
    _check_names(ask, signed, form)
    body_hash = hashlib.sha256(ask.body).hexdigest()
    if ask.headers.get("x-content-sha256", body_hash) != body_hash:
        raise _mismatch("X-Content-Sha256 is not the hash of the body")
    headers = {name: ask.headers.get(name, "") for name in signed}
    for path in dict.fromkeys((ask.sent_path, ask.path)):
        expected = sign(
            form.prefix + (pair.secret_key or ""), ask.method, path, ask.query, headers, body_hash, date, scope
        )
        if same(expected, signature):
            return
    raise _mismatch("the signature calculated from the request is another one; check the secret key and the method")


def sign(
    secret: str,
    method: str,
    path: str,
    query: tuple[tuple[str, str], ...],
    headers: Mapping[str, str],
    body_hash: str,
    date: str,
    scope: str,
) -> str:
    """The signature, in hex, of a request with these `headers` signed, at `date` (20260328T000000Z)."""
    canonical = "\n".join(
        (
            method,
            path or "/",
            "&".join(f"{_escape(name)}={_escape(value)}" for name, value in sorted(query)),
            "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers)),
            ";".join(sorted(headers)),
            body_hash,
        )
    )
    key = secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join((ALGORITHM, date, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _escape(text: str) -> str:
    return quote(text, safe="-_.~")


def _check_time(date: str, now: float) -> None:
    try:
        sent = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Refusal(400, "InvalidTimestamp", "X-Date has to look like 20260328T000000Z") from None
    if abs(sent - now) > CLOCK_SKEW:
        raise Refusal(400, "InvalidTimestamp", "the signature of the request is expired: X-Date is not now")


def _check_token(ask: Ask, pair: Credentials) -> None:
    if not same(ask.headers.get("x-security-token", ""), pair.token or ""):
        raise Refusal(401, "InvalidSecurityToken", "the security token does not belong to the access key")


def _check_names(ask: Ask, signed: list[str], form: Form) -> None:
    if signed != sorted(set(signed)):
        raise _mismatch("SignedHeaders have to be sorted, each once")
    present = {name for name in ask.headers if name.startswith("x-") or name in form.signed}
    unsigned = (form.signed | present if form is OFFICIAL else form.signed).difference(signed)
    if unsigned:
        raise _mismatch(f"not signed, but to be signed: {', '.join(sorted(unsigned))}")


def _mismatch(why: str) -> Refusal:
    return Refusal(401, "SignatureDoesNotMatch", f"the request signature does not match: {why}")
