"""Facts as people see them: grouped by `probe`, and in findings and on the page where a limit concerns them."""

from __future__ import annotations

import json
from typing import Any

from lxml import html

import preflight
from preflight.codes import NOTES
from preflight.facts import GROUPS, MEDIA_FACTS
from preflight.judge import judge
from preflight.media import NONE, Media
from preflight.report import Report
from preflight.reporters.text import describe, render_text
from preflight.ruleset import RuleSet, compile_ruleset
from tests.conftest import Run
from tests.reporters.conftest import written
from tests.rows import each_row

CLIP = Media(
    kind="video", format="mp4", size=9_000_000, width=1920, height=1080, duration=5.0, fps=24.0, bit_depth=10,
    chroma="4:2:2", hdr="pq", scan="interlaced", video_codec="h264", video_profile="high 4:2:2", video_level=5.1,
    audio_codec=NONE, fragmented=True, location=True,
)  # fmt: skip


def facts_of(media: Media) -> list[str]:
    shown = render_text(Report("a.mp4", media), color=False, quiet=False, probe=True, commands=False)
    return shown.splitlines()


def test_facts_are_grouped_under_headings_in_the_order_of_the_table() -> None:
    lines = facts_of(CLIP)
    assert [line.strip() for line in lines if not line.startswith("    ")] == [
        "a.mp4", "kind                video", "format              mp4", "mime                video/mp4",
        "size                9 MB", "geometry", "time", "picture", "video", "audio", "container", "other",
    ]  # fmt: skip
    assert lines[lines.index("  picture") + 1 : lines.index("  video")] == [
        "    bit_depth         10",
        "    chroma            4:2:2",
        "    hdr               pq",
        "    scan              interlaced",
    ]


def test_group_without_known_facts_has_no_heading() -> None:
    assert facts_of(Media(kind="image", format="png", size=90, notes=("cmyk",)))[4:] == [
        "  size                90 bytes",
        "  other",
        "    camera_raw        no",
        f"  note                cmyk: {NOTES['cmyk']}",
    ]


def test_every_fact_is_shown_in_one_group() -> None:
    ungrouped = {name for name, fact in MEDIA_FACTS.items() if fact.group == GROUPS[0]}
    assert ungrouped == {"kind", "format", "mime", "size", "notes"}
    assert {fact.group for fact in MEDIA_FACTS.values()} == set(GROUPS)


def test_json_of_a_probe_stays_flat(run: Run) -> None:
    row = json.loads(run("probe", "fixtures/quirks/mp4-hdr-pq.mp4", "--format", "jsonl").stdout)
    assert (row["hdr"], row["video_profile"], row["location"]) == ("pq", "high", False)
    assert not set(GROUPS) & row.keys()


def rules_with(**limits: Any) -> RuleSet:
    head = {"title": "Mine", "stage": "post", "source": "x", "as_of": "2026-11-20", "basis": "published"}
    return compile_ruleset("mine", {**head, "video": limits})


@each_row(
    ("limits", "line", "hint"),
    [
        ({"bit_depth": {"max": 8}}, "bit depth 10: above the 8 that Mine accepts [bit_depth_too_high]", "8 bits"),
        ({"chroma": {"any_of": ["4:2:0"]}}, "chroma subsampling 4:2:2: Mine accepts 4:2:0 [chroma_unsup", "4:2:0"),
        ({"hdr": {"any_of": [NONE]}}, "HDR pq: Mine accepts none [hdr_unsupported]", "tone-map it"),
        ({"scan": {"any_of": ["progressive"]}}, "scan interlaced: Mine accepts progressive [scan_", "deinterlace it"),
        ({"video_level": {"max": 4.2}}, "video level 5.1: above the 4.2 that Mine accepts [video_level", "level 4.2"),
        ({"fragmented": {"any_of": [False]}}, "fragmented yes: Mine accepts no [fragmented_not_", "defragment it"),
        (
            {"location": {"any_of": [False]}},
            "recording location yes: Mine accepts no [location_",
            "remove",
        ),
    ],
)
def test_finding_names_value_limit_and_remedy_in_text_and_on_the_page(
    limits: dict[str, Any], line: str, hint: str
) -> None:
    rules = rules_with(**limits)
    report = Report("a.mp4", CLIP, (judge(CLIP, rules),))
    assert f"  error   {line}" in describe(report)
    assert hint in describe(report)
    page = html.document_fromstring(written("html", [report], [rules]))
    data = json.loads(page.get_element_by_id("data").text)
    (fact,) = limits
    assert data["rows"][0][5][data["facts"].index(fact)] == getattr(CLIP, fact)
    assert data["labels"][fact] == MEDIA_FACTS[fact].label
    assert data["rules"][0]["kinds"]["video"][""][0]["fact"] == fact
    assert any(line.partition(" [")[0] in word for word in data["words"])


@each_row(
    ("name", "word"),
    [
        ("jpeg-arithmetic.jpg", "uncommon_coding"),
        ("jpeg-multi-picture.jpg", "multi_picture"),
        ("mp4-edit-list-trim.mp4", "edit_list"),
        ("mp4-fragmented.mp4", "fragmented"),
        ("gif-animated.gif", "animated"),
    ],
)
def test_remark_is_printed_by_check_in_lists_and_matrices(name: str, word: str) -> None:
    for rules in ("atlas", "atlas,runway", "atlas,fal,kling,veo"):
        assert describe(preflight.check(f"fixtures/quirks/{name}", rules)).count(f"[{word}]") == 1
