"""Several files used together in one request: how many of each kind, how long, how large, and which need company."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from preflight.checker import Plan, needed, plan_for
from preflight.codes import CODES, bound_codes
from preflight.errors import UsageError
from preflight.formats import KINDS
from preflight.media import Media
from preflight.report import Finding, Report, Result, verdict_of
from preflight.ruleset import Limit, RuleSet
from preflight.scan import scan
from preflight.sources.opening import Target, several
from preflight.targets import Item
from preflight.units import amount, label
from preflight.wording import accepted, beyond, either

_OF_MEMBERS: Final = {"fail": "file_not_accepted", "unknown": "file_unknown"}


def check_request(
    targets: Iterable[Target],
    rules: str | RuleSet,
    *,
    strict: bool = False,
    deep: bool = False,
    timeout: float | None = None,
    allow_private: bool = False,
) -> tuple[Result, list[Report]]:
    """Whether files may be used together in one request of a rule set with a `[request]` section.

    Gives the request's result and each file's own report, in order; a file that does not pass on its own makes the
    request not pass. Raises `UsageError` where the rule set says nothing of requests.
    """
    plan = plan_for(needed(rules), strict=strict, deep=deep, timeout=timeout, allow_private=allow_private)
    return examine_together((Item(target) for target in several(targets)), plan)


def examine_together(items: Iterable[Item], plan: Plan) -> tuple[Result, list[Report]]:
    """`check_request` for a plan with exactly one rule set."""
    if len(plan.rules) != 1 or plan.rules[0].request is None:
        names = ", ".join(rules.name for rules in plan.rules)
        raise UsageError(f"{names}: files are judged together by one rule set that has a [request] section")
    reports = [report for report in scan(items, plan) if report is not None]
    if not reports:
        raise UsageError("no file is given: a request is judged by the files in it")
    return judge_request(reports, plan.rules[0], strict=plan.strict), reports


def judge_request(reports: Sequence[Report], rules: RuleSet, *, strict: bool = False) -> Result:
    """What a rule set says of several reports together."""
    findings = [_member(report) for report in reports if report.verdict != "pass"]
    media = [report.media for report in reports if report.media is not None]
    request = rules.request
    assert request is not None
    for kind, limits in request.limits.items():
        together = [one for one in media if kind is None or one.kind == kind]
        findings += [finding for limit in limits if (finding := _total(limit, kind, together, rules)) is not None]
    kinds = {one.kind for one in media}
    for kind, others in request.companions.items():
        if kind in kinds and not kinds & set(others):
            message = f"{kind} alone: {rules.service} takes it only beside {either(list(others))}"
            findings.append(Finding("companion_required", "error", message, "kind", kind, reference=rules.source))
    verdict = verdict_of(findings, strict=strict)
    return Result(rules.name, rules.stage, rules.as_of, rules.basis, verdict, tuple(findings))


def _member(report: Report) -> Finding:
    code = _OF_MEMBERS[report.verdict]
    first = next((finding.message for finding in report.findings if finding.severity in ("error", "unknown")), "")
    reason = first or (report.error.message if report.error else "a warning fails under --strict")
    return Finding(code, CODES[code].severity, f"{report.source}: {reason}", "source", report.source)


def _total(limit: Limit, kind: str | None, media: Sequence[Media], rules: RuleSet) -> Finding | None:
    """The finding of a limit over several media, None where it is kept. No file of a kind: nothing to say."""
    if not media:
        return None
    what = f"{kind or 'all'}{'s' if kind in KINDS else ' files'}"
    value = _sum(limit.fact, media)
    if value is None:
        message = f"{label(limit.fact)} of {what} could not be read: {rules.service} accepts {accepted(limit)}"
        return Finding("fact_unknown", "unknown", message, limit.fact, None, limit.written, None, rules.source)
    side = limit.side(value)
    if not side:
        return None
    bound = limit.high if side > 0 else limit.low
    tolerated = limit.lenient is not None and limit.lenient.side(value) == 0
    code = bound_codes(limit.fact)[side > 0]
    message = CODES[code].template.format(
        what=f"{label(limit.fact)} of {what}" if limit.fact != "files" else what,
        value=amount(limit.fact, value),
        sentence=beyond(limit, side, value == bound, rules.service, limit.lenient if tolerated else None),
        note=f" ({limit.note})" if limit.note else "",
    )
    severity = "warning" if tolerated else CODES[code].severity
    return Finding(code, severity, message, limit.fact, value, limit.written, None, rules.source)


def _sum(fact: str, media: Sequence[Media]) -> Any:
    if fact == "files":
        return len(media)
    values = [getattr(one, fact.removeprefix("total_")) for one in media]
    return None if None in values else round(sum(values), 6)
