"""Rule sets as people look at them: every limit in a few characters, side by side, compared, and by finding code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from preflight.ruleset import Limit, RuleSet
from preflight.units import format_value


class Line(NamedTuple):
    """One limit of a rule set and where it stands.

    section  `image`, `video`, `audio`, `url`, or `request` or `data_uri` with the kind that it is on (`request video`)
    format   the one format for which it holds in place of the section's own; empty: for all others
    """

    section: str
    format: str
    limit: Limit


def lines(rules: RuleSet) -> Iterator[Line]:
    """All limits of a rule set; of formats with limits of their own only what is different for them."""
    for kind, section in rules.sections.items():
        yield from (Line(kind, "", limit) for limit in section.limits)
        for name, limits in section.by_format.items():
            yield from (Line(kind, name, limit) for limit in limits if limit not in section.limits)
    yield from (Line("url", "", limit) for limit in rules.url)
    if rules.data_uri is not None:
        for kind, limits in rules.data_uri.limits.items():
            yield from (Line(f"data_uri {kind}", "", limit) for limit in limits)
    if rules.request is not None:
        for group, limits in rules.request.limits.items():
            yield from (Line(f"request {group or 'all'}", "", limit) for limit in limits)


def data_uri_kinds(rules: RuleSet) -> str | None:
    """Return the kinds that are accepted as data URI, in words; None if the rule set does not say."""
    kinds = rules.data_uri.kinds if rules.data_uri is not None else None
    return None if kinds is None else ", ".join(kinds) or "none"


def brief(limit: Limit) -> str:
    """A limit in a few characters; in parentheses what passes with a warning.

    >>> from preflight.ruleset import compile_limit
    >>> brief(compile_limit("duration", {"min": 2, "max": 15, "lenient": {"max": 15.2}}))
    '2–15 s (≤ 15.2 s)'
    >>> brief(compile_limit("size", {"below": "30 MB"}))
    '< 30 MB'
    """
    said = (
        ", ".join(format_value(limit.fact, value) for value in limit.any_of)
        if limit.any_of is not None
        else _range(limit)
    )
    if limit.required:
        said = f"{said}, required" if said else "required"
    wider = limit.lenient
    if wider is None:
        return said
    if wider.any_of is not None:
        more = ", ".join(format_value(wider.fact, value) for value in wider.any_of if value not in (limit.any_of or ()))
        return f"{said} ({more})"
    low = (wider.low, wider.low_open) != (limit.low, limit.low_open)
    high = (wider.high, wider.high_open) != (limit.high, limit.high_open)
    return f"{said} ({_range(wider) if low and high else _low(wider) if low else _high(wider)})"


def _range(limit: Limit) -> str:
    if limit.low is None:
        return "" if limit.high is None else _high(limit) if limit.high or limit.high_open else "0"
    if limit.high is None:
        return _low(limit)
    if limit.low_open or limit.high_open:
        return f"{_low(limit)}, {_high(limit)}"
    low, high = format_value(limit.fact, limit.low), format_value(limit.fact, limit.high)
    unit = high.partition(" ")[2]
    return f"{low.removesuffix(f' {unit}') if unit else low}–{high}"


def _low(limit: Limit) -> str:
    return f"{'>' if limit.low_open else '≥'} {format_value(limit.fact, limit.low)}"


def _high(limit: Limit) -> str:
    return f"{'<' if limit.high_open else '≤'} {format_value(limit.fact, limit.high)}"
