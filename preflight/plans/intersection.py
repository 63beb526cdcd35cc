"""Combine several limits on one fact into the limit that accepts what all of them accept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import product
from math import ceil, floor, inf, lcm
from typing import Final, NamedTuple

from preflight.facts import FACTS
from preflight.limit import Limit
from preflight.media import NONE

_ROUNDING: Final = 1e-9
"""Tolerance for shares in floating point."""
_RATIO_SHARE: Final = 1 / 4320
"""Share by which a listed aspect ratio may differ without `within`: one pixel of the highest usual picture."""


def intersect(limits: Sequence[Limit], *, may_be_absent: bool = True) -> Limit | None:
    """Return the limit that accepts the values that all of these limits on one fact accept; None if there are none.

    The strict bounds count: the result has neither `lenient` nor `otherwise`. If it cannot say exactly what all accept
    (several listed values, each with another tolerance), it accepts less, never more.

    may_be_absent  whether `none` is a value of the fact: a limit that is not `required` accepts it

    >>> from preflight.limit import compile_limit
    >>> both = intersect([compile_limit("duration", {"min": 2, "max": 15}), compile_limit("duration", {"below": 10})])
    >>> both.low, both.high, both.high_open
    (2, 10, True)
    """
    is_number = FACTS[limits[0].fact].type in (int, float)
    found = _numbers(limits) if is_number else _words(limits, may_be_absent=may_be_absent)
    if found is None:
        return None
    return found._replace(
        required=any(limit.required for limit in limits),
        note=next((limit.note for limit in limits if limit.note), None),
        hint=next((limit.hint for limit in limits if limit.hint), None),
    )


def _words(limits: Sequence[Limit], *, may_be_absent: bool) -> Limit | None:
    """Return the limit on a fact whose values are words or yes and no."""
    fact, lists = limits[0].fact, [limit.any_of for limit in limits if limit.any_of is not None]
    if not lists:
        return Limit(fact)
    kept = [value for value in lists[0] if value != NONE and all(value in listed for listed in lists)]
    if may_be_absent and all(limit.accepts_none or not limit.required for limit in limits):
        is_listed = all(NONE in listed for listed in lists) or any(limit.required for limit in limits)
        kept += [NONE] if is_listed or not kept else []
    return Limit(fact, any_of=tuple(kept)) if kept else None


class _Span(NamedTuple):
    """The numbers between two bounds; a closed bound belongs to them."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False

    def overlap(self, other: _Span) -> _Span:
        """Return the numbers that both have."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return _Span(
            low,
            high,
            any(span.low_open and span.low == low for span in (self, other)),
            any(span.high_open and span.high == high for span in (self, other)),
        )

    def has_value(self, step: int | None) -> bool:
        """Return whether there is a number between the bounds: of a step, a multiple of it."""
        low, high = self.low, self.high
        is_open = self.low_open or self.high_open
        if step is None or (low == -inf and high == inf):
            return low < high or (low == high and not is_open)
        if high == inf:
            return True
        last = floor(Fraction(high) / step) * step
        last -= step if self.high_open and last == high else 0
        first = ceil(Fraction(low) / step) * step if low != -inf else (step if step > 1 else last)
        first += step if self.low_open and first == low else 0
        return (first or (step if step > 1 else 0)) <= last  # 0 is a multiple that no side or rate has

    def as_limit(self, fact: str) -> Limit:
        """Return the limit with these bounds."""
        low, high = (None if abs(bound) == inf else bound for bound in (self.low, self.high))
        return Limit(fact, low, high, low is not None and self.low_open, high is not None and self.high_open)


def _numbers(limits: Sequence[Limit]) -> Limit | None:
    """Return the limit on a fact whose values are numbers."""
    fact = limits[0].fact
    span = reduce(_Span.overlap, map(_span, limits))
    factors = [limit.multiple_of for limit in limits if limit.multiple_of is not None]
    multiple = lcm(*factors) if factors else None
    step = multiple or (1 if FACTS[fact].type is int else None)
    lists = [limit for limit in limits if limit.any_of is not None]
    if not lists:
        return span.as_limit(fact)._replace(multiple_of=multiple) if span.has_value(step) else None
    exact = next((limit for limit in lists if not _is_inexact(limit)), None)
    if exact is not None:
        kept = [(value, text) for value, text in _listed(exact) if all(_accepts(limit, value) for limit in limits)]
        return _with_list(Limit(fact), kept) if kept else None
    spans = [span]
    for limit in lists:
        spans = [one.overlap(other) for one, other in product(spans, _spans(limit))]
        spans = list(dict.fromkeys(one for one in spans if one.has_value(step)))
    found = _near(limits, spans, span.as_limit(fact)) if spans else None
    return found._replace(multiple_of=multiple) if found is not None else None


def _span(limit: Limit) -> _Span:
    """Return the numbers between the bounds of a limit."""
    low = limit.low if limit.low is not None else -inf
    return _Span(low, limit.high if limit.high is not None else inf, limit.low_open, limit.high_open)


def _is_inexact(limit: Limit) -> bool:
    return limit.within is not None or limit.fact == "aspect_ratio"


def _share(limit: Limit) -> float:
    return limit.within or _RATIO_SHARE


def _spans(limit: Limit) -> Iterator[_Span]:
    """Yield the numbers around each listed one that the limit accepts."""
    for value in limit.any_of or ():
        if value > 0:
            yield _Span(value * (1 - _share(limit)), value * (1 + _share(limit)))


def _accepts(limit: Limit, value: float) -> bool:
    is_inexact = limit.any_of is not None and _is_inexact(limit)
    return (limit._replace(within=_share(limit)) if is_inexact else limit).side(value) == 0


def _listed(limit: Limit) -> Iterator[tuple[float, str | None]]:
    """Yield the listed values, each with its text if it is a ratio."""
    values = limit.any_of or ()
    yield from zip(values, limit.listed or [None] * len(values), strict=True)


def _with_list(limit: Limit, kept: Sequence[tuple[float, str | None]]) -> Limit:
    texts = tuple([text for _, text in kept if text is not None])
    return limit._replace(any_of=tuple([value for value, _ in kept]), listed=texts or None)


def _near(limits: Sequence[Limit], spans: Sequence[_Span], bounds: Limit) -> Limit | None:
    """Return the limit on numbers near listed ones.

    spans   the numbers that all accept; there are some
    bounds  the limit with the bounds of all, without lists
    """
    lists = [limit for limit in limits if limit.any_of is not None]
    pixel_exact = [limit for limit in lists if limit.within is None]
    kept: list[tuple[float, str | None]] = []
    for value, text in (pair for limit in pixel_exact[:1] or lists for pair in _listed(limit)):
        is_known = any(abs(value / other - 1) <= _RATIO_SHARE for other, _ in kept if other)
        if value > 0 and not is_known and all(_accepts(limit, value) for limit in limits):
            kept.append((value, text))
    if kept and pixel_exact:
        return _with_list(bounds, kept)
    share = min((_room(value, limit) for value, _ in kept for limit in lists), default=0.0)
    around = [_Span(value * (1 - share - _ROUNDING), value * (1 + share + _ROUNDING)) for value, _ in kept]
    is_complete = all(any(one.low <= span.low and span.high <= one.high for one in around) for span in spans)
    if kept and share > _ROUNDING and (is_complete or len(spans) > 1):
        return _with_list(bounds._replace(within=round(share, 9)), kept)
    return max(spans, key=lambda span: span.high - span.low).as_limit(bounds.fact)


def _room(value: float, limit: Limit) -> float:
    """Return the share by which a value may differ, so that a list with a tolerance still accepts it."""
    return max(min(value - span.low, span.high - value) / value for span in _spans(limit))
