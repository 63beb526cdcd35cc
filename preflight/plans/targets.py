"""The values to aim at: the least change of a size, a duration, a frame rate, a format or a codec that passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import ceil, floor, inf, sqrt
from typing import Final, NamedTuple, Protocol

from preflight.formats import AUDIO, IMAGE, VIDEO
from preflight.media import NONE
from preflight.ruleset import Limit

Limits = Mapping[str, Limit]
Size = tuple[int, int]

_ROUNDING: Final = 1e-9
"""By how much a whole number of pixels may be missed in floating point."""
_MAX_SIDE: Final = 1 << 20
"""px; the longest side that encoders write."""
_MAX_FPS: Final = 1000.0
"""Highest frame rate that a hint suggests."""
_SEARCH_RADIUS: Final = 256
"""Widths on either side of the nearest that are tried for a listed total of pixels."""
_PADDING: Final = 0.2
"""s; encoders of sound fill their last frame up and MP3 adds a frame of delay: a cut at the bound would play longer."""
_WRITTEN: Final = {
    IMAGE: ("png", "jpeg"),
    VIDEO: ("mp4", "mov", "mkv", "webm", "m4v", "3gp"),
    AUDIO: ("wav", "mp3", "flac", "m4a", "ogg", "mp4"),
}
"""By kind, the formats to convert to: what loses least and is most widely written comes first."""
_USUAL: Final = {
    "mp4": ("h264", "aac"),
    "mov": ("h264", "aac"),
    "m4v": ("h264", "aac"),
    "3gp": ("h264", "aac"),
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
    if not media.width or not media.height:
        return None
    whole = (media.width, media.height)
    crop = _crop(*whole, limits.get("aspect_ratio"))
    if min(crop) < 1:
        return None
    step = 2 if media.kind == VIDEO else 1  # encoders of 4:2:0 take even sides only
    if any(limits[fact].any_of is not None for fact in ("width", "height", "pixels") if fact in limits):
        listed = (size for size in _listed(crop, limits) if not (size[0] % step or size[1] % step))
        size = next((size for size in listed if _fits(size, limits)), None)
        return Shape(_part(whole, crop, size), size) if size is not None else None
    size = next((size for size in _near(crop, limits, step) if _fits(size, limits)), None)
    return Shape(crop, size) if size is not None else None


def _near(crop: Size, limits: Limits, step: int) -> Iterator[Size]:
    """Yield sizes of about the crop's ratio, the one that the bounds ask for first."""
    smallest, largest = _scales(*crop, limits)
    scale = min(max(1.0, smallest), largest)
    if not 0 < max(crop) * scale <= _MAX_SIDE:
        return
    sides = (crop[0] * scale / step, crop[1] * scale / step)
    near = [ceil(side - _ROUNDING) if scale > 1 else floor(side + _ROUNDING) for side in sides]
    for wider, higher in product((0, 1, -1), repeat=2):  # rounding may have left the ratio
        yield (near[0] + wider) * step, (near[1] + higher) * step


def _listed(crop: Size, limits: Limits) -> Iterator[Size]:
    """Yield sizes from the listed widths, heights or totals: nearest to the crop's ratio first, then to its size."""
    ratio = crop[0] / crop[1]
    widths, heights, totals = (_choices(limits.get(fact)) for fact in ("width", "height", "pixels"))
    sizes: list[Size] = []
    if widths and heights:
        sizes = list(product(widths, heights))
    elif widths:
        sizes = [(width, round(width / ratio) + more) for width in widths for more in (0, 1, -1)]
    elif heights:
        sizes = [(round(height * ratio) + more, height) for height in heights for more in (0, 1, -1)]
    else:
        for total in totals:
            middle = round(sqrt(total * ratio))
            nearby = sorted(
                range(max(1, middle - _SEARCH_RADIUS), middle + _SEARCH_RADIUS), key=lambda width: abs(width - middle)
            )
            sizes += [(width, total // width) for width in nearby if total % width == 0]

    def distance(size: Size) -> tuple[float, float]:
        shape = abs(size[0] / size[1] / ratio - 1) if min(size) > 0 else inf
        return round(shape, 2), abs(size[0] / crop[0] - 1)

    yield from sorted(sizes, key=distance)


def _choices(limit: Limit | None) -> list[int]:
    """Return the whole numbers that a limit lists and that are possible for a picture."""
    listed = (limit.any_of or ()) if limit is not None else ()
    return [int(value) for value in listed if 1 <= value <= _MAX_SIDE**2 and value == int(value)]


def _part(whole: Size, crop: Size, size: Size) -> Size:
    """Return the crop that scales to `size` without distortion: `crop` itself if its ratio is that of `size`."""
    if abs(crop[0] * size[1] / size[0] - crop[1]) <= 1:
        return crop
    width, height = whole
    if width * size[1] > height * size[0]:
        return max(1, round(height * size[0] / size[1])), height
    return width, max(1, round(width * size[1] / size[0]))


def _crop(width: int, height: int, ratio: Limit | None) -> Size:
    """The largest part of a picture whose ratio is accepted."""
    if ratio is None or not ratio.side(width / height, height):
        return width, height
    if ratio.any_of is not None:
        parts = [_nearest_part(width, height, choice) for choice in ratio.any_of if choice > 0]
        return max((part for part in parts if min(part) >= 1), key=lambda part: part[0] * part[1], default=(0, 0))
    low, high = _range(ratio)
    if width / height >= high:
        width = floor(height * high)
        return (width - 1 if ratio.side(width / height) else width), height
    height = floor(width / low)
    return width, (height - 1 if not height or ratio.side(width / height) else height)


def _nearest_part(width: int, height: int, ratio: float) -> Size:
    """Return the largest part of a picture with this ratio, to within a pixel."""
    if width / height > ratio:
        return round(height * ratio), height
    return width, round(width / ratio)


def _fits(size: Size, limits: Limits) -> bool:
    width, height = size
    if width < 1 or height < 1:
        return False
    for fact, value in (("width", width), ("height", height), ("pixels", width * height)):
        if fact in limits and limits[fact].side(value):
            return False
    return "aspect_ratio" not in limits or not limits["aspect_ratio"].side(width / height, height)


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
        smallest = max(smallest, sqrt(max(low, 0.0) / (width * height)))
        largest = min(largest, sqrt(max(high, 0.0) / (width * height)))
    return smallest, largest


def _range(limit: Limit) -> tuple[float, float]:
    return limit.low or 0.0, limit.high if limit.high is not None else float("inf")


def duration(limit: Limit) -> float | None:
    """Return the seconds to keep so that the result passes after encoding; None if nothing would be left."""
    low, high = _range(limit)
    kept = round(max(high - _PADDING, (low + high) / 2), 3)
    return kept if 0 < kept < float("inf") else None


def fps(media: Sized, limit: Limit) -> float | None:
    """Return the nearest whole frame rate in the limit, else its middle, else the nearest listed; None if unusable."""
    if limit.any_of is not None:
        rates = sorted(limit.any_of, key=lambda rate: abs(rate - (media.fps or 0)))
        return next((float(rate) for rate in rates if 0 < rate <= _MAX_FPS), None)
    rate = _rate_between(media, limit)
    return rate if 0 < rate <= _MAX_FPS else None


def _rate_between(media: Sized, limit: Limit) -> float:
    low, high = _range(limit)
    if (media.fps or 0) <= low:
        nearest: float = ceil(low) if limit.side(ceil(low)) == 0 else floor(low) + 1
    else:
        nearest = high if limit.side(high) == 0 else ceil(high) - 1
    return nearest if limit.side(nearest) == 0 else (low + high) / 2


def written_formats(kind: str | None, limit: Limit | None) -> list[str]:
    """Return the accepted formats that can be written, the usual one first."""
    accepted = (limit.any_of or ()) if limit is not None else ()
    return [name for name in _WRITTEN.get(kind or "", ()) if name in accepted]


def codec(fact: str, limit: Limit | None, container: str) -> str | None:
    """What to encode `video_codec` or `audio_codec` with; None where nothing that is accepted can be written."""
    usual = _USUAL.get(container, (None, None))[fact == "audio_codec"]
    accepted = limit.any_of if limit is not None else None
    if usual is None or accepted is None or usual in accepted:
        return usual
    return next((name for name in accepted if name in ENCODERS or name == NONE), None)
