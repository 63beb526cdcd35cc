"""The maximum size of a result in bytes, and the bit rates that keep it below that."""

from __future__ import annotations

from typing import Final, NamedTuple

from preflight.formats import AUDIO, IMAGE
from preflight.limit import Limit
from preflight.media import NONE
from preflight.plans.encoding import Subject
from preflight.plans.geometry import LimitsByFact, Size
from preflight.plans.timing import PlannedTimes

SIZE_FACTS: Final = frozenset(("size", "base64_size"))
"""Facts that compressing brings within their limits."""
TARGET_SHARE: Final = 0.97
"""Share of the size limit to aim at: results must end between 92 and 100 % of it."""
MIN_SHARE_OF_LIMIT: Final = 0.92
"""Minimum size of a compressed file, as a share of the limit."""
_CUT_SHARE: Final = 0.95
"""Share of the limit below which trimming alone is expected to bring a file."""
_LOWEST_BITS: Final = 0.02
"""Bits per pixel and frame below which a video is scaled down rather than compressed further."""
_LOWEST_AUDIO_RATE: Final = 16_000
"""bit/s per channel below which audio is not compressed."""
_GOOD_AUDIO_RATE: Final = 64_000
"""Maximum bit/s per channel for the audio of a compressed video."""
_AUDIO_SHARE: Final = 0.2
"""Maximum share of a video's bit rate for its audio."""
_COPIED_SHARE: Final = 0.35
"""Share of a video's bit rate up to which its audio is copied."""
_RATIO_SHARE: Final = 0.02
"""Share by which the aspect ratio may change when a video is scaled down for its bit rate."""
_LOSSLESS_SHARE: Final = 0.3
"""Share of uncompressed audio below which no lossless codec is expected to get."""
_MAX_LOSSLESS_BITS: Final = 24
_FRAME_OVERHEAD: Final = 16
"""Bytes that a container adds per frame; `_FIXED_OVERHEAD`: per file."""
_FIXED_OVERHEAD: Final = 2_000
_AUDIO_FRAMES: Final = 47
"""Frames of audio in a second."""
_BASE64_BYTES: Final = 3
_BASE64_CHARACTERS: Final = 4


class SizeBudget(NamedTuple):
    """The maximum size of a result.

    max_bytes       the strict limit
    is_failing      whether the file is larger, so that the result ends between 92 and 100 % of the limit
    video_bit_rate  bit/s to start with; None: the video is copied, or its duration is not known
    audio_bit_rate  bit/s to encode the audio with; None: it is copied, or encoded as without a budget
    """

    max_bytes: int
    is_failing: bool
    video_bit_rate: int | None = None
    audio_bit_rate: int | None = None


def max_result_size(limits: LimitsByFact) -> int | None:
    """Return the maximum number of bytes that all limits accept; None without a limit."""
    sizes = []
    if (highest := _highest(limits.get("size"))) is not None:
        sizes.append(highest)
    if (highest := _highest(limits.get("base64_size"))) is not None:
        sizes.append(highest // _BASE64_CHARACTERS * _BASE64_BYTES)
    return min(sizes, default=None)


def _highest(limit: Limit | None) -> int | None:
    if limit is None or limit.high is None:
        return None
    whole = int(limit.high)
    return whole - 1 if limit.high_open and whole == limit.high else whole


def is_too_small(media: Subject, limits: LimitsByFact) -> bool:
    """Return whether a file is known to have fewer bytes than a limit accepts."""
    limit = limits.get("size")
    return limit is not None and media.size is not None and limit.side(media.size) < 0


def size_budget(media: Subject, wrong: frozenset[str], limits: LimitsByFact, timing: PlannedTimes) -> SizeBudget | None:
    """Return the size budget of the result; None without a size limit, or if no change makes it pass."""
    most = max_result_size(limits)
    if most is None or is_too_small(media, limits):
        return None
    if wrong.isdisjoint(SIZE_FACTS):
        return SizeBudget(most, is_failing=False)
    duration = timing.duration(media)
    if media.kind != IMAGE and media.size and media.duration and duration and duration < media.duration:
        return SizeBudget(most, media.size * duration / media.duration > most * _CUT_SHARE)
    return SizeBudget(most, is_failing=True)


def bytes_per_second(of: SizeBudget, media: Subject, duration: float, fps: float | None) -> float:
    """Return the bytes of media data per second that fit into a budget."""
    overhead = (fps or 0.0) * _FRAME_OVERHEAD
    if media.audio_codec != NONE:
        overhead += _AUDIO_FRAMES * _FRAME_OVERHEAD * (media.audio_tracks or 1)
    return (of.max_bytes * TARGET_SHARE - _FIXED_OVERHEAD) / duration - overhead


def with_audio_rate(of: SizeBudget, media: Subject, duration: float) -> SizeBudget:
    """Return the budget with the bit rate of an audio file."""
    return of._replace(audio_bit_rate=max(0, int(bytes_per_second(of, media, duration, None) * 8)))


def may_fit_lossless(of: SizeBudget, media: Subject, timing: PlannedTimes) -> bool:
    """Return whether uncompressed audio may fit into a budget without a loss."""
    if media.kind != AUDIO or media.audio_codec != "pcm" or not media.size:
        return False
    kept = (timing.duration(media) or 0.0) / media.duration if media.duration else 1.0
    return (media.sample_bits or 0) <= _MAX_LOSSLESS_BITS and of.max_bytes >= _LOSSLESS_SHARE * media.size * kept


def with_video_rates(of: SizeBudget, media: Subject, duration: float, fps: float | None) -> SizeBudget:
    """Return the budget with the bit rates of a video; audio that is a small part of it is copied.

    All audio tracks count: each of them is copied or encoded.
    """
    total = bytes_per_second(of, media, duration, fps) * 8
    audio: int | None = None
    own = 0
    if media.audio_codec != NONE:
        audio_tracks = media.audio_tracks or 1
        own = (media.audio_bit_rate or 0) * audio_tracks
        if not own or own > total * _COPIED_SHARE:
            channels = media.channels or 2
            most = total * _AUDIO_SHARE / audio_tracks
            audio = max(int(min(most, _GOOD_AUDIO_RATE * channels)), _LOWEST_AUDIO_RATE * channels)
            own = audio * audio_tracks
    return of._replace(video_bit_rate=max(0, int(total - own)), audio_bit_rate=audio)


def max_frame_pixels(of: SizeBudget, size: Size | None, fps: float | None) -> int | None:
    """Return the maximum pixels per frame at the video's bit rate; None if it may keep all of them."""
    if of.video_bit_rate is None or size is None or not fps:
        return None
    most = int(of.video_bit_rate / (_LOWEST_BITS * fps))
    return most if most < size[0] * size[1] else None


def limits_for_downscaling(limits: LimitsByFact, size: Size, most: int) -> LimitsByFact:
    """Return limits that make the plan scale a video down to at most `most` pixels, without cropping."""
    pixels = limits.get("pixels") or Limit("pixels")
    ratio = limits.get("aspect_ratio") or Limit("aspect_ratio")
    highest = min(most, pixels.high) if pixels.high is not None else most
    own = size[0] / size[1]
    if ratio.any_of is None:
        low, high = own * (1 - _RATIO_SHARE), own * (1 + _RATIO_SHARE)
        if ratio.low is None or low > ratio.low:
            ratio = ratio._replace(low=low, low_open=False)
        if ratio.high is None or high < ratio.high:
            ratio = ratio._replace(high=high, high_open=False)
    return {**limits, "pixels": pixels._replace(high=highest), "aspect_ratio": ratio}


def is_too_tight(of: SizeBudget, media: Subject, size: Size | None, fps: float | None) -> bool:
    """Return whether a budget leaves too few bits for a video of this size or an audio file, or if that is unknown."""
    if media.is_exact and not media.duration and media.kind != IMAGE:
        return True
    if media.kind == AUDIO:
        return of.audio_bit_rate is not None and of.audio_bit_rate < _LOWEST_AUDIO_RATE * (media.channels or 2)
    return max_frame_pixels(of, size, fps) is not None
