"""Judge the media of files that are used together in one request, by the limits of a rule set on requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from preflight.codes import CODES, Severity
from preflight.facts import FACTS, label
from preflight.formats import KINDS
from preflight.judge import VALUE, excess_message, fails_in_variants, limit_findings
from preflight.limit import Limit
from preflight.media import Media, lacks_track_of
from preflight.report import Finding, Report, Result, internal_error, verdict_of
from preflight.request_limits import REFERENCE, held_limits
from preflight.ruleset import RuleSet
from preflight.sources.open import asset_of
from preflight.units import format_value
from preflight.wording import accepted, either

_MEMBER_CODES: Final = {"fail": "file_not_accepted", "unknown": "file_unknown"}
"""The code of the finding on a file, by its verdict."""
_NO_ROLES: Final[Mapping[int, str]] = MappingProxyType({})


class _File(NamedTuple):
    """A file of a request: `kind` is None if it is not known; `media` of an asset has its kind alone, or is None."""

    source: str
    kind: str | None
    media: Media | None
    is_asset: bool
    role: str


class _Group(NamedTuple):
    """Some files of a request.

    name     for messages: `images`, `all files`, `first_frame files`
    assets   registered assets among them, whose facts are not known
    unsure   assets of unknown kind, which may belong to them
    """

    name: str
    media: Sequence[Media]
    assets: int = 0
    unsure: int = 0

    @classmethod
    def of(cls, name: str, files: Sequence[_File], unsure: int = 0) -> _Group:
        """Return the group of these files."""
        media = [file.media for file in files if file.media is not None and not file.is_asset]
        return cls(name, media, sum(file.is_asset for file in files), unsure)

    def total(self, fact: str) -> float | None:
        """Return the number of files or the sum of a fact, rounded; None if the fact of one file is unknown."""
        if fact == "files":
            return len(self.media) + self.assets
        values = [getattr(item, fact.removeprefix("total_")) for item in self.media]
        return None if None in values else round(sum(values), 6)

    def uncounted(self, fact: str) -> int:
        """Return the number of assets that may add to the total."""
        return self.unsure if fact == "files" else self.assets + self.unsure


def judge_request(
    reports: Sequence[Report], rules: RuleSet, *, strict: bool = False, roles: Mapping[int, str] = _NO_ROLES
) -> Result:
    """Return the result of a rule set for several reports together.

    roles  the role of a file by its position; a file without one is a reference
    """
    files = [
        _File(
            report.source,
            report.media.kind if report.media else None,
            report.media,
            asset_of(report.source) is not None,
            roles.get(index, REFERENCE),
        )
        for index, report in enumerate(reports)
    ]
    try:
        findings = [_member(report) for report in reports if report.verdict != "pass"]
        readable = [file for file in files if file.media is not None or file.is_asset]
        findings += _findings(readable, rules)
        failing = [each.variant or "" for each in rules.variants if _fails(readable, each)]
        if failing and verdict_of(findings) != "fail":
            findings.append(fails_in_variants(failing, rules))
    except Exception as error:  # noqa: BLE001 - an error of preflight affects this result, not the run
        findings = [internal_error(error)]
    verdict = verdict_of(findings, strict=strict)
    return Result(rules.name, rules.stage, rules.as_of, rules.basis, verdict, tuple(findings), variant=rules.variant)


def _fails(files: Sequence[_File], variant: RuleSet) -> bool:
    """Return whether files fail together in a variant; whether each passes alone is said by its own result."""
    return variant.request is not None and any(finding.severity == "error" for finding in _findings(files, variant))


def _findings(files: Sequence[_File], rules: RuleSet) -> Iterator[Finding]:
    request = rules.request
    assert request is not None
    unsure = sum(file.kind is None and file.is_asset for file in files)
    groups: dict[str | None, _Group] = {None: _Group.of("all files", files)}
    for kind in KINDS:
        groups[kind] = _Group.of(f"{kind}s", [file for file in files if file.kind == kind], unsure)
    totals, single = held_limits(request, {kind: group.total("files") or 0 for kind, group in groups.items()})
    for group, limits in totals.items():
        yield from (finding for limit in limits if (finding := _total(limit, groups[group], rules)) is not None)
    for group, limits in single.items():
        yield from _single([file for file in files if group in (None, file.kind)], limits, rules)
    kinds = {file.kind for file in files}
    for needing, others in request.companions.items():
        if needing in kinds and not kinds & set(others):
            yield _companion(needing, others, unsure, rules)
    yield from _differences(files, request.same, request.ratios, rules)
    yield from _role_findings(files, rules)
    if unsure:
        message = f"{_assets(unsure)} of unknown kind: only counted in the total number of files; state the kind"
        yield Finding("asset_not_counted", "note", message, "files", unsure, reference=rules.source_url)


def _single(files: Sequence[_File], limits: tuple[Limit, ...], rules: RuleSet) -> Iterator[Finding]:
    """Yield the findings on each file by limits that hold in this request."""
    for file in files:
        if file.media is not None and not file.is_asset:
            own = tuple([limit for limit in limits if file.kind in FACTS[limit.fact].sections])
            for finding in limit_findings(file.media, own, rules):
                yield finding._replace(message=f"{file.source}: {finding.message}")


def _differences(
    files: Sequence[_File], same: Sequence[str], ratios: Sequence[Limit], rules: RuleSet
) -> Iterator[Finding]:
    """Yield the facts that differ between files although they must be equal, or similar."""
    for fact in same:
        values = _values(fact, files)
        if None in values:
            yield _not_compared(fact, rules)
        elif len(different := list(dict.fromkeys(values))) > 1:
            shown = either([format_value(fact, value) for value in different], "and")
            message = f"{label(fact)} {shown}: {rules.service} accepts files together only if all have the same"
            yield Finding("files_differ", "error", message, fact, different, None, None, rules.source_url)
    for limit in ratios:
        values = _values(limit.fact, files)
        if None in values:
            yield _not_compared(limit.fact, rules)
        elif values and min(values) > 0 and limit.side(factor := max(values) / min(values)):
            message = (
                f"{label(limit.fact)} of one file is {factor:.4g} times that of another: {rules.service} accepts at "
                f"most {limit.high:g} times{f' ({limit.note})' if limit.note else ''}"
            )
            fact, data = limit.fact, limit.written
            yield Finding("files_too_different", "error", message, fact, factor, data, None, rules.source_url)


def _values(fact: str, files: Sequence[_File]) -> list[Any]:
    """Return a fact of all files that have it; None where it could not be read."""
    having = (file.media for file in files if file.media is not None and not file.is_asset)
    kinds = FACTS[fact].sections
    return [getattr(media, fact) for media in having if media.kind in kinds and not lacks_track_of(media, fact)]


def _not_compared(fact: str, rules: RuleSet) -> Finding:
    message = f"{label(fact)} of a file could not be read: {rules.service} compares it between the files"
    return Finding("fact_unknown", "unknown", message, fact, None, None, None, rules.source_url)


def _role_findings(files: Sequence[_File], rules: RuleSet) -> Iterator[Finding]:
    """Yield the findings on the roles of files, each with its limits."""
    used = {file.role for file in files}
    excluded: set[frozenset[str]] = set()
    for role in (rules.roles[name] for name in rules.roles if name in used):
        own = [file for file in files if file.role == role.name]
        for file in own:
            if file.kind is not None and role.kinds is not None and file.kind not in role.kinds:
                message = f"{file.source}: {rules.service} accepts {either(role.kinds)} as {role.name}, not {file.kind}"
                yield _on_roles("role_kind_not_accepted", message, file.kind, rules)
        if missing := [name for name in role.requires if name not in used]:
            message = f"{role.name} without {either(missing, 'and')}: {rules.service} accepts it only together"
            yield _on_roles("role_incomplete", message, role.name, rules)
        for other in role.excludes:
            pair = frozenset((role.name, other))
            if other in used and pair not in excluded:
                excluded.add(pair)
                message = f"{role.name} and {other} in one request: {rules.service} accepts only one of them"
                yield _on_roles("roles_exclusive", message, role.name, rules)
        group = _Group.of(f"{role.name} files", own)
        yield from (finding for limit in role.totals if (finding := _total(limit, group, rules)) is not None)
        yield from _single(own, role.files, rules)
        compared = [file for file in files if file.role in (role.name, *role.requires)]
        yield from _differences(compared, role.same, role.ratios, rules)


def _on_roles(code: str, message: str, value: str, rules: RuleSet) -> Finding:
    return Finding(code, "error", message, "kind", value, None, None, rules.source_url)


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
