"""The values to aim at: the least change of a size, a duration, a frame rate, a format or a codec that passes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import ceil, floor, sqrt
from typing import Final, NamedTuple, Protocol

from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.media import NONE
from preflight.ruleset import Limit

Limits = Mapping[str, Limit]
Size = tuple[int, int]

_ROUNDING: Final = 1e-9
"""By how much a whole number of pixels may be missed in floating point."""
_PADDING: Final = 0.2
"""s; encoders of sound fill their last frame up and MP3 adds a frame of delay: a cut at the bound would play longer."""
_WRITTEN: Final = {
    IMAGE: ("png", "jpeg"),
    VIDEO: ("mp4", "mov", "mkv", "webm"),
    AUDIO: ("wav", "mp3", "flac", "m4a", "ogg"),
}
"""By kind, the formats to convert to: what loses least and is most widely written comes first."""
_USUAL: Final = {
    "mp4": ("h264", "aac"),
    "mov": ("h264", "aac"),
    "m4v": ("h264", "aac"),
    "mkv": ("h264", "aac"),
    "webm": ("vp9", "opus"),
    "wav": (NONE, "pcm"),
    "mp3": (NONE, "mp3"),
    "flac": (NONE, "flac"),
    "m4a": (NONE, "aac"),
    "ogg": (NONE, "opus"),
}
"""The codecs of picture and sound that a container usually holds."""
ENCODERS: Final = {
    "aac": ("aac",),
    "ac3": ("ac3",),
    "av1": ("libsvtav1",),
    "flac": ("flac",),
    "h264": ("libx264", "-pix_fmt", "yuv420p"),
    "hevc": ("libx265", "-pix_fmt", "yuv420p", "-tag:v", "hvc1"),
    "mp3": ("libmp3lame",),
    "opus": ("libopus",),
    "pcm": ("pcm_s16le",),
    "vorbis": ("libvorbis",),
    "vp9": ("libvpx-vp9",),
}
"""By codec, ffmpeg's encoder with what it needs."""


class Sized(Protocol):
    """A media, or as much of one as is needed here."""

    @property
    def kind(self) -> str | None: ...
    @property
    def width(self) -> int | None: ...
    @property
    def height(self) -> int | None: ...
    @property
    def fps(self) -> float | None: ...


class Shape(NamedTuple):
    """What to crop to, and what size to scale that to: width and height as displayed."""

    crop: Size
    size: Size


def shape(media: Sized, limits: Limits) -> Shape | None:
    """The crop and the size that satisfy all limits on geometry with the least change; None where none does."""
    width, height = media.width, media.height
    if not width or not height:
        return None
    width, height = _crop(width, height, limits.get("aspect_ratio"))
    if not width or not height:
        return None
    step = 2 if media.kind == VIDEO else 1  # encoders of 4:2:0 take even sides only
    smallest, largest = _scales(width, height, limits)
    scale = min(max(1.0, smallest), largest)
    sides = (width * scale / step, height * scale / step)
    near = [ceil(side - _ROUNDING) if scale > 1 else floor(side + _ROUNDING) for side in sides]
    for wider, higher in product((0, 1, -1), repeat=2):  # rounding may have left the ratio
        size = ((near[0] + wider) * step, (near[1] + higher) * step)
        if _fits(size, limits):
            return Shape((width, height), size)
    return None


def _crop(width: int, height: int, ratio: Limit | None) -> Size:
    """The largest part of a picture whose ratio is accepted."""
    if ratio is None or not ratio.side(width / height):
        return width, height
    low, high = _range(ratio)
    if width / height >= high:
        width = floor(height * high)
        return (width - 1 if ratio.side(width / height) else width), height
    height = floor(width / low)
    return width, (height - 1 if not height or ratio.side(width / height) else height)


def _fits(size: Size, limits: Limits) -> bool:
    width, height = size
    if width < 1 or height < 1:
        return False
    for fact, value in (("width", width), ("height", height), ("pixels", width * height)):
        if fact in limits and limits[fact].side(value):
            return False
    return "aspect_ratio" not in limits or not limits["aspect_ratio"].side(width / height)


def _scales(width: int, height: int, limits: Limits) -> tuple[float, float]:
    """The smallest and the largest factor that put sides and pixels inside their limits."""
    smallest, largest = 0.0, float("inf")
    for fact, length in (("width", width), ("height", height)):
        if fact in limits:
            low, high = _range(limits[fact])
            low, high = low + limits[fact].low_open, high - limits[fact].high_open
            smallest, largest = max(smallest, low / length), min(largest, high / length)
    if "pixels" in limits:
        low, high = _range(limits["pixels"])
        smallest = max(smallest, sqrt(low / (width * height)))
        largest = min(largest, sqrt(high / (width * height)))
    return smallest, largest


def _range(limit: Limit) -> tuple[float, float]:
    return limit.low or 0.0, limit.high if limit.high is not None else float("inf")


def duration(limit: Limit) -> float:
    """How many seconds to keep so that it still passes after encoding."""
    low, high = _range(limit)
    return round(max(high - _PADDING, (low + high) / 2), 3)


def fps(media: Sized, limit: Limit) -> float:
    """The nearest whole frame rate inside the limit; the middle of the limit where there is none."""
    low, high = _range(limit)
    if (media.fps or 0) <= low:
        nearest: float = ceil(low) if limit.side(ceil(low)) == 0 else floor(low) + 1
    else:
        nearest = high if limit.side(high) == 0 else ceil(high) - 1
    return nearest if limit.side(nearest) == 0 else (low + high) / 2


def written_format(kind: str | None, limit: Limit | None) -> str:
    """The accepted format to convert to; empty where none can be written."""
    accepted = (limit.any_of or ()) if limit is not None else ()
    return next((name for name in _WRITTEN.get(kind or "", ()) if name in accepted), "")


def codec(fact: str, limit: Limit | None, container: str) -> str | None:
    """What to encode `video_codec` or `audio_codec` with; None where nothing that is accepted can be written."""
    usual = _USUAL.get(container, (None, None))[fact == "audio_codec"]
    accepted = limit.any_of if limit is not None else None
    if usual is None or accepted is None or usual in accepted:
        return usual
    return next((name for name in accepted if name in ENCODERS or name == NONE), None)
