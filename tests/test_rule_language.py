"""The language of rule files: shares, multiples, conditions, changed files and variants, as they judge."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from preflight import catalog
from preflight.errors import RuleFileError, UsageError
from preflight.facts import FACTS
from preflight.judge import judge
from preflight.limit import NOT_A_MULTIPLE, compile_limit
from preflight.media import Media
from preflight.report import Result
from preflight.rulecheck import example_problems, validate_file
from preflight.rulefile import RuleFile, find_problems
from preflight.ruleset import BASES, STAGES, compile_ruleset
from preflight.ruleviews import find_limits, render_page
from preflight.wording import accepted, format_limit
from tests.conftest import ROOT, Run
from tests.rows import each_row

HEAD = """\
title = "Mine: clips"
stage = "generate"
source = "https://example.com/limits"
as_of = 2026-11-20
basis = "published"
"""
CLIP = Media(
    kind="video", format="mp4", size=9_000_000, width=1280, height=720, duration=5.0, fps=24.0, bit_depth=8, frames=120
)


def rules(text: str, variant: str | None = None) -> Any:
    """A rule set of a valid text, without its head."""
    table = tomllib.loads(HEAD + text)
    assert find_problems(RuleFile("mine.toml", HEAD + text, table)) == []
    return compile_ruleset("mine", table, variant)


def problems(text: str) -> list[str]:
    return find_problems(RuleFile("mine.toml", HEAD + text, tomllib.loads(HEAD + text)))


def media(**facts: Any) -> Media:
    return CLIP._replace(**facts)


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.findings]


@each_row(
    ("fact", "line", "sides"),
    [
        ("aspect_ratio", {"any_of": ["16:9", "9:16"]}, {16 / 9: 0, 9 / 16: 0, 1.7777: 1, 1.0: 1}),
        ("aspect_ratio", {"any_of": ["16:9"], "within": 0.01}, {1.77: 0, 1.79: 0, 1.76: 0, 1.75: 1, 1.8: 1}),
        ("aspect_ratio", {"min": "2:5", "max": 2.5}, {0.4: 0, 2.5: 0, 0.39: -1, 2.51: 1}),
        ("pixel_aspect_ratio", {"any_of": ["1:1"]}, {1.0: 0, 1.001: 1}),
        ("fps", {"any_of": [24, 30], "within": 0.01}, {24: 0, 23.976: 0, 24.24: 0, 30.3: 0, 25: 1, 30.4: 1}),
        ("duration", {"any_of": [5, "10 s"]}, {5: 0, 10.0: 0, 7: 1}),
        ("width", {"multiple_of": 16}, {16: 0, 1280: 0, 1281: NOT_A_MULTIPLE}),
        ("width", {"multiple_of": 16, "min": 64}, {48: -1, 64: 0, 65: NOT_A_MULTIPLE}),
        ("dimensions", {"any_of": ["1280x720"]}, {"1280x720": 0, "720x1280": 1}),
    ],
)
def test_values_match_lists_ratios_and_multiples(fact: str, line: dict[str, Any], sides: dict[Any, int]) -> None:
    limit = compile_limit(fact, line)
    assert {value: limit.side(value) for value in sides} == sides


@each_row(
    ("fact", "line", "sentence", "short"),
    [
        ("aspect_ratio", {"any_of": ["16:9", 1]}, "16:9 or 1", "16:9, 1"),
        ("aspect_ratio", {"any_of": ["16:9"], "within": 0.01}, "16:9, within 1 %", "16:9 ±1 %"),
        ("fps", {"any_of": [24], "lenient": {"within": 0.02}}, "24 fps", "24 fps (24 fps ±2 %)"),
        ("width", {"multiple_of": 16}, "multiples of 16", "multiples of 16"),
        ("width", {"multiple_of": 16, "max": 64}, "multiples of 16, at most 64 px", "≤ 64 px, multiples of 16"),
        (
            "width",
            {"multiple_of": 16, "lenient": {"multiple_of": 2}},
            "multiples of 16",
            "multiples of 16 (multiples of 2)",
        ),
        ("bit_depth", {"max": 8, "otherwise": "converted"}, "at most 8", "≤ 8, else converted"),
    ],
)
def test_limits_are_worded(fact: str, line: dict[str, Any], sentence: str, short: str) -> None:
    limit = compile_limit(fact, line)
    assert (accepted(limit), format_limit(limit)) == (sentence, short)


@each_row(
    ("lines", "said"),
    [
        ('aspect_ratio = { any_of = ["16/9"] }', "'16/9' is not a ratio. Write one such as \"16:9\" or 1.78."),
        ('aspect_ratio = { min = "0:9" }', "'0:9' is not a ratio."),
        ('dimensions = { any_of = ["1280*720"] }', "'1280*720' is not width and height. Write both such as"),
        ("fps = { min = 24, within = 0.1 }", "within has no any_of to refer to. Add one, or remove it."),
        ("fps = { any_of = [24], within = 2 }", "within 2 is not a share between 0 and 1."),
        ("fps = { any_of = [24], within = 0.1, lenient = { within = 0.1 } }", "lenient within 0.1 is not wider than"),
        ("width = { any_of = [16], multiple_of = 4 }", "any_of and bounds exclude each other."),
        ("width = { multiple_of = 0 }", "Write 1 or more."),
        ("width = { multiple_of = 8, min = 5, max = 7 }", "no multiple of 8 is between min 5 and max 7. Change one"),
        ("width = { multiple_of = 16, lenient = { multiple_of = 3 } }", "lenient multiple_of 3 is not wider."),
        ('width = { max = 9, otherwise = "scald" }', "unknown value 'scald'. Did you mean 'scaled'?"),
        (
            'width = { max = 9, otherwise = "scaled", lenient = { max = 10 } }',
            "lenient and otherwise exclude each other. Keep one.",
        ),
        ("[[video.when]]\nfps = 24", "there is no limit. Add one such as fps = { max = 30 }."),
        ("[[video.when]]\nfps = { max = 24 }", "there is no condition. Add one such as format"),
        ("[[video.when]]\nwidth = '> 5 s'\nfps = { max = 24 }", "[[video.when]] width: unexpected unit 's'."),
        ("[[video.when]]\nfps = []\nduration = { max = 24 }", "[[video.when]] fps: the list is empty."),
        ("[[video.when]]\nfps = ['> 5']\nduration = { max = 24 }", "[[video.when]] fps: '> 5' is not a number."),
        ("[[video.when]]\nhdr = 'pg'\nduration = { max = 24 }", "[[video.when]] hdr: unknown value 'pg'."),
        ("[variants]\n720p = false", "[variants.720p] = false removes nothing, as the file extends no other."),
        ("[variants.720p]\nas_of = 2999-01-01", "as_of 2999-01-01 is in the future."),
        (
            "[variants.720p.data_uri]\nkinds = ['image']\nvideo = { size = { max = 3 } }",
            "[variants.720p.data_uri] video limits a kind that kinds does not list.",
        ),
        ("[variants.720p.vidoe]", "Unknown key 'vidoe' in [variants.720p]. Did you mean 'video'?"),
        ("[variants.720p.video]\npixel = { max = 3 }", "Unknown fact 'pixel' in [variants.720p.video]. Did you mean"),
        ("[variants]\na = false", "[variants.a] = false removes nothing, as the file extends no other. Delete it."),
        ("[roles.a]\nsame = false", "[roles.a] same = false removes nothing, as the file extends no other."),
        ("[roles]\na = false", "[roles.a] = false removes nothing, as the file extends no other."),
        ('[variants."a:b".video]', "[variants.a:b]: the name does not match [a-z0-9][a-z0-9._-]{0,39}. Rename it."),
    ],
)
def test_problems_are_reported_with_remedy(lines: str, said: str) -> None:
    found = problems(f"[video]\n{lines}\n")
    assert len(found) == 1, found
    assert found[0].startswith("mine.toml:7: " if "\n" not in lines else "mine.toml:")
    assert said in found[0]


def test_a_default_that_is_no_variant_is_reported() -> None:
    found = problems('default_variant = "720"\n[image]\n[variants.720p]\n')
    assert found == ["mine.toml:6: default_variant: unknown variant '720'. Did you mean '720p'?"]


def test_the_kinds_may_be_those_of_the_default_variant() -> None:
    text = "[variants.720p.image]\nsize = { max = 9 }\n"
    assert problems(f'default_variant = "720p"\n{text}') == []
    assert rules(f'default_variant = "720p"\n{text}').sections.keys() == {"image"}
    assert problems(text) == ["mine.toml: No kind of media is accepted. Add a section: [image], [video] or [audio]."]


@each_row("stage", STAGES)
def test_every_stage_and_basis_is_valid(stage: str) -> None:
    for basis in BASES:
        text = HEAD.replace("generate", stage).replace("published", basis) + "[image]\n"
        assert find_problems(RuleFile("mine.toml", text, tomllib.loads(text))) == []


def test_a_picture_that_is_not_animated_passes_limits_on_its_duration() -> None:
    judging = rules("[image]\nduration = { max = 5 }\n")
    picture = Media(kind="image", format="png", animated=False)
    assert judge(picture, judging).verdict == "pass"
    assert judge(picture._replace(animated=True), judging).verdict == "unknown"
    assert judge(picture._replace(animated=True, duration=6.0), judging).verdict == "fail"


def test_a_value_that_is_not_a_multiple_has_a_code_of_its_own() -> None:
    result = judge(media(width=1281), rules("[video]\nwidth = { multiple_of = 16 }\n"))
    assert (result.verdict, codes(result)) == ("fail", ["not_a_multiple"])
    assert result.findings[0].message == "width 1,281 px: Mine accepts multiples of 16"


class TestConditions:
    @each_row(
        ("condition", "holds"),
        [
            ('format = "mp4"', True),
            ('format = ["mov", "mp4"]', True),
            ('format = "mov"', False),
            ("fps = 24", True),
            ("fps = [25, 24]", True),
            ("fps = 25", False),
            ('duration = "> 4 s"', True),
            ('duration = ">= 5"', True),
            ('duration = "< 5 s"', False),
            ('duration = "<= 5.0"', True),
            ('long_side = ">= 1280"', True),
            ('dimensions = "1280x720"', True),
            ('aspect_ratio = "16:9"', True),
            ('size = "> 9 MB"', False),
            ("streamable = true", True),
            ("streamable = [false]", False),
            ('format = "mp4"\nfps = 24', True),
            ('format = "mp4"\nfps = 25', False),
        ],
    )
    def test_limits_hold_where_all_conditions_do(self, condition: str, holds: bool) -> None:
        judging = rules(f"[video]\nwidth = {{ max = 2000 }}\n[[video.when]]\n{condition}\nwidth = {{ max = 1000 }}\n")
        result = judge(media(streamable=True), judging)
        assert (result.verdict == "fail") == holds

    def test_later_conditions_outrank_earlier_ones(self) -> None:
        when = "[[video.when]]\nfps = 24\nwidth = { max = WIDTH }\n"
        text = f"[video]\n{when.replace('WIDTH', '1')}{when.replace('WIDTH', '2000')}"
        assert judge(CLIP, rules(text)).verdict == "pass"

    def test_false_removes_a_limit_of_the_section(self) -> None:
        text = "[video]\nwidth = { max = 9 }\n[[video.when]]\nfps = 24\nwidth = false\n"
        assert judge(CLIP, rules(text)).verdict == "pass"

    def test_an_unknown_fact_is_unknown_only_if_it_decides(self) -> None:
        text = '[video]\n[[video.when]]\nhdr = "pq"\nwidth = { max = WIDTH }\n'
        decides, not_decides = (judge(CLIP, rules(text.replace("WIDTH", width))) for width in ("1000", "2000"))
        assert (decides.verdict, codes(decides), decides.findings[0].fact) == ("unknown", ["fact_unknown"], "hdr")
        assert decides.findings[0].message == "HDR could not be read: on it depends which width Mine accepts"
        assert not_decides.verdict == "pass"

    @each_row(
        ("width", "wider", "verdict"),
        [
            (1280, "{ max = 2000 }", "pass"),
            (1281, "{ max = 2000 }", "unknown"),
            (1281, "false", "unknown"),
            (2001, "{ max = 2000 }", "fail"),
            (2001, "{ max = 2000, lenient = { max = 2100 } }", "unknown"),
        ],
    )
    def test_a_limit_that_an_unknown_fact_may_widen_is_unknown(self, width: int, wider: str, verdict: str) -> None:
        text = f'[video]\nwidth = {{ max = 1280 }}\n[[video.when]]\nhdr = "pq"\nwidth = {wider}\n'
        result = judge(media(width=width), rules(text))
        assert (result.verdict, result.plan is None) == (verdict, verdict != "fail")

    def test_facts_of_conditions_are_needed(self) -> None:
        needed = rules('[video]\n[[video.when]]\nhdr = "pq"\nlong_side = { max = 1000 }\n').facts
        assert {"hdr", "long_side", "width", "height"} <= needed

    def test_a_plan_that_changes_what_a_condition_is_on_is_not_offered(self) -> None:
        text = "[video]\nwidth = { max = 1000 }\n[[video.when]]\nCONDITION\nfps = { max = 25 }\n"
        changed, kept = (
            judge(CLIP, rules(text.replace("CONDITION", line))) for line in ('pixels = "> 1"', "bit_depth = 8")
        )
        assert changed.plan is None
        assert kept.plan is not None


class TestOtherwise:
    RULES = rules('[video]\nwidth = { max = 1000, otherwise = "scaled" }\nfps = { max = 30 }\n')

    def test_a_changed_file_is_a_warning(self) -> None:
        result = judge(CLIP, self.RULES)
        assert (result.verdict, result.outcome, result.plan) == ("pass", "pass_with_warning", None)
        assert result.findings[0].message == (
            "width 1,280 px: Mine accepts the file, but scales it (it takes at most 1,000 px)"
        )

    def test_it_fails_with_a_plan_under_strict_only(self) -> None:
        result = judge(CLIP, self.RULES, strict=True)
        assert result.verdict == "fail"
        assert result.plan is not None
        assert [(step.action, step.width) for step in result.plan.steps] == [("scale", 1000)]

    def test_a_plan_for_another_fact_keeps_what_the_service_changes(self) -> None:
        plan = judge(media(fps=60.0), self.RULES).plan
        assert plan is not None
        assert [step.action for step in plan.steps] == ["change_fps"]


class TestVariants:
    TEXT = """\
default_variant = "720p"
[video]
pixels = { max = 927_408 }
fps = { max = 60 }
[variants.720p]
[variants.1080p.video]
pixels = { max = 2_073_600 }
[variants.fast.video]
pixels = { max = 100 }
fps = false
[[examples]]
verdict = "fail"
codes = ["pixel_count_too_large"]
variant = "fast"
facts = { kind = "video", format = "mp4", width = 1280, height = 720, fps = 90.0 }
"""

    def test_a_variant_overrides_limit_by_limit(self) -> None:
        full = media(width=1920, height=1080)
        assert judge(full, rules(self.TEXT)).verdict == "fail"
        result = judge(full, rules(self.TEXT, "1080p"))
        assert (result.verdict, result.rules, result.variant) == ("pass", "mine:1080p", "1080p")
        assert judge(media(fps=90.0), rules(self.TEXT, "1080p")).verdict == "fail"
        assert codes(judge(media(fps=90.0), rules(self.TEXT, "fast"))) == ["pixel_count_too_large"]

    def test_without_a_choice_the_default_is_judged_and_failing_variants_are_named(self) -> None:
        result = judge(CLIP, rules(self.TEXT))
        assert (result.rules, result.variant, result.outcome) == ("mine", "720p", "pass_with_warning")
        assert codes(result) == ["variant_fails"]
        assert result.findings[0].message == "fails in the variant fast: choose one, such as mine:720p"
        assert judge(CLIP, rules(self.TEXT), strict=True).verdict == "fail"
        assert judge(media(width=8, height=8), rules(self.TEXT)).outcome == "pass"

    def test_without_a_default_the_limits_outside_of_variants_are_judged(self) -> None:
        without = rules(self.TEXT.replace('default_variant = "720p"\n', ""))
        result = judge(CLIP, without)
        assert (result.variant, len(without.variants)) == (None, 3)
        assert result.findings[0].message == "fails in the variant fast: choose one, such as mine:720p"

    def test_examples_name_their_variant(self) -> None:
        assert list(example_problems(rules(self.TEXT))) == []

    def test_false_where_nothing_is_inherited_removes_nothing(self, tmp_path: Any) -> None:
        (tmp_path / "mine.toml").write_text(f"{HEAD}[image]\n")
        child = tmp_path / "child.toml"
        child.write_text(
            'extends = "mine.toml"\n[variants]\na = false\n[variants.b.image]\nwidth = false\n[roles]\na = false\n'
            "[roles.b]\nsame = false\n[request]\nsame = false\ncompanions = false\n[video]\nfps = false\n"
        )
        loaded = catalog.load(str(child))
        assert ([each.variant for each in loaded.variants], list(loaded.roles)) == (["b"], ["b"])
        assert judge(CLIP, loaded).verdict == "pass"

    def test_an_example_of_a_variant_that_an_extended_file_lacks_is_reported(self, tmp_path: Any) -> None:
        (tmp_path / "mine.toml").write_text(HEAD + self.TEXT)
        child = tmp_path / "child.toml"
        child.write_text(
            'extends = "mine.toml"\n[[examples]]\nverdict = "pass"\nvariant = "slow"\nfacts = { kind = "video" }\n'
        )
        (problem,) = validate_file(str(child))
        assert "[[examples]] 1: the rule set has no variant 'slow'" in problem

    def test_a_file_or_variant_that_accepts_no_kind_is_reported(self, tmp_path: Any) -> None:
        path = tmp_path / "mine.toml"
        path.write_text(HEAD + "[video]\n[variants.none]\nvideo = false\n")
        said = "accepts no kind of media. Keep one: [image], [video] or [audio]."
        assert validate_file(str(path)) == [f"{path}:7: {path}:none {said}"]
        path.write_text('extends = "atlas"\nvideo = false\nimage = false\naudio = false\n')
        assert said in validate_file(str(path))[0]

    def test_names_and_paths_choose_a_variant(self, tmp_path: Any) -> None:
        path = tmp_path / "a:b.toml"
        path.write_text(HEAD + self.TEXT)
        chosen = catalog.resolve(f"{path}:1080p,{path}")
        assert [(each.name, each.variant) for each in chosen] == [(f"{path}:1080p", "1080p"), (str(path), "720p")]
        with pytest.raises(UsageError, match=r"Unknown variant '1080' of .*\. Did you mean '1080p'\?"):
            catalog.load(f"{path}:1080")
        with pytest.raises(UsageError, match="Leave it out: the rule set has none"):
            catalog.load("atlas:1080p")
        child = tmp_path / "child.toml"
        child.write_text('extends = "a:b.toml"\ndefault_variant = "1090p"\n')
        with pytest.raises(RuleFileError, match=r"child\.toml:2: .*Did you mean '1080p'"):
            catalog.load(str(child))
        child.write_text('extends = "a:b.toml"\ndefault_variant = "1080p"\n[variants]\nfast = false\n')
        extended = catalog.load(str(child))
        assert (extended.variant, [each.variant for each in extended.variants]) == ("1080p", ["720p"])


def test_a_rule_set_that_is_named_twice_is_judged_once() -> None:
    assert [rules.name for rules in catalog.resolve("atlas,ATLAS,atlas:,stage:register")].count("atlas") == 1


def test_stage_chooses_the_current_rule_sets_of_one_stage() -> None:
    chosen = catalog.resolve("stage:register")
    assert {ruleset.stage for ruleset in chosen} == {"register"}
    assert "atlas" in [ruleset.name for ruleset in chosen]
    assert not [ruleset.name for ruleset in chosen if "@" in ruleset.name]
    with pytest.raises(UsageError, match=r"Unknown stage 'postt'\. Did you mean 'post'\?"):
        catalog.resolve("stage:postt")


def test_every_fact_with_numbers_takes_lists() -> None:
    for fact in FACTS.values():
        if fact.type in (int, float) and fact.sections:
            assert compile_limit(fact.name, {"any_of": [3]}).side(3) == 0


class TestViews:
    """Variants and conditions in `rules show`, `list`, `table` and the matrix."""

    TEXT = TestVariants.TEXT.replace(
        "[variants.720p]\n", '[[video.when]]\nformat = "mov"\nduration = "> 8 s"\nfps = { max = 30 }\n[variants.720p]\n'
    )

    @pytest.fixture
    def path(self, tmp_path: Any) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(HEAD + self.TEXT)
        return str(path)

    def test_show_lists_limits_of_conditions_and_variants(self, path: str, run: Run) -> None:
        lines = run("rules", "show", path).stdout.splitlines()
        assert "  variants: 720p (default), 1080p, fast" in lines
        at = lines.index("  [video] in mov with duration above 8 s")
        assert lines[at + 1].split() == ["frame", "rate", "at", "most", "30", "fps"]
        assert "2,073,600" in lines[lines.index("  [video] in the variant 1080p") + 1]

    def test_table_has_a_row_for_each_condition_and_variant(self, path: str) -> None:
        page = render_page([catalog.load(path)])
        assert f"| `{path}` in mov with duration above 8 s |  | ≤ 30 fps |" in page
        assert f"| `{path}:1080p` | ≤ 2,073,600 |  |" in page
        assert f"| `{path}` :720p (default) :1080p :fast |" in page

    def test_codes_are_explained_with_the_variants_that_give_them(self, path: str) -> None:
        found = find_limits("pixel_count_too_large", [catalog.load(path)])
        assert [names for _, names in found] == [[path], [f"{path}:1080p"], [f"{path}:fast"]]

    def test_matrix_names_the_variant_that_judged(self, path: str, run: Run) -> None:
        rows = run("check", ROOT / "fixtures/accepted/clip.mp4", "--for", f"{path},{path}:fast,atlas,fal").stdout
        assert f"  warning  {path} (720p)" in rows
        assert f"  fail     {path}:fast " in rows


@each_row(
    ("lines", "action", "size"),
    [
        ("long_side = { max = 640 }", "scale", (640, 360)),
        ("short_side = { min = 1080 }", "scale", (1920, 1080)),
        ("side_sum = { max = 1000 }", "scale", (640, 360)),
        ("width = { multiple_of = 64, max = 1270 }\nheight = { multiple_of = 64 }", "crop", (1216, 704)),
        ('dimensions = { any_of = ["1920x1080", "720x1280"] }', "scale", (1920, 1080)),
        ("long_side = { any_of = [640, 1920] }", "scale", (1920, 1080)),
    ],
)
def test_plans_respect_sides_multiples_and_dimensions(lines: str, action: str, size: tuple[int, int]) -> None:
    plan = judge(CLIP, rules(f"[video]\n{lines}\n")).plan
    assert plan is not None
    assert plan.steps[-1].action == action
    assert (plan.steps[-1].width, plan.steps[-1].height) == size


@each_row(
    ("facts", "lines", "sentence"),
    [
        ({"variable_fps": True}, "variable_fps = { any_of = [false] }", "convert it to 24 frames per second"),
        ({"pixel_aspect_ratio": 2.0}, "pixel_aspect_ratio = { max = 1 }", "scale it to 2560×720 with square pixels"),
        ({"brand": "isom"}, 'brand = { any_of = ["mp42"] }', "correct its brand without re-encoding"),
        ({"duration": 7.0}, "duration = { any_of = [5, 10] }", "keep the first 5 s without re-encoding"),
    ],
)
def test_facts_that_only_a_new_file_can_have_have_a_plan(facts: dict[str, Any], lines: str, sentence: str) -> None:
    result = judge(media(**facts), rules(f"[video]\n{lines}\n"))
    assert (result.verdict, result.plan and result.plan.sentence) == ("fail", sentence)


def test_encrypted_files_have_no_plan() -> None:
    result = judge(media(encrypted=True), rules("[video]\nencrypted = { any_of = [false] }\n"))
    assert (result.verdict, result.plan, result.findings[0].hint) == ("fail", None, None)
