"""Compare two rule sets, or two versions of a rule set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from preflight.formats import KINDS
from preflight.ruleset import Limit, RuleSet, Table
from preflight.ruleviews import data_uri_kinds, format_limit, iter_limits


class Difference(NamedTuple):
    """One difference between two rule sets; None: that rule set does not say.

    section, format  as in `PlacedLimit`; empty for what concerns the rule set as a whole
    first, second    in words; first_limit, second_limit: as the rule files write it, for limits
    """

    section: str
    format: str
    fact: str
    first: str | None
    second: str | None
    first_limit: Table | None = None
    second_limit: Table | None = None

    def as_json(self) -> dict[str, object]:
        """Return a JSON object with all seven fields."""
        return {**self._asdict(), "section": self.section or None, "format": self.format or None}


def compare_rulesets(first: RuleSet, second: RuleSet) -> list[Difference]:
    """Return everything that differs between two rule sets except notes, hints and examples."""
    return [
        *_head_differences(first, second),
        *_kind_differences(first, second),
        *_limit_differences(first, second),
        *_data_uri_differences(first, second),
        *_companion_differences(first, second),
    ]


def _head_differences(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    for name in ("stage", "basis", "as_of"):
        a, b = getattr(first, name), getattr(second, name)
        if a != b:
            yield Difference("", "", name, a, b)


def _kind_differences(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    for kind in KINDS:
        if (kind in first.sections) != (kind in second.sections):
            a, b = ("accepted" if kind in ruleset.sections else None for ruleset in (first, second))
            yield Difference(kind, "", "kind", a, b)


_Place = tuple[str, str, str]
"""Section, format and fact of a limit."""
_SECTION_ORDER: Final = {section: number for number, section in enumerate((*KINDS, "url"))}
"""Other sections follow these."""


def _limit_differences(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    all_a, all_b = _limits_by_place(first), _limits_by_place(second)
    places = [*all_a, *(place for place in all_b if place not in all_a)]
    for place in sorted(places, key=lambda place: _SECTION_ORDER.get(place[0], len(_SECTION_ORDER))):
        section, format_name, fact = place
        if section in KINDS and not (section in first.sections and section in second.sections):
            continue  # reported for the kind as a whole
        # A format without a limit of its own has that of the section.
        a, b = (limits.get(place) or limits.get((section, "", fact)) for limits in (all_a, all_b))
        text_a, text_b = (format_limit(limit) if limit else None for limit in (a, b))
        if text_a != text_b:
            yield Difference(section, format_name, fact, text_a, text_b, a and a.written, b and b.written)


def _limits_by_place(ruleset: RuleSet) -> dict[_Place, Limit]:
    return {(placed.section, placed.format, placed.fact): placed.limit for placed in iter_limits(ruleset)}


def _data_uri_differences(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    a, b = (data_uri_kinds(ruleset) for ruleset in (first, second))
    if a != b:
        yield Difference("data_uri", "", "kinds", a, b)


def _companion_differences(first: RuleSet, second: RuleSet) -> Iterator[Difference]:
    for kind in KINDS:
        a, b = (_companions(ruleset, kind) for ruleset in (first, second))
        if a != b:
            yield Difference(f"request {kind}", "", "companions", a, b)


def _companions(ruleset: RuleSet, kind: str) -> str | None:
    others = ruleset.request.companions.get(kind) if ruleset.request is not None else None
    return f"beside {' or '.join(others)}" if others else None
