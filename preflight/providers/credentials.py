"""Read a user's credentials for a provider, and the endpoint that replaces the provider's hosts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from preflight.errors import SourceError, UsageError
from preflight.net.redact import redact
from preflight.net.urls import parse_url
from preflight.providers.client import Call
from preflight.providers.secret import Secret


@dataclass(frozen=True, slots=True)
class CredentialSpec:
    """One key that a provider asks for.

    name    the argument; env: the environment variables for it, of which the first one set counts
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
    """Return the keys by name, all from `given` or all from the environment: halves of two pairs do not match.

    Raise `UsageError` that names the provider and the argument or variable, and never shows a value.
    """
    known = {key.name for key in specs}
    if unknown := sorted(given.keys() - known):
        raise UsageError(
            f"{title} has no key called {unknown[0]}. Its keys are {', '.join(key.name for key in specs)}."
        )
    environment = os.environ if env is None else env
    arguments = {name: value for name, value in given.items() if value}
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
        elif key.required:
            argument = "" if key.name == API_KEY else f", or give {key.name}"
            raise UsageError(f"{title} needs a key. Set the environment variable {key.env[0]}{argument}.")
    return found


def _require_sendable(title: str, where: str, text: str) -> str:
    """Return a key that may be sent in a header; the HTTP library would quote any other one in its message."""
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
class HeaderAuth:
    """Sends a key in one header: an `Auth` for `Client`."""

    key: Secret
    header: str = "Authorization"
    scheme: str = "Bearer "

    def headers(self, call: Call, now: datetime) -> dict[str, str]:
        """Return the header with the key."""
        return {self.header: self.scheme + self.key.reveal()}


def bearer_auth(credentials: Mapping[str, Secret], _options: Mapping[str, str]) -> HeaderAuth:
    """Return an `Auth` that sends the only key as a bearer token."""
    return HeaderAuth(credentials[API_KEY])
