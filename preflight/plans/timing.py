"""Choose the duration and the frame rate that pass."""

from __future__ import annotations

from math import ceil, floor
from typing import Final

from preflight.limit import Limit
from preflight.plans.encoding import bounds

_MAX_FPS: Final = 1000.0
"""Highest frame rate that a hint suggests."""
_PADDING: Final = 0.2
"""s; audio encoders pad their last frame and MP3 adds a frame of delay, so a cut at the bound would play longer."""


def duration(limit: Limit) -> float | None:
    """Return the seconds to keep so that the result passes after encoding; None if nothing would be left."""
    low, high = bounds(limit)
    kept = round(max(high - _PADDING, (low + high) / 2), 3)
    return kept if 0 < kept < float("inf") else None


def fps(media_fps: float | None, limit: Limit) -> float | None:
    """Return the nearest whole frame rate in the limit, else its middle, else the nearest listed; None if unusable."""
    if limit.any_of is not None:
        rates = sorted(limit.any_of, key=lambda rate: abs(rate - (media_fps or 0)))
        return next((float(rate) for rate in rates if 0 < rate <= _MAX_FPS), None)
    rate = _rate_between(media_fps, limit)
    return rate if 0 < rate <= _MAX_FPS and not limit.side(rate) else None


def _rate_between(media_fps: float | None, limit: Limit) -> float:
    low, high = bounds(limit)
    if (media_fps or 0) <= low:
        nearest: float = ceil(low) if limit.side(ceil(low)) == 0 else floor(low) + 1
    else:
        nearest = high if limit.side(high) == 0 else ceil(high) - 1
    return nearest if limit.side(nearest) == 0 else (low + high) / 2
