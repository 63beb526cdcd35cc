"""Find the smallest change of width and height that passes: the crop, and the size to scale it to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import ceil, floor, inf, lcm, prod, sqrt
from typing import Final, NamedTuple

from preflight.formats import VIDEO
from preflight.limit import Limit
from preflight.plans.choices import DEFAULT_CHOICES, Anchor, Choices
from preflight.plans.encoding import GEOMETRY, Subject, bounds
from preflight.report import Obstacle

LimitsByFact = Mapping[str, Limit]
Size = tuple[int, int]

_ROUNDING: Final = 1e-9
"""Tolerance for a whole number of pixels in floating point."""
_EVEN: Final = 2
_NOTICEABLE: Final = 0.01
"""Share of the picture, or of its size, that is reported as it is."""
_ANCHORS: Final[Mapping[Anchor, tuple[float, float]]] = {
    "top-left": (0, 0), "top": (0, 0.5), "top-right": (0, 1),
    "left": (0.5, 0), "center": (0.5, 0.5), "right": (0.5, 1),
    "bottom-left": (1, 0), "bottom": (1, 0.5), "bottom-right": (1, 1),
}  # fmt: skip
"""By anchor, the shares of what is left over that lie above and to the left of the picture."""
_MAX_SIDE: Final = 1 << 20
"""px; the longest side that encoders support."""
_SEARCH_RADIUS: Final = 256
"""Widths tried on either side of the nearest one for a listed total of pixels."""


class Shape(NamedTuple):
    """The size to crop to, and the size to scale it to: width and height as displayed.

    canvas  the size of the result, where the picture is padded; None: that to which it is scaled
    """

    crop: Size
    size: Size
    canvas: Size | None = None

    @property
    def result(self) -> Size:
        """Return width and height of the result."""
        return self.canvas or self.size


def shape(media: Subject, limits: LimitsByFact, choices: Choices = DEFAULT_CHOICES) -> Shape | Obstacle | None:
    """Return the smallest change that satisfies all limits on geometry.

    None if no size does; an obstacle if the only such sizes are larger than the choices allow.
    """
    found = _shape(media, limits)
    if found is None:
        return None
    factor = max(size / crop for size, crop in zip(found.size, found.crop, strict=True))
    if factor <= choices.max_upscale + _ROUNDING:
        return found
    width, height = found.size
    message = f"The smallest accepted size is {width}×{height}, so the picture must be enlarged {factor:.3g} times."
    return Obstacle(message, "max_upscale")


def _shape(media: Subject, limits: LimitsByFact) -> Shape | None:
    if not media.width or not media.height:
        return None
    whole = (media.width, media.height)
    crop = _crop(*whole, limits.get("aspect_ratio"))
    if min(crop) < 1:
        return None
    steps = _steps(media.kind, limits)
    if any(limits[fact].any_of is not None for fact in GEOMETRY - {"aspect_ratio"} if fact in limits):
        listed = (size for size in _listed(crop, limits) if not (size[0] % steps[0] or size[1] % steps[1]))
        size = next((size for size in listed if _fits(size, limits)), None)
        return Shape(_part(whole, crop, size), size) if size is not None else None
    size = next((size for size in _near(crop, limits, steps) if _fits(size, limits)), None)
    if size is None:
        return None
    return Shape(crop if max(steps) <= _EVEN else _part(whole, crop, size), size)


def crop_offset(whole: Size, part: Size, anchor: Anchor, grid: Size = (1, 1)) -> tuple[int, int]:
    """Return x and y of the part of a picture that a crop keeps, or of the picture on a canvas.

    grid  numbers of which x and y are multiples: pixels that share a chroma sample stay together
    """
    down, across = _ANCHORS[anchor]
    x, y = (floor((whole[axis] - part[axis]) * share) for axis, share in enumerate((across, down)))
    return x // grid[0] * grid[0], y // grid[1] * grid[1]


def losses(shape: Shape, media: Subject) -> tuple[str, ...]:
    """Return what a change of width and height loses, each as a phrase."""
    whole = (media.width or shape.crop[0], media.height or shape.crop[1])
    across, down = (size / crop for size, crop in zip(shape.size, shape.crop, strict=True))
    # Square pixels stretch one of the sides: what is lost is what the other one loses.
    factor = min(across, down)
    phrases = []
    if shape.crop != whole:
        phrases.append(f"crops {_percent(1 - prod(shape.crop) / prod(whole))} of the picture")
    if shape.size != shape.crop and abs(factor - 1) >= _NOTICEABLE:
        phrases.append(f"scales it to {factor:.2g} of its size" if factor < 1 else f"enlarges it {factor:.2g} times")
    if shape.canvas is not None:
        phrases.append(f"pads it with {_percent(1 - prod(shape.size) / prod(shape.canvas))} black")
    return tuple(phrases)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %") if share >= _NOTICEABLE else f"{max(share, 0.001):.1%}".replace("%", " %")


def _steps(kind: str | None, limits: LimitsByFact) -> Size:
    """Return the numbers of which width and height must be multiples."""
    factors = {fact: limit.multiple_of or 1 for fact, limit in limits.items() if fact in GEOMETRY}
    # Encoders of 4:2:0 accept only even sides.
    both = lcm(_EVEN if kind == VIDEO else 1, factors.get("long_side", 1), factors.get("short_side", 1))
    return lcm(both, factors.get("width", 1)), lcm(both, factors.get("height", 1))


def _near(crop: Size, limits: LimitsByFact, steps: Size) -> Iterator[Size]:
    """Yield sizes of about the crop's ratio, the nearest to the bounds first."""
    smallest, largest = _scales(*crop, limits)
    scale = min(max(1.0, smallest), largest)
    if not 0 < max(crop) * scale <= _MAX_SIDE:
        return
    sides = (crop[0] * scale / steps[0], crop[1] * scale / steps[1])
    near = [ceil(side - _ROUNDING) if scale > 1 else floor(side + _ROUNDING) for side in sides]
    for wider, higher in product((0, 1, -1), repeat=2):  # rounding may have changed the ratio
        yield (near[0] + wider) * steps[0], (near[1] + higher) * steps[1]


def _listed(crop: Size, limits: LimitsByFact) -> Iterator[Size]:
    """Yield sizes from the listed sides, pairs or totals: nearest to the crop's ratio first, then to its size."""
    ratio = crop[0] / crop[1]
    widths, heights, totals = (_choices(limits.get(fact)) for fact in ("width", "height", "pixels"))
    longs, shorts = (_choices(limits.get(fact)) for fact in ("long_side", "short_side"))
    widths, heights = (widths or longs, heights or shorts) if ratio >= 1 else (widths or shorts, heights or longs)
    sizes: list[Size] = []
    if "dimensions" in limits:
        sizes = _pairs(limits["dimensions"])
    elif widths and heights:
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


def _pairs(limit: Limit) -> list[Size]:
    """Return the pairs of width and height that a limit lists."""
    pairs = (re.fullmatch(r"([1-9]\d{0,6})x([1-9]\d{0,6})", str(pair)) for pair in limit.any_of or ())
    return [(int(pair[1]), int(pair[2])) for pair in pairs if pair is not None]


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
    """Return the largest part of a picture whose ratio is accepted."""
    if ratio is None or not ratio.side(width / height, height):
        return width, height
    if ratio.any_of is not None:
        parts = [_nearest_part(width, height, choice) for choice in ratio.any_of if choice > 0]
        return max((part for part in parts if min(part) >= 1), key=lambda part: part[0] * part[1], default=(0, 0))
    low, high = bounds(ratio)
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


def _fits(size: Size, limits: LimitsByFact) -> bool:
    width, height = size
    if width < 1 or height < 1:
        return False
    values = {**_lengths(width, height), "pixels": width * height, "dimensions": f"{width}x{height}"}
    if any(limits[fact].side(value) for fact, value in values.items() if fact in limits):
        return False
    return "aspect_ratio" not in limits or not limits["aspect_ratio"].side(width / height, height)


def _lengths(width: float, height: float) -> dict[str, float]:
    """Return the facts that grow as the sides do."""
    long, short = max(width, height), min(width, height)
    return {"width": width, "height": height, "long_side": long, "short_side": short, "side_sum": width + height}


def _scales(width: int, height: int, limits: LimitsByFact) -> tuple[float, float]:
    """Return the smallest and the largest factor that bring sides and pixels inside their limits."""
    smallest, largest = 0.0, float("inf")
    for fact, length in _lengths(width, height).items():
        if fact in limits:
            low, high = bounds(limits[fact])
            low, high = low + limits[fact].low_open, high - limits[fact].high_open
            smallest, largest = max(smallest, low / length), min(largest, high / length)
    if "pixels" in limits:
        low, high = bounds(limits["pixels"])
        smallest = max(smallest, sqrt(max(low, 0.0) / (width * height)))
        largest = min(largest, sqrt(max(high, 0.0) / (width * height)))
    return smallest, largest
