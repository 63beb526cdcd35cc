"""Find the changes that bring a media file inside its limits."""

from __future__ import annotations

from typing import NamedTuple

from preflight.formats import AUDIO, VIDEO
from preflight.media import NONE
from preflight.plans import encoding, geometry
from preflight.plans.encoding import GEOMETRY, Subject, can_copy, can_remux
from preflight.plans.geometry import LimitsByFact, Shape
from preflight.ruleset import Section


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
    return changes._replace(shape=geometry.shape(media, changes.limits)) if needs_shape(changes) else changes


def needs_shape(changes: Changes) -> bool:
    """Return whether the geometry is wrong, or has odd sides, which encoders of 4:2:0 do not accept."""
    media = changes.media
    if not changes.wrong.isdisjoint(GEOMETRY):
        return True
    if media.kind != VIDEO or can_copy("video_codec", media, changes.wrong, changes.limits, changes.written):
        return False
    return (media.width or 0) % 2 == 1 or (media.height or 0) % 2 == 1
