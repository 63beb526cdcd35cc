"""facts × rule set → result. Knows no provider and no format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from preflight.codes import CODES, Severity, sentence_of
from preflight.facts import FACTS, label
from preflight.formats import CAMERA_RAW, holds_media
from preflight.media import NONE, Delivery, Media, lacks_track_of
from preflight.report import Finding, Plan, Problem, Result, verdict_of
from preflight.ruleset import Limit, RuleSet, Section
from preflight.units import format_span, format_value
from preflight.wording import accepted, beyond, either


def judge(
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
) -> Result:
    """What a rule set says of a media, with every finding, not the first.

    media     None where the source could not be read; then `problem` says why and is a finding of its own severity
    delivery  what a URL's server did; None for what is not a URL
    extra     findings that hold whatever the rule set (of a deep look, of a name)
    private   addresses that are not public may be read: a warning, no error
    strict    warnings fail; dropped: codes of findings that do not count, unless nothing was read of the media
    name      the path of the file for the command of the plan; None: a placeholder
    """
    findings: list[Finding] = []
    if problem is not None:
        findings.append(Finding(problem.code, CODES[problem.code].severity, problem.message))
    if delivery is not None and delivery.scheme == "data":
        findings += _of_data_uri(delivery, media, rules)
    elif delivery is not None:
        for limit in rules.url:
            finding = _of_delivery(limit, delivery, rules, private=private)
            if finding is not None and (problem is None or finding.code != problem.code):
                findings.append(finding)
        findings += [remark(word) for word in delivery.notes if word in CODES]
        if delivery.scheme == "http" and all(limit.fact != "scheme" for limit in rules.url):
            findings.append(remark("plain_http"))
    section, plan = None, None
    if delivery is not None and any(one.code == "web_page" and one.severity == "error" for one in findings):
        findings = [finding for finding in findings if (finding.fact or finding.code) not in _OF_THE_PAGE]
    elif media is not None:
        section = _of_media(findings, media, rules, dropped)
    if media is None or media.kind is None:
        dropped = frozenset()
    findings = _counted(findings, dropped)
    if media is not None and section is not None and any(one.severity == "error" for one in findings):
        findings, plan = _planner()(findings, media, section, name)
    findings += _counted(extra, dropped)
    verdict = verdict_of(findings, strict=strict) if findings else "pass"
    return Result(rules.name, rules.stage, rules.as_of, rules.basis, verdict, tuple(findings), plan)


def _counted(findings: Sequence[Finding], dropped: frozenset[str]) -> list[Finding]:
    return [finding for finding in findings if not _dropped(finding, dropped)] if dropped else list(findings)


def _dropped(finding: Finding, dropped: frozenset[str]) -> bool:
    """Whether a finding does not count. A fact that is unknown counts as long as a code that it may hide does."""
    if finding.code == "fact_unknown" and finding.fact is not None:
        fact = FACTS[finding.fact]
        hidden = {*fact.bound_codes, fact.choice_code}
        return "fact_unknown" in dropped or hidden <= dropped
    return finding.code in dropped


def _of_media(findings: list[Finding], media: Media, rules: RuleSet, dropped: frozenset[str]) -> Section | None:
    """Add the findings on a media, and return the section that it was judged by."""
    kind = media.kind
    if kind is None:
        findings.append(_not_media(media, rules))
        return None
    section = rules.sections.get(kind)
    if section is None:
        findings.append(_kind_not_accepted(kind, rules))
        return None
    limits = section.for_format(media.format)
    if media.format in CAMERA_RAW:
        limits = _of_camera_raw(findings, media, rules, limits, dropped)
    for limit in limits:
        value = getattr(media, limit.fact)
        absent = lacks_track_of(media, limit.fact) if value is None else value == NONE and not limit.accepts_none
        if absent:
            if limit.required:
                findings.append(_absent(limit, value, rules))
        elif value is None:
            findings.append(_unknown(limit, rules, media))
        elif side := limit.side(value, media.height):
            findings.append(_outside(limit, value, side, rules, media))
    return section


def _of_camera_raw(
    findings: list[Finding], media: Media, rules: RuleSet, limits: tuple[Limit, ...], dropped: frozenset[str]
) -> tuple[Limit, ...]:
    """Return the limits that a camera raw is judged by: all where their `format` lists it, else none but that one.

    What is exported from it will have another size: nothing else that is wrong with it matters, unless the caller
    has the finding on its format dropped.
    """
    by_format = next((limit for limit in limits if limit.fact == "format" and limit.any_of is not None), None)
    if by_format is not None:
        judged_whole = by_format.side(media.format) == 0 or "format_unsupported" in dropped
        return limits if judged_whole else (by_format,)
    findings.append(
        _finding(
            "camera_raw",
            fact="format",
            value=media.format,
            reference=rules.source_url,
            value_text=media.format or "",
            service=rules.service,
        )
    )
    return limits if "camera_raw" in dropped else ()


@cache
def _planner() -> Callable[[list[Finding], Media, Section, str | None], tuple[list[Finding], Plan | None]]:
    """Return what adds hints and the plan: loaded for the first file that fails."""
    from preflight.plans import with_plan

    return with_plan


def _of_delivery(limit: Limit, delivery: Delivery, rules: RuleSet, *, private: bool) -> Finding | None:
    value = getattr(delivery, limit.fact)
    if value is None:
        if not 200 <= (delivery.status or 0) < 300:
            return None  # there was no answer that could have shown it
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


def _of_data_uri(delivery: Delivery, media: Media | None, rules: RuleSet) -> Iterator[Finding]:
    """Yield the findings on a data URI. Of the limits on URLs, only those on the declared type apply."""
    taken = rules.data_uri
    kind = media.kind if media is not None else None
    if taken is not None and taken.kinds is not None and (kind not in taken.kinds if kind else not taken.kinds):
        others = f"{either([f'{one}s' for one in taken.kinds], 'and')} as data URIs, {kind}s"
        yield _finding(
            "data_uri_not_accepted",
            fact="scheme",
            value=delivery.scheme,
            limit={"kinds": list(taken.kinds)},
            reference=rules.source_url,
            what=kind or "a file",
            service=rules.service,
            limit_text=f"{others if taken.kinds else 'files'} by URL",
        )._replace(hint="host the file, and give its http(s) URL")
    for limit in rules.url:
        if limit.fact in ("content_type", "content_type_matches") or (limit.fact == "scheme" and taken is None):
            finding = _of_delivery(limit, delivery, rules, private=False)
            if finding is not None:
                yield finding
    for limit in taken.limits.get(kind or "", ()) if taken is not None else ():
        value = getattr(delivery if limit.fact == "url_length" else media, limit.fact)
        if value is not None and (side := limit.side(value)):
            yield _outside(limit, value, side, rules, None)


_OF_THE_PAGE = frozenset(
    ("content_type", "content_type_matches", "content_length", "ranges", "no_ranges", "length_missing", "length_wrong")
)
"""Facts and notes of a delivery that are those of a web page, where one came in place of the file."""


def _not_media(media: Media, rules: RuleSet) -> Finding:
    if media.format is not None and holds_media(media.format):
        return _finding(
            "fact_unknown",
            fact="kind",
            reference=rules.source_url,
            what=f"what the {media.format} holds",
            service=rules.service,
            limit_text=either([f"{taken}s" for taken in rules.sections], "and"),
            reason="",
        )
    if media.format is not None:
        accepted = either(sorted({name for kind in rules.sections for name in _formats(rules, kind)}))
        return _finding(
            "format_unsupported",
            fact="format",
            value=media.format,
            reference=rules.source_url,
            what="format",
            value_text=media.format,
            service=rules.service,
            limit_text=accepted,
        )
    message = "the file is empty" if media.size == 0 else "the content is in no format that preflight recognises"
    return _finding("format_undetectable", fact="format", message=message)


def _formats(rules: RuleSet, kind: str) -> tuple[str, ...]:
    return next((limit.any_of or () for limit in rules.sections[kind].limits if limit.fact == "format"), ())


def _kind_not_accepted(kind: str, rules: RuleSet) -> Finding:
    return _finding(
        "kind_not_accepted",
        fact="kind",
        value=kind,
        limit={"any_of": list(rules.sections)},
        reference=rules.source_url,
        value_text=kind,
        service=rules.service,
        limit_text=either([f"{taken}s" for taken in rules.sections], "and"),
    )


def _unknown(limit: Limit, rules: RuleSet, media: Media | None) -> Finding:
    truncated = media is not None and "truncated" in media.notes
    return _finding(
        "fact_unknown",
        fact=limit.fact,
        limit=limit.written,
        reference=rules.source_url,
        what=label(limit.fact),
        service=rules.service,
        limit_text=accepted(limit),
        reason=" (the file is cut off)" if truncated else "",
    )


def _absent(limit: Limit, value: Any, rules: RuleSet) -> Finding:
    return _finding(
        FACTS[limit.fact].absence_code,
        fact=limit.fact,
        value=value,
        limit=limit.written,
        reference=rules.source_url,
        what=label(limit.fact),
        value_text=str(value or "missing"),
        service=rules.service,
        limit_text=accepted(limit),
    )


def _outside(limit: Limit, value: Any, side: int, rules: RuleSet, media: Media | None) -> Finding:
    """The finding for a value on a side outside a limit: a warning where the limit's lenient sides still hold it."""
    lenient = limit.lenient
    tolerated = lenient is not None and lenient.side(value, media.height if media is not None else None) == 0
    bound = limit.low if side < 0 else limit.high
    code, message = _wording(limit, side, value == bound, tolerated, rules.service, rules.basis)
    message = message.replace(_VALUE, _shown(limit, value, bound, media))
    severity: Severity = "warning" if tolerated else "error"
    return Finding(code, severity, message, limit.fact, value, limit.written, None, rules.source_url)


_VALUE = "\0"
"""Where a wording lacks the value."""


@lru_cache(1024)
def _wording(limit: Limit, side: int, at_bound: bool, tolerated: bool, service: str, basis: str) -> tuple[str, str]:
    """Code and message of what is outside a limit. A rule set has few of them, and many files break the same."""
    fact = limit.fact
    code = limit.choice_code if limit.any_of is not None else FACTS[fact].bound_codes[side > 0]
    sentence = ""
    if limit.any_of is None:
        sentence = beyond(limit, side, at_bound, service, limit.lenient if tolerated else None)
    message = CODES[code].template.format(
        what=label(fact),
        value=_VALUE,
        limit=accepted(limit),
        sentence=sentence,
        service=service,
        note=_note(limit, side, basis),
    )
    return code, message


def _note(limit: Limit, side: int, basis: str) -> str:
    """The limit's remark, where it is about this side: one on a tolerance says nothing of the side without."""
    lenient = limit.lenient
    if not limit.note or basis == "assumed":
        return ""
    if lenient is not None and limit.any_of is None:
        strict_bound, wider = (limit.high, lenient.high) if side > 0 else (limit.low, lenient.low)
        strict_open, wider_open = (
            (limit.high_open, lenient.high_open) if side > 0 else (limit.low_open, lenient.low_open)
        )
        if (strict_bound, strict_open) == (wider, wider_open):
            return ""
    return f" ({limit.note})"


def _shown(limit: Limit, value: Any, bound: float | None, media: Media | None) -> str:
    if limit.fact == "expires_in":
        return f"expired {format_span(-value)} ago" if value < 0 else f"expires in {format_span(value)}"
    text = format_value(limit.fact, value, against=bound)
    if media is not None and limit.fact in ("pixels", "aspect_ratio"):
        return f"{text} ({media.width}×{media.height})"
    return text


@cache
def remark(word: str) -> Finding:
    """Return the finding for a note, or for a code whose message is always the same."""
    severity, sentence = sentence_of(word)
    return Finding(word, severity, sentence)


def _finding(
    code: str,
    *,
    severity: Severity | None = None,
    fact: str | None = None,
    value: Any = None,
    limit: dict[str, Any] | None = None,
    reference: str | None = None,
    value_text: str = "",
    limit_text: str = "",
    note: str = "",
    **words: str,
) -> Finding:
    known = CODES[code]
    message = known.template.format(value=value_text, limit=limit_text, note=note, **words)
    return Finding(code, severity or known.severity, message, fact, value, limit, None, reference)
