"""Rule files compiled into limits: sides, tolerances, conditions on the format, and what `extends` inherits."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from preflight.limit import NOT_A_MULTIPLE, compile_limit
from preflight.ruleset import checksum, compile_ruleset, is_rule_file_path, merge_tables
from tests.rows import each_row

HEAD = {
    "title": "Mine: clips",
    "stage": "register",
    "source": "https://example.com",
    "as_of": "2026-11-20",
    "basis": "published",
}


def compiled(**sections: Any) -> Any:
    return compile_ruleset("mine", {**HEAD, **sections})


@each_row(
    ("line", "sides"),
    [
        ({"min": 2}, {1.9: -1, 2: 0, 3: 0}),
        ({"above": 2}, {1.9: -1, 2: -1, 2.1: 0}),
        ({"max": 2}, {1.9: 0, 2: 0, 2.1: 1}),
        ({"below": 2}, {1.9: 0, 2: 1, 2.1: 1}),
        ({"min": 0, "max": 0}, {-1: -1, 0: 0, 1: 1}),
        ({"any_of": [24, 30]}, {23: 1, 24: 0, 27: 1, 30: 0}),
        ({"any_of": [24, 30], "min": 25}, {24: -1, 30: 0}),
        ({}, {0: 0, 99: 0}),
    ],
)
def test_bounds_accept_values_up_to_them_and_open_bounds_exclude_them(
    line: dict[str, Any], sides: dict[float, int]
) -> None:
    assert {value: compile_limit("fps", line).side(value) for value in sides} == sides


@each_row(
    ("line", "bounds"),
    [
        ({"min": 2, "max": 15, "lenient": {"max": 16}}, (2, 16, False, False)),
        ({"min": 2, "max": 15, "lenient": {"min": 1}}, (1, 15, False, False)),
        ({"above": 2, "below": 15, "lenient": {"below": 16}}, (2, 16, True, True)),
        ({"above": 2, "below": 15, "lenient": {"min": 2}}, (2, 15, False, True)),
        ({"max": 15, "lenient": {"max": 16}}, (None, 16, False, False)),
        ({"min": 2, "lenient": {"above": 1}}, (1, None, True, False)),
    ],
)
def test_a_tolerance_keeps_the_side_that_it_does_not_name(line: dict[str, Any], bounds: tuple[Any, ...]) -> None:
    wider = compile_limit("duration", line).lenient
    assert wider is not None
    assert (wider.low, wider.high, wider.low_open, wider.high_open) == bounds


def test_a_tolerance_keeps_the_list_unless_it_has_one() -> None:
    kept = compile_limit("fps", {"any_of": [24], "max": 30, "lenient": {"max": 40}}).lenient
    assert kept is not None
    assert kept.any_of == (24,)
    wider = compile_limit("format", {"any_of": ["mp4"], "lenient": {"any_of": ["mp4", "mov"]}}).lenient
    assert wider is not None
    assert wider.any_of == ("mp4", "mov")


def test_a_limit_has_what_its_line_says() -> None:
    line = {"max": "2 min", "note": "n", "hint": "h", "required": True}
    full = compile_limit("duration", line)
    assert (full.high, full.note, full.hint, full.required) == (120, "n", "h", True)
    assert full.written == {"max": "2 min", "required": True}
    bare = compile_limit("duration", {"max": 3})
    assert (bare.low, bare.note, bare.hint, bare.required, bare.lenient) == (None, None, None, False, None)
    assert (bare.low_open, bare.high_open, bare.any_of) == (False, False, None)


@each_row(
    ("ratio", "height", "side"),
    [
        (1.7777, 1080, 0),
        (1.7794, 1080, 0),  # 1.0 lines
        (1.7796, 1080, 1),
        (1.7760, 1080, 1),
        (1.7777, None, 1),
        (1.7778, None, 0),
    ],
)
def test_a_listed_ratio_needs_a_height_to_match_within_a_pixel(ratio: float, height: int | None, side: int) -> None:
    assert compile_limit("aspect_ratio", {"any_of": [0, 1.7778]}).side(ratio, height) == side


def test_a_difference_of_exactly_one_pixel_matches_despite_rounding() -> None:
    exact = compile_limit("aspect_ratio", {"any_of": [0.7]})
    assert exact.side(0.7 * (1 + 1 / 300), 300) == 0
    assert exact.side(0.7 * (1 - 1 / 300), 300) == 0
    assert compile_limit("fps", {"any_of": [0.7]}).side(0.7001, 300) == 1


def test_bounds_also_hold_for_values_near_a_listed_one() -> None:
    limit = compile_limit("fps", {"any_of": [24], "within": 0.1})._replace(high=25, multiple_of=2)
    assert [limit.side(value) for value in (22, 23, 24, 26, 27)] == [0, NOT_A_MULTIPLE, 0, 1, 1]


def test_none_is_accepted_only_where_it_is_listed() -> None:
    assert compile_limit("audio_codec", {"any_of": ["aac", "none"]}).accepts_none
    assert not compile_limit("audio_codec", {"any_of": ["aac"]}).accepts_none
    assert not compile_limit("duration", {"max": 9}).accepts_none


def test_a_condition_on_the_format_replaces_lines_of_its_section() -> None:
    when = [{"format": "mov", "fps": {"max": 30}, "duration": False}]
    section = compiled(video={"fps": {"max": 60}, "duration": {"max": 9}, "when": when}).sections["video"]
    assert {one.fact: one.high for one in section.for_format("mp4")} == {"fps": 60, "duration": 9}
    assert {one.fact: one.high for one in section.for_format("mov")} == {"fps": 30}
    assert section.for_format(None) == section.limits
    assert section.by_fact("mov")["fps"].high == 30
    assert set(section.by_fact("mov")) == {"fps"}
    assert section.by_fact("mp4")["fps"].high == section.by_fact(None)["fps"].high == 60


def test_a_format_whose_limits_are_all_removed_has_none() -> None:
    table = {"fps": {"max": 60}, "when": [{"format": "mov", "fps": False}]}
    section = compiled(video=table).sections["video"]
    assert section.by_fact("mov") == {}
    assert section.for_format("mov") == ()


def test_facts_of_a_rule_set_are_those_of_every_limit() -> None:
    ruleset = compiled(
        image={"width": {"max": 9}},
        video={"fps": {"max": 60}, "when": [{"format": "mov", "duration": {"max": 9}}]},
        url={"redirects": {"max": 1}},
    )
    assert ruleset.facts == {"width", "fps", "duration", "redirects", "public", "page", "expires_in"}


def test_a_section_that_is_false_or_missing_is_not_accepted() -> None:
    ruleset = compiled(image={}, video=False)
    assert list(ruleset.sections) == ["image"]
    assert ruleset.sections["image"].limits == ()


def test_urls_must_be_public_files_unless_a_rule_file_says_otherwise() -> None:
    plain = {one.fact: one for one in compiled(image={}).url}
    assert plain["public"].any_of == (True,)
    assert plain["page"].any_of == ("none",)
    late = plain["expires_in"]
    assert [late.side(seconds) for seconds in (900, 901)] == [-1, 0]
    assert late.lenient is not None
    assert [late.lenient.side(seconds) for seconds in (0, 1, 900)] == [-1, 0, 0]
    assert {one.fact for one in compiled(image={}, url={"public": False}).url} == {"page", "expires_in"}


def test_the_service_is_the_first_part_of_the_title() -> None:
    ruleset = compiled(image={}, not_checked=["faces"], asset={"name": {"max_length": 64}})
    assert (ruleset.service, ruleset.title) == ("Mine", "Mine: clips")
    assert (ruleset.not_checked, ruleset.asset) == (("faces",), {"name": {"max_length": 64}})
    assert (compiled(image={}).not_checked, compiled(image={}).asset) == ((), {})


def test_data_uris_are_taken_as_the_table_says() -> None:
    assert compiled(image={}).data_uri is None
    assert compiled(image={}, data_uri=False).data_uri is None
    nothing = compiled(image={}, data_uri={}).data_uri
    assert (nothing.kinds, nothing.limits) == (None, {})
    some = compiled(image={}, data_uri={"kinds": ["image"], "image": {"size": {"max": 9}}}).data_uri
    assert (some.kinds, list(some.limits), some.limits["image"][0].high) == (("image",), ["image"], 9)


def test_limits_on_requests_are_grouped_by_kind() -> None:
    assert compiled(image={}).request is None
    table = {"image": {"files": {"max": 9}}, "all": {"files": {"max": 12}}, "companions": {"audio": ["image", "video"]}}
    request = compiled(image={}, request=table).request
    assert {kind: limits[0].high for kind, limits in request.limits.items()} == {"image": 9, None: 12}
    assert request.companions == {"audio": ("image", "video")}
    assert compiled(image={}, request={"all": {"files": {"max": 1}}}).request.companions == {}


class TestExtends:
    """The child's lines over the parent's."""

    PARENT: ClassVar[dict[str, Any]] = {
        **HEAD,
        "examples": [1],
        "image": {"width": {"max": 9}, "height": {"max": 9}},
        "video": {"fps": {"max": 60}},
        "url": {"redirects": {"max": 1}},
        "request": {"image": {"files": {"max": 9}}, "all": {"files": {"max": 12}}},
        "data_uri": {"kinds": ["image"], "image": {"size": {"max": 9}}},
    }

    def test_lines_replace_those_of_the_parent_and_others_stay(self) -> None:
        merged = merge_tables(self.PARENT, {"image": {"width": {"max": 5}}, "title": "Yours"})
        assert merged["image"] == {"width": {"max": 5}, "height": {"max": 9}}
        assert (merged["title"], merged["video"]) == ("Yours", self.PARENT["video"])

    def test_examples_are_not_inherited(self) -> None:
        assert "examples" not in merge_tables(self.PARENT, {})
        assert merge_tables(self.PARENT, {"examples": [2]})["examples"] == [2]

    def test_false_removes_a_line_or_a_section(self) -> None:
        merged = merge_tables(self.PARENT, {"image": {"width": False}, "video": False, "audio": False})
        assert merged["image"] == {"height": {"max": 9}}
        assert not {"video", "audio"} & set(merged)

    def test_false_in_a_url_section_stays_to_remove_a_default(self) -> None:
        assert merge_tables(self.PARENT, {"url": {"public": False}})["url"] == {
            "redirects": {"max": 1},
            "public": False,
        }

    def test_requests_and_data_uris_are_merged_line_by_line(self) -> None:
        child = {"request": {"image": {"total_size": {"max": 5}}}, "data_uri": {"image": {"size": False}}}
        merged = merge_tables(self.PARENT, child)
        assert merged["request"] == {
            "image": {"files": {"max": 9}, "total_size": {"max": 5}},
            "all": {"files": {"max": 12}},
        }
        assert merged["data_uri"] == {"kinds": ["image"], "image": {}}

    def test_variants_are_merged_line_by_line_and_keep_what_they_remove(self) -> None:
        parent = {"variants": {"fast": {"video": {"width": {"max": 9}, "fps": {"max": 9}}}, "slow": {}}}
        child = {"variants": {"fast": {"video": {"fps": False}, "image": False}, "slow": False}}
        merged = merge_tables(parent, child)
        assert merged == {"variants": {"fast": {"video": {"width": {"max": 9}, "fps": False}, "image": False}}}

    def test_what_is_removed_from_nothing_is_left_out(self) -> None:
        removed = {"request": {"same": False, "all": {"files": False}}, "video": {"when": False}}
        left = {"request": {"all": {}}, "video": {}}
        assert merge_tables({}, {**removed, "variants": {"a": False}}) == {**left, "variants": {}}

    def test_new_sections_are_taken_as_they_are(self) -> None:
        child = {"audio": {"duration": {"max": 9}}, "request": {"all": {"files": {"max": 1}}}, "url": {"page": False}}
        assert merge_tables({}, child) == child


def test_digests_differ_with_their_parts_and_not_with_the_order_of_keys() -> None:
    assert checksum({"a": 1, "b": 2}, "x") == checksum({"b": 2, "a": 1}, "x")
    assert len({checksum({"a": 1}), checksum({"a": 2}), checksum({"a": 1}, 1)}) == 3
    assert len(checksum("")) == 16


@each_row(("name", "path"), [("atlas", False), ("atlas@2026-09", False), ("mine.toml", True), (f"a{os.sep}b", True)])
def test_a_rule_file_is_named_by_a_path(name: str, path: bool) -> None:
    assert is_rule_file_path(name) is path
