"""Views of rule sets: all limits in a few characters each, and the limits that give a finding code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from preflight.facts import FACTS
from preflight.ruleset import Limit, RuleSet
from preflight.units import format_value


class PlacedLimit(NamedTuple):
    """One limit and its place in a rule set.

    section  `image`, `video`, `audio`, `url`, or `request` or `data_uri` with the kind that it limits (`request video`)
    format   the one format for which it holds in place of the limit of the section; empty: for all others
    """

    section: str
    format: str
    limit: Limit

    @property
    def fact(self) -> str:
        """Return the fact that is limited."""
        return self.limit.fact


def iter_limits(ruleset: RuleSet) -> Iterator[PlacedLimit]:
    """Yield all limits of a rule set; of the limits for single formats, only those that differ from the section's."""
    for kind, section in ruleset.sections.items():
        yield from (PlacedLimit(kind, "", limit) for limit in section.limits)
        for name, limits in section.by_format.items():
            yield from (PlacedLimit(kind, name, limit) for limit in limits if limit not in section.limits)
    yield from (PlacedLimit("url", "", limit) for limit in ruleset.url)
    if ruleset.data_uri is not None:
        for kind, limits in ruleset.data_uri.limits.items():
            yield from (PlacedLimit(f"data_uri {kind}", "", limit) for limit in limits)
    if ruleset.request is not None:
        for group, limits in ruleset.request.limits.items():
            yield from (PlacedLimit(f"request {group or 'all'}", "", limit) for limit in limits)


def data_uri_kinds(ruleset: RuleSet) -> str | None:
    """Return the kinds that are accepted as data URI, separated by commas; None if the rule set does not say."""
    kinds = ruleset.data_uri.kinds if ruleset.data_uri is not None else None
    return None if kinds is None else ", ".join(kinds) or "none"


def finding_codes(limit: Limit) -> Iterator[str]:
    """Yield the codes of the findings that a limit gives.

    >>> from preflight.ruleset import compile_limit
    >>> list(finding_codes(compile_limit("duration", {"min": 2, "max": 15})))
    ['duration_too_short', 'duration_too_long']
    """
    fact = FACTS[limit.fact]
    too_low, too_high = fact.bound_codes
    if limit.low is not None:
        yield too_low
    if limit.high is not None:
        yield too_high
    if limit.any_of is not None:
        yield limit.choice_code
    if limit.required:
        yield fact.absence_code


def find_limits(code: str, rulesets: Iterable[RuleSet]) -> list[tuple[PlacedLimit, list[str]]]:
    """Return each different limit that gives a finding code, with the names of the rule sets that have it."""
    found: dict[tuple[object, ...], tuple[PlacedLimit, list[str]]] = {}
    for ruleset in rulesets:
        for placed in iter_limits(ruleset):
            if code in finding_codes(placed.limit):
                key = (placed.section, placed.format, placed.fact, repr(placed.limit.written))
                found.setdefault(key, (placed, []))[1].append(ruleset.name)
    return list(found.values())


def format_limit(limit: Limit) -> str:
    """Return a limit in a few characters; values that pass with a warning are in parentheses.

    >>> from preflight.ruleset import compile_limit
    >>> format_limit(compile_limit("duration", {"min": 2, "max": 15, "lenient": {"max": 15.2}}))
    '2–15 s (≤ 15.2 s)'
    >>> format_limit(compile_limit("size", {"below": "30 MB"}))
    '< 30 MB'
    """
    text = _range(limit) if limit.any_of is None else _list(limit.fact, limit.any_of)
    if limit.required:
        text = f"{text}, required" if text else "required"
    wider = limit.lenient
    if wider is None:
        return text
    if wider.any_of is not None:
        return f"{text} ({_list(limit.fact, (value for value in wider.any_of if value not in (limit.any_of or ())))})"
    low = (wider.low, wider.low_open) != (limit.low, limit.low_open)
    high = (wider.high, wider.high_open) != (limit.high, limit.high_open)
    return f"{text} ({_range(wider) if low and high else _low(wider) if low else _high(wider)})"


def _list(fact: str, values: Iterable[object]) -> str:
    return ", ".join(format_value(fact, value) for value in values)


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
