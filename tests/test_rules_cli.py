"""`preflight rules explain`, `diff` and `table`; `rules/README.md` is up to date."""

from __future__ import annotations

import io
import json
import re
from itertools import combinations, pairwise
from pathlib import Path

import pytest

import preflight
from preflight import catalog
from preflight.checker import plan_for
from preflight.codes import CODES, NOTES
from preflight.limit import compile_limit
from preflight.reporters import REPORTERS, ReporterOptions, make_reporter
from preflight.ruleviews import compare_rulesets, find_limits, finding_codes, iter_limits, render_page
from preflight.summary import Summary
from preflight.wording import format_limit
from tests.conftest import ROOT, Run
from tests.rows import each_row

README = ROOT / "rules" / "README.md"
CLIP = "fixtures/accepted/clip.mp4"


class TestFormatLimit:
    @each_row(
        ("fact", "line", "said"),
        [
            ("width", {"min": 300, "max": 6000}, "300–6,000 px"),
            ("width", {"above": 9, "below": 60, "lenient": {"min": 9, "max": 60}}, "> 9 px, < 60 px (9–60 px)"),
            ("duration", {"min": 2, "max": 15, "lenient": {"max": 15.2}}, "2–15 s (≤ 15.2 s)"),
            ("fps", {"min": 24, "max": 60, "lenient": {"min": 23.97}}, "24–60 fps (≥ 23.97 fps)"),
            ("size", {"below": "30 MB", "lenient": {"below": "30 MiB"}}, "< 30 MB (< 30 MiB)"),
            ("format", {"any_of": ["mp4"], "lenient": {"any_of": ["mp4", "mkv"]}}, "mp4 (mkv)"),
            ("head_ok", {"any_of": [True]}, "yes"),
            ("redirects", {"max": 0}, "0"),
            ("content_type", {"required": True}, "required"),
            ("audio_codec", {"any_of": ["aac"], "required": True}, "aac, required"),
        ],
    )  # fmt: skip
    def test_limit_is_formatted_in_a_few_characters(self, fact: str, line: dict[str, object], said: str) -> None:
        assert format_limit(compile_limit(fact, line)) == said

    @each_row("name", catalog.names())
    def test_every_built_in_limit_can_be_formatted(self, name: str) -> None:
        for line in iter_limits(catalog.load(name)):
            assert format_limit(line.limit).strip(" ()")
            assert "None" not in format_limit(line.limit)


class TestExplain:
    @each_row("code", [*CODES, *NOTES])
    def test_every_code_and_note_is_explained(self, code: str) -> None:
        from click.testing import CliRunner

        from preflight.cli.rule_codes import explain as command

        done = CliRunner().invoke(command, [code])
        assert done.exit_code == 0
        assert (CODES[code].title if code in CODES else NOTES[code]) in done.output

    def test_limits_are_listed_with_their_rule_sets(self, run: Run) -> None:
        out = run("rules", "explain", "pixel_count_too_large").stdout
        assert out.startswith("pixel_count_too_large: Too many pixels (error)\n")
        assert re.search(r"video: pixels 409,600–927,408.*\n    atlas, fal", out)

    def test_as_json(self, run: Run) -> None:
        explained = json.loads(run("rules", "explain", "web_page", "--format", "json").stdout)
        assert explained["severity"] == "error"
        (of_all,) = explained["limits"]
        assert (of_all["section"], of_all["fact"], of_all["rules"]) == ("url", "page", list(catalog.names()))

    @each_row(
        ("code", "given"),
        [
            ("duration_too_long", {"title", "severity", "explanation", "limits"}),
            ("not_found", {"title", "severity", "explanation"}),
            ("cover_art", {"note"}),
        ],
    )
    def test_json_has_what_is_known_of_a_code(self, run: Run, code: str, given: set[str]) -> None:
        explained = json.loads(run("rules", "explain", code, "--format", "json").stdout)
        assert {key for key, value in explained.items() if value} == {"code", *given}

    def test_all_codes_are_listed_without_an_argument(self, run: Run) -> None:
        assert [line.split()[0] for line in run("rules", "explain").stdout.splitlines()] == list(CODES)
        assert len(json.loads(run("rules", "explain", "--format", "json").stdout)) == len(CODES)

    def test_unknown_code_is_refused_with_a_suggestion(self, run: Run) -> None:
        done = run("rules", "explain", "fps_too_lo")
        assert done.returncode == 2
        assert "Did you mean 'fps_too_low'" in done.stderr

    def test_limits_give_only_registered_codes(self) -> None:
        sets = [catalog.load(name) for name in catalog.names()]
        named = {code for rules in sets for line in iter_limits(rules) for code in finding_codes(line.limit)}
        assert named <= set(CODES)
        assert all(find_limits(code, sets) for code in named)


def compare_both_ways(first: str, second: str) -> None:
    there, back = (
        compare_rulesets(catalog.load(one), catalog.load(other)) for one, other in ((first, second), (second, first))
    )
    assert {(one.section, one.condition, one.fact, one.first, one.second) for one in there} == {
        (one.section, one.condition, one.fact, one.second, one.first) for one in back
    }


class TestDiff:
    def test_different_limits_are_shown_side_by_side(self, run: Run) -> None:
        rows = [
            re.split(r"\s{2,}", line.strip())
            for line in run("rules", "diff", "atlas", "volcengine").stdout.splitlines()
        ]
        assert rows[0] == ["of", "what", "atlas", "volcengine"]
        assert ["video", "pixels", "409,600–927,408", "407,696–8,295,044"] in rows
        assert not any(row[:2] == ["video", "frame rate"] for row in rows)

    def test_versions_of_one_rule_set_are_compared(self) -> None:
        found = compare_rulesets(catalog.load("volcengine@2026-03"), catalog.load("volcengine"))
        assert [(one.section, one.fact) for one in found] == [
            ("", "as_of"),
            ("video", "pixels"),
            ("video", "duration"),
            ("video", "size"),
            ("audio", "duration"),
        ]

    def test_kind_that_only_one_accepts_is_reported_once(self) -> None:
        found = compare_rulesets(catalog.load("agentsflare"), catalog.load("atlas"))
        assert [(one.section, one.first, one.second) for one in found if one.fact == "kind"] == [
            ("video", None, "accepted"),
            ("audio", None, "accepted"),
        ]
        assert not any(one.section == "video" and one.fact != "kind" for one in found)

    def test_limits_for_single_formats_are_compared(self) -> None:
        found = compare_rulesets(catalog.load("seedance-2.0"), catalog.load("atlas"))
        assert ("video", "in mov", "audio_codec", "aac, mp3, pcm", None) in [one[:5] for one in found]

    def test_roles_and_limits_on_files_used_together_are_compared(self, tmp_path: Path) -> None:
        joint = '[[request.when]]\nimage = { files = { min = 2, max = 4 } }\n[roles.last]\nrequires = ["first"]\n'
        (tmp_path / "a.toml").write_text(f'extends = "atlas"\n{joint}')
        (tmp_path / "b.toml").write_text(f'extends = "atlas"\n{joint.replace("first", "start").replace("4", "5")}')
        found = compare_rulesets(*(catalog.load(str(tmp_path / name)) for name in ("a.toml", "b.toml")))
        assert [(one.section, one.fact, one.first, one.second) for one in found] == [
            ("request image if ≥ 2 image", "files", "≤ 4", "≤ 5"),
            ("request last", "requires", "first", "start"),
        ]

    def test_as_json(self, run: Run) -> None:
        told = json.loads(run("rules", "diff", "atlas", "volcengine", "--format", "json").stdout)
        (pixels,) = [one for one in told["differences"] if one["fact"] == "pixels"]
        assert (told["first"], told["second"]) == ("atlas", "volcengine")
        assert pixels["first_limit"] == {"min": 409_600, "max": 927_408}

    @each_row("name", catalog.names())
    def test_a_rule_set_does_not_differ_from_itself(self, name: str) -> None:
        assert compare_rulesets(catalog.load(name), catalog.load(name)) == []

    def test_identical_rule_sets_have_no_differences(self, run: Run) -> None:
        assert run("rules", "diff", "atlas", "atlas").stdout == "atlas and atlas are the same\n"

    @each_row(("first", "second"), pairwise(catalog.names()))
    def test_comparison_is_symmetric(self, first: str, second: str) -> None:
        compare_both_ways(first, second)

    @pytest.mark.slow
    @each_row(("first", "second"), combinations(catalog.names(), 2))
    def test_comparison_of_any_two_is_symmetric(self, first: str, second: str) -> None:
        compare_both_ways(first, second)


class TestPage:
    def test_readme_is_up_to_date_with_the_rule_files(self) -> None:
        written = render_page(catalog.load(name) for name in catalog.names())
        assert README.read_text(encoding="utf-8") == written, "preflight rules table > rules/README.md"

    def test_command_prints_the_readme(self, run: Run) -> None:
        assert run("rules", "table").stdout == README.read_text(encoding="utf-8")

    def test_only_chosen_rule_sets_are_shown(self, run: Run) -> None:
        out = run("rules", "table", "atlas", "runway").stdout
        assert "`atlas`" in out
        assert "`volcengine`" not in out
        assert "## Earlier" not in out

    def test_earlier_version_alone_is_shown_in_full(self, run: Run) -> None:
        done = run("rules", "table", "volcengine@2026-03")
        assert done.returncode == 0
        assert "409,600–927,408" in done.stdout

    def test_rows_of_a_table_have_equally_many_cells(self) -> None:
        for table in re.findall(r"(?:^\|.*\|\n)+", README.read_text(encoding="utf-8"), re.MULTILINE):
            rows = [re.split(r"(?<!\\)\|", row) for row in table.splitlines()]
            assert len({len(row) for row in rows}) == 1, table


def test_who_takes_this_file(run: Run) -> None:
    out = run("check", "fixtures/accepted/clip.mp4", "--for", "all").stdout
    first, takers, *rows = out.splitlines()
    assert first.startswith("FAIL    fixtures/accepted/clip.mp4")
    assert re.fullmatch(rf"  accepted by \d+ of {len(catalog.current())}", takers)
    named = set(re.findall(r"[\w.-]+", "\n".join(rows)))
    assert named >= set(catalog.current())


EVIL = """
title = "Evil\\u202E \\u001B[31m [bold]x[/nope] :smile:\\nfake line"
stage = "generate"
source = "https://example.com/\\u202E"
as_of = 2026-11-28
basis = "published"
not_checked = ["a\\u2066b"]
[video]
mime = { any_of = ["a\\u202E[/x]"], note = "n\\u202E", hint = "h\\u200F" }
duration = { max = 1 }
[[examples]]
verdict = "pass"
facts = { kind = "video", format = "mp4", duration = 2.0 }
"""


def assert_escaped(printed: str) -> None:
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069\x1b]", printed)
    assert "\nfake line" not in printed


class TestTextOfRuleFiles:
    """What a stranger's rule file says reaches no terminal and no page as it is."""

    @pytest.fixture
    def evil(self, tmp_path: Path) -> Path:
        path = tmp_path / "evil.toml"
        path.write_text(EVIL)
        return path

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["rules", "show", "EVIL"], 0),
            (["rules", "show", "EVIL", "--format", "json"], 0),
            (["rules", "diff", "EVIL", "atlas"], 0),
            (["rules", "diff", "EVIL", "atlas", "--format", "json"], 0),
            (["rules", "table", "EVIL", "atlas"], 0),
            (["rules", "validate", "EVIL"], 2),
            (["check", CLIP, "--for", "EVIL"], 1),
        ],
    )
    def test_control_and_bidi_characters_are_escaped(self, run: Run, evil: Path, words: list[str], code: int) -> None:
        done = run(*[str(evil) if word == "EVIL" else word for word in words])
        assert done.returncode == code, done.stderr
        assert len(done.stdout + done.stderr) > 50
        assert_escaped(done.stdout + done.stderr)

    def test_control_and_bidi_characters_are_escaped_in_every_report(self, evil: Path) -> None:
        plan, report = plan_for(str(evil)), preflight.check(CLIP, str(evil))
        assert report.verdict == "fail"
        for name in REPORTERS:
            stream, summary = io.StringIO(), Summary(plan.rules)
            reporter = make_reporter(name, stream, ReporterOptions(rules=plan.rules))
            reporter.add(report)
            summary.add(report)
            reporter.close(summary)
            assert len(stream.getvalue()) > 50 or name == "commands"
            assert_escaped(stream.getvalue())

    def test_control_characters_are_shown_as_escapes(self, run: Run, evil: Path) -> None:
        out = run("rules", "show", evil).stdout
        assert out.splitlines()[0].endswith(r"Evil\u202e \x1b[31m [bold]x[/nope] :smile:\nfake line")
        assert r"a\u202e[/x]" in out
        assert r"a\u202e[/x]" in run("rules", "diff", evil, "atlas").stdout
