"""What a user gives to reach a provider: its keys and, instead of its own hosts, an endpoint."""

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
from preflight.net.urls import parse
from preflight.providers.client import Call
from preflight.providers.secret import Secret


@dataclass(frozen=True, slots=True)
class CredentialSpec:
    """One key of a provider.

    name      the argument; env: the variables to take it from, the first that is set
    public    it names the account and opens nothing
    """

    name: str
    env: tuple[str, ...]
    required: bool = True
    public: bool = False


API_KEY: Final = "api_key"


def read_credentials(
    title: str,
    wanted: tuple[CredentialSpec, ...],
    given: Mapping[str, str | Secret | None],
    env: Mapping[str, str] | None = None,
) -> dict[str, Secret]:
    """The keys by name: from `given`, or else all of them from the environment: half of one pair fits no other half.

    Raises `UsageError` that names the provider and the argument or variable, and never shows a value.
    """
    known = {key.name for key in wanted}
    if unknown := sorted(given.keys() - known):
        raise UsageError(
            f"{title} has no key called {unknown[0]}: its keys are {', '.join(key.name for key in wanted)}"
        )
    environment = os.environ if env is None else env
    arguments = {name: value for name, value in given.items() if value}
    found = {}
    for key in wanted:
        if arguments:
            where, value = key.name, arguments.get(key.name)
        else:
            where = next((name for name in key.env if environment.get(name, "").strip()), key.env[0])
            value = environment.get(where)
        if value is not None and not isinstance(value, str | Secret):
            raise UsageError(f"{title}: {where} is text, not {type(value).__name__}")
        text = (value.reveal() if isinstance(value, Secret) else value or "").strip()
        if text:
            found[key.name] = Secret(_usable(title, where, text))
        elif key.required:
            raise UsageError(
                f"{title} needs a key: set the environment variable {key.env[0]}"
                + ("" if key.name == API_KEY else f", or give {key.name}")
            )
    return found


def _usable(title: str, where: str, text: str) -> str:
    """A key goes into a header: another character than these would be refused there, in a message that quotes it."""
    if not all("!" <= char <= "~" for char in text):
        raise UsageError(f"{title}: {where} holds a space or a character that no key has: copy the key alone, anew")
    return text


def endpoint_origin(endpoint: str) -> str:
    """Scheme, host, port and path prefix of `--endpoint`, without a slash at the end. Raises `UsageError`.

    >>> endpoint_origin("http://127.0.0.1:8000/")
    'http://127.0.0.1:8000'
    """
    shown = redact(endpoint)
    try:
        parse(endpoint)
    except SourceError as error:
        raise UsageError(f"--endpoint {error}") from None
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"--endpoint {shown}: its host or port cannot be read") from None
    if parts.scheme not in ("http", "https") or not host or any(not "!" <= char <= "~" for char in endpoint):
        raise UsageError(f"--endpoint {shown}: write https://host, with a port and a path if need be")
    if parts.username is not None or parts.query or parts.fragment or "?" in endpoint or "#" in endpoint:
        raise UsageError(f"--endpoint {shown}: give it without a user, a query and a fragment")
    if parts.scheme == "http" and not _is_loopback(host):
        raise UsageError(f"--endpoint {shown}: keys are only sent by https, or by http to this very machine")
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class HeaderAuth:
    """Puts a key into one header: an `Auth` for `Client`."""

    key: Secret
    header: str = "Authorization"
    scheme: str = "Bearer "

    def headers(self, call: Call, now: datetime) -> dict[str, str]:
        """The one header."""
        return {self.header: self.scheme + self.key.reveal()}
