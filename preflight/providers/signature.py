"""The signatures of Volcengine and BytePlus: `official`, and `published` as one page prints it.

`official` is the scheme of the SDKs (volcenginesdkcore/signv4.py, volcengine/auth/SignerV4.py): AWS' Signature Version
4 with other names. `published` has a prefix before the secret, fewer signed headers and no query.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from preflight.providers.client import Call
from preflight.providers.secret import Secret

_SAFE: Final = "-_.~"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The access key id (not a secret), the secret key, and with temporary keys the session token."""

    access_key: str
    secret_key: Secret
    session_token: Secret | None = None


def sign_official(call: Call, body: bytes, keys: SigningKeys, region: str, now: datetime) -> dict[str, str]:
    """Return the headers that sign content type, host, every `X-…` header and, through one of those, the body."""
    headers = _base_headers(call, now) | {"X-Content-Sha256": sha256(body).hexdigest()}
    if keys.session_token is not None:
        headers["X-Security-Token"] = keys.session_token.reveal()
    signed = {**call.headers, **headers}
    signed = {name: value for name, value in signed.items() if name in _SIGNED_HEADERS or name.startswith("X-")}
    return headers | {"Authorization": _authorization(call, body, signed, keys, keys.secret_key.reveal(), region)}


def sign_published(call: Call, body: bytes, keys: SigningKeys, region: str, now: datetime) -> dict[str, str]:
    """Return the headers as the page's sample code makes them, which has no session token."""
    headers = _base_headers(call, now)
    secret = "VolcEngine" + keys.secret_key.reveal()
    return headers | {"Authorization": _authorization(call, body, headers, keys, secret, region)}


_SIGNED_HEADERS: Final = ("Content-Type", "Content-Md5", "Host")
SIGNERS: Final[Mapping[str, Callable[[Call, bytes, SigningKeys, str, datetime], dict[str, str]]]] = {
    "official": sign_official,
    "published": sign_published,
}


@dataclass(frozen=True, slots=True)
class SignatureAuth:
    """Signs calls of the service `ark`: an `Auth` for `Client`."""

    keys: SigningKeys
    region: str
    signing: str = "official"

    def headers(self, call: Call, now: datetime) -> dict[str, str]:
        """Return the headers that sign this call at this time."""
        body = call.body if isinstance(call.body, bytes) else b""
        return SIGNERS[self.signing](call, body, self.keys, self.region, now)


def _base_headers(call: Call, now: datetime) -> dict[str, str]:
    return {"Host": host_of(call.url), "X-Date": now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")}


def host_of(url: str) -> str:
    """Return the Host header of a URL: with its port, unless that is the default of the scheme.

    >>> host_of("https://ark.example:443/?a=b"), host_of("http://127.0.0.1:8000/")
    ('ark.example', '127.0.0.1:8000')
    """
    parts = urlsplit(url)
    return parts.netloc if parts.port != _DEFAULT_PORTS.get(parts.scheme) else parts.netloc.rpartition(":")[0]


def _authorization(
    call: Call, body: bytes, signed: Mapping[str, str], keys: SigningKeys, secret: str, region: str
) -> str:
    parts = urlsplit(call.url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    pairs = sorted((quote(name, _SAFE), quote(value, _SAFE)) for name, value in query)
    canonical = sorted((name.lower(), value.strip()) for name, value in signed.items())
    names = ";".join(name for name, _ in canonical)
    request = "\n".join(
        (
            call.method,
            parts.path or "/",
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(f"{name}:{value}\n" for name, value in canonical),
            names,
            sha256(body).hexdigest(),
        )
    )
    date = signed["X-Date"]
    scope = f"{date[:8]}/{region}/ark/request"
    key = secret.encode()
    for step in (date[:8], region, "ark", "request"):
        key = hmac.digest(key, step.encode(), "sha256")
    text = f"HMAC-SHA256\n{date}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
