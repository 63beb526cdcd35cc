"""What differs between two rule sets, or between two texts of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from preflight.formats import KINDS
from preflight.ruleset import Limit, RuleSet
from preflight.ruleviews import brief, data_uri_kinds, lines


class Difference(NamedTuple):
    """One thing that two rule sets say differently; None: one of them says nothing of it.

    section, format  as in `Line`; `` for what is about the rule set as a whole
    first, second    in words; first_limit, second_limit: as the rule files write it, where it is a limit
    """

    section: str
    format: str
    fact: str
    first: str | None
    second: str | None
    first_limit: dict[str, Any] | None = None
    second_limit: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "section": self.section or None,
            "format": self.format or None,
            "fact": self.fact,
            "first": self.first,
            "second": self.second,
            "first_limit": self.first_limit,
            "second_limit": self.second_limit,
        }


def differences(first: RuleSet, second: RuleSet) -> list[Difference]:
    """Everything that two rule sets say differently; notes, hints and examples do not count."""
    return [
        *_heads(first, second),
        *_kinds(first, second),
        *_limits(first, second),
        *_data_uris(first, second),
        *_companions(first, second),
    ]


def _heads(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    for name in ("stage", "basis", "as_of"):
        ours, theirs = getattr(first, name), getattr(second, name)
        if ours != theirs:
            yield Difference("", "", name, ours, theirs)


def _kinds(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    for kind in KINDS:
        if (kind in first.sections) != (kind in second.sections):
            ours, theirs = ("accepted" if kind in rules.sections else None for rules in (first, second))
            yield Difference(kind, "", "kind", ours, theirs)


def _limits(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    ours, theirs = _by_place(first), _by_place(second)
    for place in sorted(ours.keys() | theirs.keys(), key=lambda place: _rank(place, ours, theirs)):
        section, name, fact = place
        if section in KINDS and not (section in first.sections and section in second.sections):
            continue  # said once, of the kind as a whole
        mine, other = (of.get(place) or of.get((section, "", fact)) for of in (ours, theirs))
        if _same(mine, other):
            continue
        said, answered = (brief(limit) if limit else None for limit in (mine, other))
        yield Difference(section, name, fact, said, answered, mine and mine.written, other and other.written)


_Place = tuple[str, str, str]


def _by_place(rules: RuleSet) -> dict[_Place, Limit]:
    return {(line.section, line.format, line.limit.fact): line.limit for line in lines(rules)}


def _rank(place: _Place, ours: dict[_Place, Limit], theirs: dict[_Place, Limit]) -> tuple[int, int]:
    order, after = list(ours), list(theirs)
    section = [*KINDS, "url"].index(place[0]) if place[0] in (*KINDS, "url") else len(KINDS) + 1
    return section, order.index(place) if place in ours else len(order) + after.index(place)


def _same(mine: Limit | None, other: Limit | None) -> bool:
    return mine is other or (mine is not None and other is not None and brief(mine) == brief(other))


def _data_uris(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    ours, theirs = (data_uri_kinds(rules) for rules in (first, second))
    if ours != theirs:
        yield Difference("data_uri", "", "kinds", ours, theirs)


def _companions(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    ours, theirs = (rules.request.companions if rules.request else {} for rules in (first, second))
    for kind in KINDS:
        mine, other = ours.get(kind), theirs.get(kind)
        if mine != other:
            said, answered = (f"beside {' or '.join(of)}" if of else None for of in (mine, other))
            yield Difference(f"request {kind}", "", "companions", said, answered)
