"""Totals of a request are met by trimming its longest files, or compressing its largest ones, first."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from preflight import catalog
from preflight.limit import Limit
from preflight.media import Media
from preflight.plans.members import RequestFile
from preflight.plans.requests import plan_request
from preflight.plans.totals import level
from tests.plans.request_cases import (
    AUDIO,
    IMAGE,
    VIDEO,
    applied,
    caps,
    changed,
    lasting,
    messages,
    planned,
    refused,
    rules,
)
from tests.rows import each_row


class TestTotals:
    SEEDANCE = catalog.load("seedance-2.0")

    @each_row(
        ("seconds", "expected"),
        [
            ((5, 5, 5), [None, None, None]),
            ((15.1,), [None]),
            ((8, 2, 9), [6.5, None, 6.5]),
            ((2, 2, 15), [None, None, 11]),
            ((6, 6, 6), [5, 5, 5]),
            ((40, 3), [12, None]),
            ((5.05, 5.05, 5.05), [None, None, None]),
        ],
    )
    def test_the_longest_files_are_trimmed_to_a_common_level(
        self, seconds: tuple[float, ...], expected: list[float | None]
    ) -> None:
        assert caps(planned(self.SEEDANCE, *lasting(*seconds))) == expected

    def test_each_kind_has_its_own_total(self) -> None:
        medias = [*lasting(10, 10), *lasting(9, 4, media=AUDIO), IMAGE]
        assert caps(planned(self.SEEDANCE, *medias)) == [7.5, 7.5, None, None, None]
        assert [media.duration for media in applied(self.SEEDANCE, *medias)] == [7.5, 7.5, 9, 4, None]

    def test_the_tolerance_is_used_only_if_warnings_are_allowed(self) -> None:
        assert caps(planned(self.SEEDANCE, *lasting(5.05, 5.05, 5.05), strict=True)) == [5, 5, 5]

    def test_no_file_is_cut_below_its_own_minimum(self) -> None:
        mine = rules("video = { duration = { min = 6 } }\n[request]\nvideo = { total_duration = { max = 15 } }", "")
        assert caps(planned(mine, *lasting(6, 20))) == [None, 9]
        plan = planned(mine, *lasting(6, 6, 20))
        assert messages(plan) == [
            "The total duration of videos is 32 s, and Mine accepts at most 15 s. Leave some out."
        ]

    def test_files_with_a_lower_minimum_are_cut_below_those_with_a_higher_one(self) -> None:
        mine = rules(
            "video = { duration = { min = 6 } }\naudio = { duration = { above = 1 } }\n"
            "[request]\nall = { total_duration = { max = 8 } }",
            "",
        )
        assert caps(planned(mine, *lasting(9), *lasting(9, media=AUDIO))) == [6, 2]
        assert planned(mine, *lasting(9), *lasting(2, 2, media=AUDIO)).obstacles

    def test_wider_bounds_are_used_where_the_strict_ones_cannot_be_reached(self) -> None:
        total = "[request]\nvideo = { total_duration = { max = 11, lenient = { max = 13 } } }"
        mine = rules(f"video = {{ duration = {{ min = 6 }} }}\n{total}", "")
        assert caps(planned(mine, *lasting(8, 8))) == [6.5, 6.5]

    def test_the_hint_says_why(self) -> None:
        (limits,) = planned(rules("[request.all]\ntotal_size = { max = '2 MB' }"), VIDEO).limits
        assert limits == {"size": Limit("size", high=2_000_000, hint="total size of all files: at most 2 MB")}

    def test_sizes_in_base64_are_three_quarters(self) -> None:
        mine = rules("[request.all]\ntotal_base64_size = { below = 4_000_001 }")
        assert caps(planned(mine, IMAGE), "size") == [None]
        assert caps(planned(mine, IMAGE._replace(size=3_000_001)), "size") == [3_000_000]
        after = applied(mine, IMAGE, AUDIO._replace(size=1_500_001))
        assert [media.size for media in after] == [1_500_000, 1_500_000]

    def test_totals_of_roles_count_only_their_files(self) -> None:
        mine = rules("[roles.voice]\ntotal_duration = { max = 4 }")
        plan = planned(mine, *lasting(9, 9, media=AUDIO), roles={1: "voice"})
        assert caps(plan) == [None, 4]

    def test_registered_assets_are_not_trimmed(self) -> None:
        files = [RequestFile("asset://a", Media(kind="video"), is_asset=True), RequestFile("b", lasting(20)[0])]
        assert caps(plan_request(files, self.SEEDANCE)) == [None, None], "its own limit is enough"
        mine = rules("[request]\nvideo = { total_duration = { min = 2, max = 15 } }")
        assert caps(plan_request(files, mine)) == [None, 15]
        short = [files[0], RequestFile("b", lasting(1)[0])]
        assert caps(plan_request(short, mine)) == [None, None]

    @each_row(
        ("medias", "said"),
        [
            (
                lasting(0.5, 1),
                "The total duration of videos is 1.5 s, and Mine accepts 2 s to 15 s. Give longer files.",
            ),
            (
                [VIDEO._replace(duration=None)],
                "The total duration of videos could not be read, and Mine accepts 2 s to 15 s. Give files that can be "
                "read.",
            ),
        ],
    )
    def test_reason_is_given_where_there_is_no_plan(self, medias: list[Media], said: str) -> None:
        mine = rules("[request]\nvideo = { total_duration = { min = 2, max = 15 } }")
        assert messages(planned(mine, *medias)) == [said]


@given(st.lists(st.tuples(st.floats(0.1, 60), st.floats(0, 5)), min_size=1, max_size=6), st.floats(0.5, 60))
def test_a_level_uses_all_of_the_total_and_keeps_the_floors(pairs: list[tuple[float, float]], total: float) -> None:
    values, floors = [value for value, _ in pairs], [least for _, least in pairs]
    levels = level(values, floors, total)
    lowest = sum(map(min, values, floors))
    if levels is None:
        assert lowest > total
        return
    assert sum(levels) <= total + 1e-6
    assert sum(levels) >= min(total, sum(values)) - 1e-6, "no more is cut than necessary"
    cut = [one for one, value, least in zip(levels, values, floors, strict=True) if least < one < value]
    assert max(cut, default=0) - min(cut, default=0) <= 1e-9, "those that are cut are equally long"
    assert all(one >= min(value, least) for one, value, least in zip(levels, values, floors, strict=True))


seconds = st.floats(0.5, 40).map(lambda value: round(value, 3))


@given(st.lists(seconds, min_size=1, max_size=5), st.lists(seconds, max_size=3), st.integers(0, 4), st.integers(1, 40))
@settings(max_examples=60)
def test_trimmed_files_pass_together(clips: list[float], sounds: list[float], least: int, total: int) -> None:
    kinds = f"[video]\nduration = {{ min = {least}, max = 15 }}\n[audio]\nduration = {{ max = 20 }}\n"
    mine = rules(
        f"[request]\nvideo = {{ total_duration = {{ max = {total} }} }}\n"
        "all = { total_duration = { below = 60 }, total_size = { max = '20 MB' } }",
        kinds,
    )
    medias = [*lasting(*clips), *lasting(*sounds, media=AUDIO)]
    plan = planned(mine, *medias)
    if plan.obstacles:
        assert any(one < least for one in clips) or least * len(clips) > total
        return
    after = [changed(media, limits, mine) for media, limits in zip(medias, plan.limits, strict=True)]
    assert not refused(mine, after)
    for media, limits in zip(medias, plan.limits, strict=True):
        assert "duration" not in limits or (limits["duration"].high or 0) < (media.duration or 0)
