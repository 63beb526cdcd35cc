"""One target on its way: check, identity, group, host, register. What is left is to poll."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from urllib.parse import unquote, urlsplit

from preflight.checker import CheckPlan
from preflight.codes import CODES
from preflight.errors import AccountRefused, PreflightError, ProviderError, SourceError, UsageError
from preflight.escape import printable
from preflight.hosts import Host, LocalFile, nowhere
from preflight.ledger import SHA256_PREFIX, ContentId, Entry, Ledger, RegistrationKey
from preflight.net.options import DEFAULT_OPTIONS
from preflight.net.redact import redact_text
from preflight.providers import Provider
from preflight.rates import Clock
from preflight.report import Finding, Report, verdict_of
from preflight.ruleset import RuleSet
from preflight.scan import examine_item
from preflight.sources.open import is_url
from preflight.submission.content import content_of_file, content_of_url, same_file, same_url
from preflight.submission.groups import GroupResolver
from preflight.submission.outcome import Submission, rejected, settled, stopped
from preflight.submission.register import Registrar, RegistrationRequest
from preflight.targets import Item

NO_ETAG: Final = "its server gives no strong ETag, so nothing shows whether it changes: every run registers it anew"


@dataclass(frozen=True, slots=True)
class Submitter:
    """What holds for every target of a run.

    rules  digest of the rule sets
    host   where local files get a URL; None: only URLs can be submitted
    group  name or id; stem: the start of all names in place of the files' own; asset_type: the provider's word
    """

    provider: Provider
    ledger: Ledger
    plan: CheckPlan
    rules: str
    registrar: Registrar
    groups: GroupResolver
    clock: Clock
    host: Host | None = None
    group: str | None = None
    stem: str | None = None
    asset_type: str | None = None

    def begin(self, item: Item, index: int) -> tuple[Submission, Entry | None]:
        """Everything up to the asset's id. The entry is there where the asset may still be processing.

        Raises `UsageError` for what holds for the whole call, `AccountRefused`, `LedgerError`, `Stopped`.
        """
        report = self._checked(item, index)
        if not report.passed:
            return rejected(report), None
        if not isinstance(item.target, str | os.PathLike):
            raise UsageError(f"{report.source}: only files and URLs can be submitted: write the bytes to a file first")
        try:
            return self._passed(item, report, os.fspath(item.target))
        except AccountRefused:
            raise
        except (ProviderError, SourceError) as error:
            return stopped(report.source, index, report, error), None

    def _passed(self, item: Item, report: Report, target: str) -> tuple[Submission, Entry | None]:
        if target[:5].lower() == "data:":
            raise SourceError("data_uri_not_accepted", f"{report.source} cannot be registered: save it to a file")
        if is_url(target):
            content = content_of_url(target, report)
        else:
            # Only what passes is read whole. Then it is looked at again: these very bytes have to pass.
            content = content_of_file(target)
            report = self._checked(item, report.index)
            if not report.passed:
                return rejected(report), None
        wanted = self._wanted(target, report, content)
        with self.ledger.claim(wanted.key, self.clock.sleep):
            found = self.registrar.register(wanted)
        note = None if content.reusable else NO_ETAG
        return settled(report, found.entry, found.asset, self.provider, reused=found.reused, note=note), found.entry

    def _checked(self, item: Item, index: int) -> Report:
        """The report, failed where the stated type contradicts the content."""
        report = examine_item(index, item._replace(explicit=True), self.plan)
        assert report is not None  # explicit items always have one
        means = self.provider.types.get(self.asset_type) if self.asset_type is not None else None
        if report.media is None or means is None or report.media.kind in (None, means):
            return report
        message = (
            f"stated to be {self.asset_type}, the content is {report.media.kind}: state its create_private_file type"
        )
        finding = Finding("type_mismatch", CODES["type_mismatch"].severity, message, "kind", report.media.kind)
        results = tuple(
            result._replace(findings=(finding, *result.findings), verdict=verdict_of((finding, *result.findings)))
            for result in report.results
        )
        return replace(report, results=results)

    def _wanted(self, target: str, report: Report, content: ContentId) -> RegistrationRequest:
        assert report.media is not None
        assert report.media.kind is not None  # it passed
        kind = report.media.kind
        usual = next((word for word, means in self.provider.types.items() if means == kind), None)
        remote = is_url(target)
        if not remote and self.host is None:
            raise nowhere(target)
        key = RegistrationKey(
            self.provider.name,
            self.provider.origin,
            self.provider.account,
            self.provider.project,
            self.groups.resolve(self.group) or "",
            kind if self.asset_type in (None, usual) else f"{kind}:{self.asset_type}",
            content.identity,
        )
        return RegistrationRequest(
            key=key,
            kind=kind,
            source=report.source,
            stem=self.stem or stem_of(target),
            rules=self.rules,
            warnings=",".join(dict.fromkeys(f.code for f in report.findings if f.severity == "warning")),
            reusable=content.reusable,
            asset_type=self.asset_type,
            url=(lambda: target) if remote else partial(self._hosted, target, report, content),
            confirm=partial(same_url, target, report, self.plan.http or DEFAULT_OPTIONS)
            if remote
            else partial(same_file, target, content),
        )

    def _hosted(self, path: str, report: Report, content: ContentId) -> str:
        assert self.host is not None
        assert report.media is not None
        media, name = report.media, os.path.basename(path)
        digest = content.identity.removeprefix(SHA256_PREFIX)
        file = LocalFile(path, name, media.size or 0, media.mime or "application/octet-stream", digest)
        try:
            return self.host.put(file)
        except PreflightError:
            raise
        except Exception as error:  # a host of the caller's own: its faults cost one file, not the run
            said = printable(redact_text(str(error)))
            raise SourceError("upload_failed", f"{name} was not hosted: {type(error).__name__}: {said}") from None


def digest_of(rules: Sequence[RuleSet]) -> str:
    """What tells these rule sets from others: a failure is reported from the ledger while it stays the same."""
    tables = [one.table for one in rules]
    return hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()[:16]


def stem_of(target: str) -> str:
    """A file's name without its extension: the start of its asset's name."""
    path = unquote(urlsplit(target).path) if is_url(target) else target
    return os.path.splitext(os.path.basename(path))[0]
