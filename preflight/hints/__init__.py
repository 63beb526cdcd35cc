"""What would make a file pass: a sentence for each finding, and one ready command that mends all that can be mended.

The command's result lies inside every limit of the rule set; where none would do, or bytes are too many, there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from preflight.formats import VIDEO
from preflight.hints import targets
from preflight.hints.commands import Repair, command
from preflight.media import NONE, Media
from preflight.report import Finding
from preflight.ruleset import Limit, Section

_GEOMETRY: Final = frozenset(("width", "height", "aspect_ratio", "pixels"))
_MENDABLE: Final = _GEOMETRY | {"duration", "fps", "format", "video_codec", "audio_codec"}
_NOT_BY_COMMAND: Final = frozenset(("duration_too_short", "audio_track_required"))


def with_hints(findings: Sequence[Finding], media: Media, section: Section, name: str | None) -> list[Finding]:
    """The findings with hints; the first one that can be mended carries the command for all of them.

    section  the limits of the media's kind; what has to be converted is mended to those of its new format
    name     the file's name for the command; None: a placeholder
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    repair = _repair(frozenset(finding.fact or "" for finding in errors), media, section)
    ready = command(repair, name) if _mendable(errors, repair) else None
    hinted = []
    for finding in findings:
        hint = _hint(finding, repair) if finding.severity == "error" else None
        if hint and ready and finding.fact in _MENDABLE:
            hint, ready = f"{hint}: {ready}", None
        hinted.append(_with(finding, hint) if hint else finding)
    return hinted


def _repair(wrong: frozenset[str], media: Media, section: Section) -> Repair:
    written = media.format or ""
    if "format" in wrong:
        written = targets.written_format(media.kind, _of("format", section.limits))
    limits = {limit.fact: limit for limit in section.for_format(written)}
    repair = Repair(media, wrong, limits, None, written)
    shape = targets.shape(media, limits) if _needs_shape(repair) else None
    return Repair(media, wrong, limits, shape, written)


def _of(fact: str, limits: Sequence[Limit]) -> Limit | None:
    return next((limit for limit in limits if limit.fact == fact), None)


def _mendable(errors: Sequence[Finding], repair: Repair) -> bool:
    """One command can mend all of it."""
    if not repair.wrong <= _MENDABLE or any(finding.code in _NOT_BY_COMMAND for finding in errors):
        return False
    return repair.shape is not None or not _needs_shape(repair)


def _needs_shape(repair: Repair) -> bool:
    """The geometry is wrong, or encoders refuse it: those of 4:2:0 take even sides only."""
    sides = (repair.media.width or 0, repair.media.height or 0)
    return bool(repair.wrong & _GEOMETRY) or (repair.media.kind == VIDEO and any(side % 2 for side in sides))


def _with(finding: Finding, hint: str) -> Finding:
    """`dataclasses.replace` for one field, four times as fast: most failing files have a hint."""
    f = finding
    return Finding(f.code, f.severity, f.message, f.fact, f.value, f.limit, hint, f.reference)


def _hint(finding: Finding, repair: Repair) -> str | None:
    """What to do about one finding, and what the rule file itself remarks on it."""
    limit = repair.limits.get(finding.fact or "")
    remedy, remark = _remedy(finding, repair, limit), limit.hint if limit is not None else None
    return f"{remedy} ({remark})" if remedy and remark else remedy or remark


def _remedy(finding: Finding, repair: Repair, limit: Limit | None) -> str | None:
    fact = finding.fact
    if fact in _GEOMETRY:
        return _reshape(repair)
    if fact == "format":
        return f"convert it to {repair.written}" if repair.written else None
    if limit is None:
        return None
    if finding.code == "duration_too_long":
        return f"keep the first {targets.duration(limit):g} s"
    if finding.code == "duration_too_short":
        return f"make it at least {limit.low:g} s long"
    if fact == "fps":
        return f"convert it to {targets.fps(repair.media, limit):g} frames per second"
    if fact in ("video_codec", "audio_codec"):
        return _recode(finding, limit, repair.written)
    return "compress it more, or make it smaller" if finding.code == "file_size_too_large" else None


def _reshape(repair: Repair) -> str | None:
    if repair.shape is None:
        return None
    crop, size = repair.shape
    steps = [] if crop == (repair.media.width, repair.media.height) else [f"crop it to {crop[0]}×{crop[1]}"]
    steps += [] if size == crop else [f"scale it to {size[0]}×{size[1]}"]
    return " and ".join(steps) or None


def _recode(finding: Finding, limit: Limit, written: str) -> str | None:
    if finding.code == "audio_track_required":
        return "add a sound track"
    codec = targets.codec(finding.fact or "", limit, written) or next(iter(limit.any_of or ()), None)
    return "remove the sound track" if codec == NONE else f"transcode it to {codec}" if codec else None
