"""List the changes of a media file as the steps of a plan, and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from preflight.media import NONE
from preflight.plans import encoding
from preflight.plans.changes import Changes, needs_shape
from preflight.plans.encoding import GEOMETRY
from preflight.report import Action, Step
from preflight.wording import either


def steps_for(changes: Changes) -> tuple[Step, ...]:
    """Return the steps in the order in which they are applied; without a step for a fact that cannot be changed."""
    return (*_geometry_steps(changes), *_time_steps(changes), *_coding_steps(changes), *_container_steps(changes))


def is_resolved(changes: Changes, steps: tuple[Step, ...]) -> bool:
    """Return whether every wrong fact is inside its limits after the steps."""
    if needs_shape(changes) and changes.shape is None:
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
