"""Find out whether limits on width, height and what follows from them leave any size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import inf, log, prod
from typing import Final

from preflight.limit import Limit
from preflight.plans.encoding import GEOMETRY

_Range = tuple[float, float]
"""The lowest and the highest logarithm of a value."""

_ROUNDING: Final = 1e-9
_RATIO_SHARE: Final = 0.02
"""Share by which a listed ratio may differ without `within`: one pixel of 50."""
_MAX_CHOICES: Final = 1024
"""Combinations of listed values that are tried; of more, some size is assumed to be possible."""
_MAX_ROUNDS: Final = 20


def has_size(limits: Mapping[str, Limit]) -> bool:
    """Return whether some width and height may be inside all limits; False only if certainly none is.

    >>> from preflight.limit import compile_limit
    >>> short, ratio = compile_limit("short_side", {"min": 1080}), compile_limit("aspect_ratio", {"any_of": ["16:9"]})
    >>> has_size({"short_side": short, "aspect_ratio": ratio, "pixels": compile_limit("pixels", {"max": 927_408})})
    False
    """
    ranges = {fact: list(_ranges(limit)) for fact, limit in limits.items() if fact in GEOMETRY - {"dimensions"}}
    sizes = _sizes(limits["dimensions"]) if "dimensions" in limits else [None]
    if prod(map(len, (sizes, *ranges.values()))) > _MAX_CHOICES:
        return True
    return any(
        _is_possible(size, dict(zip(ranges, chosen, strict=True)), is_wide=is_wide)
        for size in sizes
        for chosen in product(*ranges.values())
        for is_wide in (True, False)
    )


def _ranges(limit: Limit) -> Iterator[_Range]:
    """Yield the ranges that a limit accepts: one, or one around each listed value."""
    low = log(limit.low) if limit.low and limit.low > 0 else -inf
    high = inf if limit.high is None else log(max(limit.high, _ROUNDING))
    if limit.any_of is None:
        yield low - _ROUNDING, high + _ROUNDING
        return
    share = limit.within or (_RATIO_SHARE if limit.fact == "aspect_ratio" else _ROUNDING)
    for value in limit.any_of:
        if value > 0:
            yield max(low, log(value * (1 - share))), min(high, log(value * (1 + share)))


def _sizes(limit: Limit) -> list[tuple[float, float] | None]:
    """Return the logarithms of the listed widths and heights."""
    pairs = (re.fullmatch(r"([1-9]\d{0,6})x([1-9]\d{0,6})", str(pair)) for pair in limit.any_of or ())
    return [(log(int(pair[1])), log(int(pair[2]))) for pair in pairs if pair is not None]


def _is_possible(size: tuple[float, float] | None, held: Mapping[str, _Range], *, is_wide: bool) -> bool:
    """Return whether ranges leave a size that is wider than high, or that is not.

    Each quantity is narrowed by the others until none becomes narrower: long side = short side × ratio, and
    pixels = long side × short side, as sums of logarithms.
    """
    anything = (-_ROUNDING, inf)
    low, high = held.get("aspect_ratio", (-inf, inf))
    low, high = (low, high) if is_wide else (-high, -low)
    ratio = (max(low, -_ROUNDING), high)
    sides = [held.get("width", anything), held.get("height", anything)]
    if size is not None:
        sides = [
            _both(side, (length - _ROUNDING, length + _ROUNDING)) for side, length in zip(sides, size, strict=True)
        ]
    long, short = sides if is_wide else reversed(sides)
    total = held.get("side_sum", (-inf, inf))  # the long side is at least half of it, the short one at most
    long = _both(_both(long, held.get("long_side", anything)), (total[0] - log(2), total[1]))
    short = _both(_both(short, held.get("short_side", anything)), (-inf, total[1] - log(2)))
    pixels = held.get("pixels", anything)
    for _ in range(_MAX_ROUNDS):
        before = (long, short, ratio, pixels)
        long = _both(_both(long, _sum(short, ratio)), _difference(pixels, short))
        short = _both(_both(short, _difference(long, ratio)), _difference(pixels, long))
        ratio = _both(ratio, _difference(long, short))
        pixels = _both(pixels, _sum(long, short))
        if any(low > high + _ROUNDING for low, high in (long, short, ratio, pixels)):
            return False
        if before == (long, short, ratio, pixels):
            break
    return True


def _both(one: _Range, other: _Range) -> _Range:
    return max(one[0], other[0]), min(one[1], other[1])


def _sum(one: _Range, other: _Range) -> _Range:
    return one[0] + other[0], one[1] + other[1]


def _difference(one: _Range, other: _Range) -> _Range:
    low = one[0] - other[1] if one[0] > -inf and other[1] < inf else -inf
    return low, one[1] - other[0] if one[1] < inf and other[0] > -inf else inf
