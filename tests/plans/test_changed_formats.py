"""Files whose format is accepted, but that lose less in another accepted one."""

from __future__ import annotations

from typing import Any

from preflight.limit import Limit, compile_limit
from preflight.media import NONE, Media
from preflight.plans.changes import Changes
from preflight.plans.encoding import Subject
from preflight.plans.geometry import Shape
from preflight.plans.least_change import changes_for
from preflight.plans.steps import is_resolved, sentence_of, steps_for
from preflight.plans.violations import facts_outside
from preflight.ruleset import Section
from tests.plans.planned import CLIP, SILENT, only

Lines = dict[str, dict[str, Any]]

PHOTOGRAPH = Media(
    kind="image", format="webp", size=90_000, width=1280, height=720, bit_depth=8, chroma="4:2:0", coding="lossy",
    color_model="ycbcr", has_alpha=False, animated=False, frames=1, multi_picture=False, hdr=NONE,
)  # fmt: skip
STICKERS: Lines = {"dimensions": only("512x512"), "size": {"max": 100_000}}
POSTED: Lines = {"format": only("jpeg", "png", "webp"), "size": {"max": 5_000_000}}
BROADCAST = CLIP._replace(format="mpegts", scan="interlaced", video_codec="mpeg2video")


def limits_of(lines: Lines) -> tuple[Limit, ...]:
    return tuple(compile_limit(fact, line) for fact, line in lines.items())


def changed(media: Media, lines: Lines, **by_format: Lines) -> Changes:
    """Return the changes of a file, of which something is outside the limits on its format."""
    section = Section(limits_of(lines), {name: limits_of(lines | more) for name, more in by_format.items()})
    subject = Subject.of(media, exact=True)
    wrong = facts_outside(subject, section.by_fact(media.format))
    assert wrong
    return changes_for(wrong, subject, section)


def plan_of(changes: Changes) -> str:
    steps = steps_for(changes)
    assert is_resolved(changes, steps)
    return sentence_of(steps, changes)


def test_a_photograph_becomes_a_jpeg_rather_than_a_cropped_sticker() -> None:
    changes = changed(PHOTOGRAPH, POSTED, webp=STICKERS)
    assert plan_of(changes) == "convert it to jpeg"
    assert [step.facts for step in steps_for(changes)] == [("dimensions",)]


def test_a_photograph_that_is_too_small_for_a_sticker_is_not_enlarged() -> None:
    changes = changed(PHOTOGRAPH._replace(width=120, height=90), POSTED, webp=STICKERS)
    assert (plan_of(changes), changes.obstacles) == ("convert it to jpeg", ())


def test_transparency_is_kept_in_another_format() -> None:
    changes = changed(PHOTOGRAPH._replace(has_alpha=True), POSTED, webp=STICKERS)
    assert plan_of(changes) == "convert it to png"


def test_an_animation_keeps_its_format() -> None:
    animation = PHOTOGRAPH._replace(animated=True, frames=8, width=600, height=600)
    assert plan_of(changed(animation, POSTED, webp={"dimensions": only("512x512")})) == "scale it to 512×512"


def test_the_format_stays_where_another_one_has_the_same_limits() -> None:
    lines = POSTED | {"long_side": {"max": 1000}}
    assert plan_of(changed(PHOTOGRAPH, lines, webp={"size": {"max": 100_000}})) == "scale it to 1000×563"


def test_a_video_changes_its_container_rather_than_its_size() -> None:
    changes = changed(CLIP, {"format": only("mp4", "mov")}, mp4={"long_side": {"max": 640}})
    assert (plan_of(changes), changes.shape) == ("remux it to mov without re-encoding", None)


def test_a_video_is_scaled_where_that_is_less_than_a_crop_elsewhere() -> None:
    changes = changed(
        CLIP, {"format": only("mp4", "mov")}, mp4={"long_side": {"max": 640}}, mov={"aspect_ratio": only("1:1")}
    )
    assert (changes.written, changes.shape) == ("mp4", Shape((1280, 720), (640, 360)))


def test_an_encoded_broadcast_becomes_a_file_whose_facts_can_be_read() -> None:
    lines = {"format": only("mpegts", "mov"), "scan": only("progressive")}
    assert plan_of(changed(BROADCAST, lines)) == "deinterlace it and convert it to mov"
    only_broadcasts = {"format": only("mpegts"), "scan": only("progressive")}
    assert plan_of(changed(BROADCAST, only_broadcasts)) == "deinterlace it"


def test_a_broadcast_that_is_only_cut_stays_one() -> None:
    changes = changed(BROADCAST, {"format": only("mpegts", "mp4"), "duration": {"max": 10}})
    assert (changes.written, changes.remuxes) == ("mpegts", True)


def test_a_format_with_its_own_limits_is_not_chosen_for_what_it_cannot_help() -> None:
    lines = {"format": only("mp4", "mov"), "audio_codec": {"required": True}}
    assert changed(SILENT, lines, mp4={"fps": {"max": 60}}).written == "mp4"
