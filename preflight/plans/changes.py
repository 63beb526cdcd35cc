"""Find the changes that bring a media file inside its limits, and list them as the steps of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE
from preflight.plans import encoding, geometry
from preflight.plans.encoding import GEOMETRY, Subject, can_copy, can_remux
from preflight.plans.geometry import LimitsByFact, Shape
from preflight.report import Action, Step
from preflight.ruleset import Section
from preflight.wording import either


class Changes(NamedTuple):
    """The necessary changes of a media file.

    wrong    the facts outside their limits
    limits   those of the format that is written
    written  the format of the result; empty if no accepted format can be written
    tracks   the codec facts of the tracks that the result has
    remuxes  whether nothing has to be encoded again
    shape    None: the geometry stays the same
    """

    media: Subject
    wrong: frozenset[str]
    limits: LimitsByFact
    written: str
    tracks: tuple[str, ...]
    remuxes: bool
    shape: Shape | None = None


def changes_for(wrong: frozenset[str], media: Subject, section: Section) -> Changes:
    """Return the smallest changes that bring the `wrong` facts inside the limits, as far as possible."""
    formats = [media.format or ""]
    if "format" in wrong:
        formats = encoding.written_formats(media.kind, section.by_fact(None).get("format")) or [""]
    facts = ("audio_codec",) if media.kind == AUDIO else ("video_codec", "audio_codec")
    tracks = tuple([fact for fact in facts if getattr(media, fact) != NONE])
    found = []
    for name in formats:
        limits = section.by_fact(name or None)
        found.append(Changes(media, wrong, limits, name, tracks, can_remux(media, tracks, wrong, limits, name)))
        if found[-1].remuxes:  # preferred: all tracks can be copied into this format
            break
    changes = found[-1] if found[-1].remuxes else found[0]
    return changes._replace(shape=geometry.shape(media, changes.limits)) if _needs_shape(changes) else changes


def _needs_shape(changes: Changes) -> bool:
    """Return whether the geometry is wrong, or has odd sides, which encoders of 4:2:0 do not accept."""
    media = changes.media
    if not changes.wrong.isdisjoint(GEOMETRY):
        return True
    if media.kind != VIDEO or can_copy("video_codec", media, changes.wrong, changes.limits, changes.written):
        return False
    return (media.width or 0) % 2 == 1 or (media.height or 0) % 2 == 1


def steps_for(changes: Changes) -> tuple[Step, ...]:
    """Return the steps in the order in which they are applied; without a step for a fact that cannot be changed."""
    return (*_geometry_steps(changes), *_time_steps(changes), *_coding_steps(changes), *_container_steps(changes))


def is_resolved(changes: Changes, steps: tuple[Step, ...]) -> bool:
    """Return whether every wrong fact is inside its limits after the steps."""
    if _needs_shape(changes) and changes.shape is None:
        return False
    resolved = {fact for step in steps for fact in step.facts}
    if changes.shape is not None:
        resolved |= GEOMETRY
    if changes.written and "format" in changes.wrong:  # the other format may have fewer limits
        resolved |= _CHANGEABLE - changes.limits.keys()
    return changes.wrong <= resolved


_CHANGEABLE: Final = GEOMETRY | {"duration", "fps", "streamable", "video_codec", "audio_codec"}
"""Facts that a plan can change."""


def _geometry_steps(changes: Changes) -> Iterator[Step]:
    if changes.shape is None:
        return
    facts = tuple(sorted(changes.wrong & GEOMETRY))
    crop, size = changes.shape
    if crop != (changes.media.width, changes.media.height):
        yield Step("crop", facts, width=crop[0], height=crop[1])
    if size != crop:
        yield Step("scale", facts, width=size[0], height=size[1])


def _time_steps(changes: Changes) -> Iterator[Step]:
    limits = changes.limits
    if "fps" in changes.wrong and "fps" in limits:
        rate = encoding.fps(changes.media.fps, limits["fps"])
        if rate is not None:
            yield Step("change_fps", ("fps",), fps=rate)
    if "duration" in changes.wrong and "duration" in limits:
        kept = encoding.duration(limits["duration"])
        if kept is not None:
            yield Step("trim", ("duration",), duration=kept)


def _coding_steps(changes: Changes) -> Iterator[Step]:
    for fact in sorted(changes.wrong & {"video_codec", "audio_codec"}, reverse=True):
        limit = changes.limits.get(fact)
        if limit is None:
            continue
        codec = encoding.codec(fact, limit, changes.written) or next(iter(limit.any_of or ()), None)
        if codec is not None and fact == "video_codec":
            yield Step("transcode", (fact,), video_codec=str(codec))
        elif codec is not None:
            yield Step("remove_audio" if codec == NONE else "transcode", (fact,), audio_codec=str(codec))


def _container_steps(changes: Changes) -> Iterator[Step]:
    if "format" in changes.wrong and changes.written:
        yield Step("remux" if changes.remuxes else "convert", ("format",), format=changes.written)
    limit = changes.limits.get("streamable")
    if "streamable" in changes.wrong and limit is not None:
        yield Step("move_index", ("streamable",), streamable=encoding.accepts(limit, value=True))


def sentence_of(steps: tuple[Step, ...], changes: Changes) -> str:
    """Return the steps as one sentence: `crop it to 720×720 and convert it to 25 frames per second`."""
    sentence = either([_PHRASES[step.action](step) for step in steps], "and")
    return f"{sentence} without re-encoding" if changes.remuxes else sentence


_PHRASES: Final[Mapping[Action, Callable[[Step], str]]] = {
    "crop": lambda step: f"crop it to {step.width}×{step.height}",
    "scale": lambda step: f"scale it to {step.width}×{step.height}",
    "change_fps": lambda step: f"convert it to {step.fps:g} frames per second",
    "trim": lambda step: f"keep the first {step.duration:g} s",
    "transcode": lambda step: f"transcode it to {step.video_codec or step.audio_codec}",
    "remove_audio": lambda _: "remove the audio track",
    "move_index": lambda step: f"move the index (moov) to the {'front' if step.streamable else 'end'}",
    "remux": lambda step: f"remux it to {step.format}",
    "convert": lambda step: f"convert it to {step.format}",
}
