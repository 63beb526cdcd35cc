"""Learn from a result that does not pass what the source did not state: its length, its frame rate."""

from __future__ import annotations

from dataclasses import replace

from preflight.plans.changes import Changes
from preflight.report import Report


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
