"""Rule sets as the page draws them: the accepted range of every fact, with the words for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from preflight.codes import CODES
from preflight.escape import printable_texts
from preflight.facts import label
from preflight.ruleset import Limit, RuleSet
from preflight.wording import accepted


def rule_sets(rules: Iterable[RuleSet]) -> list[dict[str, Any]]:
    """What the page needs of the rule sets: who they are, and their limits by kind and format (`""`: all others)."""
    sets = [
        {
            "name": one.name,
            "title": one.title,
            "service": one.service,
            "stage": one.stage,
            "basis": one.basis,
            "kinds": {
                kind: {
                    "": _limits(section.limits),
                    **{name: _limits(limits) for name, limits in section.by_format.items()},
                }
                for kind, section in one.sections.items()
            },
        }
        for one in rules
    ]
    printed: list[dict[str, Any]] = printable_texts(sets)
    return printed


def _limits(limits: Sequence[Limit]) -> list[dict[str, Any]]:
    return [_limit(limit) for limit in limits]


def _limit(limit: Limit) -> dict[str, Any]:
    lenient = limit.lenient
    drawn = {
        "fact": limit.fact,
        "label": label(limit.fact),
        "low": limit.low,
        "high": limit.high,
        "any": limit.any_of,
        "says": accepted(limit),
        "wideLow": lenient.low if lenient else None,
        "wideHigh": lenient.high if lenient else None,
        "wideAny": lenient.any_of if lenient else None,
    }
    return {name: value for name, value in drawn.items() if value is not None}


def titles(codes: Iterable[str]) -> dict[str, list[str]]:
    """Title and explanation of finding codes."""
    return {code: [CODES[code].title, CODES[code].explanation] for code in codes}
