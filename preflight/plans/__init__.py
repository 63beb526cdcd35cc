"""Plan the changes that make a file pass: a hint for each finding, and one plan for all findings together.

The result of a plan is inside every limit of the rule set. If no steps would achieve that, there is no plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from preflight.formats import CAMERA_RAW, CAMERA_RAW_EXTENSIONS, IMAGE, VIDEO, extension_of
from preflight.media import Media
from preflight.plans import encoding
from preflight.plans.changes import Changes, Shortcut
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.commands import CommandTemplate, command_template, paths_of
from preflight.plans.encoding import GEOMETRY, Subject
from preflight.plans.ffmpeg_args import args_for
from preflight.plans.fix_command import fix_command
from preflight.plans.least_change import changes_for
from preflight.plans.losses import losses
from preflight.plans.pictures import obstacle
from preflight.plans.steps import is_resolved, sentence_of, steps_for
from preflight.report import Finding, Plan, Step, needs_change
from preflight.ruleset import Section

_TOO_SMALL: Final = {"pixel_count_too_small", *(f"{fact}_too_small" for fact in GEOMETRY - {"aspect_ratio"})}
_PREVIEW: Final = (
    "the name is that of a camera raw file but the content is only a preview: export a JPEG from the camera raw file"
)
"""Hint for a small picture with such a name: enlarging it would not help."""
_EDIT_LIST: Final = "correct or remove the edit list, which leaves out all of the media"
_NOT_INVENTED: Final = frozenset(
    ("duration_too_short", "audio_track_required", "audio_bit_rate_too_low", "video_bit_rate_too_low")
)
"""Codes of findings that only a choice of the user allows to fix; the exact facts are needed for that."""
_INCOMPLETE: Final = frozenset(("no_media_data", "no_moov", "nothing_shown", "truncated"))
"""Notes of incomplete files, which cannot be fixed."""
_BEYOND_TOOLS: Final = frozenset(("bad_header", "leading_garbage", "uncommon_coding"))
"""Notes of files that ffmpeg or Pillow may not open."""
_MAX_PILLOW_PIXELS: Final = 178_956_970
"""Pixels above which Pillow does not open a picture."""

WrongFact = tuple[str, str]
"""Code and fact of a finding."""


class Advice(NamedTuple):
    """The changes for the problems of a media file, and their description, independent of its name.

    hints  by wrong fact, its remedy; steps: empty if no steps bring every fact inside its limits
    """

    changes: Changes
    hints: Mapping[str, str | None]
    steps: tuple[Step, ...]
    sentence: str
    command: CommandTemplate | None


def with_plan(
    findings: Sequence[Finding], media: Media, section: Section, name: str | None, *, rules: str, strict: bool = False
) -> tuple[list[Finding], Plan | None]:
    """Return the findings with hints, and the plan that resolves all errors; None if there is none.

    section  the limits on the media's kind; a converted file must satisfy those on its new format
    name     the path of the file for the command; None: a placeholder
    rules    the name of the rule set, for the command
    strict   also change what only causes a warning
    """
    if media.format in CAMERA_RAW:
        return [
            finding._replace(hint=_export(media, section)) if finding.fact == "format" else finding
            for finding in findings
        ], None
    if extension_of(name or "") in CAMERA_RAW_EXTENSIONS and any(finding.code in _TOO_SMALL for finding in findings):
        return [finding._replace(hint=_PREVIEW) if finding.fact in GEOMETRY else finding for finding in findings], None
    problems = tuple([(each.code, each.fact or "") for each in findings if needs_change(each, strict=strict)])
    if not problems:
        return list(findings), None
    section = section if strict else section.mandatory
    length = section.by_fact(media.format).get("duration")
    is_exact = length is not None and length.any_of is not None  # a listed length must not exceed that of the file
    advice = advice_for(problems, Subject.of(media, exact=is_exact), section)
    hinted = []
    for finding in findings:
        hint = advice.hints.get(finding.fact or "") if needs_change(finding, strict=strict) else None
        if finding.fact == "duration" and "nothing_shown" in media.notes:
            hint = _EDIT_LIST
        hinted.append(finding._replace(hint=hint) if hint else finding)
    if not advice.steps or not _INCOMPLETE.isdisjoint(media.notes):
        return hinted, None
    command = command_of(advice, name, (rules,)) if _can_be_opened(media) else None
    return hinted, Plan(advice.sentence, advice.steps, command, losses(advice.changes, media))


def command_of(advice: Advice, name: str | None, rules: Sequence[str]) -> tuple[str, ...] | None:
    """Return the command that applies the changes: one call of ffmpeg if possible, else of `preflight fix`.

    Return None if neither can apply them.
    """
    changes = advice.changes
    if advice.command is not None:
        return advice.command.argv(name)
    if obstacle(changes) is not None if changes.media.kind == IMAGE else args_for(changes) is None:
        return None
    source, output = paths_of(name, changes)
    return fix_command(source, rules, output, changes.choices)


def _can_be_opened(media: Media) -> bool:
    """Return whether ffmpeg and Pillow open a file like this one."""
    if media.encrypted or (media.pixels or 0) > _MAX_PILLOW_PIXELS:
        return False
    return _BEYOND_TOOLS.isdisjoint(media.notes)


def _export(media: Media, section: Section) -> str:
    """Return the hint for a camera raw file: an accepted format to export, since no command can convert it."""
    default = "mp4" if media.kind == VIDEO else "jpeg"
    limit = section.by_fact(media.format).get("format")
    accepted = (limit.any_of if limit is not None else None) or (default,)
    written = default if default in accepted else next(iter(encoding.written_formats(media.kind, limit)), accepted[0])
    return f"a camera raw file: export {'an' if written[0] in 'am' else 'a'} {written.upper()}"


@lru_cache(4096)
def advice_for(
    problems: tuple[WrongFact, ...],
    subject: Subject,
    section: Section,
    choices: Choices = DEFAULT_CHOICES,
    avoided: frozenset[Shortcut] = frozenset(),
) -> Advice:
    """Return the changes that fix all problems, the hint for each wrong fact, the steps and the command.

    avoided  shortcuts that are not taken
    """
    changes = changes_for(frozenset(fact for _, fact in problems), subject, section, choices, avoided)
    steps = steps_for(changes)
    hints = {fact: _hint(code, fact, changes, steps) for code, fact in problems}
    is_hopeless = not subject.is_exact and any(code in _NOT_INVENTED for code, _ in problems)
    if is_hopeless or not is_resolved(changes, steps):
        return Advice(changes, hints, (), "", None)
    return Advice(changes, hints, steps, sentence_of(steps, changes), command_template(changes))


def _hint(code: str, fact: str, changes: Changes, steps: tuple[Step, ...]) -> str | None:
    """Return the remedy for one finding, with the rule file's remark on it."""
    limit = changes.limits.get(fact)
    if code == "audio_track_required":
        remedy: str | None = "add an audio track"
    elif limit is not None and code == "duration_too_short":
        remedy = f"make it longer than {limit.low:g} s" if limit.low_open else f"make it at least {limit.low:g} s long"
    elif limit is not None and code == "file_size_too_large":
        remedy = "compress it more, or make it smaller"
    else:
        fixing = tuple(step for step in steps if fact in step.facts)
        remedy = sentence_of(fixing, changes) if fixing else None
    remark = limit.hint if limit is not None else None
    return f"{remedy} ({remark})" if remedy and remark else remedy or remark
