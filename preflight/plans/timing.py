"""Choose the part of a video or audio file that is kept, how a short one becomes longer, and the frame rate."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor, inf
from typing import Final, NamedTuple

from preflight.limit import Limit
from preflight.plans.choices import Choices
from preflight.plans.encoding import Subject, bounds

_MAX_FPS: Final = 1000.0
"""Highest frame rate that a hint suggests."""
_PADDING: Final = 0.2
"""Seconds. Encoders pad the last audio frame and MP3 adds a frame of delay, so a cut at the bound would play longer."""
_PADDING_SAMPLES: Final = 2400
"""Samples of that: four frames of MP3 below 16 kHz."""
_SLOW: Final = 20.0
"""Frames per second below which `_PADDING` is too short for some frames."""
_PADDING_FRAMES: Final = 5
"""Frames by which a cut may be too long: in a copied track, frames are not stored in display order."""
_LENGTHENING: Final = 0.1
"""Seconds added to the lower bound when a file is extended, because containers round durations."""
_ANIMATION_RATES: Final = (1.0, 50.0)
"""The lowest and the highest frame rate that animated pictures usually have: GIF counts hundredths of a second."""
_MAX_DIVISOR: Final = 4
_DIVISION_SHARE: Final = 0.9
"""Minimum share of the nearest frame rate at which every second, third or fourth frame is kept, which is smoother."""
_COMMON_RATES: Final = (24_000 / 1001, 24.0, 25.0, 30_000 / 1001, 30.0, 48.0, 50.0, 60_000 / 1001, 60.0)
_RATES_OF_ANIMATIONS: Final = (50.0, 30.0, 25.0, 60.0, 20.0, 15.0, 10.0)
"""Frame rates that express the usual times of animated images exactly, for those of which the times are not known."""
_COMMON_SHARE: Final = 0.03
"""Share by which the average of a variable frame rate may differ from the common rate that is meant."""
_SLOWEST_SHARE: Final = 0.5
"""Minimum share of the frame rate that is kept when there are too many frames; below it, the file is trimmed."""

CUTTABLE: Final = frozenset(("duration", "frames", "pixel_frames"))
"""Facts that trimming brings within their limits."""


class PlannedTimes(NamedTuple):
    """The times of a result.

    start     seconds that are left out at the beginning
    kept      seconds that are kept from there; None: all
    extended  seconds that the result is long, if it becomes longer
    fps       the constant frame rate; None: the times of the frames stay the same
    """

    start: float = 0.0
    kept: float | None = None
    extended: float | None = None
    fps: float | None = None

    @property
    def rate(self) -> str | None:
        """Return the frame rate as ffmpeg reads it exactly: `25`, `30000/1001`."""
        if self.fps is None:
            return None
        return str(Fraction(self.fps).limit_denominator(1001))

    def duration(self, media: Subject) -> float | None:
        """Return the seconds of the result; None if they are not known."""
        if self.extended is not None or self.kept is None:
            return self.extended or media.duration
        return min(self.kept, media.duration) if media.duration is not None else self.kept


def plan_times(
    media: Subject, wrong: frozenset[str], limits: Mapping[str, Limit], choices: Choices, pixels: int | None
) -> PlannedTimes:
    """Return the times that bring the `wrong` facts inside their limits, as far as possible.

    pixels  of a frame of the result
    """
    rate = _frame_rate(media, wrong, limits)
    limit = limits.get("duration") if "duration" in wrong else None
    if limit is not None and is_too_short(media, limits):
        if choices.extend == "loop" or media.variable_fps:
            rate = rate or _constant_rate(media, limits)  # so that frames are repeated where a track is shorter
        return PlannedTimes(extended=extended_duration(media, limit) if choices.extend is not None else None, fps=rate)
    kept = trimmed_duration(limit, media) if limit is not None else None
    if not wrong.isdisjoint(("frames", "pixel_frames")):
        seconds = PlannedTimes(kept=kept).duration(media)
        slower, cut = _for_frames(rate or media.fps, seconds, max_frames(limits, pixels), limits)
        rate, kept = slower or rate, cut or kept
    if kept is None or media.duration is None or choices.trim == "start":
        return PlannedTimes(kept=kept, fps=rate)
    left_out = max(0.0, media.duration - kept)
    return PlannedTimes(round(left_out / (2 if choices.trim == "middle" else 1), 3), kept, None, rate)


def is_too_short(media: Subject, limits: Mapping[str, Limit]) -> bool:
    """Return whether a file is known to play shorter than a limit accepts."""
    limit = limits.get("duration")
    if limit is None or media.duration is None:
        return False
    if limit.any_of is not None:
        return media.duration < min(limit.any_of, default=0.0)
    return limit.side(media.duration) < 0


def trimmed_duration(limit: Limit, media: Subject | None = None) -> float | None:
    """Return the seconds to keep so that the result passes after encoding; None if nothing would be left."""
    if limit.any_of is not None:
        length = media.duration if media is not None and media.duration is not None else inf
        return max((float(value) for value in limit.any_of if 0 < value <= length), default=None)
    low, high = bounds(limit)
    is_slow = media is not None and media.fps is not None and 0 < media.fps < _SLOW
    padding = _PADDING_FRAMES / media.fps if is_slow and media is not None and media.fps else _PADDING
    if media is not None and media.sample_rate:
        padding = max(padding, _PADDING_SAMPLES / media.sample_rate)
    kept = round(max(high - padding, (low + high) / 2), 3)
    return kept if 0 < kept < inf else None


def extended_duration(media: Subject, limit: Limit) -> float | None:
    """Return the seconds that a file that is too short gets; None if no length passes, or if nothing is played."""
    if not media.duration:
        return None
    if limit.any_of is not None:
        return min((float(value) for value in limit.any_of if value > (media.duration or 0.0)), default=None)
    low, high = bounds(limit)
    aim = min(low + _LENGTHENING, (low + high) / 2)
    return round(aim, 3) if limit.side(aim) == 0 else None


def may_play_any(limit: Limit) -> bool:
    """Return whether a limit accepts every frame rate that animated pictures usually have."""
    return limit.any_of is None and all(limit.side(rate) == 0 for rate in _ANIMATION_RATES)


def target_fps(media_fps: float | None, limit: Limit) -> float | None:
    """Return the nearest whole frame rate in the limit, else its middle, else the nearest listed; None if unusable."""
    if limit.any_of is not None:
        rates = sorted(limit.any_of, key=lambda rate: abs(rate - (media_fps or 0)))
        return next((float(rate) for rate in rates if 0 < rate <= _MAX_FPS), None)
    rate = _rate_between(media_fps, limit)
    for divisor in range(2, _MAX_DIVISOR + 1):
        divided = (media_fps or 0.0) / divisor
        if rate * _DIVISION_SHARE <= divided <= rate and limit.side(divided) == 0:
            return divided
    return rate if 0 < rate <= _MAX_FPS and not limit.side(rate) else None


def _rate_between(media_fps: float | None, limit: Limit) -> float:
    low, high = bounds(limit)
    if (media_fps or 0) <= low:
        nearest: float = ceil(low) if limit.side(ceil(low)) == 0 else floor(low) + 1
    else:
        nearest = high if limit.side(high) == 0 else ceil(high) - 1
    return nearest if limit.side(nearest) == 0 else (low + high) / 2


def _frame_rate(media: Subject, wrong: frozenset[str], limits: Mapping[str, Limit]) -> float | None:
    """Return the constant frame rate of the result; None: the times of the frames stay the same."""
    limit = limits.get("fps")
    if "fps" in wrong and limit is not None:
        accepted = (rate for rate in _RATES_OF_ANIMATIONS if media.fps is None and limit.side(rate) == 0)
        return next(accepted, None) or target_fps(media.fps, limit)
    return _constant_rate(media, limits) if "variable_fps" in wrong else None


def _constant_rate(media: Subject, limits: Mapping[str, Limit]) -> float | None:
    """Return the accepted frame rate that a variable one is meant to be, else its average."""
    if not media.fps:
        return None
    limit = limits.get("fps")
    near = sorted(_COMMON_RATES, key=lambda rate: abs(rate - (media.fps or 0.0)))
    meant = [rate for rate in near if abs(rate / media.fps - 1) <= _COMMON_SHARE]
    return next((rate for rate in (*meant, media.fps) if limit is None or limit.side(rate) == 0), None)


def max_frames(limits: Mapping[str, Limit], pixels: int | None) -> float:
    """Return the frames that a video may have: infinite without a limit."""
    highest = inf
    if (limit := limits.get("frames")) is not None and limit.high is not None:
        highest = limit.high - limit.high_open
    if (limit := limits.get("pixel_frames")) is not None and limit.high is not None and pixels:
        highest = min(highest, (limit.high - limit.high_open) // pixels)
    return highest


def _for_frames(
    rate: float | None, seconds: float | None, most: float, limits: Mapping[str, Limit]
) -> tuple[float | None, float | None]:
    """Return the frame rate, and the seconds to keep, with which a video has at most so many frames; None: as it is."""
    if not rate or not seconds or not 1 <= most < rate * seconds:
        return None, None
    slower = floor((most - 1) / seconds * 1000) / 1000
    limit = limits.get("fps")
    if slower >= rate * _SLOWEST_SHARE and (limit is None or limit.side(slower) == 0):
        return slower, None
    return None, round((most - 0.5) / rate, 3)
