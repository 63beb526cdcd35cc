"""Several files used together in one request: how many of each kind, how long, how large, and which need company."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, Unpack

from preflight.checker import CheckKeywords, CheckPlan, plan_for, require_rules
from preflight.codes import CODES
from preflight.errors import UsageError
from preflight.facts import FACTS, label
from preflight.formats import KINDS
from preflight.media import Media
from preflight.report import Finding, Report, Result, internal_error, verdict_of
from preflight.ruleset import Limit, RuleSet
from preflight.scan import scan
from preflight.sources.open import ASSET_REFERENCE, Target, asset_of, require_iterable
from preflight.targets import Item
from preflight.units import format_value
from preflight.wording import accepted, beyond, either

_OF_MEMBERS: Final = {"fail": "file_not_accepted", "unknown": "file_unknown"}


def check_request(
    targets: Iterable[Target],
    rules: str | RuleSet,
    *,
    asset_kinds: Mapping[str, str] | None = None,
    **options: Unpack[CheckKeywords],
) -> tuple[Result, list[Report]]:
    """Whether files may be used together in one request of a rule set with a `[request]` section.

    Gives the request's result and each file's own report, in order; a file that does not pass on its own makes the
    request not pass. Raises `UsageError` where the rule set says nothing of requests.

    A registered asset, `asset://ID` or an `AssetReference`, counts as a file of its kind; nothing else is known of it.

    asset_kinds  kinds of assets by reference, for those that do not state it: `{"asset://asset-1": "image"}`
    """
    plan = plan_for(require_rules(rules), **options)
    kinds = {} if asset_kinds is None else asset_kinds
    if not isinstance(kinds, Mapping):
        raise UsageError(f"asset_kinds is {type(kinds).__name__}. Give a dict of kinds by reference.")
    return examine_together((Item(_of_kind(target, kinds)) for target in require_iterable(targets)), plan)


def _of_kind(target: Target, kinds: Mapping[str, str]) -> Target:
    """Return a target, an asset with its kind as far as it is stated."""
    asset = asset_of(target)
    if asset is None:
        return target
    return replace(asset, kind=asset.kind or kinds.get(asset.reference))


def examine_together(items: Iterable[Item], plan: CheckPlan) -> tuple[Result, list[Report]]:
    """`check_request` for a plan with exactly one rule set."""
    if len(plan.rules) != 1 or plan.rules[0].request is None:
        names = ", ".join(rules.name for rules in plan.rules)
        raise UsageError(f"{names}: files are judged together by one rule set that has a [request] section")
    kinds: dict[int, str | None] = {}
    reports = [
        report
        if report.error is None or report.error.code != ASSET_REFERENCE
        else _of_asset(report, kinds.get(report.index), plan)
        for report in scan(_noting_assets(items, kinds), plan)
        if report is not None
    ]
    if not reports:
        raise UsageError("no file is given: a request is judged by the files in it")
    return judge_request(reports, plan.rules[0], strict=plan.strict), reports


def _noting_assets(items: Iterable[Item], kinds: dict[int, str | None]) -> Iterator[Item]:
    """Yield the items; the kind of each that is an asset is put into `kinds` under its position."""
    for index, item in enumerate(items):
        if (asset := asset_of(item.target)) is not None:
            kinds[index] = asset.kind
        yield item


def _of_asset(report: Report, kind: str | None, plan: CheckPlan) -> Report:
    """Return the report of an asset within a request: it is counted, and a note says that it was not checked."""
    message = f"a registered asset: counted as {kind or 'a file of unknown kind'}, its facts are not known here"
    results = tuple(
        Result(
            rules.name,
            rules.stage,
            rules.as_of,
            rules.basis,
            "pass",
            (Finding(ASSET_REFERENCE, "note", message, "kind", kind),),
        )
        for rules in plan.rules
    )
    return replace(report, media=Media(kind=kind) if kind else None, results=results, error=None)


class _Group(NamedTuple):
    """The files of one kind in a request, or all (`None`).

    assets   registered assets among them, whose facts are not known
    unsure   assets of unknown kind, which may be among them
    """

    kind: str | None
    media: Sequence[Media]
    assets: int = 0
    unsure: int = 0


def judge_request(reports: Sequence[Report], rules: RuleSet, *, strict: bool = False) -> Result:
    """What a rule set says of several reports together."""
    try:
        findings = _findings(reports, rules)
    except Exception as error:  # an internal error affects this result only
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
            group = _Group(kind, [one for one in media if one.kind == kind], assets.count(kind), unsure)
        findings += [finding for limit in limits if (finding := _total(limit, group, rules)) is not None]
    kinds = {one.kind for one in media} | set(assets)
    for kind, others in request.companions.items():
        if kind in kinds and not kinds & set(others):
            findings.append(_companion(kind, others, unsure, rules))
    if unsure:
        message = f"{_assets(unsure)} of unknown kind: only counted in the total number of files; state the kind"
        findings.append(Finding("asset_not_counted", "note", message, "files", unsure, reference=rules.source_url))
    return findings


def _member(report: Report) -> Finding:
    code = _OF_MEMBERS[report.verdict]
    first = next((finding.message for finding in report.findings if finding.severity in ("error", "unknown")), "")
    reason = first or (report.error.message if report.error else "a warning fails under --strict")
    return Finding(code, CODES[code].severity, f"{report.source}: {reason}", "source", report.source)


def _companion(kind: str, others: Sequence[str], unsure: int, rules: RuleSet) -> Finding:
    beside = either(list(others))
    if unsure:
        message = f"{kind}: {rules.service} takes it only beside {beside}, and the kind of {_assets(unsure)} is unknown"
        return Finding("asset_not_counted", "note", message, "kind", kind, reference=rules.source_url)
    message = f"{kind} alone: {rules.service} takes it only beside {beside}"
    return Finding("companion_required", "error", message, "kind", kind, reference=rules.source_url)


def _assets(count: int) -> str:
    return "1 registered asset" if count == 1 else f"{count} registered assets"


def _total(limit: Limit, group: _Group, rules: RuleSet) -> Finding | None:
    """Return the finding of a limit over several media; None if it is kept, or if there is no file of the kind.

    With assets a sum is a lower bound: above the maximum it fails, and of everything else there is only a note.
    """
    kind, media = group.kind, group.media
    if not media and not group.assets:
        return None
    what = f"{kind or 'all'}{'s' if kind in KINDS else ' files'}"
    value = len(media) + group.assets if limit.fact == "files" else _sum(limit.fact, media)
    uncounted = group.unsure if limit.fact == "files" else group.assets + group.unsure
    if value is None:
        message = f"{label(limit.fact)} of {what} could not be read: {rules.service} accepts {accepted(limit)}"
        return Finding("fact_unknown", "unknown", message, limit.fact, None, limit.written, None, rules.source_url)
    side = limit.side(value)
    if uncounted and (limit.high is None or limit.side(value) <= 0 or limit.any_of is not None):
        if limit.fact == "files" and not side:
            return None  # one note says it of all kinds
        counted = f"{label(limit.fact)} of {what}" if limit.fact != "files" else what
        shown = format_value(limit.fact, value)
        message = f"{counted} {shown} without {_assets(uncounted)}, whose share is not known here"
        return Finding("asset_not_counted", "note", message, limit.fact, value, limit.written, None, rules.source_url)
    if not side:
        return None
    bound = limit.high if side > 0 else limit.low
    tolerated = limit.lenient is not None and limit.lenient.side(value) == 0
    fact = FACTS[limit.fact]
    code = fact.choice_code if limit.any_of is not None else fact.bound_codes[side > 0]
    sentence = ""
    if limit.any_of is None:
        sentence = beyond(limit, side, value == bound, rules.service, limit.lenient if tolerated else None)
    message = CODES[code].template.format(
        what=f"{label(limit.fact)} of {what}" if limit.fact != "files" else what,
        value=format_value(limit.fact, value),
        sentence=sentence,
        service=rules.service,
        limit=accepted(limit),
        note=f" ({limit.note})" if limit.note else "",
    )
    severity = "warning" if tolerated else CODES[code].severity
    return Finding(code, severity, message, limit.fact, value, limit.written, None, rules.source_url)


def _sum(fact: str, media: Sequence[Media]) -> Any:
    values = [getattr(one, fact.removeprefix("total_")) for one in media]
    return None if None in values else round(sum(values), 6)
