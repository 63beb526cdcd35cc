"""The options of clients and of `submit`: `SubmitOptions` as callers write them, `SubmissionOptions` with defaults."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Final, TypedDict

from preflight import catalog
from preflight.checker import CheckPlan, Rules, plan_for
from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import UsageError
from preflight.hosts import Host
from preflight.ledger import MAX_STEM_CHARS, SUFFIX_CHARS, Ledger
from preflight.plans.choices import DEFAULT_CHOICES, Choices, require_choices
from preflight.providers import ProviderSettings, ProviderSpec
from preflight.rates import FoundRate
from preflight.ruleset import RuleSet
from preflight.submission.recover import DEFAULT_RECOVERY_WINDOW, RecoveryWindow

POLL_TIMEOUTS: Final = {"image": 180.0, "audio": 300.0, "video": 900.0}
"""Seconds that processing may take before it is left to a later run: users wait 3 to 15 minutes for a video."""
_TYPES: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    **dict.fromkeys(
        ("group", "name", "description", "type", "public_base", "account", "endpoint", "proxy", "project", "signing"),
        ((str, NoneType), "a string"),
    ),
    **dict.fromkeys(("strict", "wait", "retry_failed", "allow_private"), ((bool,), "True or False")),
    "fix": ((bool, Choices), "True, False or Choices"),
    "poll_timeout": ((int, float, NoneType), "seconds, 0 or more"),
    "host": ((str, NoneType), "the name of the provider, s3://bucket/prefix, or an object with put()"),
    "rate": ((str,), "auto, published, or registrations such as 3/min"),
    "ledger": ((str, os.PathLike, Ledger, NoneType), "a path, or an open ledger"),
    "keys": ((str, Mapping, NoneType), "a key, or the credentials by name"),
    "ca_bundle": ((str, os.PathLike, NoneType), "a path"),
    "on_rate": ((NoneType,), "a function"),
    "recovery_window": ((RecoveryWindow,), "a RecoveryWindow"),
    "clock": ((Clock,), "a Clock"),
}
"""What callers may give: types, and their description. The provider and the rule sets check the other options."""
_METHODS: Final = {"host": "put", "on_rate": "__call__"}
"""Methods by which objects of any other type are accepted."""


class CallOptions(TypedDict, total=False):
    """The options that one call of a client may have in place of the client's own.

    rules         further rule sets; the provider's own always applies
    strict        warnings fail
    group         name or id; a name that does not exist is created
    name          the start of the assets' names
    description   of the assets, where the provider takes one
    type          the provider's word for the asset's type, if a kind has several
    wait          poll until active or failed, for at most `poll_timeout` seconds
    poll_timeout  default: 3 minutes for an image, 5 for audio, 15 for a video
    fix           fix what does not pass, and register the fixed file; `Choices` say how (default: False)
    """

    rules: Rules | None
    strict: bool
    group: str | None
    name: str | None
    description: str | None
    type: str | None
    wait: bool
    poll_timeout: float | None
    fix: bool | Choices


class SubmitOptions(CallOptions, ProviderSettings, total=False):
    """The options of `Client`, `submit` and `submit_many`: these, those of `CallOptions`, and those of the provider.

    host             where local files get a URL: the provider's name, `s3://bucket/prefix`, or any `Host`
    public_base      URL under which the folder of local files is already served
    ledger           path of the ledger, or an open one
    keys             the provider's credentials, in place of the environment's
    account          the account's name, which stays when its key changes; default: the ledger's only one
    endpoint         in place of the origin of all of the provider's hosts
    rate             `auto` learns the account's rates; `published`, or registrations such as `3/min`
    proxy            for calls to the provider, for hosting, and for reading URLs
    ca_bundle        path of the authorities that these connections trust, a PEM file or a folder
    retry_failed     register files once more that failed before, as the ledger records
    timeout          seconds for a URL
    allow_private    accept URLs at private addresses
    recovery_window  how long to look up an asset whose registration response was lost
    on_rate          called with the rate of an account when it is found, once for each action
    clock            for tests
    """

    host: str | Host | None
    public_base: str | None
    ledger: str | os.PathLike[str] | Ledger | None
    keys: Mapping[str, str] | str | None
    account: str | None
    endpoint: str | None
    rate: str
    proxy: str | None
    ca_bundle: str | None
    retry_failed: bool
    timeout: float | None
    allow_private: bool
    recovery_window: RecoveryWindow
    on_rate: Callable[[FoundRate], None] | None
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionOptions:
    """The options of one run, as `SubmitOptions` describes them."""

    rules: Rules | None = None
    strict: bool = False
    group: str | None = None
    name: str | None = None
    description: str | None = None
    type: str | None = None
    wait: bool = True
    poll_timeout: float | None = None
    fix: bool | Choices = False
    host: str | Host | None = None
    public_base: str | None = None
    ledger: str | os.PathLike[str] | Ledger | None = None
    keys: Mapping[str, str] | str | None = field(default=None, repr=False)
    account: str | None = None
    endpoint: str | None = None
    rate: str = "auto"
    proxy: str | None = field(default=None, repr=False)  # it may hold a password
    ca_bundle: str | None = None
    retry_failed: bool = False
    timeout: float | None = None
    allow_private: bool = False
    recovery_window: RecoveryWindow = DEFAULT_RECOVERY_WINDOW
    on_rate: Callable[[FoundRate], None] | None = None
    clock: Clock = SYSTEM_CLOCK
    project: str | None = None
    signing: str | None = None
    reference_id: str | None = None
    send_name: bool | None = None

    def __post_init__(self) -> None:
        """Raise `UsageError` for a value of a wrong type, and for a negative time."""
        for name, (types, expected) in _TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, types) and not callable(getattr(value, _METHODS.get(name, ""), None)):
                text = f"{name}= is of the type {type(value).__name__}. Give {expected}."  # no value: it may be a key
                raise UsageError(text, parameters=(name,))
        if self.poll_timeout is not None and not self.poll_timeout >= 0:
            text = f"poll_timeout={self.poll_timeout} is not a time. Give seconds, 0 or more."
            raise UsageError(text, parameters=("poll_timeout",))
        if self.host is not None and self.public_base is not None:
            text = "host= and public_base= both say where files are. Give one of them."
            raise UsageError(text, parameters=("host", "public_base"))
        if self.choices is not None and self.public_base is not None:
            text = "public_base= is for files that are served already, and fix= makes new ones. Give host= instead."
            raise UsageError(text, parameters=("public_base", "fix", "host"))

    @property
    def choices(self) -> Choices | None:
        """Return how targets are fixed that do not pass; None if they are not. Raise `UsageError`."""
        if isinstance(self.fix, Choices):
            return require_choices(self.fix)
        return DEFAULT_CHOICES if self.fix else None

    def for_call(self, spec: ProviderSpec, options: CallOptions) -> SubmissionOptions:
        """Return these options with those of one call. Raise `UsageError` for one that only a client has."""
        of_clients = sorted(options.keys() & SubmitOptions.__annotations__.keys() - CallOptions.__annotations__.keys())
        if of_clients:
            text = f"{of_clients[0]}= is an option of the client. Give it when the client is made, not to one call."
            raise UsageError(text, parameters=(of_clients[0],))
        settings = replace(self, **options)
        settings.validate(spec)
        return settings

    def poll_timeout_of(self, kind: str) -> float:
        """Return for how many seconds an asset of this kind is polled."""
        return POLL_TIMEOUTS.get(kind, POLL_TIMEOUTS["video"]) if self.poll_timeout is None else self.poll_timeout

    def validate(self, spec: ProviderSpec) -> None:
        """Raise `UsageError` for a type or description that the provider does not take, or a name that would be cut."""
        asset_type, name = self.type, self.name
        spec.check_description("register", self.description)
        if asset_type is not None and asset_type not in spec.types:
            text = f"{spec.title} has no type {asset_type!r}. Choose from {', '.join(spec.types)}."
            raise UsageError(text, parameters=("type",))
        max_chars = min(MAX_STEM_CHARS, spec.max_name_chars - SUFFIX_CHARS)
        if name is not None and not 0 < len(name.strip()) <= max_chars:
            raise UsageError(
                f"{spec.title}: the name has {len(name)} characters. Give name= with 1 to {max_chars}; {SUFFIX_CHARS} "
                "more are added, by which each asset can be found again.",
                parameters=("name",),
            )


def require_text(what: str, value: object) -> None:
    """Raise `UsageError` for an asset, group or name that is not given as text."""
    if not isinstance(value, str):
        raise UsageError(f"{what} is of the type {type(value).__name__}. Give a string.")


def make_check_plan(spec: ProviderSpec, options: SubmissionOptions) -> CheckPlan:
    """Return the check of targets: by the provider's rule set and the further ones."""
    further = () if options.rules is None else catalog.resolve(options.rules)
    return plan_for(
        [spec.ruleset, *further],
        strict=options.strict,
        timeout=options.timeout,
        allow_private=options.allow_private,
        proxy=options.proxy,
        ca_bundle=options.ca_bundle,
    )


def rules_digest(rules: Sequence[RuleSet]) -> str:
    """Return the digest of rule sets: a failure is reported from the ledger until the digest changes."""
    tables = [ruleset.table for ruleset in rules]
    return hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()[:16]
