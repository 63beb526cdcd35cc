"""The search for the smallest change of width and height, compared with all changes of small pictures."""

from __future__ import annotations

from itertools import product
from math import log
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from preflight.limit import Limit, compile_limit
from preflight.media import Media
from preflight.plans import geometry
from preflight.plans.choices import Choices
from preflight.plans.encoding import Subject
from preflight.plans.geometry import Shape, Size
from preflight.report import Obstacle

LARGEST = 24
"""px; the longest side of a result."""
TOLERANCE = 0.01
HALF = 0.5 + 1e-9
"""px; by which a ratio may be missed."""

ANY_SIZE = Choices(max_upscale=1e9)


class Way(NamedTuple):
    """A way to reach an accepted size: the share that it crops, and its factor."""

    lost: float
    factor: float
    is_scaled: bool

    @property
    def distance(self) -> float:
        return abs(log(self.factor))


def facts_of(width: int, height: int) -> dict[str, Any]:
    media = Media(width=width, height=height)
    return {name: getattr(media, name) for name in ("long_side", "short_side", "side_sum", "pixels", "dimensions")}


def is_accepted(size: Size, limits: dict[str, Limit]) -> bool:
    width, height = size
    facts = {**facts_of(width, height), "width": width, "height": height}
    if any(limits[fact].side(value) for fact, value in facts.items() if fact in limits):
        return False
    return "aspect_ratio" not in limits or limits["aspect_ratio"].side(width / height, height) == 0


def ways(whole: Size, limits: dict[str, Limit], grid: int) -> list[Way]:
    """Return for every accepted size the way that crops least, and the one that does not scale."""
    found = []
    for width, height in product(range(grid, LARGEST + 1, grid), repeat=2):
        if is_accepted((width, height), limits):
            parts = [part for part in every_part(whole) if is_uniform(whole, part, (width, height))]
            if parts:
                part = max(parts, key=lambda part: part[0] * part[1])
                found.append(way(whole, part, (width, height)))
            if width <= whole[0] and height <= whole[1]:
                found.append(way(whole, (width, height), (width, height)))
    return found


def every_part(whole: Size) -> list[Size]:
    """Return the parts that keep one side of the picture: smaller ones lose more."""
    width, height = whole
    return [(part, height) for part in range(1, width + 1)] + [(width, part) for part in range(1, height)]


def is_uniform(whole: Size, part: Size, size: Size) -> bool:
    """Return whether a part has the ratio of the result to within half a pixel of the side that is cropped.

    The whole picture may also miss it by half a pixel of the result.
    """
    if part == size:
        return True
    across, down = size[0] / part[0], size[1] / part[1]
    if part == whole and min(abs(size[0] - part[0] * down), abs(size[1] - part[1] * across)) <= HALF:
        return True
    if part[1] == whole[1] and abs(part[0] - size[0] / down) <= HALF:
        return True
    return part[0] == whole[0] and abs(part[1] - size[1] / across) <= HALF


def way(whole: Size, part: Size, size: Size) -> Way:
    lost = 1 - part[0] * part[1] / (whole[0] * whole[1])
    return Way(lost, max(size[0] / part[0], size[1] / part[1]), part != size)


def bounds(largest: int, *words: str) -> st.SearchStrategy[dict[str, Any]]:
    low, high = st.integers(1, largest // 2), st.integers(largest // 4, largest)
    both = st.tuples(low, high).map(lambda pair: {words[0]: pair[0], words[1]: max(pair)})
    return st.one_of(low.map(lambda one: {words[0]: one}), high.map(lambda one: {words[1]: one}), both)


def lines(largest: int) -> st.SearchStrategy[dict[str, Any]]:
    closed, opened = bounds(largest, "min", "max"), bounds(largest, "above", "below")
    multiple = st.sampled_from([2, 3, 4]).map(lambda number: {"multiple_of": number})
    listed = st.lists(st.integers(1, largest), min_size=1, max_size=3).map(lambda values: {"any_of": values})
    return st.one_of(closed, opened, multiple, listed)


RATIOS = st.one_of(
    st.sampled_from([0.4, 0.5625, 1.0, 1.6, 2.0, 2.5]).flatmap(
        lambda ratio: st.sampled_from([{"min": ratio}, {"max": ratio}, {"min": 0.5, "max": max(ratio, 0.5)}])
    ),
    st.lists(st.sampled_from([0.5625, 0.8, 1.0, 1.25, 16 / 9]), min_size=1, max_size=3).map(
        lambda ratios: {"any_of": ratios, "within": 0.05}
    ),
)
SIDES = lines(LARGEST)
LINES = st.fixed_dictionaries(
    {},
    optional={
        "width": SIDES, "height": SIDES, "long_side": SIDES, "short_side": SIDES,
        "side_sum": bounds(2 * LARGEST, "min", "max"), "pixels": bounds(LARGEST**2, "min", "max"),
        "aspect_ratio": RATIOS,
        "dimensions": st.lists(st.tuples(st.integers(1, LARGEST), st.integers(1, LARGEST)), min_size=1, max_size=3).map(
            lambda pairs: {"any_of": [f"{width}x{height}" for width, height in pairs]}
        ),
    },
)  # fmt: skip
SMALL = st.tuples(st.integers(1, 16), st.integers(1, 16))


def limits_of(lines: dict[str, Any]) -> dict[str, Limit]:
    limits = {fact: compile_limit(fact, line) for fact, line in lines.items()}
    bounded = {fact: limits.get(fact, Limit(fact)) for fact in ("width", "height")}
    return limits | {fact: limit._replace(high=min(limit.high or LARGEST, LARGEST)) for fact, limit in bounded.items()}


def found_for(whole: Size, limits: dict[str, Limit], kind: str, choices: Choices = ANY_SIZE) -> Shape | Obstacle | None:
    media = Subject.of(Media(kind=kind, width=whole[0], height=whole[1]))
    return geometry.plan_shape(media, limits, choices)


@given(SMALL, LINES, st.sampled_from(["image", "video"]))
def test_nothing_loses_less_than_the_shape_that_is_found(whole: Size, lines: dict[str, Any], kind: str) -> None:
    limits, grid = limits_of(lines), 2 if kind == "video" else 1
    possible = ways(whole, limits, grid)
    shape = found_for(whole, limits, kind)
    if not possible:
        assert shape is None
        return
    assert isinstance(shape, Shape)
    assert is_accepted(shape.result, limits)
    assert not shape.result[0] % grid
    assert not shape.result[1] % grid
    assert is_uniform(whole, shape.crop, shape.size)
    found = way(whole, shape.crop, shape.size)
    least = min(each.lost for each in possible)
    kept = [each for each in possible if not each.is_scaled]
    if not found.is_scaled:
        row = grid / whole[0] + grid / whole[1]
        assert found.lost <= min(each.lost for each in kept) + TOLERANCE
        assert found.lost <= least + max(row, 0.1)
        return
    if any(each.lost <= least + 1 / 3 for each in kept) and found.factor <= 1:
        possible = [each for each in possible if each.factor <= 1]
    assert found.lost <= min(each.lost for each in possible) + TOLERANCE
    rounding = TOLERANCE + 1 / min(shape.size)
    assert found.distance <= min(each.distance for each in possible if each.lost <= found.lost) + rounding


@given(SMALL, LINES)
def test_obstacle_is_found_where_every_way_enlarges_too_much(whole: Size, lines: dict[str, Any]) -> None:
    limits = limits_of(lines)
    possible = ways(whole, limits, 1)
    shape = found_for(whole, limits, "image", Choices())
    if isinstance(shape, Shape):
        assert way(whole, shape.crop, shape.size).factor <= 2
    else:
        assert all(each.factor > 2 for each in possible)
        assert (shape is None) is (not possible)


@given(SMALL, LINES)
def test_padding_keeps_the_whole_picture_on_the_smallest_canvas(whole: Size, lines: dict[str, Any]) -> None:
    limits = limits_of(lines)
    shape = found_for(whole, limits, "image", ANY_SIZE._replace(fit="pad"))
    sizes = product(range(1, LARGEST + 1), repeat=2)
    canvases = [size for size in sizes if is_accepted(size, limits) and padding_of(whole, size) < 1]
    if not canvases:
        assert shape is None
        return
    assert isinstance(shape, Shape)
    assert shape.result in canvases
    assert shape.crop == whole
    padding = 1 - shape.size[0] * shape.size[1] / (shape.result[0] * shape.result[1])
    row = 1 / whole[0] + 1 / whole[1]
    assert padding <= min(padding_of(whole, canvas) for canvas in canvases) + max(row, 0.1)


def padding_of(whole: Size, canvas: Size) -> float:
    """Return the share of a canvas that is not covered by a picture that is as large as possible."""
    factor = min(canvas[0] / whole[0], canvas[1] / whole[1])
    width, height = (int(side * factor + HALF) for side in whole)
    return 1 - width * height / (canvas[0] * canvas[1])


TARGETS = st.tuples(st.integers(1, 900), st.integers(1, 900))
SHARES = st.sampled_from([0.0, 0.001, 0.2])


@given(st.tuples(st.integers(1, 1800), st.integers(1, 1800)), TARGETS, st.data())
def test_size_is_found_however_little_the_limits_leave(whole: Size, target: Size, data: st.DataObject) -> None:
    values = {**facts_of(*target), "width": target[0], "height": target[1], "aspect_ratio": target[0] / target[1]}
    chosen = data.draw(st.lists(st.sampled_from(sorted(values.keys() - {"dimensions"})), unique=True))
    lines: dict[str, Any] = {}
    for fact in chosen:
        share, is_whole = data.draw(SHARES), fact != "aspect_ratio"
        low, high = values[fact] * (1 - share), values[fact] * (1 + share)
        lines[fact] = {"min": int(low) or 1, "max": int(high)} if is_whole else {"min": low, "max": high}
    limits = {fact: compile_limit(fact, line) for fact, line in lines.items()}
    shape = found_for(whole, limits, "image")
    if min(target) < max(target[0] / whole[0], target[1] / whole[1]):
        return  # the part would be less than a pixel wide or high
    assert isinstance(shape, Shape)
    assert is_accepted(shape.result, limits)
