"""`submit` and `submit_many`: what callers use."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from preflight import catalog
from preflight.checker import Rules, plan_for
from preflight.errors import UsageError
from preflight.hosts import Host
from preflight.hosts.opening import open_host
from preflight.ledger import MAX_STEM_CHARS, SUFFIX_CHARS, Ledger
from preflight.net.options import DEFAULT_OPTIONS
from preflight.providers import Asset, Provider, find_provider
from preflight.rates import Clock, InFlight, Pacer
from preflight.report import Rejected
from preflight.sources.open import require_iterable
from preflight.submission.groups import GroupResolver
from preflight.submission.outcome import NotActive, Submission
from preflight.submission.recover import DEFAULT_RECOVERY_WINDOW, RecoveryWindow
from preflight.submission.register import Registrar
from preflight.submission.run import DEADLINES, SubmissionRun
from preflight.submission.submitter import Submitter, digest_of
from preflight.targets import Item

SubmitTarget = str | os.PathLike[str]
"""What can be submitted: a path or a public URL."""


def submit(target: SubmitTarget, to: str, **options: Any) -> Asset:
    """Check one file or URL, host it where it is local, register it, and wait until it is active.

    Takes the options of `submit_many`. Raises `Rejected`, with the report, before anything is sent; `NotActive` where
    the provider failed it, its outcome is unknown or it is still processing; `ProviderError` where a call failed.
    """
    (submission,) = submit_many([target], to, **options)
    if submission.outcome == "rejected" and submission.report is not None:
        raise Rejected(f"{submission.source} does not pass: {submission.message}", submission.report)
    if submission.error is not None:
        raise submission.error
    processing = submission.outcome == "processing" and not options.get("wait", True)
    if submission.asset is not None and (processing or submission.outcome == "active"):
        return submission.asset
    raise NotActive(f"{submission.source}: {submission.message}", submission)


def submit_many(
    targets: Iterable[SubmitTarget | Item],
    to: str,
    *,
    rules: Rules | None = None,
    strict: bool = False,
    group: str | None = None,
    name: str | None = None,
    type: str | None = None,  # noqa: A002 - the word of the provider's own field
    wait: bool = True,
    poll_timeout: float | None = None,
    ordered: bool = True,
    host: str | Host | None = None,
    public_base: str | None = None,
    ledger: str | os.PathLike[str] | Ledger | None = None,
    keys: Mapping[str, str] | str | None = None,
    endpoint: str | None = None,
    plan: str = "published",
    proxy: str | None = None,
    retry_failed: bool = False,
    timeout: float | None = None,
    allow_private: bool = False,
    settling: RecoveryWindow = DEFAULT_RECOVERY_WINDOW,
    clock: Clock | None = None,
    **provider_options: Any,
) -> Generator[Submission, None, None]:
    """What becomes of every target, exactly one `Submission` each, in input order (`ordered=False`: as they come).

    rules         further rule sets; the provider's own is never taken away
    group         name or id; one that does not exist is made; name: the start of the assets' names
    type          the provider's own word for the asset's type, where a kind has several
    wait          poll until active or failed, at most `poll_timeout` s (default by kind: 3, 5 and 15 minutes)
    host          where local files get a URL: the provider's name, `s3://bucket/prefix`, or any `Host`
    public_base   URL under which the folder of local files is served already
    ledger        path of the ledger, or an open one; keys: instead of the environment's
    plan          the account's rates; retry_failed: register again what the ledger knows to have failed
    settling      how long an asset whose registration's answer was lost is looked for
    clock         time, for tests; it is stopped when the run ends

    A run that is not iterated to its end is stopped: what is registered is in the ledger, and the same call goes on.
    An account that is refused ends it too: the targets that are left get the outcome `error`, with the same reason.
    Raises `UsageError` where the call is wrong for all targets.
    """
    require_iterable(targets)
    provider_class = find_provider(to)
    further = () if rules is None else catalog.resolve(rules)
    checks = plan_for([provider_class.rules, *further], strict=strict, timeout=timeout, allow_private=allow_private)
    if host is not None and public_base is not None:
        raise UsageError("--host and --public-base both say where files are: give one of them")
    provider = provider_class(keys, endpoint=endpoint, plan=plan, proxy=proxy, **provider_options)
    _admit(provider, type, name)
    lasting = poll_timeout if poll_timeout is not None else max(DEADLINES.values())
    opened = open_host(host, public_base, provider, checks.http or DEFAULT_OPTIONS, lasting)
    clock = clock or Clock()

    def run() -> Generator[Submission, None, None]:
        with ExitStack() as stack:
            stack.enter_context(provider)
            provider.middleware = pacer = Pacer(provider.plan, clock)
            book = ledger if isinstance(ledger, Ledger) else stack.enter_context(_opened(ledger))
            calls = InFlight()
            job = Submitter(
                provider,
                book,
                checks,
                digest_of(checks.rules),
                Registrar(provider, book, clock, settling, pacer=pacer, calls=calls, retry_failed=retry_failed),
                GroupResolver(provider, book, clock, settling, calls=calls),
                clock,
                opened,
                group,
                name,
                type,
            )
            job.groups.admit(group)
            submissions = stack.enter_context(SubmissionRun(job, calls, wait_for=wait, poll_timeout=poll_timeout))
            items = (target if isinstance(target, Item) else Item(target) for target in targets)
            yield from submissions.submissions(items, ordered=ordered)

    return run()


def _opened(ledger: str | os.PathLike[str] | None) -> Ledger:
    return Ledger(None if ledger is None else os.fspath(ledger))


def _admit(provider: Provider, given: str | None, name: str | None) -> None:
    """Raise `UsageError` for a type that the provider has not, and for a name that would be cut."""
    if given is not None and given not in provider.types:
        raise UsageError(f"{provider.title} has no type {given!r}: its types are {', '.join(provider.types)}")
    most = min(MAX_STEM_CHARS, provider.name_max - SUFFIX_CHARS)
    if name is not None and not 0 < len(name.strip()) <= most:
        raise UsageError(
            f"{provider.title}: --name has {len(name)} characters: give 1 to {most}; {SUFFIX_CHARS} more are added, "
            "by which each asset can be found again"
        )
