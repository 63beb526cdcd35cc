"""`submit` and `submit_many`: what callers use."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Unpack

from preflight import catalog
from preflight.checker import CheckPlan, Rules, plan_for
from preflight.clock import SYSTEM_CLOCK, Clock
from preflight.errors import UsageError
from preflight.hosts import Host, open_host
from preflight.ledger import MAX_STEM_CHARS, SUFFIX_CHARS, Ledger
from preflight.net.options import DEFAULT_OPTIONS
from preflight.providers import Asset, Provider, ProviderSettings, ProviderSpec, find_provider, open_provider
from preflight.rates import FoundRate, InFlight, Pacer, RateListener
from preflight.report import Rejected
from preflight.ruleset import RuleSet
from preflight.sources.open import require_iterable
from preflight.submission.account import AccountCheck
from preflight.submission.groups import GroupResolver
from preflight.submission.identity import account_key
from preflight.submission.outcome import NotActive, Submission
from preflight.submission.recover import DEFAULT_RECOVERY_WINDOW, RecoveryWindow
from preflight.submission.register import POLL_TIMEOUTS, Registrar
from preflight.submission.run import SubmissionRun
from preflight.submission.submitter import Submitter
from preflight.targets import Item

SubmitTarget = str | os.PathLike[str]
"""A target to submit: a path or a public URL."""


class SubmitOptions(ProviderSettings, total=False):
    """The options of `submit` and `submit_many`; `_SubmitOptions` has their defaults.

    rules            further rule sets; the provider's own always applies
    strict           warnings fail
    group            name or id; a name that does not exist is created
    name             the start of the assets' names
    description      of the assets, where the provider takes one
    type             the provider's word for the asset's type, if a kind has several
    wait             poll until active or failed, at most `poll_timeout` s (default by kind: 3, 5 and 15 minutes)
    host             where local files get a URL: the provider's name, `s3://bucket/prefix`, or any `Host`
    public_base      URL under which the folder of local files is already served
    ledger           path of the ledger, or an open one
    keys             the provider's credentials, in place of the environment's
    account          the account's name, which stays when its key changes; default: the ledger's only one
    endpoint         in place of the origin of all of the provider's hosts
    rate             `auto` learns the account's rates; `published`, or registrations such as `3/min`
    proxy            for calls to the provider, for hosting, and for reading URLs
    ca_bundle        path of the authorities that these connections trust, a PEM file or a folder
    retry_failed     register files again that failed before, as the ledger records
    timeout          s for a URL
    allow_private    accept URLs at private addresses
    recovery_window  how long to look up an asset whose registration response was lost
    on_rate          called with the rate of an account when it is found, once for each action
    clock            for tests
    project, signing, reference_id, send_name  options of some providers
    """

    rules: Rules | None
    strict: bool
    group: str | None
    name: str | None
    description: str | None
    type: str | None
    wait: bool
    poll_timeout: float | None
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
class _SubmitOptions:
    """The options of one run, as `SubmitOptions` describes them."""

    rules: Rules | None = None
    strict: bool = False
    group: str | None = None
    name: str | None = None
    description: str | None = None
    type: str | None = None
    wait: bool = True
    poll_timeout: float | None = None
    host: str | Host | None = None
    public_base: str | None = None
    ledger: str | os.PathLike[str] | Ledger | None = None
    keys: Mapping[str, str] | str | None = None
    account: str | None = None
    endpoint: str | None = None
    rate: str = "auto"
    proxy: str | None = None
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


def submit(target: SubmitTarget, to: str, **options: Unpack[SubmitOptions]) -> Asset:
    """Check one file or URL, host it if it is local, register it, and wait until it is active.

    Raise `Rejected`, with the report, before anything is sent; `NotActive` if the provider failed it, its outcome is
    unknown or it is still processing; `ProviderError` if a call failed.
    """
    (submission,) = submit_many([target], to, **options)
    if submission.outcome == "rejected" and submission.report is not None:
        raise Rejected(f"{submission.source} does not pass: {submission.message}", submission.report)
    if submission.error is not None:
        raise submission.error
    is_processing = submission.outcome == "processing" and not options.get("wait", True)
    if submission.asset is not None and (is_processing or submission.outcome == "active"):
        return submission.asset
    raise NotActive(f"{submission.source}: {submission.message}", submission)


def submit_many(
    targets: Iterable[SubmitTarget | Item], to: str, *, ordered: bool = True, **options: Unpack[SubmitOptions]
) -> Generator[Submission, None, None]:
    """Yield exactly one `Submission` for each target, in input order.

    ordered  False: return submissions as they come; the other options are those of `SubmitOptions`

    A run that is not iterated to its end is stopped: registered assets are in the ledger, and the same call continues.
    A refused account ends the run too: the remaining targets get the outcome `error`, with the same reason.
    Raise `UsageError` if the call is wrong for all targets.
    """
    require_iterable(targets)
    settings = _SubmitOptions(**options)
    if settings.host is not None and settings.public_base is not None:
        text = "host= and public_base= both say where files are. Give one of them."
        raise UsageError(text, parameters=("host", "public_base"))
    plan = _plan(find_provider(to), settings)
    stop = threading.Event()
    settings = replace(settings, clock=settings.clock.stopped_by(stop))
    provider = _open_provider(find_provider(to), settings)
    _validate(provider, settings)
    max_poll_time = settings.poll_timeout if settings.poll_timeout is not None else max(POLL_TIMEOUTS.values())
    host = open_host(settings.host, settings.public_base, provider, plan.http or DEFAULT_OPTIONS, max_poll_time)
    items = (target if isinstance(target, Item) else Item(target) for target in targets)
    return _submissions(items, provider, plan, host, settings, stop, ordered=ordered)


def _plan(spec: ProviderSpec, settings: _SubmitOptions) -> CheckPlan:
    further = () if settings.rules is None else catalog.resolve(settings.rules)
    return plan_for(
        [spec.ruleset, *further],
        strict=settings.strict,
        timeout=settings.timeout,
        allow_private=settings.allow_private,
        proxy=settings.proxy,
        ca_bundle=settings.ca_bundle,
    )


def _open_provider(spec: ProviderSpec, settings: _SubmitOptions) -> Provider:
    return open_provider(
        spec,
        settings.keys,
        account=settings.account,
        endpoint=settings.endpoint,
        rate=settings.rate,
        proxy=settings.proxy,
        ca_bundle=settings.ca_bundle,
        clock=settings.clock,
        project=settings.project,
        signing=settings.signing,
        reference_id=settings.reference_id,
        send_name=settings.send_name,
    )


def _validate(provider: Provider, settings: _SubmitOptions) -> None:
    """Raise `UsageError` for a type that the provider does not have, and for a name that would be cut."""
    spec, asset_type, name = provider.spec, settings.type, settings.name
    spec.check_description("register", settings.description)
    if asset_type is not None and asset_type not in spec.types:
        text = f"{spec.title} has no type {asset_type!r}. Choose from {', '.join(spec.types)}."
        raise UsageError(text, parameters=("type",))
    max_chars = min(MAX_STEM_CHARS, spec.max_name_chars - SUFFIX_CHARS)
    if name is not None and not 0 < len(name.strip()) <= max_chars:
        raise UsageError(
            f"{spec.title}: the name has {len(name)} characters. Give name= with 1 to {max_chars}; {SUFFIX_CHARS} more "
            "are added, by which each asset can be found again.",
            parameters=("name",),
        )


def _submissions(
    items: Iterable[Item],
    provider: Provider,
    plan: CheckPlan,
    host: Host | None,
    settings: _SubmitOptions,
    stop: threading.Event,
    *,
    ordered: bool,
) -> Generator[Submission, None, None]:
    clock, window, in_flight = settings.clock, settings.recovery_window, InFlight()
    with ExitStack() as stack:
        stack.enter_context(provider)
        ledger = _open_ledger(settings, stack)
        account = AccountCheck(provider, ledger, clock)
        memory = ledger.rates(account_key(provider))
        provider.connection.middleware = Pacer(provider.rate_limits, clock, memory, _rate_listener(provider, settings))
        groups = GroupResolver(provider, ledger, clock=clock, window=window, in_flight=in_flight)
        groups.validate(settings.group)
        registrar = Registrar(
            provider,
            ledger,
            clock=clock,
            window=window,
            in_flight=in_flight,
            retry_failed=settings.retry_failed,
            poll_timeout=settings.poll_timeout,
        )
        submitter = Submitter(
            provider,
            ledger,
            plan,
            rules_digest(plan.rules),
            registrar,
            groups,
            clock,
            account,
            host,
            group=settings.group,
            stem=settings.name,
            asset_type=settings.type,
            description=settings.description,
        )
        run = SubmissionRun(submitter, in_flight, stop, wait=settings.wait, poll_timeout=settings.poll_timeout)
        yield from stack.enter_context(run).submissions(items, ordered=ordered)


def _rate_listener(provider: Provider, settings: _SubmitOptions) -> RateListener | None:
    tell = settings.on_rate
    return None if tell is None else lambda action, rate: tell(FoundRate(provider.title, action, rate.calls, rate.per))


def _open_ledger(settings: _SubmitOptions, stack: ExitStack) -> Ledger:
    if isinstance(settings.ledger, Ledger):
        return settings.ledger
    path = None if settings.ledger is None else os.fspath(settings.ledger)
    return stack.enter_context(Ledger(path, clock=settings.clock))


def rules_digest(rules: Sequence[RuleSet]) -> str:
    """Return the digest of rule sets: a failure is reported from the ledger until the digest changes."""
    tables = [ruleset.table for ruleset in rules]
    return hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()[:16]
