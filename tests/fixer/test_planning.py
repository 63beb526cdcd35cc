"""Plans for files as they are: none for what passes, and the name of the file in the command."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from preflight import catalog
from preflight.fixer import plan
from preflight.fixer.planning import NO_PROPOSAL, FixGoal, propose
from preflight.judge import judge
from preflight.media import Media
from preflight.plans.choices import Choices
from preflight.report import Report

AIM = FixGoal(catalog.resolve("atlas"))
PICTURES = Media("image", "heic", size=1000, width=1025, height=900, frames=2, animated=False, bit_depth=8)


def report(media: Media, source: str = "a.heic") -> Report:
    return Report(source, media, tuple(judge(media, rules) for rules in AIM.rules))


def test_file_of_several_pictures_that_passes_stays_as_it_is() -> None:
    assert report(PICTURES).passed
    assert propose(report(PICTURES), AIM) == NO_PROPOSAL


def test_command_has_the_path_of_the_file_and_a_placeholder_for_a_url() -> None:
    small = PICTURES._replace(format="png", width=299, frames=1)
    command = propose(report(small, "media/-a b.png"), AIM).plan.command
    assert command is not None
    assert any(word.endswith("media/-a b.png") for word in command)
    command = propose(report(small, "https://example.com/a.png?X-Signature=…"), AIM).plan.command
    assert command is not None
    assert not any("example.com" in word for word in command)


def test_location_is_removed_only_where_there_may_be_one() -> None:
    goal = FixGoal(AIM.rules, Choices(strip_location=True))
    for location, actions in ((True, ["remove_location"]), (None, ["remove_location"]), (False, [])):
        one = PICTURES._replace(format="jpeg", frames=1, location=location)
        assert [step.action for step in propose(report(one, "a.jpg"), goal).plan.steps] == actions


ANIMATION = Media(
    "image", "gif", size=25_000_000, width=640, height=480, animated=True, multi_picture=False, bit_depth=8,
    color_model="palette", hdr="none", coding="lossless", has_alpha=False, location=False, notes=("animated",),
)  # fmt: skip


def test_animation_with_too_many_bytes_becomes_a_video_where_videos_are_accepted() -> None:
    goal = FixGoal(catalog.resolve("x"))
    found = propose(Report("a.gif", ANIMATION, tuple(judge(ANIMATION, rules) for rules in goal.rules)), goal)
    assert found.plan.sentence == "convert it to a video"
    assert found.changes is not None
    assert (found.changes.written, found.changes.fps) == ("mp4", None)


def test_animation_stays_one_where_videos_are_not_accepted() -> None:
    only_images = tuple(rules._replace(sections={"image": rules.sections["image"]}) for rules in catalog.resolve("x"))
    found = propose(
        Report("a.gif", ANIMATION, tuple(judge(ANIMATION, rules) for rules in only_images)), FixGoal(only_images)
    )
    assert found.changes is not None
    assert (found.changes.media.kind, found.changes.written, found.changes.compresses) == ("image", "gif", True)


def test_what_is_accepted_with_a_warning_is_only_changed_if_warnings_fail(tmp_path: Path) -> None:
    rules = tmp_path / "own.toml"
    rules.write_text(
        'title = "Own: media"\nstage = "post"\nsource = "https://example.org"\nas_of = 2026-01-01\n'
        'basis = "published"\n[image]\nwidth = { max = 40, lenient = { max = 80 } }\n'
    )
    source = tmp_path / "a.png"
    Image.new("RGB", (60, 60)).save(source)
    assert plan(source, str(rules)).steps == ()
    assert plan(source, str(rules), strict=True).sentence == "scale it to 40×40"
