"""The matrix of many rule sets for one file, those that accept it first."""

from __future__ import annotations

import json
from pathlib import Path

from preflight import catalog
from preflight.judge import judge
from preflight.media import Media
from preflight.report import Report
from preflight.reporters.text import render_text
from preflight.ruleset import MAX_DETAILED_RULES, STAGES, RuleSet, compile_ruleset
from tests.conftest import ROOT, Run
from tests.reporters.conftest import HOSTILE, report_of, unreadable, written

SEVERAL = "agentsflare,atlas,crun,ltx,runway"


def table(**facts: object) -> list[str]:
    usual = {"kind": "video", "format": "mp4", "fps": 24.0, "size": 900_000, "video_codec": "h264"}
    report = report_of("clip.mp4", SEVERAL, **{**usual, **facts})
    return written("text", [report], SEVERAL).splitlines()


def test_accepting_rule_sets_come_first_and_are_named_at_the_top() -> None:
    lines = table(width=640, height=640, duration=15.1)
    assert lines[1] == "  accepted by 4 of 5: crun, ltx, runway, atlas (with a warning)"
    assert [line.split()[:2] for line in lines[2:7]] == [
        ["pass", "crun"],
        ["pass", "ltx"],
        ["pass", "runway"],
        ["warning", "atlas"],
        ["fail", "agentsflare"],
    ]


def test_reasons_are_aligned_and_a_hint_is_printed_once_with_its_rule_sets() -> None:
    lines = table(width=640, height=640, duration=1.0)
    reasons = [line.index("duration") for line in lines if "duration 1 s" in line]
    assert len(reasons) == 2
    assert len(set(reasons)) == 1
    assert lines.count("  → atlas, crun: make it at least 2 s long") == 1


def test_command_is_printed_once_with_its_rule_sets() -> None:
    fixes = [line for line in table(width=640, height=640, fps=12.0) if line.startswith("  fix ")]
    assert [line.partition(": ")[0] for line in fixes] == ["  fix      atlas, crun"]
    assert fixes[0].endswith(" clip-fixed.mp4")
    assert " -vf fps=24 -c:v libx264 -pix_fmt yuv420p " in fixes[0]


def test_missing_file_is_accepted_by_none() -> None:
    lines = written("text", [unreadable("gone.png", SEVERAL)], SEVERAL).splitlines()
    assert "  accepted by 0 of 5: none" in lines


def test_names_are_escaped() -> None:
    text = written("text", [report_of(name, SEVERAL) for name in HOSTILE] + [unreadable(HOSTILE[-5], SEVERAL)], SEVERAL)
    assert all(line.isprintable() for line in text.split("\n"))


class TestManyRuleSets:
    """A matrix for each stage; what accepts a file, or takes none of its kind, shares a line."""

    NAMES = tuple(f"r{number}" for number in range(MAX_DETAILED_RULES + 3))

    def rules(self) -> list[RuleSet]:
        stages = [*STAGES, *["post"] * (len(self.NAMES) - len(STAGES))]
        head = {"source": "https://example.com", "as_of": "2026-11-20", "basis": "published"}
        video = {"duration": {"max": 15}}
        tables = [
            {**head, "title": f"{name}: x", "stage": stage, **({"image": {}} if name == "r14" else {"video": video})}
            for name, stage in zip(self.NAMES, stages, strict=True)
        ]
        return [compile_ruleset(name, table) for name, table in zip(self.NAMES, tables, strict=True)]

    def lines(self, duration: float) -> list[str]:
        media = Media(kind="video", format="mp4", duration=duration)
        results = tuple(judge(media, rules) for rules in self.rules())
        report = Report("clip.mp4", media, results)
        return render_text(report, color=False, quiet=False, probe=False, commands=False).splitlines()

    def test_each_stage_has_a_matrix(self) -> None:
        lines = self.lines(9.0)
        assert lines[1:] == [
            "  accepted by 14 of 15",
            *(f"  {stage}: accepted by 1 of 1: r{number}" for number, stage in enumerate(STAGES[:-1])),
            "  post: accepted by 9 of 10: r5, r6, r7, r8, r9, r10, r11, r12, r13",
            "    fail     takes none of this kind: r14 [kind_not_accepted]",
        ]

    def test_each_refusal_has_a_row_of_its_own(self) -> None:
        rows = [line for line in self.lines(16.0) if "duration_too_long" in line]
        assert len(rows) == 14
        assert rows[0] == "    fail     r0   duration 16 s: above the 15 s that r0 accepts [duration_too_long]"

    def test_hints_are_left_out_of_large_matrices_and_kept_for_other_formats(self, run: Run, tmp_path: Path) -> None:
        film = ROOT / "fixtures/refused/mp4-too-many-pixels.mp4"
        names = ",".join(catalog.names())
        text = run("check", film, "--for", names).stdout
        assert "→" not in text
        assert f"Name at most {MAX_DETAILED_RULES} rule sets to see how to fix files." in text
        rows = json.loads(run("check", film, "--for", names, "--format", "jsonl").stdout)["results"]
        assert any(row["plan"] for row in rows)
        run("check", film, "--for", names, "--report", tmp_path / "report.jsonl")
        assert '"plan":{' in (tmp_path / "report.jsonl").read_text().replace(" ", "")
