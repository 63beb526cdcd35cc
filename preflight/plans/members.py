"""The files of a request, each with its own limits and those that the request adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from preflight.facts import FACTS
from preflight.limit import Limit
from preflight.media import Media, lacks_track_of
from preflight.plans.encoding import GEOMETRY
from preflight.plans.geometry import LimitsByFact
from preflight.plans.intersection import intersect
from preflight.request_limits import REFERENCE
from preflight.ruleset import RuleSet

_LEAST: Final[Mapping[str, float]] = {"duration": 0.001}
"""Smallest difference between two values of a fact that matters: by default 1."""


class RequestFile(NamedTuple):
    """A file of a request: its facts, or of a registered asset its kind alone; None if they could not be read."""

    name: str
    media: Media | None
    role: str = REFERENCE
    is_asset: bool = False


class Member:
    """A file of a request whose limits are being found.

    added  by fact, the limits that the request puts on it besides those of its kind
    """

    def __init__(self, file: RequestFile, rules: RuleSet, *, strict: bool) -> None:
        self.name = file.name
        self.role = file.role
        self.media = file.media if not file.is_asset else None
        self.kind = file.media.kind if file.media is not None else None
        self.is_readable = file.media is not None or file.is_asset
        self.is_strict = strict
        self.added: dict[str, list[Limit]] = {}
        self._own: LimitsByFact = {}
        section = rules.sections.get(self.kind or "")
        if self.media is not None and section is not None:
            section = section.at(self.media)
            self._own = (section if strict else section.mandatory).by_fact(self.media.format)

    def add(self, limits: Iterable[Limit]) -> None:
        """Put limits on the file; those on facts that its kind does not have are left out."""
        for limit in limits:
            if self.kind in FACTS[limit.fact].sections and limit not in self.added.get(limit.fact, ()):
                self.added.setdefault(limit.fact, []).append(limit)

    def stated(self, fact: str) -> list[Limit]:
        """Return all limits on a fact."""
        return [*([self._own[fact]] if fact in self._own else []), *self.added.get(fact, ())]

    def limit(self, fact: str, *more: Limit) -> Limit | None:
        """Return the limit that is inside all limits on a fact and some more; None without any, or if they conflict."""
        limits = [*self.stated(fact), *more]
        return intersect(limits) if limits else None

    def can_have(self, fact: str, *more: Limit) -> bool:
        """Return whether the limits on a fact accept a value together."""
        limits = [*self.stated(fact), *more]
        return not limits or intersect(limits) is not None

    def geometry(self, *more: Limit) -> LimitsByFact | None:
        """Return the limits on width and height, and some more; None if limits on one fact conflict."""
        found: dict[str, Limit] = {}
        for fact in GEOMETRY:
            extra = [limit for limit in more if limit.fact == fact]
            if extra or self.stated(fact):
                limit = self.limit(fact, *extra)
                if limit is None:
                    return None
                found[fact] = limit
        return found

    def has(self, fact: str) -> bool:
        """Return whether the file has a value of a fact that can be compared, even if that could not be read."""
        return self.media is not None and self.kind in FACTS[fact].sections and not lacks_track_of(self.media, fact)

    def current(self, fact: str) -> float | str | bool | None:
        """Return the value of a fact, as it is."""
        value: float | str | bool | None = getattr(self.media, fact)
        return value

    def keeps(self, fact: str) -> bool:
        """Return whether the value of a fact may stay as it is, if need be with a warning."""
        value, height = self.current(fact), self.media.height if self.media is not None else None
        return value is not None and all(
            is_kept(limit, value, height, strict=self.is_strict) for limit in self.stated(fact)
        )

    def number(self, fact: str) -> float | None:
        """Return the value that a fact has after the file's own plan: the nearest one inside its limits."""
        value = self.current(fact)
        if value is None or isinstance(value, str):
            return None
        limit = self.limit(fact)
        return value if limit is None or self.keeps(fact) else nearest_value(value, limit)

    def floor(self, fact: str) -> float:
        """Return the lowest value that the limits on a fact accept."""
        limit = self.limit(fact)
        if limit is None or limit.low is None:
            return 0
        return limit.low + (_LEAST.get(fact, 1) if limit.low_open else 0)

    def request_limits(self) -> LimitsByFact:
        """Return the limits that the request adds, one on each fact."""
        single = {fact: limits[0] for fact, limits in self.added.items() if len(limits) == 1}
        several = {fact: intersect(limits) for fact, limits in self.added.items() if len(limits) > 1}
        return single | {fact: limit for fact, limit in several.items() if limit is not None}


def is_kept(limit: Limit, value: float | str, height: int | None = None, *, strict: bool) -> bool:
    """Return whether a limit accepts a value; unless `strict`, also with a warning."""
    if limit.side(value, height) == 0:
        return True
    return not strict and limit.lenient is not None and limit.lenient.side(value, height) == 0


def upper_bound(limit: Limit, fact: str) -> float | None:
    """Return the highest value of `fact` that a limit on it, or on its total, accepts; None if it has no bound."""
    if limit.high is None:
        return None
    return limit.high - (_LEAST.get(fact, 1) if limit.high_open else 0)


def nearest_value(value: float, limit: Limit) -> float:
    """Return the value inside a limit that is nearest to a value."""
    if limit.any_of is not None:
        return min((float(choice) for choice in limit.any_of), key=lambda choice: abs(choice - value))
    low = limit.low if limit.low is not None else value
    high = limit.high if limit.high is not None else value
    return min(max(value, low), high)


def with_values(members: Sequence[Member], fact: str) -> list[Member] | None:
    """Return the members that have a fact; None if it could not be read of one of them."""
    having = [member for member in members if member.has(fact)]
    return None if any(member.current(fact) is None for member in having) else having
