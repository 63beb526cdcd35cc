"""Whether limits on width, height and what follows from them leave any size."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from preflight.limit import compile_limit
from preflight.media import Media
from preflight.plans.feasibility import has_size
from tests.rows import each_row

sides = st.integers(1, 40)
VALUES = {
    "width": sides,
    "height": sides,
    "long_side": sides,
    "short_side": sides,
    "side_sum": st.integers(2, 80),
    "pixels": st.integers(1, 1600),
    "aspect_ratio": st.sampled_from([0.25, 0.5625, 0.8, 1, 1.25, 16 / 9, 3]),
}


@st.composite
def geometry(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    for fact in draw(st.lists(st.sampled_from([*VALUES, "dimensions"]), min_size=2, max_size=4, unique=True)):
        if fact == "dimensions":
            lines[fact] = {"any_of": draw(st.lists(st.sampled_from(["16x9", "9x16", "20x20"]), min_size=1))}
            continue
        low, high = sorted((draw(VALUES[fact]), draw(VALUES[fact])))
        lines[fact] = draw(st.sampled_from([{"min": low}, {"max": high}, {"min": low, "max": high}, {"any_of": [low]}]))
    return lines


@given(geometry())
@settings(max_examples=50)
def test_a_size_that_exists_is_never_denied(lines: dict[str, dict[str, Any]]) -> None:
    limits = {fact: compile_limit(fact, line) for fact, line in lines.items()}
    if not has_size(limits):
        for width, height in product(range(1, 41), repeat=2):
            media = Media("image", width=width, height=height)
            assert any(limit.side(getattr(media, fact), 50) for fact, limit in limits.items()), media.dimensions


@each_row(
    "lines",
    [
        {"short_side": {"min": 1080}, "long_side": {"max": 1000}},
        {"short_side": {"min": 1080}, "width": {"max": 1000}},
        {"short_side": {"any_of": [1080]}, "pixels": {"max": 927_408}},
        {"short_side": {"any_of": [720]}, "aspect_ratio": {"any_of": ["16:9", "9:16"]}, "pixels": {"max": 800_000}},
        {"short_side": {"any_of": [1080]}, "aspect_ratio": {"any_of": ["16:9", "9:16"]}, "long_side": {"max": 1280}},
        {"dimensions": {"any_of": ["1920x1080", "1152x1152"]}, "pixels": {"max": 927_408}},
        {"dimensions": {"any_of": ["1920x1080", "1080x1920"]}, "width": {"min": 1200}, "height": {"min": 1200}},
        {"pixels": {"min": 1_000_000}, "side_sum": {"max": 1000}},
        {"aspect_ratio": {"min": 2}, "width": {"max": 500}, "height": {"min": 300}},
        {"aspect_ratio": {"max": 0.5}, "height": {"max": 500}, "width": {"min": 300}},
    ],
)
def test_limits_that_leave_no_size_are_found(lines: dict[str, dict[str, Any]]) -> None:
    assert not has_size({fact: compile_limit(fact, line) for fact, line in lines.items()})
    for left_out in lines:
        assert has_size({fact: compile_limit(fact, line) for fact, line in lines.items() if fact != left_out})
