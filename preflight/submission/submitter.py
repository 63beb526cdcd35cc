"""Submit one target up to an asset's id: check it, host it, register it unless the ledger knows it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Final
from urllib.parse import unquote, urlsplit

from preflight.checker import CheckPlan
from preflight.clock import Clock
from preflight.codes import CODES
from preflight.errors import (
    AccountRefused,
    MissingExtra,
    PreflightError,
    ProviderError,
    SourceError,
)
from preflight.escape import printable
from preflight.hosts import Host, LocalFile, no_host_given
from preflight.ledger import SHA256_PREFIX, ContentId, Entry, Ledger, RegistrationKey
from preflight.net.options import DEFAULT_OPTIONS
from preflight.net.redact import redact_text
from preflight.providers import Provider
from preflight.report import Finding, Report, verdict_of
from preflight.scan import examine_item
from preflight.sources.open import is_url
from preflight.submission.account import AccountCheck
from preflight.submission.fixing import UNKNOWN_MIME, NotFixed, RunFixer, TargetFix, warnings_of
from preflight.submission.groups import GroupManager
from preflight.submission.known import KnownAssets
from preflight.submission.options import SubmissionOptions
from preflight.submission.outcome import (
    Submission,
    not_fixable,
    not_fixed,
    not_hosted,
    prevented,
    rejected,
    settled,
)
from preflight.submission.recover import account_key
from preflight.submission.register import (
    Registrar,
    RegistrationRequest,
    content_of_file,
    content_of_url,
    require_same_file,
    require_same_url,
)
from preflight.targets import Item

NO_ETAG: Final = "Its server sends no strong ETag, so nothing shows whether it changes: every run registers it again."


@dataclass(frozen=True, slots=True)
class BegunTarget:
    """The submission of a target so far, and the ledger's entry if its asset may still be processing."""

    submission: Submission
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class KnownTarget:
    """A target whose asset the ledger knows, and which is to be read back from the provider."""

    report: Report
    request: RegistrationRequest
    fix: TargetFix | None = None


@dataclass(frozen=True, slots=True)
class FixableTarget:
    """A target that does not pass, and which is to be fixed and registered."""

    report: Report
    request: RegistrationRequest
    fix: TargetFix


Begun = BegunTarget | KnownTarget | FixableTarget


@dataclass(frozen=True, slots=True)
class Submitter:
    """Submits targets up to an asset's id; shared by all targets of a run.

    settings      the options of the run
    rules_digest  digest of the rule sets
    known         reads back the assets that the ledger knows, during this run
    account       checked before the first asset is reused
    host          where local files get a URL; None: only URLs can be submitted
    fixer         fixes targets that do not pass; None: they are rejected
    """

    provider: Provider
    ledger: Ledger
    settings: SubmissionOptions
    plan: CheckPlan
    rules_digest: str
    registrar: Registrar
    known: KnownAssets
    groups: GroupManager
    clock: Clock
    account: AccountCheck
    host: Host | None = None
    fixer: RunFixer | None = None

    def begin(self, item: Item, index: int) -> Begun:
        """Check a target, and register it unless the ledger knows it or it is to be fixed first.

        Raise `UsageError`, `AccountRefused`, `LedgerError` or `Stopped` for an error that concerns the whole call.
        """
        report = self._check(item, index)
        if not report.passed and (self.fixer is None or report.media is None):
            return BegunTarget(rejected(report))
        assert isinstance(item.target, str | os.PathLike)  # any other target has a problem
        target = os.fspath(item.target)
        if not report.passed:
            return self._attempt(report, lambda: self._plan_fix(report, target))
        if self.host is None and not is_url(target):
            return BegunTarget(not_hosted(report, no_host_given(target)))
        return self._attempt(report, lambda: self._submit(item, report, target))

    def finish(self, target: KnownTarget | FixableTarget) -> Begun:
        """Read the asset of a target back, or fix the target; register what is gone or new. Raise as `begin` does."""
        return self._attempt(target.report, lambda: self._register(target.report, target.request, target.fix))

    def _attempt(self, report: Report, step: Callable[[], Begun]) -> Begun:
        """Return the result of a step; errors that concern one target are its result."""
        try:
            return step()
        except AccountRefused:
            raise
        except NotFixed as error:
            return BegunTarget(not_fixed(report, error.plan, error))
        except MissingExtra as error:
            return BegunTarget(replace(prevented(report.source, report.index, report, error), code="not_fixed"))
        except (ProviderError, SourceError) as error:
            return BegunTarget(prevented(report.source, report.index, report, error))

    def _plan_fix(self, report: Report, target: str) -> Begun:
        """Plan how a target that does not pass is fixed. Nothing is fixed again whose asset the ledger knows."""
        assert self.fixer is not None
        plan, kind = self.fixer.plan(report)
        if kind is None or target[:5].lower() == "data:":
            return BegunTarget(not_fixable(report, plan))
        if self.provider.spec.types.get(self.settings.type or "") not in (None, kind):
            return BegunTarget(rejected(report))
        if self.host is None:
            name = f"{report.source} does not pass as it is. The fixed file"
            return BegunTarget(not_hosted(report, no_host_given(name), plan))
        content = content_of_url(target, report) if is_url(target) else content_of_file(target)
        self.account.require()
        fix = TargetFix(self.fixer, self.ledger, target, plan, content, self._put)
        request = self._request(target, report, kind, content.fixed(self.fixer.digest), fix)
        fix.key = request.key.digest
        return (KnownTarget if self.registrar.knows(request) else FixableTarget)(report, request, fix)

    def _submit(self, item: Item, report: Report, target: str) -> Begun:
        if target[:5].lower() == "data:":
            raise SourceError("data_uri_not_accepted", f"{report.source} cannot be registered. Save it to a file.")
        if is_url(target):
            content = content_of_url(target, report)
        else:
            # Only files that pass are read completely. They are checked again: exactly these bytes have to pass.
            content = content_of_file(target)
            report = self._check(item, report.index)
            if not report.passed:
                return BegunTarget(rejected(report))
        self.account.require()
        assert report.media is not None
        assert report.media.kind is not None  # it passed
        request = self._request(target, report, report.media.kind, content)
        return KnownTarget(report, request) if self.registrar.knows(request) else self._register(report, request)

    def _register(self, report: Report, request: RegistrationRequest, fix: TargetFix | None = None) -> BegunTarget:
        with self.ledger.claim(request.key, self.clock):
            found = self.registrar.register(request)
        note = None if request.reusable else NO_ETAG
        done = None if fix is None else fix.done()
        submission = settled(report, found.entry, found.asset, self.provider, reused=found.reused, note=note, fix=done)
        return BegunTarget(submission, found.entry)

    def _check(self, item: Item, index: int) -> Report:
        """Return the report, failed if the given type contradicts the content."""
        report = examine_item(index, item._replace(explicit=True), self.plan)
        assert report is not None  # explicit items always have one
        asset_type = self.settings.type
        kind = self.provider.spec.types.get(asset_type or "")
        if report.media is None or kind is None or report.media.kind in (None, kind):
            return report
        message = f"stated to be {asset_type}, the content is {report.media.kind}. State its actual type."
        finding = Finding("type_mismatch", CODES["type_mismatch"].severity, message, "kind", report.media.kind)
        results = tuple(
            result._replace(findings=(finding, *result.findings), verdict=verdict_of((finding, *result.findings)))
            for result in report.results
        )
        return replace(report, results=results)

    def _request(
        self, target: str, report: Report, kind: str, content: ContentId, fix: TargetFix | None = None
    ) -> RegistrationRequest:
        """Return the request for a target; content: of what is registered."""
        original = content if fix is None else fix.original
        make_url: Callable[[], str]
        if is_remote := is_url(target):
            make_url = partial(str, target)
            require_same = partial(require_same_url, target, report, self.plan.http or DEFAULT_OPTIONS)
        else:
            make_url = cache(partial(self._put_checked, target, report, content))
            require_same = partial(require_same_file, target, original)
        if fix is not None:
            make_url, require_same = fix.make_url, partial(fix.record, require_same)
        return RegistrationRequest(
            key=self._key(kind, content, make_url, require_same),
            kind=kind,
            source=report.source,
            stem=self.settings.name or stem_of(target),
            rules_digest=self.rules_digest,
            warnings=warnings_of(report),
            reusable=content.reusable,
            settings=self.settings,
            make_url=make_url,
            require_same=require_same,
            url=target if is_remote and fix is None else None,
            get=self.known.get,
            get_warnings=None if fix is None else fix.warnings,
        )

    def _key(
        self, kind: str, content: ContentId, make_url: Callable[[], str], require_same: Callable[[], None]
    ) -> RegistrationKey:
        """Return the key. A new group is created only once the file is hosted and is known to be unchanged."""

        def prepare() -> None:
            make_url()
            require_same()

        default = next((word for word, means in self.provider.spec.types.items() if means == kind), None)
        return RegistrationKey(
            *account_key(self.provider),
            self.groups.resolve(self.settings.group, prepare) or "",
            kind if self.settings.type in (None, default) else f"{kind}:{self.settings.type}",
            content.identity,
        )

    def _put_checked(self, path: str, report: Report, content: ContentId) -> str:
        """Host a file that passes; content: that was checked."""
        assert report.media is not None
        size, mime = report.media.size or 0, report.media.mime or UNKNOWN_MIME
        return self._put(
            LocalFile(path, os.path.basename(path), size, mime, content.identity.removeprefix(SHA256_PREFIX))
        )

    def _put(self, file: LocalFile) -> str:
        assert self.host is not None
        try:
            return self.host.put(file)
        except PreflightError:
            raise
        except Exception as error:  # noqa: BLE001 - a host that the caller passed: its faults affect one file, not the run
            detail = printable(redact_text(str(error)))
            text = f"{file.name} was not hosted: {type(error).__name__}: {detail}"
            raise SourceError("upload_failed", text) from None


def stem_of(target: str) -> str:
    """Return a file's name without its extension: the start of its asset's name."""
    path = unquote(urlsplit(target).path) if is_url(target) else target
    return os.path.splitext(os.path.basename(path))[0]
