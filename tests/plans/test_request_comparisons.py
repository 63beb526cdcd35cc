"""Files of a request become equal or similar where they must be, by the least change."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from preflight import catalog
from preflight.plans.choices import Choices
from preflight.plans.members import RequestFile
from preflight.plans.requests import plan_request
from tests.plans.request_cases import VIDEO, applied, changed, judged, lasting, planned, rules, sized
from tests.rows import each_row


class TestEqualSizes:
    MINE = rules("[request]\nsame = ['dimensions']")

    @each_row(
        ("sizes", "expected"),
        [
            (((640, 480), (640, 480)), (640, 480)),
            (((640, 480), (800, 600), (640, 480)), (640, 480)),
            (((800, 600), (800, 600), (640, 480)), (800, 600)),
            (((640, 480), (800, 600)), (640, 480)),
            (((100, 100), (1000, 1000), (1000, 1000)), (100, 100)),
        ],
    )
    def test_the_size_of_most_files_is_chosen_then_the_least_change(
        self, sizes: Sequence[tuple[int, int]], expected: tuple[int, int]
    ) -> None:
        after = applied(self.MINE, *(sized(*size) for size in sizes))
        assert {(media.width, media.height) for media in after} == {expected}

    def test_the_size_is_inside_the_limits_of_each_file(self) -> None:
        kinds = "[image]\nwidth = { max = 700 }\n[video]\nwidth = { min = 600 }\n"
        mine = rules("[request]\nsame = ['dimensions']", kinds)
        after = applied(mine, sized(800, 600), sized(800, 600), sized(640, 480, VIDEO))
        assert {media.dimensions for media in after} == {"640x480"}
        after = applied(mine, sized(800, 600), sized(800, 600, VIDEO))
        assert {media.dimensions for media in after} == {"698x524"}

    def test_videos_get_even_sides(self) -> None:
        after = applied(self.MINE, sized(641, 481), sized(641, 481), sized(640, 480, VIDEO))
        assert {media.dimensions for media in after} == {"640x480"}

    def test_enlarging_beyond_the_factor_is_not_planned(self) -> None:
        mine = rules("[request]\nsame = ['dimensions']", "[image]\nwidth = { min = 500 }\n[video]\n")
        files = [RequestFile("a", sized(200, 200, VIDEO)), RequestFile("b", sized(500, 500))]
        (obstacle,) = plan_request(files, mine).obstacles
        assert obstacle.parameter == "max_upscale"
        assert "dimensions 200x200 and 500x500" in obstacle.message
        plan = plan_request(files, mine, choices=Choices(max_upscale=3))
        assert plan.obstacles == ()
        assert plan.limits[0]["dimensions"].any_of == ("500x500",)

    def test_files_of_very_different_shapes_are_cropped_to_a_common_one(self) -> None:
        mine = rules(
            "[request]\nsame = ['dimensions']", "[image]\nshort_side = { min = 300 }\nlong_side = { max = 900 }\n"
        )
        assert {media.dimensions for media in applied(mine, sized(1700, 350), sized(350, 1700))} == {"350x350"}
        assert {media.dimensions for media in applied(mine, sized(800, 350), sized(200, 900))} == {"300x300"}

    def test_limits_that_no_size_keeps_are_an_obstacle(self) -> None:
        mine = rules(
            "[request]\nsame = ['dimensions']", "[image]\nwidth = { max = 300 }\n[video]\nwidth = { min = 600 }\n"
        )
        (obstacle,) = planned(mine, sized(300, 300), sized(600, 600, VIDEO)).obstacles
        assert obstacle.parameter is None
        assert obstacle.message == (
            "The files have dimensions 300x300 and 600x600, and Mine accepts them together only if all have the same, "
            "which no change within their limits achieves. Give files that are more alike."
        )

    def test_a_mask_gets_the_size_of_its_image(self) -> None:
        openai = catalog.load("openai-image")
        mask = sized(900, 1200)._replace(has_alpha=True, size=1_000_000)
        roles = {1: "base_image", 2: "mask"}
        after = applied(openai, sized(640, 640), sized(600, 600), mask, roles=roles)
        assert after[0].dimensions == "640x640", "a file without a role is not compared"
        assert after[1].dimensions == after[2].dimensions == "600x600"
        plan = planned(openai, sized(640, 640), sized(600, 600), mask, roles=roles)
        assert plan.limits[2]["format"].any_of == ("png",), "the limits of the role"
        assert plan.limits[0] == {}

    def test_other_facts_are_equal_too(self) -> None:
        mine = rules("[request]\nsame = ['fps', 'audio_codec', 'format']", "[video]\nfps = { min = 25 }\n")
        medias = [VIDEO, VIDEO._replace(fps=30.0, audio_codec="aac"), VIDEO._replace(fps=24.0, audio_codec="aac")]
        plan = planned(mine, *medias)
        assert plan.obstacles == ()
        assert [limits["fps"].any_of for limits in plan.limits] == [(30.0,)] * 3
        assert all("format" not in limits for limits in plan.limits)

    def test_durations_never_become_exactly_equal(self) -> None:
        (obstacle,) = planned(rules("[request]\nsame = ['duration']"), *lasting(3, 4)).obstacles
        assert obstacle.message.startswith("The files have duration 3 s and 4 s, and Mine accepts them together only")


sides = st.integers(100, 2000)


@given(st.lists(st.tuples(sides, sides), min_size=2, max_size=4), st.integers(1, 400), st.integers(600, 2000))
@settings(max_examples=20)
def test_files_of_equal_size_pass_together(sizes: list[tuple[int, int]], least: int, most: int) -> None:
    image = f"[image]\nshort_side = {{ min = {least} }}\nlong_side = {{ max = {most} }}\n"
    kinds = f"{image}[video]\nwidth = {{ max = 1500 }}\n"
    mine = rules("[request]\nsame = ['dimensions']", kinds)
    medias = [sized(*sizes[0], VIDEO), *(sized(*size) for size in sizes[1:])]
    plan = planned(mine, *medias)
    if not plan.obstacles:
        after = [changed(media, limits, mine) for media, limits in zip(medias, plan.limits, strict=True)]
        assert len({media.dimensions for media in after}) == 1
        assert judged(mine, after).verdict == "pass"


class TestRatios:
    VIDU = catalog.load("vidu")

    def test_similar_files_stay_as_they_are(self) -> None:
        assert planned(self.VIDU, sized(640, 480), sized(640, 512)).limits == ({}, {})

    def test_the_fewest_files_and_pixels_change(self) -> None:
        after = applied(self.VIDU, sized(1600, 900), sized(900, 900))
        assert [media.dimensions for media in after] == ["1600x900", "900x632"]
        after = applied(self.VIDU, sized(1600, 900), sized(900, 1600))
        assert len({media.dimensions for media in after} - {"1600x900", "900x1600"}) == 1

    def test_facts_that_a_plan_only_lowers_come_down_to_the_lowest(self) -> None:
        mine = rules("[request.ratios]\nduration = { max = 2 }")
        assert [media.duration for media in applied(mine, *lasting(3, 20, 5))] == [3, 6 * (1 - 1e-9), 5]

    def test_limits_that_keep_files_apart_are_an_obstacle(self) -> None:
        kinds = "[image]\naspect_ratio = { max = 0.6 }\n[video]\naspect_ratio = { min = 1.5 }\n"
        mine = rules("[request.ratios]\naspect_ratio = { max = 1.25 }", kinds)
        (obstacle,) = planned(mine, sized(500, 1000), sized(900, 600, VIDEO)).obstacles
        assert obstacle.message == (
            "The aspect ratio of one file is 3 times that of another, and Mine accepts at most 1.25 times. "
            "Give files that are more alike."
        )

    @given(st.lists(st.tuples(sides, sides), min_size=2, max_size=4), st.sampled_from([1, 1.05, 1.25, 3]))
    @settings(max_examples=20)
    def test_files_that_are_made_similar_pass_together(self, sizes: list[tuple[int, int]], factor: float) -> None:
        mine = rules(
            f"[request.ratios]\naspect_ratio = {{ max = {factor} }}", "[image]\naspect_ratio = { min = 0.5, max = 2 }\n"
        )
        medias = [sized(*size) for size in sizes]
        plan = planned(mine, *medias)
        if plan.obstacles:
            assert factor < 1.05
            return
        after = [changed(media, limits, mine) for media, limits in zip(medias, plan.limits, strict=True)]
        assert judged(mine, after).verdict == "pass"
