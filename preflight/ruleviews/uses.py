"""Which limits of which rule sets give a finding code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from preflight.facts import FACTS
from preflight.media import NONE
from preflight.ruleset import Limit, RuleSet
from preflight.ruleviews import Line, lines


def codes_of(limit: Limit) -> Iterator[str]:
    """The codes that a limit gives for values outside it.

    >>> from preflight.ruleset import compile_limit
    >>> list(codes_of(compile_limit("duration", {"min": 2, "max": 15})))
    ['duration_too_short', 'duration_too_long']
    """
    fact = FACTS[limit.fact]
    low, high = fact.bound_codes
    if limit.low is not None:
        yield low
    if limit.high is not None:
        yield high
    if limit.any_of is not None:
        silent = limit.fact == "audio_codec" and limit.any_of == (NONE,)
        yield "audio_track_forbidden" if silent else fact.choice_code
    if limit.required:
        yield fact.absence_code


def uses(code: str, sets: Iterable[RuleSet]) -> list[tuple[Line, list[str]]]:
    """Every different limit that gives a code, with the names of the rule sets that have it."""
    found: dict[tuple[object, ...], tuple[Line, list[str]]] = {}
    for rules in sets:
        for line in lines(rules):
            if code in codes_of(line.limit):
                key = (line.section, line.format, line.limit.fact, repr(line.limit.written))
                found.setdefault(key, (line, []))[1].append(rules.name)
    return list(found.values())
