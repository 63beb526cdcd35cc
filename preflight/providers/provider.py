"""An open provider: `Provider`, its account, and `BaseApi`, its calls."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Final, Self, TypedDict, Unpack

from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.providers.asset import Asset
from preflight.providers.connection import ApiConnection, Middleware, no_middleware
from preflight.providers.credentials import API_KEY, Redactor, Secret, endpoint_origin, read_credentials
from preflight.providers.spec import (
    PUBLISHED_RATES,
    BeforeSend,
    ListQuery,
    ProviderSpec,
    Rate,
    RateLimits,
    RegistersAssets,
)

CredentialValues = Mapping[str, str | Secret | None] | str | None
"""Credentials by name, or the only key; None: those of the environment."""
CALL_TIMEOUT: Final = (10.0, 60.0)
"""Seconds to connect, and seconds without a byte of the response."""
ACCOUNT_VARIABLE: Final = "PREFLIGHT_ACCOUNT"
MAX_ACCOUNT_CHARS: Final = 64
_DEFAULT_ACCOUNT: Final = "default"


class ProviderSettings(TypedDict, total=False):
    """The options of all providers, of which each has some: see `ProviderSpec.options`.

    project       the project whose assets these are
    signing       the form of the signature
    reference_id  which id stands for an asset in a request
    send_name     False: register without a name, so that a lost registration is looked up by its URL alone
    """

    project: str | None
    signing: str | None
    reference_id: str | None
    send_name: bool | None


class BaseApi(RegistersAssets):
    """An API over a connection, with a parser of its answers. Derive from it and from the capabilities."""

    def __init__(self, connection: ApiConnection) -> None:
        from preflight.providers.parser import AnswerParser  # loads pydantic, which only calls need

        self.spec = connection.spec
        self.connection = connection
        self.parser = AnswerParser(connection)

    def paging(self, query: ListQuery) -> tuple[int, int]:
        """Return the number and the size of a page. Raise `UsageError` for a filter that the list does not have."""
        for name in sorted(query.keys() - {"page", "size"} - self.spec.filters):
            if query.get(name) is not None:
                raise UsageError(f"{self.spec.title} cannot list by {name}. Leave it out, and filter the result.")
        return self.page_number(query.get("page")), query.get("size") or self.spec.page_size

    def page_number(self, page: str | None) -> int:
        """Return the number of a page; None is the first."""
        if page is None:
            return 1
        if not page.isdecimal() or not 0 < int(page[:18]) < 10**9:
            raise UsageError(f"{self.spec.title}: {page[:40]!r} is not a page. Pages are counted from 1.")
        return int(page)


class Provider:
    """One account at one provider, ready for calls. Use it as a context manager, or `close` it.

    spec         its description; api: its calls; narrow it to a capability (`isinstance(api, ListsAssets)`)
    account      the name of the account, which stays when its key changes
    key_id       identifies its key without revealing it: the access key's id, or a fingerprint of the only key
    origin       where assets are registered: scheme and host, or the endpoint that was given
    project      the project whose assets these are; "" if the provider has no projects
    rate_limits  of the account
    connection   its `middleware` is entered for each call
    clock        of its calls
    sends_names  assets are registered under their names; without names, an asset that is not listed may still exist
    """

    def __init__(
        self,
        connection: ApiConnection,
        *,
        account: str | None,
        key_id: str,
        origin: str,
        rate_limits: RateLimits,
    ) -> None:
        self.spec = spec = connection.spec
        self.name = spec.name
        self.title = spec.title
        self.connection = connection
        self.clock = connection.clock
        self.sends_names = connection.options.get("send_name") != "no"
        make: Callable[..., RegistersAssets] = spec.api  # a `BaseApi`
        self.api = make(connection)
        self.account = account or _DEFAULT_ACCOUNT
        self.is_account_named = account is not None
        self.key_id = key_id
        self.origin = origin
        self.project = connection.options.get("project", "default") if "project" in spec.options else ""
        self.rate_limits = rate_limits

    def register(
        self,
        url: str,
        kind: str | None,
        *,
        name: str | None = None,
        group: str | None = None,
        description: str | None = None,
        asset_type: str | None = None,
        before_send: BeforeSend | None = None,
    ) -> Asset:
        """Register the file at `url`. Not idempotent: each call creates an asset.

        kind         one of the values of the spec's `types`
        asset_type   one of the keys of `types`, if the kind has several or none
        before_send  called right before the request is sent, once its turn has come
        """
        registration = self.spec.registration(
            url, kind, name=name, group=group, description=description, asset_type=asset_type
        )
        if group is not None:
            self.connection.check_id(group)
        return self.api.register(registration, before_send)

    def get(self, asset: str) -> Asset:
        """Return the asset as it is now. Raise `AssetNotFound` if it is gone."""
        return self.api.get(asset)

    def name_account(self, account: str) -> None:
        """Set the name of the account, if no option gave one."""
        self.account, self.is_account_named = account, True

    def lacks(self, action: str) -> UsageError:
        """Return the error for an action that its API does not have."""
        return UsageError(f"{self.title} has no call for {action.replace('_', ' ')}. Choose a provider that has one.")

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self.title} at {self.origin}>"


def open_provider(  # noqa: PLR0913 - the settings of one account, each typed and documented
    spec: ProviderSpec,
    credentials: CredentialValues = None,
    *,
    account: str | None = None,
    endpoint: str | None = None,
    rate: str = "auto",
    proxy: str | None = None,
    ca_bundle: str | None = None,
    timeout: tuple[float, float] = CALL_TIMEOUT,
    middleware: Middleware = no_middleware,
    clock: Clock = SYSTEM_CLOCK,
    env: Mapping[str, str] | None = None,
    **options: Unpack[ProviderSettings],
) -> Provider:
    """Return a provider that is ready for calls, without sending anything. Raise `UsageError`.

    account     the account's name, for a ledger with several; default: $PREFLIGHT_ACCOUNT, else "default"
    endpoint    in place of the origin of all of its hosts
    rate        `auto`, `published`, or registrations such as `3/min`
    proxy       for all calls; proxies of the environment are not used
    ca_bundle   path of the authorities to trust, in place of the environment's
    middleware  entered for each call
    env         in place of the environment
    options     of the spec's `options`
    """
    given = {API_KEY: credentials} if isinstance(credentials, str) else dict(credentials or {})
    environment = os.environ if env is None else env
    keys = read_credentials(spec.title, spec.credentials, given, environment)
    account = _checked_account(account if account is not None else environment.get(ACCOUNT_VARIABLE) or None)
    origin = None if endpoint is None else endpoint_origin(endpoint)
    chosen = _choose_options(spec, {name: _option_text(value) for name, value in options.items() if value is not None})
    connection = ApiConnection(
        spec,
        spec.auth(keys, chosen),
        Redactor(keys[key.name] for key in spec.credentials if not key.public and key.name in keys),
        origins=spec.origins if origin is None else dict.fromkeys(spec.origins, origin),
        options=chosen,
        middleware=middleware,
        clock=clock,
        timeout=timeout,
        proxy=proxy,
        ca_bundle=ca_bundle,
    )
    return Provider(
        connection,
        account=account,
        key_id=_key_id(spec, keys),
        origin=origin or spec.origins["main"],
        rate_limits=parse_rate(rate, spec.rates),
    )


def _checked_account(name: str | None) -> str | None:
    """Return the name of an account. Raise `UsageError` for one that cannot be printed."""
    if name is not None and not (name.isprintable() and name == name.strip() and 0 < len(name) <= MAX_ACCOUNT_CHARS):
        shown = printable(name[:MAX_ACCOUNT_CHARS])
        raise UsageError(
            f"The account {shown!r} cannot be used. Give account= a name of 1 to {MAX_ACCOUNT_CHARS} printable "
            "characters, without a space at either end.",
            parameters=("account",),
        )
    return name


def _key_id(spec: ProviderSpec, keys: Mapping[str, Secret]) -> str:
    first = spec.credentials[0]
    key = keys[first.name]
    return key.reveal() if first.public else f"key-{key.fingerprint()}"


def _option_text(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _choose_options(spec: ProviderSpec, chosen: Mapping[str, str]) -> Mapping[str, str]:
    """Return the chosen options. Raise `UsageError` for one that the provider does not have."""
    for name, value in chosen.items():
        if name not in spec.options:
            raise UsageError(f"{spec.title} has no option {name}=. Leave it out.", parameters=(name,))
        if not value:
            raise UsageError(f"{spec.title}: {name}= is empty. Give a value, or leave it out.", parameters=(name,))
        if spec.options[name] and value not in spec.options[name]:
            allowed = ", ".join(spec.options[name])
            raise UsageError(
                f"{spec.title} has no {name}={printable(value)}. Choose one of {allowed}.", parameters=(name,)
            )
    return chosen


AUTO: Final = "auto"
_RATE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)/(s|min)")
_SECONDS: Final = {"s": 1.0, "min": 60.0}
_MAX_PER_SECOND: Final = 1000.0


def parse_rate(text: str, published: RateLimits = PUBLISHED_RATES) -> RateLimits:
    """Return the limits of an account: `auto` learns them; `published`; or registrations such as `3/min`.

    Raise `UsageError` for anything else.
    """
    if text == AUTO:
        return replace(published, learned=True)
    if text == "published":
        return published
    match = _RATE.fullmatch(text)
    rate = Rate(float(match[1]), _SECONDS[match[2]]) if match is not None else Rate(0)
    if not 0 < rate.calls / rate.per <= _MAX_PER_SECOND:
        raise UsageError(
            f"Unknown rate {printable(repr(text[:40]))}. "
            "Give rate= as auto, as published, or as registrations with a unit, such as 3/min or 30/s.",
            parameters=("rate",),
        )
    if match is not None and match[2] == "min":
        return _by_minute(rate, published)
    in_flight = max(1, math.ceil(rate.calls))
    return replace(
        published,
        rates={**published.rates, "register": rate},
        in_flight={**published.in_flight, "register": max(in_flight, published.in_flight.get("register", 1))},
    )


def _by_minute(registrations: Rate, published: RateLimits) -> RateLimits:
    """Return the rates that Volcengine publishes for accounts limited per minute, as mirrored on 2026-09-16."""
    rates = {"register": registrations, "get": Rate(100), "delete_group": Rate(5)}
    return RateLimits(Rate(10), rates, published.in_flight)
