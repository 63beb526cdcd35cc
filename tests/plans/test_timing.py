"""The part of a video that is kept, the length of one that is too short, and the frame rate."""

from __future__ import annotations

from typing import Any

import pytest

from preflight.limit import compile_limit
from preflight.media import Media
from preflight.plans import timing
from preflight.plans.choices import DEFAULT_CHOICES, Choices, Extend, Trim
from preflight.plans.encoding import Subject
from preflight.plans.steps import steps_for
from preflight.plans.timing import PlannedTimes
from tests.plans.planned import CLIP, changes_of, only
from tests.rows import each_row


def times(media: Media, choices: Choices = DEFAULT_CHOICES, /, **lines: dict[str, Any]) -> PlannedTimes:
    return changes_of(media, choices, **lines).timing


@each_row(("trim", "start"), [("start", 0.0), ("middle", 2.6), ("end", 5.2)])
def test_the_chosen_part_is_kept(trim: Trim, start: float) -> None:
    assert times(CLIP, Choices(trim=trim), duration={"max": 15}) == PlannedTimes(start, 14.8)


def test_a_cut_of_few_frames_in_a_second_leaves_room_for_some() -> None:
    assert times(CLIP._replace(fps=4.0), duration={"max": 15}).kept == 13.75


@each_row(("seconds", "kept"), [(20.0, 10.0), (9.0, 5.0)])
def test_a_listed_duration_is_the_longest_that_the_video_has(seconds: float, kept: float) -> None:
    assert times(CLIP._replace(duration=seconds), duration=only(5, 10)).kept == kept


@each_row(
    ("line", "extend", "extended"),
    [
        ({"min": 25}, "loop", 25.1),
        ({"min": 25, "max": 25.1}, "hold", 25.05),
        ({"above": 20}, "hold", 20.1),
        ({"any_of": [5, 24, 30]}, "loop", 5.0),
        ({"min": 25}, None, None),
    ],
)
def test_a_short_video_becomes_longer_only_by_choice(
    line: dict[str, Any], extend: Extend | None, extended: float | None
) -> None:
    found = changes_of(CLIP._replace(duration=4.0), Choices(extend=extend), duration=line)
    assert found.timing.extended == extended
    assert ("duration" in found.unmet) is (extended is None)


@each_row(
    ("fps", "line", "rate"),
    [
        (119.88, {"max": 60}, "2997/50"),
        (120.0, {"max": 60}, "60"),
        (90.0, {"max": 60}, "60"),
        (50.0, {"max": 30}, "30"),
        (12.0, {"min": 24}, "24"),
        (50.0, {"any_of": [24_000 / 1001, 25]}, "25"),
        (24.0, {"any_of": [24_000 / 1001, 30]}, "24000/1001"),
    ],
)
def test_the_frame_rate_is_written_exactly(fps: float, line: dict[str, Any], rate: str) -> None:
    assert times(CLIP._replace(fps=fps), fps=line).rate == rate


@each_row(("fps", "rate"), [(29.91, "30000/1001"), (24.4, "24"), (37.0, "37")])
def test_a_variable_rate_becomes_the_one_that_it_is_meant_to_be(fps: float, rate: str) -> None:
    clip = CLIP._replace(fps=fps, variable_fps=True)
    assert times(clip, variable_fps=only(False)).rate == rate
    assert times(clip, width={"max": 640}).rate is None


def test_a_last_frame_is_held_at_a_constant_rate() -> None:
    clip = CLIP._replace(duration=1.0, fps=29.9, variable_fps=True)
    assert times(clip, Choices(extend="hold"), duration={"min": 2}).rate == "30000/1001"
    assert times(clip._replace(variable_fps=False), Choices(extend="hold"), duration={"min": 2}).rate is None


def test_a_repeated_video_has_a_constant_rate_without_a_step_for_it() -> None:
    found = changes_of(CLIP._replace(duration=1.0), Choices(extend="loop"), duration={"min": 2})
    assert found.timing.rate == "30"
    assert [step.action for step in steps_for(found)] == ["extend"]


class TestFrames:
    def test_the_rate_falls_to_no_less_than_half(self) -> None:
        found = times(CLIP, frames={"max": 400})
        assert found == PlannedTimes(fps=19.95)
        assert (found.fps or 0) * (CLIP.duration or 0) <= 400

    def test_below_half_the_video_is_cut(self) -> None:
        assert times(CLIP, frames={"max": 200}) == PlannedTimes(kept=6.65)

    def test_the_limit_on_the_rate_holds(self) -> None:
        assert times(CLIP, frames={"max": 400}, fps={"min": 24}) == PlannedTimes(kept=13.317)

    def test_pixels_of_all_frames_count_after_scaling(self) -> None:
        found = changes_of(CLIP, pixel_frames={"max": 640 * 360 * 300}, width={"max": 640})
        assert found.size == (640, 360)
        assert found.timing == PlannedTimes(kept=9.983)


def test_without_an_upper_bound_nothing_is_kept() -> None:
    assert timing.trimmed_duration(compile_limit("duration", {"min": 2}), Subject.of(CLIP)) is None


@pytest.mark.parametrize(
    ("found", "seconds"), [(PlannedTimes(), 20), (PlannedTimes(2, 30), 20), (PlannedTimes(0, 3), 3)]
)
def test_the_result_is_as_long_as_what_is_kept(found: PlannedTimes, seconds: float) -> None:
    assert found.duration(Subject.of(CLIP, exact=True)) == seconds
