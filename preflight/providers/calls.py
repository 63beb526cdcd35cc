"""How a provider makes its calls: `Calls`, on which `Provider` stands."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from preflight.errors import UsageError
from preflight.providers.client import Auth, Call, Client
from preflight.providers.credentials import API_KEY, CredentialSpec, HeaderAuth, endpoint_origin, read_credentials
from preflight.providers.exchange import Exchange
from preflight.providers.multipart import Multipart
from preflight.providers.parse import Answers
from preflight.providers.rate_limits import RATE_LIMITS, RateLimits
from preflight.providers.redaction import Redactor
from preflight.providers.refusals import Refusal
from preflight.providers.secret import Secret

Middleware = Callable[[str], AbstractContextManager[object]]
"""Entered with an action's name for the time of its call; sees the call's error."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,199}")


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Calls(Answers):
    """Keys, hosts and calls of one provider. See `Provider` for the class data."""

    origins: ClassVar[Mapping[str, str]]
    keys: ClassVar[tuple[CredentialSpec, ...]]
    types: ClassVar[Mapping[str, str | None]] = {"Image": "image", "Video": "video", "Audio": "audio"}
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    plans: ClassVar[Mapping[str, RateLimits]] = RATE_LIMITS
    reasons: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        keys: Mapping[str, str | Secret | None] | str | None = None,
        *,
        endpoint: str | None = None,
        plan: str = "published",
        proxy: str | None = None,
        ca_bundle: str | None = None,
        timeout: tuple[float, float] = (10.0, 60.0),
        middleware: Middleware = lambda action: nullcontext(),
        clock: Callable[[], datetime] = now,
        env: Mapping[str, str] | None = None,
        **options: str | None,
    ) -> None:
        """keys: by name, or the one key; without them the environment's. options: of `options`. Raises `UsageError`."""
        given = {API_KEY: keys} if isinstance(keys, str) else dict(keys or {})
        self.middleware = middleware
        self._keys = read_credentials(self.title, self.keys, given, os.environ if env is None else env)
        self._endpoint = None if endpoint is None else endpoint_origin(endpoint)
        self._options = self._chosen(options)
        if plan not in self.plans:
            raise UsageError(f"{self.title} has no plan {plan!r}: choose one of {', '.join(self.plans)}")
        self.plan = self.plans[plan]
        self._clock = clock
        self._redactor = Redactor(
            self._keys[key.name] for key in self.keys if not key.public and key.name in self._keys
        )
        self._client = Client(self._auth(), clock=clock, timeout=timeout, proxy=proxy, ca_bundle=ca_bundle)
        self._exchange = Exchange(
            self.name, self.title, self._client, self._redactor, self._refusal, self.failure_codes, self.reasons, clock
        )

    @property
    def account(self) -> str:
        """Whose assets these are, without telling the key: the access key's id, or a fingerprint of the one key."""
        key = self.keys[0]
        return self._keys[key.name].reveal() if key.public else f"key-{self._keys[key.name].fingerprint()}"

    @property
    def origin(self) -> str:
        """Where assets are registered: scheme and host, or what was given as endpoint."""
        return self._endpoint or self.origins["main"]

    @property
    def project(self) -> str:
        """The project whose assets these are; "" where the provider has no projects."""
        return ""

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    # What a provider may do otherwise.

    def _auth(self) -> Auth:
        return HeaderAuth(self._keys[API_KEY])

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> Refusal | None:
        """The refusal that an answer is, in the provider's own words; None where it is none."""
        raise NotImplementedError

    # Making calls.

    def _call(
        self,
        action: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | Multipart | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        host: str = "main",
        name: str | None = None,
        empty: bool = False,
    ) -> Call:
        """A call; fields and parameters that are None are left out. A GET and an action that reads changes nothing."""
        url = (self._endpoint or self.origins[host]) + path
        if query is not None:
            given = {name: value for name, value in query.items() if value is not None}
            url += f"?{urlencode(given, quote_via=quote, safe='-_.~')}" if given else ""
        data: bytes | Multipart | None = body if isinstance(body, Multipart) else None
        headers = {"Content-Type": body.content_type} if isinstance(body, Multipart) else {}
        if isinstance(body, Mapping):
            data = self._json({name: value for name, value in body.items() if value is not None})
            headers = {"Content-Type": "application/json"}
        reads = action.startswith(("get", "list"))
        return Call(action, name or f"{method} {path}", method, url, data, headers, reads, empty)

    def _ask(self, call: Call) -> dict[str, Any]:
        """The answer's JSON object. Raises `ProviderError`."""
        with self.middleware(call.action):
            return self._exchange.ask(call)

    def _json(self, body: Mapping[str, Any]) -> bytes:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{self.title}: a name or URL holds bytes that are no text: give another --name") from None

    def _id(self, asset: str) -> str:
        """An id as it may stand in a path: `..` would make another call of it."""
        if not _ID.fullmatch(asset):
            raise UsageError(f"{self.title}: {self._redactor.text(asset, 80)!r} is no id: copy it from `assets list`")
        return asset

    def _chosen(self, options: Mapping[str, str | None]) -> dict[str, str]:
        chosen = {name: value for name, value in options.items() if value is not None}
        for name, value in chosen.items():
            if name not in self.options:
                raise UsageError(f"{self.title} takes no --{name.replace('_', '-')}")
            if self.options[name] and value not in self.options[name]:
                allowed = ", ".join(self.options[name])
                raise UsageError(f"{self.title} takes --{name.replace('_', '-')} {allowed}, not {value!r}")
        return chosen
