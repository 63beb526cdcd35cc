"""Judge facts by a rule set, without code for any service or format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, Protocol

from preflight.codes import CODES, Severity, fixed_message
from preflight.facts import FACTS, label
from preflight.formats import CAMERA_RAW, holds_media
from preflight.limit import NOT_A_MULTIPLE, Limit
from preflight.media import NONE, Delivery, Media, lacks_track_of
from preflight.report import Finding, LimitData, Plan, Problem, Result, needs_change, verdict_of
from preflight.ruleset import RuleSet, Section, When
from preflight.units import format_span, format_value
from preflight.wording import accepted, either, excess

_PAGE_FACTS: Final = frozenset(
    ("content_type", "content_type_matches", "content_length", "ranges", "no_ranges", "length_missing", "length_wrong")
)
"""Facts and notes of a delivery that describe a web page, if the server sent one in place of the file."""
VALUE: Final = "\0"
"""Placeholder for the value in a cached message."""


def judge(  # noqa: PLR0913 - one call of keyword arguments, each a fact or an option
    media: Media | None,
    rules: RuleSet,
    *,
    delivery: Delivery | None = None,
    problem: Problem | None = None,
    extra: tuple[Finding, ...] = (),
    private: bool = False,
    strict: bool = False,
    dropped: frozenset[str] = frozenset(),
    name: str | None = None,
    hints: bool = True,
) -> Result:
    """Return the result of a rule set for a media, with every finding, not only the first.

    media     None if the source could not be read; then `problem` says why, and is a finding of its own severity
    delivery  how a server delivers the URL; None for other sources
    extra     findings that do not depend on the rule set
    private   private addresses are allowed: they are a warning, not an error
    strict    warnings fail
    dropped   codes of findings that do not count, unless nothing was read of the media
    name      the path of the file for the command of the plan; None: a placeholder
    hints     add hints and the plan, which take longer than everything else
    """
    findings = [] if problem is None else [Finding(problem.code, CODES[problem.code].severity, problem.message)]
    if delivery is not None:
        findings += _delivery_findings(delivery, media, rules, problem, private=private)
    section = None
    if media is not None and (section := rules.sections.get(media.kind or "")) is not None:
        section = section.at(media)
    if delivery is not None and any(finding.code == "web_page" and finding.severity == "error" for finding in findings):
        findings = [finding for finding in findings if (finding.fact or finding.code) not in _PAGE_FACTS]
        section = None
    elif media is not None:
        findings += _media_findings(media, section, rules, dropped)
    if media is None or media.kind is None:
        dropped = frozenset()
    findings, plan = _counted(findings, dropped), None
    is_wrong = hints and section is not None and any(needs_change(finding, strict=strict) for finding in findings)
    if is_wrong and media is not None and section is not None:
        findings, plan = _planner()(findings, media, section, name, rules=rules.name, strict=strict)
        if plan is not None and rules.sections[media.kind or ""].depends_on(plan.changed):
            plan = None  # other limits may hold after the changes
    findings += _counted(extra, dropped)
    if rules.variants and media is not None and verdict_of(findings) != "fail":
        found = _variant_findings(media, delivery, rules, private=private, dropped=dropped)
        findings += _counted(list(found), dropped)
    verdict = verdict_of(findings, strict=strict)
    return Result(rules.name, rules.stage, rules.as_of, rules.basis, verdict, tuple(findings), plan, rules.variant)


def _variant_findings(
    media: Media, delivery: Delivery | None, rules: RuleSet, *, private: bool, dropped: frozenset[str]
) -> Iterator[Finding]:
    """Yield the warning that names the variants in which a media fails, if there are any."""
    failing = []
    for variant in rules.variants:
        section = variant.sections.get(media.kind or "")
        found = _media_findings(media, section.at(media) if section is not None else None, variant, dropped)
        if delivery is not None:
            found += _delivery_findings(delivery, media, variant, None, private=private)
        if any(finding.severity == "error" and not _is_dropped(finding, dropped) for finding in found):
            failing.append(variant.variant or "")
    if failing:
        yield fails_in_variants(failing, rules)


def fails_in_variants(failing: list[str], rules: RuleSet) -> Finding:
    """Return the warning that names variants in which a file or a request fails, and one in which it does not."""
    others = (variant.variant for variant in rules.variants if variant.variant not in failing)
    chosen = rules.variant or next(others, failing[0])
    many = "s" if len(failing) > 1 else ""
    words = {"value": f"{many} {either(failing, 'and')}", "limit": f"{rules.name}:{chosen}"}
    return _finding("variant_fails", rules, words, fact="kind", value=failing)


def _counted(findings: Sequence[Finding], dropped: frozenset[str]) -> list[Finding]:
    return [finding for finding in findings if not _is_dropped(finding, dropped)] if dropped else [*findings]


def _is_dropped(finding: Finding, dropped: frozenset[str]) -> bool:
    """Return whether a finding does not count. An unknown fact counts if any code that it may hide counts."""
    if finding.code == "fact_unknown" and finding.fact is not None:
        fact = FACTS[finding.fact]
        return "fact_unknown" in dropped or {*fact.bound_codes, fact.choice_code} <= dropped
    return finding.code in dropped


class _Planner(Protocol):
    """Adds hints and the plan to findings."""

    def __call__(
        self, findings: Sequence[Finding], media: Media, section: Section, name: str | None, *, rules: str, strict: bool
    ) -> tuple[list[Finding], Plan | None]: ...


@cache
def _planner() -> _Planner:
    """Return the function that adds hints and the plan, imported for the first file that fails."""
    from preflight.plans import with_plan

    return with_plan


def _media_findings(media: Media, section: Section | None, rules: RuleSet, dropped: frozenset[str]) -> list[Finding]:
    if media.kind is None:
        return [_not_media(media, rules)]
    if section is None:
        return [_wrong_kind(media.kind, rules.service, tuple(rules.sections), rules.source_url)]
    found: list[Finding] = []
    limits = section.for_format(media.format)
    whens = rules.sections[media.kind].whens
    undecided = list(_undecided(media, whens, rules)) if whens else []
    found += [_depends(each.refused[0], each.unknown, rules) for each in undecided if each.refused]
    if media.format in CAMERA_RAW:
        by_format = next((limit for limit in limits if limit.fact == "format" and limit.any_of is not None), None)
        if by_format is None:
            words = {"value": media.format or ""}
            found.append(_finding("camera_raw", rules, words, fact="format", value=media.format))
        limits = _limits_of_camera_raw(media, limits, by_format, dropped)
    by_limits = limit_findings(media, limits, rules)
    if not undecided:
        return found + by_limits
    for finding in by_limits:
        fact = finding.fact or ""
        wider = [each.unknown for each in undecided if fact in each.limited and fact not in each.refused]
        found.append(_depends(fact, wider[0], rules) if wider and finding.severity == "error" else finding)
    return found


class _Values(dict[str, Any]):
    """The facts of a media, each computed once for all rule sets."""

    def __init__(self, media: Media) -> None:
        super().__init__()
        self.media = media

    def __missing__(self, fact: str) -> Any:
        value = self[fact] = getattr(self.media, fact)
        return value


_latest = _Values(Media())


def _values_of(media: Media) -> _Values:
    """Return the facts of a media: those of the latest one are kept, since many rule sets judge it in turn."""
    global _latest
    values = _latest
    if values.media is not media:
        _latest = values = _Values(media)
    return values


def limit_findings(media: Media, limits: tuple[Limit, ...], rules: RuleSet) -> list[Finding]:
    """Return the findings on the facts of a media by these limits."""
    found = []
    values, height = _values_of(media), media.height
    for limit in limits:
        value = values[limit.fact]
        absent = lacks_track_of(media, limit.fact) if value is None else value == NONE and not limit.accepts_none
        if absent:
            if limit.required:
                found.append(_absent(limit, value, rules))
        elif value is None:
            found.append(_unknown(limit, rules, media))
        elif side := limit.side(value, height):
            found.append(_outside(limit, value, side, rules, media))
    return found


class _Undecided(NamedTuple):
    """A `when` whose conditions may hold.

    unknown  the fact that would decide; limited: the facts with limits of their own; refused: those that are outside
    """

    unknown: str
    limited: frozenset[str]
    refused: tuple[str, ...]


def _undecided(media: Media, whens: Iterable[When], rules: RuleSet) -> Iterator[_Undecided]:
    """Yield each `when` that holds or not by a fact that could not be read."""
    for when in whens:
        if when.formats is not None and media.format not in when.formats:
            continue
        values = [(limit, getattr(media, limit.fact)) for limit in when.conditions]
        unknown = [limit.fact for limit, value in values if value is None and not lacks_track_of(media, limit.fact)]
        if not unknown or any(value is not None and limit.side(value, media.height) for limit, value in values):
            continue
        errors = [found.fact for found in limit_findings(media, when.limits, rules) if found.severity == "error"]
        yield _Undecided(unknown[0], frozenset(when.lines), tuple([fact for fact in errors if fact]))


def _depends(fact: str, unknown: str, rules: RuleSet) -> Finding:
    message = f"{label(unknown)} could not be read: on it depends which {label(fact)} {rules.service} accepts"
    return Finding("fact_unknown", CODES["fact_unknown"].severity, message, unknown, reference=rules.source_url)


def _limits_of_camera_raw(
    media: Media, limits: tuple[Limit, ...], by_format: Limit | None, dropped: frozenset[str]
) -> tuple[Limit, ...]:
    """Return the limits that a camera raw is judged by: all if its format is accepted, else only that on the format.

    A picture that is exported from it will have another size, so its other facts do not matter, unless the caller
    drops the finding on its format.
    """
    if by_format is None:
        return limits if "camera_raw" in dropped else ()
    return limits if by_format.side(media.format) == 0 or "format_unsupported" in dropped else (by_format,)


def _delivery_findings(
    delivery: Delivery, media: Media | None, rules: RuleSet, problem: Problem | None, *, private: bool
) -> Iterator[Finding]:
    if delivery.scheme == "data":
        yield from _data_uri_findings(delivery, media, rules)
        return
    for limit in rules.url:
        finding = _delivery_finding(limit, delivery, rules, private=private)
        if finding is not None and (problem is None or finding.code != problem.code):
            yield finding
    yield from (remark(word) for word in delivery.notes if word in CODES)
    if delivery.scheme == "http" and all(limit.fact != "scheme" for limit in rules.url):
        yield remark("plain_http")


def _delivery_finding(limit: Limit, delivery: Delivery, rules: RuleSet, *, private: bool) -> Finding | None:
    value = getattr(delivery, limit.fact)
    if value is None:
        if not 200 <= (delivery.status or 0) < 300:
            return None  # no response could have shown it
        if limit.required:
            return _absent(limit, value, rules)
        return None if FACTS[limit.fact].is_optional else _unknown(limit, rules, None)
    side = limit.side(value)
    if not side:
        return None
    finding = _outside(limit, value, side, rules, None)
    if limit.fact == "page":
        from preflight.sources.diagnosis import HINTS  # only URLs can have such a finding

        return finding._replace(hint=HINTS.get(value))
    return finding._replace(severity="warning") if limit.fact == "public" and private else finding


def _data_uri_findings(delivery: Delivery, media: Media | None, rules: RuleSet) -> Iterator[Finding]:
    """Yield the findings on a data URI. Of the limits on URLs, only those on the declared type apply."""
    allowed = rules.data_uri
    kind = media.kind if media is not None else None
    if allowed is not None and allowed.kinds is not None and (kind not in allowed.kinds if kind else not allowed.kinds):
        others = (
            f"{_plurals(allowed.kinds)} as data URIs, {_plurals([kind or 'file'])} by URL"
            if allowed.kinds
            else "files by URL"
        )
        written: LimitData = {"kinds": list(allowed.kinds)}
        words = {"what": kind or "a file", "limit": others}
        finding = _finding("data_uri_not_accepted", rules, words, fact="scheme", value=delivery.scheme, limit=written)
        yield finding._replace(hint="host the file, and give its http(s) URL")
    for limit in rules.url:
        if limit.fact in ("content_type", "content_type_matches") or (limit.fact == "scheme" and allowed is None):
            found = _delivery_finding(limit, delivery, rules, private=False)
            if found is not None:
                yield found
    for limit in allowed.limits.get(kind or "", ()) if allowed is not None else ():
        value = getattr(delivery if limit.fact == "url_length" else media, limit.fact)
        if value is not None and (side := limit.side(value)):
            yield _outside(limit, value, side, rules, None)


def _not_media(media: Media, rules: RuleSet) -> Finding:
    if media.format is None:
        message = "the file is empty" if media.size == 0 else "the content has no format that preflight recognizes"
        return Finding("format_undetectable", CODES["format_undetectable"].severity, message, "format")
    if holds_media(media.format):
        words = {"what": f"what the {media.format} holds", "limit": _plurals(rules.sections), "reason": ""}
        return _finding("fact_unknown", rules, words, fact="kind")
    limits = (limit for section in rules.sections.values() for limit in section.limits)
    formats = {name for limit in limits if limit.fact == "format" for name in limit.any_of or ()}
    words = {"what": "format", "value": media.format, "limit": either(sorted(formats))}
    return _finding("format_unsupported", rules, words, fact="format", value=media.format)


@lru_cache(1024)
def _wrong_kind(kind: str, service: str, accepted_kinds: tuple[str, ...], source: str) -> Finding:
    """Return the finding for a kind that a rule set does not take: many files have it."""
    code = CODES["kind_not_accepted"]
    message = code.template.format(value=kind, service=service, limit=_plurals(accepted_kinds))
    return Finding(
        "kind_not_accepted", code.severity, message, "kind", kind, {"any_of": list(accepted_kinds)}, None, source
    )


def _plurals(kinds: Iterable[str]) -> str:
    return either(["audio files" if kind == "audio" else f"{kind}s" for kind in kinds], "and")


def _unknown(limit: Limit, rules: RuleSet, media: Media | None) -> Finding:
    reason = " (the file is cut off)" if media is not None and "truncated" in media.notes else ""
    words = {"what": label(limit.fact), "limit": accepted(limit), "reason": reason}
    return _finding("fact_unknown", rules, words, fact=limit.fact, limit=limit.written)


def _absent(limit: Limit, value: object, rules: RuleSet) -> Finding:
    words = {"what": label(limit.fact), "value": str(value or "missing"), "limit": accepted(limit)}
    code = FACTS[limit.fact].absence_code
    return _finding(code, rules, words, fact=limit.fact, value=value, limit=limit.written)


def _finding(
    code: str, rules: RuleSet, words: dict[str, str], *, fact: str, value: object = None, limit: LimitData | None = None
) -> Finding:
    """Return a finding whose message is the template of its code, filled with words."""
    message = CODES[code].template.format(**{"note": "", "service": rules.service, **words})
    return Finding(code, CODES[code].severity, message, fact, value, limit, None, rules.source_url)


def _outside(limit: Limit, value: Any, side: int, rules: RuleSet, media: Media | None) -> Finding:
    """Return the finding for a value outside a limit: a warning if the limit's lenient bounds include it."""
    if isinstance(value, str):
        return _other_word(limit, value, rules.service, rules.basis, rules.source_url)
    return _excess(limit, value, side, rules.service, rules.basis, rules.source_url, media)


@lru_cache(4096)
def _other_word(limit: Limit, value: str, service: str, basis: str, source: str) -> Finding:
    """Return the finding for a word that a limit does not list: many files have one of a few formats and codecs."""
    return _excess(limit, value, 1, service, basis, source, None)


def _excess(limit: Limit, value: Any, side: int, service: str, basis: str, source: str, media: Media | None) -> Finding:
    lenient = limit.lenient
    tolerated = lenient is not None and lenient.side(value, media.height if media is not None else None) == 0
    bound = limit.low if side < 0 else limit.high
    note = _note(limit, side, basis)
    code, message = excess_message(limit, side, service, note, is_at_bound=value == bound, is_tolerated=tolerated)
    message = message.replace(VALUE, _value_text(limit, value, bound, media))
    severity: Severity = "warning" if tolerated or limit.otherwise else "error"
    return Finding(code, severity, message, limit.fact, value, limit.written, None, source)


@lru_cache(4096)
def excess_message(
    limit: Limit, side: int, service: str, note: str, *, is_at_bound: bool, is_tolerated: bool, of: str = ""
) -> tuple[str, str]:
    """Return code and message for values outside a limit, `of` something; `VALUE` stands for the value.

    Cached, since many files exceed the same few limits.
    """
    fact = FACTS[limit.fact]
    code, sentence = limit.choice_code, ""
    if side == NOT_A_MULTIPLE:
        code = "not_a_multiple"
    elif limit.any_of is None:
        code = fact.bound_codes[side > 0]
        sentence = excess(limit, side, service, limit.lenient if is_tolerated else None, is_at_bound=is_at_bound)
    words = {"what": of or fact.label, "value": VALUE, "limit": accepted(limit), "sentence": sentence}
    template = _CHANGED[limit.otherwise] if limit.otherwise else CODES[code].template
    return code, template.format(**words, service=service, note=note)


_CHANGED: Final = {
    "scaled": "{what} {value}: {service} accepts the file, but scales it (it takes {limit}){note}",
    "converted": "{what} {value}: {service} accepts the file, but converts it (it takes {limit}){note}",
    "cut": "{what} {value}: {service} accepts the file, but cuts it (it takes {limit}){note}",
}
"""The messages for values outside a limit outside which a service accepts a file and changes it."""


def _note(limit: Limit, side: int, basis: str) -> str:
    """Return the limit's note if it applies to this side: one on a tolerance does not apply to the other side."""
    lenient = limit.lenient
    if not limit.note or basis == "assumed":
        return ""
    if lenient is not None and limit.any_of is None:
        upper = (limit.high, limit.high_open) == (lenient.high, lenient.high_open)
        lower = (limit.low, limit.low_open) == (lenient.low, lenient.low_open)
        if upper if side > 0 else lower:
            return ""
    return f" ({limit.note})"


def _value_text(limit: Limit, value: Any, bound: float | None, media: Media | None) -> str:
    if limit.fact == "expires_in":
        return f"expired {format_span(-value)} ago" if value < 0 else f"expires in {format_span(value)}"
    text = format_value(limit.fact, value, against=bound)
    if media is not None and limit.fact in ("pixels", "aspect_ratio"):
        return f"{text} ({media.width}×{media.height})"
    return text


@cache
def remark(word: str) -> Finding:
    """Return the finding for a note, or for a code whose message is always the same."""
    severity, sentence = fixed_message(word)
    return Finding(word, severity, sentence)
