"""The matrix of many rule sets for one file, those that accept it first."""

from __future__ import annotations

from tests.reporters.conftest import HOSTILE, report_of, unreadable, written

MANY = "agentsflare,atlas,crun,ltx,runway"


def table(**facts: object) -> list[str]:
    usual = {"kind": "video", "format": "mp4", "fps": 24.0, "size": 900_000, "video_codec": "h264"}
    report = report_of("clip.mp4", MANY, **{**usual, **facts})
    return written("text", [report], MANY).splitlines()


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
    assert fixes[0].endswith("-vf fps=24 -c:v libx264 -pix_fmt yuv420p -c:a copy clip-fixed.mp4")


def test_missing_file_is_accepted_by_none() -> None:
    lines = written("text", [unreadable("gone.png", MANY)], MANY).splitlines()
    assert "  accepted by 0 of 5: none" in lines


def test_names_are_escaped() -> None:
    text = written("text", [report_of(name, MANY) for name in HOSTILE] + [unreadable(HOSTILE[-5], MANY)], MANY)
    assert all(line.isprintable() for line in text.split("\n"))
