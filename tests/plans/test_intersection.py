"""Several limits on one fact as one limit, which accepts exactly what all of them accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from preflight.limit import Limit, compile_limit
from preflight.media import NONE
from preflight.plans.intersection import intersect
from tests.rows import each_row

Value = float | str | bool


def is_accepted(limit: Limit, value: Value) -> bool:
    """As the judge decides it: where there is none, only `required` refuses that."""
    return not limit.required if value == NONE and not limit.accepts_none else limit.side(value) == 0


whole = st.integers(1, 60)
seconds = st.one_of(whole, st.sampled_from([0.5, 1.25, 7.5, 23.976]))


@st.composite
def number_lines(draw: st.DrawFn, *, is_whole: bool) -> dict[str, Any]:
    number = whole if is_whole else seconds
    if draw(st.integers(0, 3)) == 0:
        return {"any_of": draw(st.lists(number, min_size=1, max_size=5))}
    low, high = sorted((draw(number), draw(number)))
    bounds = [
        {"min": low, "max": high},
        {"min": low},
        {"max": high},
        *([{"above": low, "below": high}, {"above": low, "max": high}] if low < high else []),
    ]
    line: dict[str, Any] = draw(st.sampled_from(bounds))
    return {**line, "multiple_of": draw(st.sampled_from([2, 3, 8, 10]))} if is_whole and draw(st.booleans()) else line


WORDS = {"audio_codec": ("none", "aac", "mp3", "opus"), "hdr": ("none", "pq", "hlg"), "has_alpha": (True, False)}


@st.composite
def lines(draw: st.DrawFn, fact: str) -> dict[str, Any]:
    if fact not in WORDS:
        return draw(number_lines(is_whole=fact == "width"))
    listed = draw(st.lists(st.sampled_from(WORDS[fact]), min_size=1, max_size=3, unique=True))
    line: dict[str, Any] = draw(st.sampled_from([{"any_of": listed}, {}]))
    return {**line, "required": True} if not line or draw(st.booleans()) else line


def values_of(fact: str) -> Sequence[Value]:
    if fact in WORDS:
        return WORDS[fact]
    return range(1, 121) if fact == "width" else [number / 8 for number in range(1, 500)] + [23.976]


@given(st.data(), st.sampled_from(["width", "duration", *WORDS]), st.integers(2, 4))
@settings(max_examples=100)
def test_the_limit_accepts_exactly_what_all_accept(data: st.DataObject, fact: str, count: int) -> None:
    limits = [compile_limit(fact, data.draw(lines(fact))) for _ in range(count)]
    both = intersect(limits)
    for value in values_of(fact):
        expected = all(is_accepted(limit, value) for limit in limits)
        assert (both is not None and is_accepted(both, value)) == expected, (value, both, limits)


near = st.fixed_dictionaries(
    {
        "any_of": st.lists(st.sampled_from([10, 11, 20, 24, 30, 50]), min_size=1, max_size=3, unique=True),
        "within": st.sampled_from([0.01, 0.05, 0.1]),
    }
)


@given(near, st.one_of(near, number_lines(is_whole=False)), st.sampled_from(["fps", "aspect_ratio"]))
@settings(max_examples=60)
def test_a_tolerance_is_never_widened(first: dict[str, Any], second: dict[str, Any], fact: str) -> None:
    limits = [compile_limit(fact, first), compile_limit(fact, second)]
    both = intersect(limits)
    sample = [number / 50 for number in range(1, 2800)]
    accepted = [value for value in sample if all(is_accepted(limit, value) for limit in limits)]
    if both is None:
        assert not accepted
        return
    kept = [value for value in sample if is_accepted(both, value)]
    assert set(kept) <= set(accepted)
    assert kept or len(accepted) <= 2, "more than a rounded bound is lost"
    assert all(is_accepted(limit, value) for limit in limits for value in both.any_of or ())


@each_row(
    ("fact", "first", "second", "expected"),
    [
        ("duration", {"min": 2, "max": 15}, {"above": 2, "max": 10}, Limit("duration", 2, 10, low_open=True)),
        ("size", {"max": "30 MB"}, {"below": "30 MB"}, Limit("size", None, 30_000_000, high_open=True)),
        ("width", {"multiple_of": 8, "max": 100}, {"multiple_of": 12}, Limit("width", None, 100, multiple_of=24)),
        ("fps", {"any_of": [24, 25, 30]}, {"min": 25}, Limit("fps", any_of=(25, 30))),
        ("fps", {"any_of": [24], "within": 0.01}, {"any_of": [24, 30]}, Limit("fps", any_of=(24,))),
        ("fps", {"any_of": [24, 30], "within": 0.01}, {"max": 26}, Limit("fps", None, 26, any_of=(24,), within=0.01)),
        ("fps", {"any_of": [24], "within": 0.01}, {"max": 24}, Limit("fps", None, 24, any_of=(24,), within=0.01)),
        ("fps", {"any_of": [24], "within": 0.01}, {"max": 23.9}, Limit("fps", 24 * 0.99, 23.9)),
        ("width", {"required": True}, {"max": 9}, Limit("width", None, 9, required=True)),
        ("audio_codec", {"any_of": ["aac"]}, {"any_of": [NONE, "aac"]}, Limit("audio_codec", any_of=("aac",))),
        ("audio_codec", {"any_of": ["aac"]}, {"any_of": ["mp3"]}, Limit("audio_codec", any_of=(NONE,))),
        ("width", {"above": 2}, {"below": 3}, None),
        ("width", {"multiple_of": 16}, {"max": 15}, None),
        ("width", {"multiple_of": 16, "min": 50}, {"multiple_of": 10, "below": 80}, None),
        ("duration", {"max": 2}, {"above": 2}, None),
        ("fps", {"any_of": [24], "within": 0.01}, {"min": 25}, None),
        ("audio_codec", {"any_of": ["aac"]}, {"any_of": [NONE], "required": True}, Limit),
        ("audio_codec", {"any_of": [NONE]}, {"required": True}, None),
        (
            "video_codec",
            {"any_of": ["h264", "av1"]},
            {"any_of": ["hevc", "av1"]},
            Limit("video_codec", any_of=("av1",)),
        ),
    ],
)
def test_two_limits_become_one(fact: str, first: dict[str, Any], second: dict[str, Any], expected: object) -> None:
    for pair in ((first, second), (second, first)):
        both = intersect([compile_limit(fact, line) for line in pair])
        if expected is Limit:
            assert both is not None
            assert both.accepts_none
        else:
            assert both == expected


def test_listed_ratios_are_equal_within_a_pixel() -> None:
    first = compile_limit("aspect_ratio", {"any_of": ["16:9", "1:1"]})
    both = intersect([first, compile_limit("aspect_ratio", {"any_of": [1.7778, 0.5625]})])
    assert both is not None
    assert (both.any_of, both.listed) == ((16 / 9,), ("16:9",))
    assert both.side(1921 / 1080, 1080) == 0
    within = intersect([first, compile_limit("aspect_ratio", {"any_of": ["16:9"], "within": 0.01})])
    assert within is not None
    assert (within.any_of, within.within) == ((16 / 9,), None), "the narrower tolerance counts"
    bounded = intersect([first, compile_limit("aspect_ratio", {"min": 0.4, "max": 16 / 9})])
    assert bounded is not None
    assert bounded.listed == ("16:9", "1:1")
    assert bounded.side(1921 / 1080, 1080) == 1


def test_equal_tolerances_keep_the_listed_values() -> None:
    line = {"any_of": ["16:9", "9:16"], "within": 0.02}
    both = intersect([compile_limit("aspect_ratio", line), compile_limit("aspect_ratio", {**line, "within": 0.01})])
    assert both is not None
    assert (both.listed, both.within) == (("16:9", "9:16"), 0.01)
