"""Limits of several rule sets as one: it accepts what all accept, or says which of them exclude each other by what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preflight import catalog
from preflight.formats import AUDIO, KINDS, VIDEO
from preflight.judge import judge
from preflight.limit import Limit
from preflight.media import NONE, Media
from preflight.plans.combined import Conflict, combine
from preflight.ruleset import RuleSet, Section, compile_ruleset
from tests.plans.test_intersection import lines


def rules(name: str, **sections: dict[str, Any]) -> RuleSet:
    head = {"title": name, "stage": "post", "source": "https://a", "as_of": "2026-11-28", "basis": "published"}
    return compile_ruleset(name, {**head, **sections})


def together(kind: str, *tables: dict[str, Any]) -> Section | Conflict:
    """The sections of rule sets a, b, c … for one kind."""
    named = [(name, rules(name, **{kind: table}).sections[kind]) for name, table in zip("abcd", tables, strict=False)]
    return combine(named, kind)


def sentence(kind: str, *tables: dict[str, Any]) -> str:
    found = together(kind, *tables)
    assert isinstance(found, Conflict)
    return found.sentence


def combined(kind: str, *tables: dict[str, Any], name: str = "") -> dict[str, Limit]:
    found = together(kind, *tables)
    assert isinstance(found, Section), found
    return dict(found.by_fact(name))


def test_remarks_of_the_first_limit_and_common_tolerances_are_kept() -> None:
    limits = combined(
        "video",
        {"duration": {"max": 15, "lenient": {"max": 16}}, "fps": {"max": 30, "otherwise": "converted"}},
        {"duration": {"max": 15.5, "note": "n", "hint": "h"}, "fps": {"max": 60, "hint": "g"}},
    )
    wider = Limit("duration", None, 15.5, note="n", hint="h")
    assert limits["duration"] == Limit("duration", None, 15, note="n", hint="h", lenient=wider)
    assert limits["fps"] == Limit("fps", None, 30, hint="g")


class TestSizes:
    """Limits on several of width, height and what follows from them may leave no size."""

    SHORT: ClassVar[dict[str, Any]] = {"short_side": {"any_of": [1080]}, "aspect_ratio": {"any_of": ["16:9"]}}

    def test_the_fewest_limits_that_leave_none_are_named(self) -> None:
        other: dict[str, Any] = {"pixels": {"min": 1000, "max": 1_500_000}, "width": {"min": 300}}
        assert sentence("video", {"duration": {"max": 9}}, self.SHORT, other) == (
            "b and c exclude each other: b accepts short side 1,080 px and aspect ratio 16:9, and c accepts "
            "1,000 total pixels to 1,500,000 total pixels"
        )

    def test_wider_bounds_count_where_strict_ones_leave_none(self) -> None:
        lines = {"long_side": {"max": 1280, "lenient": {"max": 1920}}, "width": {"max": 1920, "lenient": {"max": 4096}}}
        limits = combined("video", self.SHORT, lines)
        assert (limits["long_side"].high, limits["width"].high) == (1920, 1920), "only as far as needed"
        named = [
            (name, rules(name, video=table).sections["video"])
            for name, table in zip("ab", (self.SHORT, lines), strict=True)
        ]
        found = combine(named, VIDEO, strict=True)
        assert isinstance(found, Conflict)
        assert found.sentence == (
            "a and b exclude each other: a accepts short side 1,080 px and aspect ratio 16:9, and b accepts "
            "long side at most 1,280 px"
        )

    def test_three_rule_sets_may_leave_none_only_together(self) -> None:
        tables = ({"width": {"min": 1000}}, {"aspect_ratio": {"max": 1}}, {"height": {"max": 900}})
        assert sentence("image", *tables) == (
            "a, b and c exclude each other, though no two of them do: a accepts width at least 1,000 px, "
            "b accepts aspect ratio at most 1, and c accepts height at most 900 px"
        )


class TestWiderBounds:
    STRICT: ClassVar[dict[str, Any]] = {"duration": {"max": 15}, "format": {"any_of": ["mp4"]}}
    WIDE: ClassVar[dict[str, Any]] = {
        "duration": {"min": 16, "lenient": {"min": 14}},
        "format": {"any_of": ["mov"], "lenient": {"any_of": ["mov", "mp4"]}},
    }

    def test_wider_bounds_are_used_where_strict_ones_conflict(self) -> None:
        limits = combined("video", self.STRICT, self.WIDE)
        assert (limits["duration"].low, limits["duration"].high) == (14, 15)
        assert limits["format"].any_of == ("mp4",)

    def test_wider_bounds_still_give_a_warning_without_a_conflict(self) -> None:
        limits = combined("video", self.WIDE, {"format": {"any_of": ["mov", "mp4"]}})
        assert limits["format"].any_of == ("mov",)
        assert limits["format"].lenient is not None
        assert limits["format"].lenient.any_of == ("mov", "mp4")
        assert "duration" in combined("video", self.WIDE, {"format": {"any_of": ["mov", "mp4"]}}, name="mp4")

    def test_wider_bounds_are_never_used_with_strict(self) -> None:
        first = ("a", rules("a", video=self.STRICT).sections["video"])
        other = rules("b", video={"duration": self.WIDE["duration"]}).sections["video"]
        assert isinstance(combine([first, ("b", other)], VIDEO), Section)
        found = combine([first, ("b", other)], VIDEO, strict=True)
        assert isinstance(found, Conflict)
        assert found.sentence == "a and b exclude each other: duration at most 15 s, and at least 16 s"
        other = rules("b", video={"format": self.WIDE["format"]}).sections["video"]
        assert isinstance(combine([first, ("b", other)], VIDEO, strict=True), Conflict)

    def test_wider_bounds_are_used_before_audio_is_dropped(self) -> None:
        wide = {"audio_codec": {"any_of": ["aac"], "lenient": {"any_of": ["aac", "mp3"]}}}
        assert combined(VIDEO, {"audio_codec": {"any_of": ["mp3"]}}, wide)["audio_codec"].any_of == ("mp3",)


def test_a_rule_set_that_no_file_passes_is_named_alone() -> None:
    said = sentence("image", {"width": {"min": 10.2, "max": 10.8}}, {"width": {"min": 2}})
    assert said == "no file passes a: width 10.2 px to 10.8 px"


def test_the_result_is_the_same_object_for_the_same_sections() -> None:
    first, second = (rules(name, image={"width": {"max": 9}}).sections["image"] for name in "ab")
    assert combine([("a", first), ("b", second)]) is combine([("a", first), ("b", second)])
    assert combine([("a", first)]) is first


MP4_OR_MOV: dict[str, Any] = {"format": {"any_of": ["mov", "mp4"]}, "fps": {"max": 60}}


class TestFormats:
    def test_limits_differ_by_format(self) -> None:
        by_format = {**MP4_OR_MOV, "when": [{"format": "mov", "audio_codec": {"any_of": ["pcm", "aac"]}}]}
        other = {"format": {"any_of": ["mp4", "mov", "webm"]}, "audio_codec": {"any_of": ["aac", "opus"]}}
        assert combined("video", by_format, other)["format"].any_of == ("mov", "mp4")
        assert combined("video", by_format, other, name="mov")["audio_codec"].any_of == ("aac",)
        assert combined("video", by_format, other, name="mp4")["audio_codec"].any_of == ("aac", "opus")

    def test_a_format_with_a_conflict_is_left_out(self) -> None:
        by_format = {**MP4_OR_MOV, "when": [{"format": "mov", "fps": {"min": 50}}]}
        limits = combined("video", by_format, {"fps": {"max": 30}})
        assert (limits["format"].any_of, limits["fps"].high) == (("mp4",), 30)
        assert "fps" in combined("video", by_format, {"fps": {"max": 30}}, name="mov")

    def test_without_a_list_the_other_formats_remain(self) -> None:
        limits = combined("video", {"when": [{"format": "mov", "fps": {"min": 50}}]}, {"fps": {"max": 30}})
        assert limits["format"].side("mov") == 1
        assert limits["format"].side("mp4") == 0
        only = combined("video", {"fps": {"min": 50}, "when": [{"format": "mov", "fps": False}]}, {"fps": {"max": 30}})
        assert only["format"].any_of == ("mov",)

    def test_no_common_format_is_a_conflict(self) -> None:
        found = together("video", MP4_OR_MOV, {}, {"format": {"any_of": ["webm"]}})
        assert isinstance(found, Conflict)
        assert (found.names, found.fact) == (("a", "c"), "format")
        assert found.sentence == "a and c exclude each other: format mov or mp4, and webm"

    def test_formats_with_conflicts_of_their_own_are_named(self) -> None:
        whens = [{"format": "mov", "fps": {"min": 50}}, {"format": "mp4", "duration": {"min": 9}}]
        said = sentence("video", {**MP4_OR_MOV, "when": whens}, {"fps": {"max": 30}}, {"duration": {"max": 5}})
        assert said == (
            "in mov, a and b exclude each other: frame rate at least 50 fps, and at most 30 fps; "
            "in mp4, a and c exclude each other: duration at least 9 s, and at most 5 s"
        )


class TestSentence:
    def test_values_have_units(self) -> None:
        mp4 = {"format": {"any_of": ["mp4"]}}
        said = sentence("video", {**mp4, "duration": {"min": 2}}, {"duration": {"max": 1}})
        assert said == "a and b exclude each other: duration at least 2 s, and at most 1 s"
        said = sentence("video", {"size": {"min": "20 MB"}}, {"size": {"below": "10 MiB"}})
        assert said == "a and b exclude each other: file size at least 20 MB, and below 10 MiB"

    def test_three_that_exclude_each_other_only_together(self) -> None:
        codecs = [["h264", "hevc"], ["hevc", "vp9"], ["h264", "hevc", "vp9"], ["h264", "vp9"]]
        said = sentence("video", *({"video_codec": {"any_of": listed}} for listed in codecs))
        assert said == (
            "a, b and d exclude each other, though no two of them do: "
            "video codec h264 or hevc, hevc or vp9, and h264 or vp9"
        )

    def test_names_from_outside_are_escaped(self) -> None:
        first = rules("a", image={"width": {"max": 9}}).sections["image"]
        other = rules("b", image={"width": {"min": 10}}).sections["image"]
        found = combine([("./\x1b[31m.toml", first), ("b", other)])
        assert isinstance(found, Conflict)
        assert found.sentence.startswith("./\\x1b[31m.toml and b exclude")


class TestAudio:
    def test_an_audio_file_has_no_other_audio(self) -> None:
        tables = ({"audio_codec": {"any_of": ["aac"]}}, {"audio_codec": {"any_of": ["mp3"]}})
        assert sentence(AUDIO, *tables) == "a and b exclude each other: audio codec aac, and mp3"

    def test_a_video_may_lose_its_audio_and_the_hint_says_why(self) -> None:
        limit = combined(VIDEO, {"audio_codec": {"any_of": ["aac"]}}, {"audio_codec": {"any_of": ["mp3"]}})[
            "audio_codec"
        ]
        assert limit.any_of == (NONE,)
        assert limit.hint == "a and b exclude each other: audio codec aac, and mp3"
        limit = combined(VIDEO, {"audio_codec": {"any_of": ["aac"]}}, {"audio_codec": {"any_of": [NONE]}})[
            "audio_codec"
        ]
        assert (limit.any_of, limit.hint) == ((NONE,), None)

    def test_a_fact_of_the_audio_may_exclude_all_audio(self) -> None:
        tables = ({"sample_rate": {"any_of": [48_000]}}, {"sample_rate": {"any_of": [44_100]}})
        limits = combined(VIDEO, *tables)
        assert limits["audio_codec"].any_of == (NONE,)
        assert limits["audio_codec"].hint == "a and b exclude each other: sample rate 48,000 Hz, and 44,100 Hz"
        assert "sample_rate" not in limits

    def test_required_audio_is_a_conflict(self) -> None:
        silent: dict[str, Any] = {"audio_codec": {"any_of": [NONE]}}
        said = sentence(VIDEO, silent, {"audio_codec": {"required": True}})
        assert said == "a and b exclude each other: audio codec none, and required"
        assert sentence(VIDEO, silent, {"sample_rate": {"min": 8000, "required": True}}) == said
        said = sentence(VIDEO, silent, {"audio_codec": {"any_of": ["aac"], "required": True}})
        assert said == "a and b exclude each other: audio codec none, and aac and required"


def with_lenient(line: dict[str, Any], more: int) -> dict[str, Any]:
    """The limit with a wider upper bound, if it has one."""
    return {**line, "lenient": {"max": line["max"] + more}} if "max" in line and more else line


@st.composite
def sections(draw: st.DrawFn) -> dict[str, Any]:
    """A section with a few limits, of which some hold for one format."""
    facts = ("audio_codec", "duration", "width")
    chosen = draw(st.lists(st.sampled_from(facts), max_size=2, unique=True))
    table: dict[str, Any] = {fact: with_lenient(draw(lines(fact)), draw(st.integers(0, 9))) for fact in chosen}
    if draw(st.booleans()):
        formats = draw(st.lists(st.sampled_from(["mp4", "mov", "mkv"]), min_size=1, unique=True))
        table["format"] = {"any_of": formats[:1], "lenient": {"any_of": formats}}
    if draw(st.booleans()):
        fact = draw(st.sampled_from(facts))
        table["when"] = [{"format": draw(st.sampled_from(["mp4", "mov"])), fact: draw(lines(fact))}]
    return table


@given(st.lists(sections(), min_size=2, max_size=3), st.lists(st.integers(1, 60), min_size=2, max_size=2))
@settings(max_examples=30)
def test_a_file_passes_the_combined_section_exactly_if_it_passes_each(
    tables: list[dict[str, Any]], numbers: list[int]
) -> None:
    each = [rules(name, video=table) for name, table in zip("abc", tables, strict=False)]
    found = combine([(one.name, one.sections["video"]) for one in each], VIDEO)
    for name in ("mp4", "mov", "mkv"):
        for codec in (NONE, "aac", "opus"):
            media = Media("video", name, width=numbers[0], height=9, duration=float(numbers[1]), audio_codec=codec)
            expected = all(judge(media, one).verdict == "pass" for one in each)
            if isinstance(found, Conflict):
                assert not expected, found.sentence
            else:
                both = each[0]._replace(sections={"video": found})
                result = judge(media, both)
                assert (result.verdict == "pass") == expected, (media, found.by_fact(name))
                assert result.outcome != "pass_with_warning" or result.outcome in {
                    judge(media, one).outcome for one in each
                }


def built_in_pairs() -> Iterator[tuple[str, RuleSet, RuleSet]]:
    sets = [loaded for name in catalog.names() for loaded in (catalog.load(name), *catalog.load(name).variants)]
    for first, second in combinations(sets, 2):
        yield from ((kind, first, second) for kind in KINDS if kind in first.sections and kind in second.sections)


def check_pairs(pairs: Iterable[tuple[str, RuleSet, RuleSet]]) -> set[str]:
    """Combine each pair, and return the sentences of those that exclude each other."""
    sentences = set()
    for kind, *both in pairs:
        found = combine([(each.name, each.sections[kind].mandatory) for each in both], kind)
        if isinstance(found, Conflict):
            assert set(found.names) == {each.name for each in both}
            sentences.add(found.sentence)
            continue
        limit = found.by_fact(None).get("format")
        for name in (limit.any_of or ()) if limit is not None else ():
            for each in both:
                limits = each.sections[kind].mandatory.by_fact(name)
                assert "format" not in limits or limits["format"].side(name) == 0
                assert found.by_fact(name).keys() >= limits.keys()
    return sentences


def test_pairs_of_built_in_rule_sets_become_one_or_say_why_not() -> None:
    few = (pair for number, pair in enumerate(built_in_pairs()) if number % 60 == 0)
    check_pairs(few)
    two = ("video", catalog.load("kling-element"), catalog.load("veo:gemini"))
    assert check_pairs([two]) == {"kling-element and veo:gemini exclude each other: short side 1,080 px, and 720 px"}
    two = ("video", catalog.load("atlas"), catalog.load("kling-element"))
    assert check_pairs([two]) == {
        "atlas and kling-element exclude each other: atlas accepts 409,600 total pixels to 927,408 total pixels, "
        "and kling-element accepts short side 1,080 px"
    }


@pytest.mark.slow
def test_all_pairs_of_built_in_rule_sets_become_one_or_say_why_not() -> None:
    sentences = check_pairs(built_in_pairs())
    assert "kling-element and veo:gemini exclude each other: short side 1,080 px, and 720 px" in sentences
    assert "instagram-feed and openai-image:dall-e-2 exclude each other: format jpeg, and png" in sentences
