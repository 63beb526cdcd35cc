"""Read a user's credentials, authenticate calls with them, and keep them out of all output.

The signatures of Volcengine and BytePlus are `official` and `published`. `official` is the scheme of the SDKs
(volcenginesdkcore/signv4.py, volcengine/auth/SignerV4.py): AWS' Signature Version 4 with other names. `published`, as
one page prints it, has a prefix before the secret, fewer signed headers and no query.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, Final, NoReturn, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

from preflight.errors import SourceError, UsageError
from preflight.escape import printable
from preflight.net.multipart import Multipart
from preflight.net.redact import HIDDEN, redact, redact_text
from preflight.net.urls import parse_url


class Secret:
    """Text that appears in no `repr`, message, copy or pickle; only `reveal` returns it.

    >>> Secret("sk-123")
    …
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for a header or a signature and for nothing else."""
        return self._text

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that differ between keys and reveal nothing of the key."""
        return sha256(b"preflight account\0" + self._text.encode()).hexdigest()[:12]

    def __repr__(self) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key cannot be pickled. Pass it to the process in its environment.")


@dataclass(frozen=True, slots=True)
class CredentialSpec:
    """One key that a provider asks for.

    name    the argument
    env     its environment variables; the first one that is set counts
    public  it names the account and is not a secret
    """

    name: str
    env: tuple[str, ...]
    required: bool = True
    public: bool = False


API_KEY: Final = "api_key"


def read_credentials(
    title: str,
    specs: tuple[CredentialSpec, ...],
    given: Mapping[str, str | Secret | None],
    env: Mapping[str, str] | None = None,
) -> dict[str, Secret]:
    """Return the keys by name, all from `given` or all from the environment, so that halves of two pairs never mix.

    Raise `UsageError`, which names the provider and the argument or variable, and never shows a value.
    """
    known = {key.name for key in specs}
    if unknown := sorted(given.keys() - known):
        raise UsageError(
            f"{title} has no key called {unknown[0]}. Its keys are {', '.join(key.name for key in specs)}."
        )
    environment = os.environ if env is None else env
    arguments = {name: value for name, value in given.items() if value is not None}
    found = {}
    for key in specs:
        if arguments:
            where, value = key.name, arguments.get(key.name)
        else:
            where = next((name for name in key.env if environment.get(name, "").strip()), key.env[0])
            value = environment.get(where)
        if value is not None and not isinstance(value, str | Secret):
            raise UsageError(f"{title}: {where} is {type(value).__name__}. Give a string.")
        text = (value.reveal() if isinstance(value, Secret) else value or "").strip()
        if text:
            found[key.name] = Secret(_require_sendable(title, where, text))
        elif key.required and arguments:
            raise UsageError(f"{title}: {where} is missing or empty. Give it, or no key, to use the environment's.")
        elif key.required:
            raise UsageError(f"{title} needs a key. Set the environment variable {key.env[0]}.")
    return found


def _require_sendable(title: str, where: str, text: str) -> str:
    """Return a key if it can be sent in a header. The error of the HTTP library would quote any other key."""
    if not all("!" <= char <= "~" for char in text):
        raise UsageError(f"{title}: {where} contains a space or a character that no key has. Copy only the key.")
    return text


def endpoint_origin(endpoint: str) -> str:
    """Return scheme, host, port and path prefix of an endpoint, without a slash at the end. Raise `UsageError`.

    >>> endpoint_origin("http://127.0.0.1:8000/")
    'http://127.0.0.1:8000'
    """
    try:
        parse_url(endpoint)
    except SourceError as error:
        raise UsageError(f"The endpoint= cannot be used: {error}", parameters=("endpoint",)) from None
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _bad_endpoint(endpoint, "Correct its host or port.") from None
    if parts.scheme not in ("http", "https") or not host or any(not "!" <= char <= "~" for char in endpoint):
        raise _bad_endpoint(endpoint, "Give https://host, with a port and a path if needed.")
    if parts.username is not None or parts.query or parts.fragment or "?" in endpoint or "#" in endpoint:
        raise _bad_endpoint(endpoint, "Give it without user, query and fragment.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise _bad_endpoint(endpoint, "Give an https URL, or an http URL of this computer: keys are sent nowhere else.")
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def _bad_endpoint(endpoint: str, remedy: str) -> UsageError:
    return UsageError(f"endpoint={redact(endpoint)} cannot be used. {remedy}", parameters=("endpoint",))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Call:
    """One call before it is signed.

    action  our name for it: a key of `RateLimits.rates`
    name    the provider's name for it, for messages
    reads   it changes nothing, so a lost response does no harm
    empty   a response without a body is valid
    """

    action: str
    name: str
    method: str
    url: str
    body: bytes | Multipart = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reads: bool = False
    empty: bool = False


class Auth(Protocol):
    """Authenticates calls."""

    def headers(self, call: Call, now: datetime) -> dict[str, str]:
        """Return the headers to add. They contain secrets: they are made right before sending, and not stored."""
        ...


@dataclass(frozen=True, slots=True)
class HeaderAuth:
    """Sends a key in one header."""

    key: Secret
    header: str = "Authorization"
    scheme: str = "Bearer "

    def headers(self, call: Call, now: datetime) -> dict[str, str]:
        """Return the header with the key."""
        return {self.header: self.scheme + self.key.reveal()}


def bearer_auth(credentials: Mapping[str, Secret], _options: Mapping[str, str]) -> HeaderAuth:
    """Return an `Auth` that sends the only key as a bearer token."""
    return HeaderAuth(credentials[API_KEY])


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
    """Signs calls of the service `ark`."""

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


_SECRET_FIELD: Final = re.compile(
    r"token|secret|signature|authorization|password|credential|cookie|api_?key|access_?key", re.I
)
_MAX_CHARS: Final = 500
"""Characters of a provider's message that are shown: some send a whole stack trace."""
_WORD: Final = re.compile(r"\S+")
_MAX_URL_CHARS: Final = 4096
"""Characters of a URL that are kept: a longer one is cut, so that searching it never takes minutes."""
_MAX_DEPTH: Final = 24
_MIN_SECRET_CHARS: Final = 6
"""Shorter keys are not redacted: that would hide parts of ordinary words."""


class Redactor:
    """Removes keys, also escaped or in base64, signatures of URLs and control characters from answers."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        keys = [secret.reveal() for secret in secrets]
        patterns = [spelled for key in keys if len(key) >= _MIN_SECRET_CHARS for spelled in _spellings(key)]
        # Replaces the keys by HIDDEN; a closure, so that no attribute shows them.
        self._hide = partial(re.compile("|".join(patterns) or "(?!)", re.IGNORECASE).sub, HIDDEN)

    def without_keys(self, value: Any) -> Any:
        """Return a JSON value with the keys hidden in every string."""
        if isinstance(value, str):
            return self._hide(value)
        if isinstance(value, Mapping):
            return {self._hide(name): self.without_keys(part) for name, part in value.items()}
        return [self.without_keys(part) for part in value] if isinstance(value, list) else value

    def text(self, text: str, max_chars: int = _MAX_CHARS) -> str:
        """Return one line of at most `max_chars` characters, without keys, signatures and control characters."""
        text = printable(" ".join(self._clean(text).split()))
        return text if len(text) <= max_chars else text[: max_chars - 1] + HIDDEN

    def answer(self, value: Any, depth: int = 0) -> Any:
        """Return a JSON value with every string in it redacted, and the values of fields that hold secrets hidden."""
        if isinstance(value, str):
            return printable(self._clean(value))
        if isinstance(value, Mapping | list) and depth >= _MAX_DEPTH:
            return HIDDEN
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): HIDDEN
                if isinstance(part, str) and part and _SECRET_FIELD.search(str(name))
                else self.answer(part, depth + 1)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self.answer(part, depth + 1) for part in value]
        return value

    def _clean(self, text: str) -> str:
        text = self._hide(text)
        return _WORD.sub(_redacted, text) if "://" in text else text


def _spellings(key: str) -> Iterator[str]:
    """Yield patterns of a key: each character plain or escaped (URL, JSON, HTML), and base64 at each offset."""
    yield "".join(
        rf"(?:\\?{re.escape(char)}|{''.join(f'%{byte:02x}' for byte in char.encode())}"
        rf"|\\[ux]0*{ord(char):x}|&#0*{ord(char)};|&#x0*{ord(char):x};)"
        for char in key
    )
    data = key.encode()
    for offset in range(3):
        # Only characters whose bits are all of the key.
        coded = b64encode(bytes(offset) + data)[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6].decode()
        yield re.escape(coded).replace(r"\+", "[+-]").replace("/", "[/_]")


def _redacted(word: re.Match[str]) -> str:
    return redact_text(word[0][:_MAX_URL_CHARS]) if "://" in word[0] else word[0]
