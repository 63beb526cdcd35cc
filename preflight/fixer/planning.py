"""Plan the changes that make one file pass all chosen rule sets at once, or say why there are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from preflight.checker import CheckPlan, examine
from preflight.codes import CODES
from preflight.formats import IMAGE, VIDEO
from preflight.judge import limit_findings
from preflight.media import NONE, Media
from preflight.plans import Advice, WrongFact, advice_for, command_of
from preflight.plans.changes import Changes, Shortcut
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.combined import Conflict, combine
from preflight.plans.encoding import Subject
from preflight.plans.losses import losses
from preflight.plans.obstacles import obstacles
from preflight.plans.pictures import recipe as recipe_of
from preflight.report import Obstacle, Plan, Report
from preflight.ruleset import RuleSet, Section
from preflight.sources.open import Target, is_url
from preflight.wording import either

DAMAGED: Final = frozenset(("corrupt", "no_media_data", "no_moov", "nothing_shown", "truncated"))
"""Codes of findings on files that are incomplete or damaged."""
OUTPUT_NAME: Final = "the name of the output"
"""Who sets the format, if the extension of the output does."""
_GIVE_MEDIA: Final = "Give an image, video or audio file."
_ROUNDS: Final = 3
"""Times that limits are looked up again, where they depend on what a plan changes."""


class Proposal(NamedTuple):
    """The plan for a file and the changes that it describes; None if nothing needs to or can be changed."""

    plan: Plan
    changes: Changes | None = None


NO_PROPOSAL: Final = Proposal(Plan("", ()))
"""The proposal for a file that passes."""


class FixGoal(NamedTuple):
    """What the result of a plan must satisfy.

    rules    the rule sets that the result must pass, all of them
    strict   also change what only causes a warning
    extra_limits  limits that come from elsewhere, each with its origin: the name of the output, the other files
    """

    rules: tuple[RuleSet, ...]
    choices: Choices = DEFAULT_CHOICES
    strict: bool = False
    extra_limits: tuple[tuple[str, Section], ...] = ()


def examine_source(target: Target, check: CheckPlan, index: int = 0, name: str | None = None) -> Report:
    """Return the report of a source; a picture is decoded if only that shows what it is to be judged by.

    The number of frames of a GIF, and the length of animations, are not in their headers.
    """
    report = examine(target, check, index, name)
    media = report.media
    if media is None or media.kind != IMAGE or report.passed:
        return report
    hides_length = bool(media.animated) and media.duration is None
    return examine(target, check._replace(deep=True), index, name) if hides_length or _lacks_facts(report) else report


def _lacks_facts(report: Report) -> bool:
    return any(finding.code == "fact_unknown" for finding in report.findings)


def propose(report: Report, goal: FixGoal, avoided: frozenset[Shortcut] = frozenset()) -> Proposal:
    """Return the plan for a file of which `report` has the facts and findings.

    avoided  shortcuts that are not taken
    """
    media = report.media
    if media is None or media.kind is None:
        if report.error is not None:
            return _impossible([Obstacle(report.error.message)])
        return _impossible([Obstacle(f"{_not_media(report)}."), Obstacle(_GIVE_MEDIA)])
    if damage := [CODES[finding.code].title.lower() for finding in report.findings if finding.code in DAMAGED]:
        return _impossible([Obstacle(f"The file is damaged ({damage[0]}). Copy or download it again.")])
    if media.location is False:  # there is nothing to remove
        goal = goal._replace(choices=goal.choices._replace(strip_location=False))
    obstacles: list[Obstacle] = []
    first: Proposal | None = None
    name = None if is_url(report.source) or report.source.startswith("<") else report.source
    for view in _views(media, goal, avoided):
        found = _planned(view, goal, name, avoided)
        if found.plan.obstacles:
            obstacles += found.plan.obstacles
        elif not _is_better_as_video(found):
            return found
        first = first or (None if found.plan.obstacles else found)
    return first or _impossible(obstacles)


def _views(media: Media, goal: FixGoal, avoided: frozenset[Shortcut]) -> Iterator[Media]:
    """Yield the media as it is, and an animated picture as the video that it may become, or as that only."""
    moves = media.animated or (media.animated is None and (media.frames or 1) > 1 and not media.multi_picture)
    becomes_video = media.kind == IMAGE and moves and all(VIDEO in rules.sections for rules in goal.rules)
    if not becomes_video or all(IMAGE in rules.sections for rules in goal.rules):
        yield media
    if becomes_video and "animation_as_video" not in avoided:
        yield as_video(media)


def as_video(media: Media) -> Media:
    """Return the facts of an animated picture as those of a video without audio."""
    fps = media.frames / media.duration if media.frames and media.duration else None
    return media._replace(
        kind=VIDEO, fps=fps, video_codec=media.format, video_tracks=1, audio_codec=NONE, audio_tracks=0,
        scan="progressive", animated=None, multi_picture=None, rotation=0, pixel_aspect_ratio=1.0,
    )  # fmt: skip


def _is_better_as_video(proposal: Proposal) -> bool:
    """Return whether only one frame of an animation is kept, or all of them with fewer pixels for fewer bytes."""
    changes = proposal.changes
    if changes is None or changes.media.kind != IMAGE or not changes.media.animated:
        return False
    recipe = recipe_of(changes)
    return recipe is not None and (changes.compresses or not recipe.keeps_frames)


def _planned(media: Media, goal: FixGoal, name: str | None, avoided: frozenset[Shortcut]) -> Proposal:
    """Return the plan for a media as it is, or its obstacles."""
    refusing = [rules.service for rules in goal.rules if (media.kind or "") not in rules.sections]
    if refusing:
        what = "audio files" if media.kind == "audio" else f"{media.kind}s"
        verb = "accepts" if len(refusing) == 1 else "accept"
        return _impossible([Obstacle(f"{either(refusing, 'and')} {verb} no {what}. Choose another rule set.")])
    problems: dict[WrongFact, None] = {}
    predicted, advice = media, None
    for _ in range(_ROUNDS):
        section = _limits(predicted, goal)
        if isinstance(section, Conflict):
            return _impossible([_excluded(section, goal)])
        problems |= dict.fromkeys(_problems(media, section, goal))
        advice = advice_for(tuple(problems), Subject.of(media, exact=True), section, goal.choices, avoided)
        if not problems and not advice.steps:
            return NO_PROPOSAL
        if not advice.steps:
            break
        after = _after(predicted, advice)
        if _limits(after, goal) is section:
            break
        predicted = after
    return _proposal(advice, media, goal, name)


def _excluded(conflict: Conflict, goal: FixGoal) -> Obstacle:
    """Return the obstacle of limits that no file can keep together."""
    if OUTPUT_NAME in conflict.names:
        return Obstacle(f"{conflict.sentence}. Give the output another extension.")
    if not {who for who, _ in goal.extra_limits}.isdisjoint(conflict.names):
        return Obstacle(f"{conflict.sentence}. Leave this file out.")
    return Obstacle(f"{conflict.sentence}. Fix it for each rule set separately.", "each")


def _limits(media: Media, goal: FixGoal) -> Section | Conflict:
    """Return the limits of all rule sets that hold for a media with these facts."""
    named = []
    for rules in goal.rules:
        section = rules.sections[media.kind or ""].at(media)
        named.append((rules.name, section if goal.strict else section.mandatory))
    return combine([*named, *goal.extra_limits], media.kind, strict=goal.strict)


def _problems(media: Media, section: Section, goal: FixGoal) -> Iterator[WrongFact]:
    """Yield the code and the fact of each problem of a media."""
    for finding in limit_findings(media, section.for_format(media.format), goal.rules[0]):
        is_failing_warning = goal.strict and finding.severity == "warning" and finding.limit is not None
        if finding.fact is not None and (finding.severity == "error" or is_failing_warning):
            yield finding.code, finding.fact


def _after(media: Media, advice: Advice) -> Media:
    """Return the facts of a media after the steps, as far as the steps set them."""
    values: dict[str, Any] = {}
    for step in advice.steps:
        values |= {name: value for name, value in step.as_json().items() if name in Media._fields}
    return media._replace(**values)


def _proposal(advice: Advice | None, media: Media, goal: FixGoal, name: str | None) -> Proposal:
    if advice is None:
        return NO_PROPOSAL
    if found := obstacles(advice.changes, media):
        return _impossible(list(found))
    if not advice.steps:
        return NO_PROPOSAL
    command = command_of(advice, name, [rules.name for rules in goal.rules])
    return Proposal(Plan(advice.sentence, advice.steps, command, losses(advice.changes, media)), advice.changes)


def _impossible(obstacles: list[Obstacle]) -> Proposal:
    return Proposal(Plan("", (), obstacles=tuple(dict.fromkeys(obstacles))))


def _not_media(report: Report) -> str:
    return next((finding.message for finding in report.findings), "not a media file")


def revealed_facts(known: Report, changes: Changes, after: Report | None) -> Report | None:
    """Return `known` with the facts of a video or audio file that its result reveals; None if there are none.

    The length of an animation, and the frame rate of MPEG-TS, are only found by decoding. Audio may play longer in
    another codec, which pads it: then it must be cut as if it were so long.

    after  the result of the changes
    """
    media, result = known.media, after.media if after is not None else None
    if media is None or result is None:
        return None
    times = changes.timing
    fps = media.fps
    if fps is None and times.fps is None:
        fps = result.fps
    duration = media.duration
    keeps_length = times.kept is None and times.extended is None
    if keeps_length and result.duration is not None and (duration is None or result.duration > duration):
        duration = result.duration
    if (fps, duration) == (media.fps, media.duration):
        return None
    return replace(known, media=media._replace(fps=fps, duration=duration))
