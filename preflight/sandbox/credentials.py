"""The sandbox's random keys and the check of Volcengine's request signature.

The signature is implemented from its description, not from the client of `preflight.providers`: if client and sandbox
disagree, one of them is wrong.
"""

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

from preflight.sandbox.messages import Refusal, Request


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of one account: `key`, or, for providers that check a signature, the pair and perhaps `token`.

    They are valid for this sandbox only, until it ends; nevertheless `repr` does not show them.
    """

    key: str | None = field(default=None, repr=False)
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def environment(self, variables: Sequence[str]) -> dict[str, str]:
        """Return the values by the names of the environment variables from which clients read them."""
        values = [self.key] if self.key is not None else [self.access_key, self.secret_key]
        return {name: value for name, value in zip(variables, values, strict=True) if value is not None}


def new_key() -> Credentials:
    """Return a random API key."""
    return Credentials(key=f"sandbox-{secrets.token_urlsafe(24)}")


def new_pair(*, temporary: bool = False) -> Credentials:
    """Return a random access key and secret key of Volcengine's lengths; temporary ones have a token."""
    return Credentials(
        access_key=("AKTP" if temporary else "AKLT") + secrets.token_urlsafe(32),
        secret_key=base64.b64encode(secrets.token_hex(16).encode()).decode(),
        token=f"STS{secrets.token_urlsafe(48)}" if temporary else None,
    )


def secrets_equal(first: str, second: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(first.encode("utf-8", "replace"), second.encode("utf-8", "replace"))


ALGORITHM: Final = "HMAC-SHA256"
CLOCK_SKEW: Final = 15 * 60
"""Seconds by which X-Date may differ from now."""
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Credential=([^/,\s]+)/([^,\s]+), *SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{{64}})"
)


class SignatureForm(NamedTuple):
    """One way to sign: `prefix` precedes the secret key, `signed` are the headers that must be signed."""

    prefix: str
    signed: frozenset[str]


OFFICIAL: Final = SignatureForm("", frozenset(("content-type", "host", "x-content-sha256", "x-date")))
"""As the official SDKs sign."""
PUBLISHED: Final = SignatureForm("VolcEngine", frozenset(("host", "x-date")))
"""As the published page's sample code signs."""


def check_signature(
    request: Request,
    form: SignatureForm,
    find: Callable[[str], Credentials | None],
    *,
    region: str,
    service: str,
    now: float,
) -> None:
    """Raise `Refusal` unless the request is signed by a pair that `find` returns for its access key.

    The signed path may be the sent one or the one after the provider's prefix: the prefix is the sandbox's own, and
    a client behind a proxy that removes a prefix sees the latter.
    """
    authorization = request.headers.get("authorization")
    if not authorization:
        raise Refusal(401, "MissingAuthenticationToken", "the request is missing an authentication token")
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise Refusal(401, "MissingSignature", "the Authorization header is not a signature")
    access_key, scope, names, signature = match.groups()
    date = request.headers.get("x-date", "")
    if scope != f"{date[:8]}/{region}/{service}/request":
        raise _mismatch(f"the credential's scope must be the day of X-Date, then {region}/{service}/request")
    _check_time(date, now)
    pair = find(access_key)
    if pair is None:
        raise Refusal(401, "InvalidAccessKey", "the access key in the request is invalid")
    if not secrets_equal(request.headers.get("x-security-token", ""), pair.token or ""):
        raise Refusal(401, "InvalidSecurityToken", "the security token does not belong to the access key")
    signed = names.split(";")
    _check_signed_headers(request, signed, form)
    body_hash = _check_body(request)
    headers = {name: request.headers.get(name, "") for name in signed}
    secret = form.prefix + (pair.secret_key or "")
    for path in dict.fromkeys((request.sent_path, request.path)):
        canonical = canonical_request(request.method, path, request.query, headers, body_hash)
        if secrets_equal(sign(secret, canonical, date, scope), signature):
            return
    raise _mismatch("the signature calculated from the request differs; check the secret key and the method")


def canonical_request(
    method: str, path: str, query: tuple[tuple[str, str], ...], headers: Mapping[str, str], body_hash: str
) -> str:
    """Return the text of a request that is hashed and signed. `headers` are the signed ones, by lower-case name."""
    return "\n".join(
        (
            method,
            path or "/",
            "&".join(f"{_escape(name)}={_escape(value)}" for name, value in sorted(query)),
            "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers)),
            ";".join(sorted(headers)),
            body_hash,
        )
    )


def sign(secret: str, canonical: str, date: str, scope: str) -> str:
    """Return the signature, in hex, of a canonical request at `date` (20260328T000000Z)."""
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
        raise Refusal(400, "InvalidTimestamp", "X-Date must look like 20260328T000000Z") from None
    if abs(sent - now) > CLOCK_SKEW:
        raise Refusal(400, "InvalidTimestamp", "the signature of the request has expired: X-Date is not now")


def _check_body(request: Request) -> str:
    """Return the hash of the body, in hex. Raise `Refusal` if X-Content-Sha256 is another one."""
    body_hash = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-content-sha256", body_hash) != body_hash:
        raise _mismatch("X-Content-Sha256 is not the hash of the body")
    return body_hash


def _check_signed_headers(request: Request, signed: list[str], form: SignatureForm) -> None:
    if signed != sorted(set(signed)):
        raise _mismatch("SignedHeaders must be sorted and unique")
    present = {name for name in request.headers if name.startswith("x-") or name in form.signed}
    unsigned = (form.signed | present if form is OFFICIAL else form.signed).difference(signed)
    if unsigned:
        raise _mismatch(f"missing in SignedHeaders: {', '.join(sorted(unsigned))}")


def _mismatch(why: str) -> Refusal:
    return Refusal(401, "SignatureDoesNotMatch", f"the request signature does not match: {why}")
