"""The sizes that limits accept: regions of width and height between bounds, on a grid."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product
from math import ceil, floor, inf, isqrt, lcm, sqrt
from typing import Final, NamedTuple

from preflight.limit import Limit
from preflight.plans.encoding import bounds

Interval = tuple[float, float]
"""The lowest and the highest value; both are accepted."""

MAX_SIDE: Final = 1 << 20
"""px; the longest side that encoders support."""
_MAX_REGIONS: Final = 4096
"""Regions of one rule set that are considered: the listed values of all facts are combined."""
_ANY: Final[Interval] = (0.0, inf)
_ROUNDING: Final = 1e-9
"""Tolerance for a whole number of pixels in floating point."""
_WIDE: Final[Interval] = (1.0, inf)
_TALL: Final[Interval] = (0.0, 1.0)
_FACTS: Final = ("width", "height", "long_side", "short_side", "side_sum", "pixels", "aspect_ratio")
_VALUES: Final[Mapping[str, Callable[[int, int], int | str]]] = {
    "width": lambda width, _: width,
    "height": lambda _, height: height,
    "long_side": max,
    "short_side": min,
    "side_sum": operator.add,
    "pixels": operator.mul,
    "dimensions": lambda width, height: f"{width}x{height}",
}
"""The facts that follow from width and height, apart from their ratio."""
_ORIENTED: Final = frozenset(("long_side", "short_side", "side_sum"))
"""Facts whose bounds on width and height differ between wide and tall pictures."""


class Region(NamedTuple):
    """Sizes between bounds, on a grid.

    ratio  of width to height; slack: the pixels of height by which it may be missed
    steps  numbers of which width and height are multiples
    """

    width: Interval
    height: Interval
    side_sum: Interval
    pixels: Interval
    ratio: Interval
    steps: tuple[int, int]
    slack: float

    @property
    def is_empty(self) -> bool:
        """Return whether the bounds of a value exclude each other, or no side between them is on the grid."""
        if any(low > high for low, high in self[:5]):
            return True
        sides = ((self.width, self.steps[0]), (self.height, self.steps[1]))
        return any(max(ceil(low / step), 1) * step > high for (low, high), step in sides)

    def scales(self, width: float, height: float) -> Interval:
        """Return the smallest and the largest factor that bring a picture of this size inside the bounds of lengths."""
        smallest, largest = 0.0, inf
        lengths = ((self.width, width), (self.height, height), (self.side_sum, width + height))
        for (low, high), length in lengths:
            smallest, largest = max(smallest, low / length), min(largest, high / length)
        low, high = self.pixels
        area = width * height
        return max(smallest, sqrt(max(low, 0) / area)), min(largest, sqrt(max(high, 0) / area))

    def widths(self, best: float) -> Iterator[int]:
        """Yield the widths on the grid, the one nearest to the best first."""
        step, (low, high) = self.steps[0], self._possible_widths()
        if self.pixels[0] == self.pixels[1]:
            widths = [width for width in _divisors(int(self.pixels[0])) if low <= width <= high and not width % step]
            yield from sorted(widths, key=lambda width: abs(width - best))
            return
        start, first, last = round(best / step), max(1, ceil(low / step)), floor(min(high, MAX_SIDE) / step)
        for distance in range(max(last - start, start - first) + 1):
            for column in {start - distance, start + distance}:
                if first <= column <= last:
                    yield column * step

    def _possible_widths(self) -> Interval:
        """Return the widths that the bounds of all values leave."""
        low, high = self.ratio
        share = 1.0 if high == inf else high / (1 + high)
        narrowest = max(self.height[0] * low, sqrt(self.pixels[0] * low), self.side_sum[0] * low / (1 + low))
        widest = min(self.height[1] * high, sqrt(self.pixels[1] * high), self.side_sum[1] * share)
        missed = self.slack * (1 + high) if self.slack else _ROUNDING * widest
        return _meet(self.width, (narrowest - missed, widest + missed))

    def heights(self, width: int, wanted: tuple[float, ...]) -> set[int]:
        """Return the heights on the grid next to the wanted ones, or next to the bounds for this width."""
        step = self.steps[1]
        low = max(self.height[0], self.side_sum[0] - width, self.pixels[0] / width, width / self.ratio[1] - self.slack)
        high = min(self.height[1], self.side_sum[1] - width, self.pixels[1] / width)
        if self.ratio[0] > 0:
            high = min(high, width / self.ratio[0] + self.slack)
        first, last = ceil(low / step - _ROUNDING), floor(high / step + _ROUNDING)
        if last < max(first, 1):
            return set()
        near = {nearby for height in wanted for nearby in (floor(height / step), ceil(height / step))}
        # A bound of the ratio may be open, or missed by rounding: then the height beside it is the one.
        near |= {first + 1} if min(near) <= first else set()
        near |= {last - 1} if max(near) >= last else set()
        return {min(max(height, first, 1), last) * step for height in near}


def regions(limits: Mapping[str, Limit], grid: tuple[int, int], *, is_loose: bool) -> Iterator[Region]:
    """Yield the regions of sizes that limits accept.

    grid      numbers of which the encoder requires width and height to be multiples
    is_loose  miss listed ratios by as much as is accepted; otherwise only by rounding
    """
    intervals = [_intervals(limits.get(fact)) for fact in _FACTS]
    orientations = (_ANY,) if _ORIENTED.isdisjoint(limits) else (_WIDE, _TALL)
    slack = _slack(limits.get("aspect_ratio"), is_loose=is_loose)
    found = product(_pairs(limits.get("dimensions")), orientations, product(*intervals))
    for (across, down), orientation, (width, height, long, short, total, pixels, ratio) in islice(found, _MAX_REGIONS):
        is_tall = orientation == _TALL
        columns = _meet(width, across, short if is_tall else long)
        rows = _meet(height, down, long if is_tall else short)
        accepted = _widened(ratio, slack / max(rows[0], 1.0)) if is_loose else ratio
        steps = _steps(limits, grid, is_tall=is_tall)
        region = Region(columns, rows, total, pixels, _meet(accepted, orientation), steps, slack)
        if not region.is_empty:
            yield region


def _steps(limits: Mapping[str, Limit], grid: tuple[int, int], *, is_tall: bool) -> tuple[int, int]:
    """Return the numbers of which width and height must be multiples."""
    multiples = {fact: limit.multiple_of or 1 for fact, limit in limits.items()}
    sides = ("short_side", "long_side") if is_tall else ("long_side", "short_side")
    width, height = (multiples.get(fact, 1) for fact in sides)
    return lcm(grid[0], multiples.get("width", 1), width), lcm(grid[1], multiples.get("height", 1), height)


def _slack(ratio: Limit | None, *, is_loose: bool) -> float:
    """Return the pixels of height by which a listed ratio may be missed."""
    if ratio is None or ratio.any_of is None or ratio.within is not None:
        return 0.0
    return 1.0 if is_loose else 0.5


def _intervals(limit: Limit | None) -> list[Interval]:
    """Return the intervals of a number that a limit accepts: one around each listed value."""
    if limit is None:
        return [_ANY]
    low, high = bounds(limit)
    if limit.fact != "aspect_ratio":
        low = floor(low) + 1 if limit.low_open else ceil(low)
        high = high if high == inf else ceil(high) - 1 if limit.high_open else floor(high)
    if limit.any_of is None:
        return [(low, high)]
    share = limit.within or 0.0
    return [_meet((low, high), (value * (1 - share), value * (1 + share))) for value in limit.any_of if value > 0]


def _pairs(limit: Limit | None) -> list[tuple[Interval, Interval]]:
    """Return the widths and heights that a limit lists in pairs."""
    if limit is None or limit.any_of is None:
        return [((1, MAX_SIDE), (1, MAX_SIDE))]
    pairs = (re.fullmatch(r"([1-9]\d{0,6})x([1-9]\d{0,6})", str(pair)) for pair in limit.any_of)
    sides = [(int(pair[1]), int(pair[2])) for pair in pairs if pair is not None]
    return [((width, width), (height, height)) for width, height in sides if max(width, height) <= MAX_SIDE]


def _divisors(total: int) -> set[int]:
    small = [number for number in range(1, min(isqrt(total), MAX_SIDE) + 1) if total % number == 0]
    return {*small, *(total // number for number in small)}


def _meet(*intervals: Interval) -> Interval:
    return max([low for low, _ in intervals]), min([high for _, high in intervals])


def _widened(interval: Interval, share: float) -> Interval:
    return interval[0] * (1 - share), interval[1] * (1 + share)


def is_accepted_size(size: tuple[int, int], limits: Mapping[str, Limit]) -> bool:
    """Return whether a size is inside every limit on geometry."""
    width, height = size
    if width < 1 or height < 1:
        return False
    for fact, value in _VALUES.items():
        if fact in limits and limits[fact].side(value(width, height)):
            return False
    return "aspect_ratio" not in limits or not limits["aspect_ratio"].side(width / height, height)
