"""What would make a file pass: a sentence for each finding, and one ready command that mends all that can be mended.

The command's result lies inside every limit of the rule set; where none would do, or bytes are too many, there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from preflight.formats import CAMERA_RAW, CAMERA_RAW_EXTENSIONS, VIDEO, extension_of
from preflight.media import NONE, Media
from preflight.plans import encoding, geometry
from preflight.plans.commands import Command, Repair, Subject, command
from preflight.plans.encoding import can_copy
from preflight.report import Finding
from preflight.ruleset import Limit, Section

_GEOMETRY: Final = frozenset(("width", "height", "aspect_ratio", "pixels"))
_TOO_SMALL: Final = frozenset(("width_too_small", "height_too_small", "pixel_count_too_small"))
_PREVIEW: Final = (
    "the name is that of a camera raw file but the content is only a preview: export a JPEG from the camera raw file"
)
"""Hint for a small picture with such a name: enlarging it would not help."""
_FIXABLE: Final = _GEOMETRY | {"duration", "fps", "format", "streamable", "video_codec", "audio_codec"}
_BEYOND_TOOLS: Final = frozenset(
    ("bad_header", "leading_garbage", "no_media_data", "nothing_shown", "truncated", "uncommon_coding")
)
"""Notes of files that ffmpeg or Pillow may refuse to open, or of which they write an empty one."""
_EDIT_LIST: Final = "correct or remove the edit list, which leaves out all of the media"
_BOMB: Final = 178_956_970
"""Pixels above which Pillow refuses to open a picture."""
_NOT_BY_COMMAND: Final = frozenset(("duration_too_short", "audio_track_required"))

Problem = tuple[str, str]
"""Code and fact of a finding."""


def with_hints(findings: Sequence[Finding], media: Media, section: Section, name: str | None) -> list[Finding]:
    """Return the findings with hints; the first one that can be fixed carries the command for all of them.

    section  the limits of the media's kind; what has to be converted is fixed to those of its new format
    name     the file's name for the command; None: a placeholder
    """
    if media.format in CAMERA_RAW:
        return [one._replace(hint=_export(media, section)) if one.fact == "format" else one for one in findings]
    if extension_of(name or "") in CAMERA_RAW_EXTENSIONS and any(one.code in _TOO_SMALL for one in findings):
        return [one._replace(hint=_PREVIEW) if one.fact in _GEOMETRY else one for one in findings]
    problems = tuple([(one.code, one.fact or "") for one in findings if one.severity == "error"])
    hints, ready = _advice(problems, Subject.of(media), section)
    if media.encrypted or not _BEYOND_TOOLS.isdisjoint(media.notes) or (media.pixels or 0) > _BOMB:
        ready = None
    hinted = []
    for finding in findings:
        hint = hints.get(finding.fact or "") if finding.severity == "error" else None
        if finding.fact == "duration" and "nothing_shown" in media.notes:
            hint = _EDIT_LIST
        if hint and ready and finding.fact in _FIXABLE:
            hint, ready = f"{hint}: {ready.of(name)}", None
        hinted.append(Finding(*finding[:6], hint, finding.reference) if hint else finding)
    return hinted


def _export(media: Media, section: Section) -> str:
    """Return the hint for a camera raw: an accepted format to export. No command can convert it."""
    usual = "mp4" if media.kind == VIDEO else "jpeg"
    limit = section.by_fact(media.format).get("format")
    accepted = (limit.any_of if limit is not None else None) or (usual,)
    written = usual if usual in accepted else next(iter(encoding.written_formats(media.kind, limit)), accepted[0])
    return f"a camera raw file: export {'an' if written[0] in 'am' else 'a'} {written.upper()}"


@lru_cache(4096)
def _advice(
    problems: tuple[Problem, ...], subject: Subject, section: Section
) -> tuple[Mapping[str, str | None], Command | None]:
    """The hint for each fact that is wrong, and the command that mends all of it."""
    repair = _repair(frozenset(fact for _, fact in problems), subject, section)
    hints = {fact: _hint(code, fact, repair) for code, fact in problems}
    return hints, command(repair) if _mendable(problems, repair) else None


def _repair(wrong: frozenset[str], media: Subject, section: Section) -> Repair:
    formats = [media.format or ""]
    if "format" in wrong:
        formats = encoding.written_formats(media.kind, section.by_fact(None).get("format"))
    repairs = [Repair(media, wrong, section.by_fact(name), None, name) for name in formats]
    repairs = repairs or [Repair(media, wrong, section.by_fact(None), None, "")]
    # Prefer a format into which all tracks can be copied.
    repair = next((one for one in repairs if one.remuxes), repairs[0])
    return repair._replace(shape=geometry.shape(media, repair.limits)) if _needs_shape(repair) else repair


def _mendable(problems: tuple[Problem, ...], repair: Repair) -> bool:
    """One command can mend all of it."""
    if not repair.wrong <= _FIXABLE or any(code in _NOT_BY_COMMAND for code, _ in problems):
        return False
    limits = repair.limits
    if "duration" in repair.wrong and ("duration" not in limits or encoding.duration(limits["duration"]) is None):
        return False
    if "fps" in repair.wrong and ("fps" not in limits or encoding.fps(repair.media.fps, limits["fps"]) is None):
        return False
    return repair.shape is not None or not _needs_shape(repair)


def _needs_shape(repair: Repair) -> bool:
    """The geometry is wrong, or encoders refuse it: those of 4:2:0 take even sides only."""
    media = repair.media
    if not repair.wrong.isdisjoint(_GEOMETRY):
        return True
    if media.kind != VIDEO or can_copy("video_codec", media, repair.wrong, repair.limits, repair.written):
        return False
    return (media.width or 0) % 2 == 1 or (media.height or 0) % 2 == 1


def _hint(code: str, fact: str, repair: Repair) -> str | None:
    """What to do about one finding, and what the rule file itself remarks on it."""
    limit = repair.limits.get(fact)
    remedy, remark = _remedy(code, fact, repair, limit), limit.hint if limit is not None else None
    return f"{remedy} ({remark})" if remedy and remark else remedy or remark


def _remedy(code: str, fact: str, repair: Repair, limit: Limit | None) -> str | None:
    if fact in _GEOMETRY:
        return _reshape(repair)
    if fact == "format":
        return _rewrap(repair)
    if code == "audio_track_required":
        return "add an audio track"
    if limit is None:
        return None
    if code == "duration_too_long":
        kept = encoding.duration(limit)
        return f"keep the first {kept:g} s" if kept is not None else None
    if code == "duration_too_short":
        return f"make it at least {limit.low:g} s long"
    if fact == "fps":
        rate = encoding.fps(repair.media.fps, limit)
        return f"convert it to {rate:g} frames per second" if rate is not None else None
    if fact == "streamable":
        where = "front" if limit.side(True) == 0 else "end"
        return f"remux it with the index (moov) at the {where}, nothing is re-encoded"
    if fact in ("video_codec", "audio_codec"):
        return _recode(fact, limit, repair.written)
    return "compress it more, or make it smaller" if code == "file_size_too_large" else None


def _rewrap(repair: Repair) -> str | None:
    if not repair.written:
        return None
    if repair.remuxes:
        return f"remux it to {repair.written}, nothing is re-encoded"
    return f"convert it to {repair.written}"


def _reshape(repair: Repair) -> str | None:
    if repair.shape is None:
        return None
    crop, size = repair.shape
    steps = [] if crop == (repair.media.width, repair.media.height) else [f"crop it to {crop[0]}×{crop[1]}"]
    steps += [] if size == crop else [f"scale it to {size[0]}×{size[1]}"]
    return " and ".join(steps) or None


def _recode(fact: str, limit: Limit, written: str) -> str | None:
    codec = encoding.codec(fact, limit, written) or next(iter(limit.any_of or ()), None)
    return "remove the sound track" if codec == NONE else f"transcode it to {codec}" if codec else None
