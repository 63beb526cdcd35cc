"""Describe why a file cannot be fixed, and which parameter would allow it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from preflight.facts import label
from preflight.formats import AUDIO, CAMERA_RAW, IMAGE
from preflight.media import NONE, Media
from preflight.plans import pictures
from preflight.plans.budgets import SIZE_FACTS
from preflight.plans.changes import Changes, needs_shape
from preflight.plans.encoding import MUXERS
from preflight.plans.filters import video_filters
from preflight.plans.steps import is_resolved, steps_for
from preflight.plans.timing import is_too_short
from preflight.report import Obstacle
from preflight.units import format_value
from preflight.wording import accepted, either

INCOMPLETE: Final = frozenset(("no_media_data", "no_moov", "nothing_shown", "truncated"))
"""Notes of incomplete files, which cannot be fixed."""
_CODECS: Final = {"video_codec": "video", "audio_codec": "audio"}


def obstacles(changes: Changes, media: Media) -> tuple[Obstacle, ...]:
    """Return why the changes do not make a media file pass; empty if they do."""
    hopeless = list(_of_file(media))
    if hopeless:
        return tuple(hopeless)
    found = [*changes.obstacles, *_not_invented(changes, media)]
    if changes.media.kind != IMAGE:
        found += _of_writing(changes)
    elif (of_picture := pictures.obstacle(changes, media)) is not None:
        found.append(of_picture)
    if not any(each.parameter == "max_upscale" for each in found):
        found += _of_geometry(changes)
    if not found and not is_resolved(changes, steps_for(changes)):
        found += _unresolved(changes, media)
    return tuple(dict.fromkeys(found))


def _of_file(media: Media) -> Iterator[Obstacle]:
    if media.encrypted:
        yield Obstacle("The file is encrypted. Decrypt it first.")
    if not INCOMPLETE.isdisjoint(media.notes):
        yield Obstacle("The file is incomplete. Copy or download it again.")
    if media.format in CAMERA_RAW:
        yield Obstacle("The file is a camera raw file. Export an image or a video from it first.")


def _not_invented(changes: Changes, media: Media) -> Iterator[Obstacle]:
    """Yield the obstacles for which content would have to be added."""
    limits, unmet = changes.limits, changes.unmet
    if "duration" in unmet and is_too_short(changes.media, limits):
        yield _too_short(changes, media)
    if (
        media.kind != AUDIO
        and media.audio_codec == NONE
        and not unmet.isdisjoint(("audio_codec", "sample_rate", "channels", "audio_tracks"))
    ):
        if changes.choices.add_silence:
            yield Obstacle(
                "It has no audio, and none of the accepted audio codecs can be encoded. Add audio with another program."
            )
        else:
            yield Obstacle("It has no audio, which is required. A silent track can be added.", "add_silence")
    for fact in sorted(unmet & {"size", "base64_size", "bit_rate", "video_bit_rate", "audio_bit_rate"}):
        value = getattr(media, fact)
        if limits[fact].side(value) < 0:
            what, lowest = format_value(fact, value), accepted(limits[fact])
            yield Obstacle(
                f"Its {label(fact)} of {what} is too low ({lowest} is required). Use a source of higher quality."
            )
    if changes.compresses and not unmet.isdisjoint(SIZE_FACTS) and changes.budget is not None:
        yield Obstacle(_too_tight(changes))


def _too_short(changes: Changes, media: Media) -> Obstacle:
    limit = changes.limits["duration"]
    if changes.choices.extend is not None:
        problem = f"It is {media.duration:.4g} s long, and no accepted duration ({accepted(limit)}) can be reached."
        return Obstacle(f"{problem} Use another file.")
    lowest = min(limit.any_of) if limit.any_of else (limit.low or 0.0)
    missing = lowest - (media.duration or 0.0)
    what = "It can be looped, or silence added" if media.kind == AUDIO else "It can be looped, or its last frame held"
    return Obstacle(f"It is {missing:.3g} s shorter than the required {lowest:g} s. {what}.", "extend")


def _too_tight(changes: Changes) -> str:
    budget = changes.budget
    assert budget is not None
    most = format_value("size", budget.max_bytes)
    if not changes.media.duration:
        return f"Its duration is not known, so it cannot be compressed to {most}. Remux it first."
    if changes.media.kind == AUDIO:
        return f"A size of {most} leaves only {budget.audio_bit_rate or 0:,} bit/s for its audio. Split it into parts."
    size = changes.size or (0, 0)
    rate = budget.video_bit_rate or 0
    return f"A size of {most} leaves only {rate:,} bit/s for a video of {size[0]}×{size[1]}. Split it into parts."


def _of_writing(changes: Changes) -> Iterator[Obstacle]:
    """Yield why a video or audio file cannot be written."""
    limits = changes.limits
    if changes.written not in MUXERS:
        names = limits["format"].any_of if "format" in limits else None
        listed = f" ({either(sorted(names))})" if names else ""
        yield Obstacle(f"None of the accepted formats{listed} can be written. Convert it with another program.")
        return
    codings = {"video_codec": changes.video, "audio_codec": changes.audio}
    for fact, codec in changes.codecs.items():
        if codings[fact] is not None or (fact == "audio_codec" and changes.media.audio_codec == NONE):
            continue
        names = limits[fact].any_of if fact in limits else None
        remedy = "Encode it with another program."
        if codec is None and names:
            yield Obstacle(
                f"None of the accepted {_CODECS[fact]} codecs ({either(sorted(names))}) can be encoded. {remedy}"
            )
        elif codec is not None or changes.compresses:
            yield Obstacle(f"No encoding of its {_CODECS[fact]} is within all limits. {remedy}")
    if changes.video is not None and video_filters(changes) is None:
        yield Obstacle("Its colors are not described well enough to convert them. Export it with its color space.")


def _of_geometry(changes: Changes) -> Iterator[Obstacle]:
    if needs_shape(changes) and changes.shape is None:
        yield Obstacle("No width and height are within all limits. Choose another fit or another rule set.")
    if changes.colors is not None and not changes.colors.are_accepted(changes.limits):
        yield Obstacle("The colors that it can be converted to are not accepted. Convert it with another program.")


def _unresolved(changes: Changes, media: Media) -> Iterator[Obstacle]:
    """Yield the facts that no step brings inside their limits."""
    resolved = {fact for step in steps_for(changes) for fact in step.facts}
    for fact in sorted(changes.wrong - resolved):
        value = getattr(media, fact)
        stated = f" ({format_value(fact, value)})" if value is not None else ""
        if fact in changes.limits:
            required = accepted(changes.limits[fact])
            yield Obstacle(
                f"No change brings its {label(fact)}{stated} within the limit ({required}). Use another program."
            )
