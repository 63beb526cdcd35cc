"""The filters of ffmpeg for the video track, in the order in which they are applied."""

from __future__ import annotations

import re
from typing import Final

from preflight.plans import colors
from preflight.plans.changes import Changes

_NAME: Final = re.compile(r"(?:^|[,;\]])([a-z0-9_]+)(?=[=,;\[]|$)")
"""The name of a filter, which begins a chain or follows another filter or a label."""


def needed_filters(changes: Changes) -> frozenset[str]:
    """Return the names of the filters that ffmpeg must have for the changes."""
    return frozenset(_NAME.findall(",".join(film_filters(changes) or ())))


def color_words(changes: Changes) -> list[str]:
    """Return the options of the output that state its colors; empty if those of the frames are right."""
    if changes.colors is None or changes.video is None:
        return []
    return ["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv"]


def film_filters(changes: Changes) -> list[str] | None:
    """Return the filters of the video track; None if none can convert its colors."""
    media = changes.media
    filters = ["bwdif=mode=send_frame"] if changes.deinterlaces else []
    if changes.shape is not None:
        (crop_width, crop_height), (width, height), _ = changes.shape
        if (crop_width, crop_height) != (media.width, media.height):
            filters.append(f"crop={crop_width}:{crop_height}")
        filters.append(f"scale={width}:{height},setsar=1")
    if changes.timing.rate is not None:
        filters.append(f"fps={changes.timing.rate}")
    if "has_alpha" in changes.wrong:
        filters.append("format=gbrap,premultiply=inplace=1")
    if changes.colors is not None:
        converting = colors.filters(media, changes.colors)
        return None if converting is None else [*filters, converting]
    return filters
