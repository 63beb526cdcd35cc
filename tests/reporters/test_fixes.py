"""Results of fixes as lines for people with a closing table, and as JSON lines."""

from __future__ import annotations

import io
import json

import pytest

from preflight.fixer.ffmpeg.quality import Quality
from preflight.fixer.result import FixOutcome, FixResult
from preflight.media import Media
from preflight.report import Finding, Obstacle, Plan, Report, Result, Step
from preflight.reporters.fixes import FixJsonl, FixText
from preflight.reporters.view import View
from tests.rows import each_row

BEFORE = Report("a.mov", Media("video", "mov", size=2000, width=640, height=480))
AFTER = Report("out/a.mp4", Media("video", "mp4", size=1000, width=480, height=480))
PLAN = Plan(
    "crop it to 480×480", (Step("crop", ("width",)), Step("transcode", ())), losses=("crops 25 %", "re-encodes")
)
FIXED = FixResult("a.mov", "fixed", PLAN, BEFORE, AFTER, "out/a.mp4")
HEAD = "a.mov  (mov 640×480, 2.0 kB)"


def text_of(*results: FixResult, rules: str | None = None, color: bool = False) -> str:
    stream = io.StringIO()
    reporter = FixText(stream, View(color), {"extend": "--extend loop|hold", "add_silence": "--add-silence"}.get)
    for result in results:
        reporter.add(result, rules)
    reporter.close()
    return stream.getvalue()


def not_fixable(*obstacles: Obstacle, code: str = "duration_too_short", source: str = "a.mov") -> FixResult:
    finding = Finding(code, "error", "too short")
    before = Report(source, BEFORE.media, (Result("x", "register", "2026-11-01", "published", "fail", (finding,)),))
    problem = " ".join(each.message for each in obstacles)
    return FixResult(source, "not_fixable", Plan("", (), obstacles=obstacles), before, problem=problem)


def test_fixed_file_has_its_output_its_plan_and_its_losses() -> None:
    assert text_of(FIXED) == (
        f"FIXED       {HEAD} → out/a.mp4  (mp4 480×480, 1.0 kB)\n"
        "            crop it to 480×480\n"
        "            crops 25 %; re-encodes\n"
    )


def test_rule_set_is_named_if_it_has_a_file_of_its_own() -> None:
    assert (
        text_of(FIXED, rules="kling:1080p")
        .splitlines()[0]
        .endswith("→ out/a.mp4  (mp4 480×480, 1.0 kB)  for kling:1080p")
    )


def test_planned_file_has_its_command() -> None:
    planned = FixResult("a b.mov", "planned", PLAN._replace(command=("ffmpeg", "-i", "a b.mov")), BEFORE)
    assert text_of(planned).endswith("            $ ffmpeg -i 'a b.mov'\n")


@each_row(
    ("quality", "line"),
    [
        (Quality(0.98765, 94.44), "SSIM 0.9877, VMAF 94.4"),
        (Quality(1.0, None), "SSIM 1.0000"),
        (Quality(None, None), "similarity not measured: there is no video, or ffmpeg lacks the filter"),
    ],
)
def test_similarity_is_shown_if_it_was_measured(quality: Quality, line: str) -> None:
    result = FixResult("a.mov", "fixed", PLAN, BEFORE, AFTER, "out/a.mp4", quality=quality)
    assert text_of(result).splitlines()[-1].strip() == line


def test_file_that_is_not_fixable_has_the_reason_and_each_option_that_would_help() -> None:
    obstacles = (
        Obstacle("It is too short.", "extend"),
        Obstacle("It is silent.", "add_silence"),
        Obstacle("Odd.", "odd"),
    )
    assert text_of(not_fixable(*obstacles)) == (
        f"NOT FIXABLE {HEAD}\n"
        "            It is too short. It is silent. Odd.\n"
        "            To allow it, add --extend loop|hold.\n"
        "            To allow it, add --add-silence.\n"
    )


def test_table_counts_outcomes_with_what_was_done_and_why_not() -> None:
    short = not_fixable(Obstacle("It is too short.", "extend"))
    results = [FIXED, FIXED, short, not_fixable(code="corrupt"), FixResult("b", "passed", Plan("", ()), BEFORE)]
    table = text_of(*results).partition("\n\n")[2]
    assert table.splitlines() == [
        "pass             1",
        "fixed            2   crop (2), transcode (2)",
        "not fixable      2   needs --extend loop|hold (1), does not decode (1)",
    ]


def test_table_names_the_most_frequent_reasons_only() -> None:
    codes = ["truncated", "truncated", "no_moov", "corrupt", "width_too_small", "fps_too_low", "extension_mismatch"]
    codes.append("format_unsupported")
    table = text_of(*(not_fixable(code=code) for code in codes)).partition("\n\n")[2]
    assert table.startswith("not fixable      8   truncated (2), ")
    assert table.count("(") == 6
    assert table.endswith(", …\n")


@pytest.mark.parametrize(
    ("outcome", "code"), [("passed", "32"), ("failed", "1;31"), ("unknown", "1;33"), ("planned", "36")]
)
def test_first_word_is_colored(outcome: FixOutcome, code: str) -> None:
    assert text_of(FixResult("a", outcome, Plan("", ()), BEFORE), color=True).startswith(f"\x1b[{code}m")


def test_nothing_from_outside_reaches_a_terminal_unescaped() -> None:
    evil = "\x1b[31m\n"
    before = Report(evil, BEFORE.media)
    plan = PLAN._replace(sentence=evil, losses=(evil,), command=("ffmpeg", evil))
    for outcome in ("fixed", "planned", "failed"):
        result = FixResult(evil, outcome, plan, before, AFTER, evil, evil)
        shown = text_of(result, rules=evil)
        assert "\x1b" not in shown
        assert all(line.startswith((*"FP", "            ")) for line in shown.splitlines())


def test_json_lines_have_the_rule_set_of_a_file_of_its_own() -> None:
    stream = io.StringIO()
    reporter = FixJsonl(stream)
    reporter.add(FIXED, None)
    reporter.add(FIXED, "kling")
    reporter.add_request(Result("x", "generate", "2026-11-01", "published", "fail"), "They are too long.")
    reporter.close()
    first, second, request = map(json.loads, stream.getvalue().splitlines())
    assert first == FIXED.as_json()
    assert second == {**first, "rules": "kling"}
    assert (request["request"]["verdict"], request["problem"]) == ("fail", "They are too long.")
