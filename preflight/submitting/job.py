"""One target on its way: check, identity, group, host, register. What is left is to poll."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote, urlsplit

from preflight.checker import Plan
from preflight.codes import CODES
from preflight.errors import AccountRefused, PreflightError, ProviderError, SourceError, UsageError
from preflight.hosts import Host, LocalFile, nowhere
from preflight.ledger import Content, Entry, Key, Ledger
from preflight.pacing import Clock
from preflight.providers import Asset, Provider
from preflight.report import Finding, Report, verdict_of
from preflight.scan import examine_item
from preflight.sources.http import HttpOptions
from preflight.sources.opening import is_url
from preflight.submitting.groups import Groups
from preflight.submitting.identity import content_of, sha256_of, still_the_same
from preflight.submitting.outcome import Outcome, Submission
from preflight.submitting.registrar import Registered, Registrar, Wanted
from preflight.targets import Item

_OUTCOMES: Final[dict[str, Outcome]] = {
    "active": "active",
    "processing": "processing",
    "failed": "failed",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class Job:
    """What holds for every target of a run.

    host   where local files get a URL; None: only URLs can be submitted
    group  name or id; stem: the start of all names in place of the files' own; asset_type: the provider's word
    """

    provider: Provider
    ledger: Ledger
    plan: Plan
    registrar: Registrar
    groups: Groups
    clock: Clock
    host: Host | None = None
    group: str | None = None
    stem: str | None = None
    asset_type: str | None = None

    @property
    def rules_digest(self) -> str:
        """What tells the rule sets of this run from those of another."""
        tables = [rules.table for rules in self.plan.rules]
        return hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def begin(self, item: Item, index: int) -> tuple[Submission, Entry | None]:
        """Everything up to the asset's id. The entry is there where the asset is still processing."""
        content = self._content_before(item)
        report = examine_item(index, item._replace(explicit=True), self.plan)
        assert report is not None
        report = self._typed(report)
        if not report.passed or report.media is None or report.media.kind is None:
            return self._rejected(report), None
        try:
            content = content or content_of(str(item.target), report)
            group = self.groups.resolve(self.group)
            key = self._key(report.media.kind, group, content)
            with self.ledger.claim(key):
                registered = self.registrar.register(self._wanted(item, report, key, content))
        except AccountRefused:
            raise
        except (ProviderError, SourceError) as error:
            return self._stopped(report, error), None
        return self._submission(report, registered), registered.entry

    def _content_before(self, item: Item) -> Content | None:
        """A local file's content, hashed before it is checked: what changes from then on is noticed when it is sent."""
        if item.problem is not None or is_url(item.target):
            return None
        if not isinstance(item.target, str | os.PathLike):
            raise UsageError("only files and URLs can be submitted: write the bytes to a file first")
        try:
            return Content(f"sha256:{sha256_of(os.fspath(item.target))}")
        except SourceError:
            return None  # the check says why

    def _typed(self, report: Report) -> Report:
        """The report, failed where the stated type contradicts the content."""
        means = self.provider.types.get(self.asset_type) if self.asset_type is not None else None
        if report.media is None or means is None or report.media.kind in (None, means):
            return report
        message = f"stated to be {self.asset_type}, the content is {report.media.kind}: state its own type"
        finding = Finding("type_mismatch", CODES["type_mismatch"].severity, message, "kind", report.media.kind)
        results = tuple(
            replace(result, findings=(*result.findings, finding), verdict=verdict_of((*result.findings, finding)))
            for result in report.results
        )
        return replace(report, results=results)

    def _key(self, kind: str, group: str | None, content: Content) -> Key:
        provider = self.provider
        return Key(
            provider.name,
            provider.origin,
            provider.account,
            provider.project,
            group or "",
            kind if self.asset_type is None else f"{kind}:{self.asset_type}",
            content.identity,
        )

    def _wanted(self, item: Item, report: Report, key: Key, content: Content) -> Wanted:
        target = str(item.target)
        kind = report.media.kind if report.media is not None else None
        assert kind is not None
        return Wanted(
            key=key,
            kind=kind,
            source=report.source,
            stem=self.stem or _stem(target),
            rules=self.rules_digest,
            reusable=content.reusable,
            asset_type=self.asset_type,
            url=self._same_url(target, report) if is_url(target) else self._hosted(target, report, content),
        )

    def _same_url(self, url: str, report: Report) -> Callable[[], str]:
        def confirmed() -> str:
            still_the_same(url, report, self.plan.http or HttpOptions())
            return url

        return confirmed

    def _hosted(self, path: str, report: Report, content: Content) -> Callable[[], str]:
        if self.host is None:
            raise nowhere(path)
        media = report.media
        assert media is not None
        digest = content.identity.removeprefix("sha256:")
        name = os.path.basename(path)
        file = LocalFile(path, name, media.size or 0, media.mime or "application/octet-stream", digest)
        host = self.host
        return lambda: host.put(file)

    def _rejected(self, report: Report) -> Submission:
        findings = [finding for finding in report.findings if finding.severity in ("error", "unknown")]
        first = findings[0] if findings else None
        code = first.code if first else report.error.code if report.error else None
        message = (
            first.message if first else report.error.message if report.error else "a warning stops it under --strict"
        )
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        return Submission(report.source, "rejected", report.index, report, code=code, message=message + more)

    def _stopped(self, report: Report, error: PreflightError) -> Submission:
        code = error.code if isinstance(error, SourceError) else getattr(error, "reason", None)
        return Submission(report.source, "error", report.index, report, code=code, message=str(error), error=error)

    def _submission(self, report: Report, registered: Registered) -> Submission:
        entry = registered.entry
        return Submission(
            report.source,
            _OUTCOMES[entry.state],
            report.index,
            report,
            registered.asset or known(entry, self.provider),
            entry.error_code,
            entry.error_message,
            registered.reused,
        )


def known(entry: Entry, provider: Provider) -> Asset | None:
    """The asset as the ledger has it, where the provider was not asked."""
    if entry.asset_id is None:
        return None
    status = entry.state if entry.state in ("active", "failed") else "processing"
    kind = entry.kind.split(":")[0]
    return Asset(
        entry.asset_id,
        provider.name,
        status,
        kind,
        entry.reference,
        entry.name,
        entry.group or None,
        error_code=entry.error_code,
        error_message=entry.error_message,
        usage=provider.usage.get(kind, provider.usage.get("")),
    )


def _stem(target: str) -> str:
    path = unquote(urlsplit(target).path) if is_url(target) else target
    return os.path.splitext(os.path.basename(path))[0]
