"""Every code and every note can be judged, and reported in every format."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

import preflight
from preflight import catalog
from preflight.checker import plan_for
from preflight.codes import CODES, NOTES, REMARKS
from preflight.facts import DELIVERY_FACTS, FACTS, REQUEST_FACTS, Fact, section_facts
from preflight.formats import KINDS
from preflight.judge import judge
from preflight.media import NONE, Delivery, Media
from preflight.report import Finding, Problem, Report, Result
from preflight.reporters import REPORTERS, ReporterOptions, make_reporter
from preflight.reporters.text import describe
from preflight.ruleset import RuleSet, compile_ruleset
from preflight.summary import Summary
from tests.conftest import Run
from tests.rows import each_row

ATLAS = catalog.load("atlas")
WORDS = sorted({*CODES, *NOTES})


def written(reports: Report | Sequence[Report], name: str, rules: tuple[RuleSet, ...] = (ATLAS,)) -> str:
    stream = io.StringIO()
    reporter = make_reporter(name, stream, ReporterOptions(rules=rules))
    summary = Summary(rules)
    for report in [reports] if isinstance(reports, Report) else reports:
        reporter.add(report)
        summary.add(report)
    reporter.close(summary)
    return stream.getvalue()


def write_all(*reports: Report) -> None:
    """Let every reporter write the reports into one document, which is faster than a document for each."""
    for name in REPORTERS:
        assert written(reports, name), name
    for report in reports:
        assert describe(report)


def of(result: Result, media: Media | None = None) -> Report:
    return Report("a.png", media, (result,), error=None if media else Problem("not_found", "a.png does not exist"))


def test_every_code_can_be_written_as_a_problem_and_as_a_note() -> None:
    reports = []
    for code in WORDS:
        media = Media(kind="image", format="png", size=90_000, width=640, height=640, notes=(code,))
        seen = Delivery("https", "example.com", 20, public=True, status=200, page=NONE, notes=(code,))
        reports.append(of(judge(media, ATLAS), media))
        if code in CODES:
            reports.append(of(judge(None, ATLAS, problem=Problem(code, "it is so"))))
            result = judge(media, ATLAS, delivery=seen)
            assert [finding.message for finding in result.findings if finding.code == code], code
            assert "{" not in "".join(finding.message for finding in result.findings), code
            reports.append(of(result, media))
    write_all(*reports)


def head(**sections: object) -> RuleSet:
    table = {"title": "Mine: {all}", "stage": "generate", "source": "https://example.com", "as_of": "2026-11-28"}
    return compile_ruleset("mine", {**table, "basis": "published", **sections})


def limits_on(fact: Fact) -> list[dict[str, object]]:
    """Return limits of every shape that a fact can have."""
    beside: dict[str, object] = {"note": "a {note}", "hint": "a {hint}"}
    if fact.type is bool:
        return [{"any_of": [False], **beside}, {"any_of": [True], **beside}]
    if fact.type is str:
        listed = ["1x1" if fact.name == "dimensions" else "other"]
        return [{"any_of": listed, **beside}, {"any_of": listed, "required": True, **beside}]
    sides = [{"min": 10**7}, {"above": 10**7}, {"max": 0}, {"below": 0}, {"min": -2, "max": -1, "lenient": {"max": 5}}]
    shapes = [{**side, **beside} for side in sides] + [{"max": 1, "required": True}]
    return shapes if fact.unit in ("bytes", "s") else [*shapes, {"any_of": [7, 8.5], **beside}]


SHAPE: dict[str, Any] = {"width": 640, "height": 360, "stored_width": 640, "stored_height": 360, "rotation": 0}
CLIP = Media(
    "video", "mp4", 90_000, **SHAPE, frames=50, duration=2.0, fps=25.0, variable_fps=False,
    video_codec="h264", audio_codec="aac", sample_rate=48_000, channels=2,
)  # fmt: skip
MEDIA = {
    "video": CLIP,
    "image": Media("image", "png", 90_000, **SHAPE, frames=1, duration=2.0, has_alpha=True),
    "audio": Media("audio", "mp3", 90_000, duration=2.0, video_codec=NONE, audio_codec="mp3", channels=2),
}


@each_row("kind", KINDS)
def test_findings_of_every_limit_on_a_fact_can_be_written(kind: str) -> None:
    reports = []
    silent = Media(**{name: getattr(CLIP, name) for name in ("kind", "format", "size", "width")}, audio_codec=NONE)
    for fact in section_facts(kind):
        for line in limits_on(FACTS[fact]):
            rules = head(**{kind: {fact: line}})
            for media in (MEDIA[kind], Media(kind=kind, format=MEDIA[kind].format), silent):
                result = judge(media, rules)
                assert {one.code for one in result.findings} <= CODES.keys(), (fact, line)
                reports.append(of(result, media))
    write_all(*reports)


def test_findings_of_every_limit_on_a_delivery_can_be_written() -> None:
    full = Delivery("http", "example.com", 2000, 80, True, False, 200, 3, True, True, "text/html", False, 9, "x", False)
    reports = []
    for fact in section_facts("url"):
        for line in limits_on(DELIVERY_FACTS[fact]):
            rules = head(image={"size": {"min": 1}}, url={fact: line})
            seen = (full, full._replace(head_ok=False, expires_in=-5.0, page="login"), full._replace(**{fact: None}))
            reports += [of(judge(MEDIA["image"], rules, delivery=one), MEDIA["image"]) for one in seen]
    write_all(*reports)


def test_findings_of_every_limit_on_a_request_can_be_written() -> None:
    from preflight.combination import judge_request

    reports = []
    for fact, group in product(REQUEST_FACTS, ("video", "all")):
        for line in limits_on(REQUEST_FACTS[fact]):
            rules = head(video={"size": {"min": 1}}, request={group: {fact: line}, "companions": {"video": ["image"]}})
            for media in (CLIP, Media(kind="video", format="mp4")):
                result = judge_request([of(judge(media, rules), media)], rules)
                assert "internal_error" not in [one.code for one in result.findings], (fact, line)
                assert "None" not in "".join(one.message for one in result.findings), (fact, line)
                reports.append(Report("<request>", None, (result,)))
    write_all(*reports)


def test_every_code_that_a_limit_can_give_is_registered() -> None:
    for fact in FACTS.values():
        assert {*fact.bound_codes, fact.choice_code, fact.absence_code} <= CODES.keys()


class TestRemarks:
    """Notes that users should know are also printed by `check`."""

    MPO = "fixtures/quirks/jpeg-multi-picture.jpg"
    SAID = "multi-picture JPEG (MPO); services may see only the first picture"

    def test_remark_is_a_finding_that_changes_no_verdict(self) -> None:
        from preflight.checker import _remarks

        for word in REMARKS:
            media = Media(kind="image", format="png", size=90_000, width=640, height=640, notes=(word,))
            (finding,) = _remarks(media, None)
            assert (finding.code, finding.severity, finding.message) == (word, "note", NOTES[word])
            for strict in (False, True):
                assert judge(media, ATLAS, extra=(finding,), strict=strict).verdict == "pass", word

    @each_row("name", sorted(set(REPORTERS) - {"commands"}))
    def test_every_report_format_includes_the_remark(self, name: str) -> None:
        report = preflight.check(self.MPO, "runway")
        text = written(report, name, plan_for("runway").rules)
        said = self.SAID if name != "github" else self.SAID.replace(",", "%2C")
        assert self.SAID in text or said in text

    @each_row("name", ["text", "github", "sarif"])
    @each_row("rules", ["runway,ltx", "runway,ltx,fal", "all"])
    def test_remark_appears_once_for_any_number_of_rule_sets(self, name: str, rules: str) -> None:
        report = preflight.check(self.MPO, rules)
        assert written(report, name, plan_for(rules).rules).count(self.SAID) == 1

    def test_rule_set_without_findings_is_said_to_pass(self) -> None:
        assert describe(preflight.check(self.MPO, "runway,ltx")).splitlines()[1:] == [
            f"  note    {self.SAID} [multi_picture]",
            "  pass    runway: passes",
            "  pass    ltx: passes",
        ]

    def test_quiet_check_prints_nothing_for_a_passing_file(self, run: Run) -> None:
        assert run("check", self.MPO, "--for", "runway", "--quiet").stdout == ""

    def test_remark_can_be_ignored(self, run: Run) -> None:
        done = run("check", self.MPO, "--for", "runway", "--ignore", "multi_picture")
        assert self.SAID not in done.stdout

    def test_assertion_message_includes_the_remark(self) -> None:
        with pytest.raises(AssertionError) as failed:
            preflight.assert_passes(self.MPO, "atlas")
        assert self.SAID in str(failed.value)

    @each_row(
        ("path", "word"),
        [
            ("jpeg-arithmetic.jpg", "uncommon_coding"),
            ("jpeg-gain-map.jpg", "gain_map"),
            ("gif-animated.gif", "animated"),
            ("mp4-fragmented.mp4", "fragmented"),
            ("mp4-edit-list-trim.mp4", "edit_list"),
            ("png-apple-cgbi.png", "apple_cgbi"),
        ],
    )
    def test_notes_become_findings(self, path: str, word: str) -> None:
        findings = preflight.check(f"fixtures/quirks/{path}", "runway").findings
        assert [one.severity for one in findings if one.code == word] == ["note"]

    def test_harmless_note_is_printed_only_by_probe(self) -> None:
        report = preflight.check("fixtures/quirks/m4a-cover-art.m4a", "runway")
        assert report.media is not None
        assert "cover_art" in report.media.notes
        assert "cover_art" not in [one.code for one in report.findings]


def test_junit_failure_names_the_worst_finding() -> None:
    """In a strict check a warning fails; a note before it is not the reason."""
    findings = (Finding("multi_picture", "note", "a remark"), Finding("fps_too_low", "warning", "the reason"))
    result = Result("atlas", "register", "2026-11-28", "published", "fail", findings)
    assert '<failure type="fps_too_low" message="the reason">' in written(of(result, CLIP), "junit")
