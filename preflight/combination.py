"""Judge the media of files that are used together in one request, by the limits of a rule set on requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from preflight.codes import CODES, Severity
from preflight.facts import label
from preflight.formats import KINDS
from preflight.judge import VALUE, excess_message
from preflight.media import Media
from preflight.report import Finding, Report, Result, internal_error, verdict_of
from preflight.ruleset import Limit, RuleSet
from preflight.sources.open import asset_of
from preflight.units import format_value
from preflight.wording import accepted, either

_MEMBER_CODES: Final = {"fail": "file_not_accepted", "unknown": "file_unknown"}
"""The code of the finding on a file, by its verdict."""


class _Group(NamedTuple):
    """The files of one kind in a request, or all files (`None`).

    assets   registered assets among them, whose facts are not known
    unsure   assets of unknown kind, which may belong to them
    """

    kind: str | None
    media: Sequence[Media]
    assets: int = 0
    unsure: int = 0

    @property
    def name(self) -> str:
        """Return the name of the group in a message: `images`, `all files`."""
        return f"{self.kind or 'all'}{'s' if self.kind in KINDS else ' files'}"

    def total(self, fact: str) -> float | None:
        """Return the number of files or the sum of a fact, rounded; None if the fact of one file is unknown."""
        if fact == "files":
            return len(self.media) + self.assets
        values = [getattr(item, fact.removeprefix("total_")) for item in self.media]
        return None if None in values else round(sum(values), 6)

    def uncounted(self, fact: str) -> int:
        """Return the number of assets that may add to the total."""
        return self.unsure if fact == "files" else self.assets + self.unsure


def judge_request(reports: Sequence[Report], rules: RuleSet, *, strict: bool = False) -> Result:
    """Return the result of a rule set for several reports together."""
    try:
        findings = _findings(reports, rules)
    except Exception as error:  # noqa: BLE001 - an error of preflight affects this result, not the run
        findings = [internal_error(error)]
    verdict = verdict_of(findings, strict=strict)
    return Result(rules.name, rules.stage, rules.as_of, rules.basis, verdict, tuple(findings))


def _findings(reports: Sequence[Report], rules: RuleSet) -> list[Finding]:
    findings = [_member(report) for report in reports if report.verdict != "pass"]
    assets = [report.media.kind if report.media else None for report in reports if asset_of(report.source)]
    media = [report.media for report in reports if report.media is not None and not asset_of(report.source)]
    unsure = assets.count(None)
    request = rules.request
    assert request is not None
    for kind, limits in request.limits.items():
        if kind is None:
            group = _Group(None, media, len(assets))
        else:
            group = _Group(kind, [item for item in media if item.kind == kind], assets.count(kind), unsure)
        findings += [finding for limit in limits if (finding := _total(limit, group, rules)) is not None]
    kinds = {item.kind for item in media} | set(assets)
    for kind, others in request.companions.items():
        if kind in kinds and not kinds & set(others):
            findings.append(_companion(kind, others, unsure, rules))
    if unsure:
        message = f"{_assets(unsure)} of unknown kind: only counted in the total number of files; state the kind"
        findings.append(Finding("asset_not_counted", "note", message, "files", unsure, reference=rules.source_url))
    return findings


def _member(report: Report) -> Finding:
    code = _MEMBER_CODES[report.verdict]
    first = next((finding.message for finding in report.findings if finding.severity in ("error", "unknown")), "")
    reason = first or (report.error.message if report.error else "a warning fails in a strict check")
    return Finding(code, CODES[code].severity, f"{report.source}: {reason}", "source", report.source)


def _companion(kind: str, others: Sequence[str], unsure: int, rules: RuleSet) -> Finding:
    condition = f"{rules.service} accepts it only together with {either(others)}"
    if unsure:
        message = f"{kind}: {condition}, and the kind of {_assets(unsure)} is unknown"
        return Finding("asset_not_counted", "note", message, "kind", kind, reference=rules.source_url)
    return Finding(
        "companion_required", "error", f"{kind} alone: {condition}", "kind", kind, reference=rules.source_url
    )


def _assets(count: int) -> str:
    return "1 registered asset" if count == 1 else f"{count} registered assets"


def _total(limit: Limit, group: _Group, rules: RuleSet) -> Finding | None:
    """Return the finding on a limit over several media; None if the limit is kept, or if there is no file of the kind.

    With assets a sum is a lower bound: it fails above the maximum, and is a note otherwise.
    """
    if not group.media and not group.assets:
        return None
    fact = limit.fact
    what = f"{label(fact)} of {group.name}" if fact != "files" else group.name
    value, uncounted = group.total(fact), group.uncounted(fact)
    if value is None:
        message = f"{what} could not be read: {rules.service} accepts {accepted(limit)}"
        return Finding("fact_unknown", "unknown", message, fact, None, limit.written, None, rules.source_url)
    side = limit.side(value)
    if uncounted and (limit.high is None or side <= 0 or limit.any_of is not None):
        if fact == "files" and not side:
            return None  # one note covers all kinds
        message = f"{what} {format_value(fact, value)} without {_assets(uncounted)}, whose share is not known here"
        return Finding("asset_not_counted", "note", message, fact, value, limit.written, None, rules.source_url)
    return _outside(limit, value, side, what, rules) if side else None


def _outside(limit: Limit, value: float, side: int, what: str, rules: RuleSet) -> Finding:
    """Return the finding for a total outside a limit: a warning if the limit's lenient bounds include it."""
    is_tolerated = limit.lenient is not None and limit.lenient.side(value) == 0
    is_at_bound = value == (limit.high if side > 0 else limit.low)
    note = f" ({limit.note})" if limit.note else ""
    code, message = excess_message(
        limit, side, rules.service, note, is_at_bound=is_at_bound, is_tolerated=is_tolerated, of=what
    )
    message = message.replace(VALUE, format_value(limit.fact, value))
    severity: Severity = "warning" if is_tolerated else CODES[code].severity
    return Finding(code, severity, message, limit.fact, value, limit.written, None, rules.source_url)
