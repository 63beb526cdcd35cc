"""Find the smallest change of width and height that passes: what is cropped, scaled and padded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import ceil, exp, floor, inf, log, prod
from typing import Final, NamedTuple

from preflight.formats import VIDEO
from preflight.limit import Limit
from preflight.plans.choices import DEFAULT_CHOICES, Anchor, Choices
from preflight.plans.encoding import GEOMETRY, Subject
from preflight.plans.regions import MAX_SIDE, Region, is_accepted_size, regions
from preflight.report import Obstacle

LimitsByFact = Mapping[str, Limit]
Size = tuple[int, int]

_ROUNDING: Final = 1e-9
"""Tolerance for a whole number of pixels in floating point."""
_SMALL: Final = 0.01
"""Share of the picture, or of its size, by which changes may differ that are equally good."""
_MULTIPLES: Final = 0.1
"""Share of the picture that may be lost for multiples of many pixels, rather than scale it."""
_CROPPED: Final = 1 / 3
"""Share of the picture that may be lost rather than enlarge it."""
_CROP_WEIGHT: Final = 3
"""How much a share that is lost counts, compared with one by which the picture is scaled or distorted."""
_NEAREST: Final = 24
"""Widths that are tried beside the best one."""
_MOST: Final = 8192
"""Widths that are tried if none of those passes."""
_HALVINGS: Final = 64
_HALF: Final = 0.5 + _ROUNDING
_ANCHORS: Final[Mapping[Anchor, tuple[float, float]]] = {
    "top-left": (0, 0), "top": (0, 0.5), "top-right": (0, 1),
    "left": (0.5, 0), "center": (0.5, 0.5), "right": (0.5, 1),
    "bottom-left": (1, 0), "bottom": (1, 0.5), "bottom-right": (1, 1),
}  # fmt: skip
"""By anchor, the shares of what is left over that lie above and to the left of the picture."""
GRIDS: Final = {"4:2:0": (2, 2), "4:2:2": (2, 1), "4:4:4": (1, 1)}
"""By chroma subsampling, the pixels that share a chroma sample; videos are encoded with the first that is accepted."""


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


class _Option(NamedTuple):
    """A change that passes.

    lost    share of the picture that is cropped, or of the result that is padding
    factor  of the size of the picture
    """

    shape: Shape
    lost: float
    factor: float

    @property
    def is_scaled(self) -> bool:
        return self.shape.size != self.shape.crop

    @property
    def distance(self) -> float:
        return abs(log(self.factor))

    @property
    def distortion(self) -> float:
        crop, size, _ = self.shape
        return abs(log(size[0] * crop[1] / (size[1] * crop[0])))


def plan_shape(
    media: Subject, limits: LimitsByFact, choices: Choices = DEFAULT_CHOICES, *, is_even: bool = False
) -> Shape | Obstacle | None:
    """Return the smallest change that satisfies all limits on geometry.

    is_even  the result of a picture has even sides too

    None if no size does; an obstacle if the only such sizes are larger than the choices allow.
    """
    if not media.width or not media.height:
        return None
    stored = (media.width, media.height)
    whole = _squared(stored, _stretch(media, limits))
    if whole is None:
        return None
    grid = chroma_grid(limits) if media.kind == VIDEO else (2, 2) if is_even else (1, 1)
    search = _Search(whole, limits, grid, choices.fit != "crop")
    options = search.options()
    if not options:
        return None
    allowed = [option for option in options if option.factor <= choices.max_upscale + _ROUNDING]
    if not allowed:
        least = min(options, key=lambda option: option.factor)
        width, height = least.shape.result
        factor = ceil(least.factor * 100 - _ROUNDING) / 100
        message = f"The smallest accepted size is {width}×{height}, so the picture must be enlarged {factor:g} times."
        return Obstacle(message, "max_upscale")
    found = search.best(allowed).shape
    return found if whole == stored else found._replace(crop=_stored(found.crop, whole, stored))


def chroma_grid(limits: LimitsByFact) -> Size:
    """Return the pixels across and down that share a chroma sample in the video that is written."""
    limit = limits.get("chroma")
    accepted = (grid for chroma, grid in GRIDS.items() if limit is None or limit.side(chroma) == 0)
    return next(accepted, GRIDS["4:2:0"])


def _stretch(media: Subject, limits: LimitsByFact) -> float:
    """Return the factor from height to width that makes the pixels square; 1 if they may stay, 0 if they must not."""
    limit, ratio = limits.get("pixel_aspect_ratio"), media.pixel_aspect_ratio
    if limit is None or not ratio or limit.side(ratio) == 0:
        return 1.0
    if limit.side(1.0) != 0:
        return 0.0
    return 1 / ratio if media.rotation in (90, 270) else ratio


def _squared(size: Size, stretch: float) -> Size | None:
    """Return the size with square pixels, which keeps all that is visible; None if it has none."""
    if stretch <= 0:
        return None
    width, height = size
    squared = (round(width * stretch), height) if stretch > 1 else (width, round(height / stretch))
    return squared if max(squared) <= max(MAX_SIDE, *size) else None


def _stored(crop: Size, squared: Size, stored: Size) -> Size:
    """Return the crop of a picture with square pixels in pixels as stored."""
    width, height = (
        max(1, round(part * side / whole)) for part, side, whole in zip(crop, stored, squared, strict=True)
    )
    return width, height


class _Search(NamedTuple):
    """The search for the sizes nearest to that of the whole picture.

    grid  numbers of which the encoder requires width and height to be multiples
    pads  whether the whole picture is kept, on a canvas
    """

    whole: Size
    limits: LimitsByFact
    grid: Size
    pads: bool

    @property
    def ratio(self) -> float:
        return self.whole[0] / self.whole[1]

    def options(self) -> list[_Option]:
        """Return the best changes that pass, and others."""
        for is_loose in (False, True):
            found = [
                option
                for region in regions(self.limits, self.grid, is_loose=is_loose)
                for size in self._near(region)
                for option in (self._padded(size) if self.pads else self._cropped(size))
            ]
            if found:
                return self._sensible(found)
        return []

    def _sensible(self, options: list[_Option]) -> list[_Option]:
        """Return the options without those that pad a picture on all sides, where it would have to be enlarged."""
        least = min([option.lost for option in options])
        return [option for option in options if not self.pads or option.lost <= least + _MULTIPLES]

    def best(self, options: list[_Option]) -> _Option:
        """Return the option that loses least; among those, the one that scales least.

        A video that need not be scaled may lose a row or a column of chroma more, and any picture of which some must be
        lost a little more.
        """
        least = min([option.lost for option in options])
        is_coarse = any(limit.multiple_of for fact, limit in self.limits.items() if fact in GEOMETRY)
        row = sum(step / side for step, side in zip(self.grid, self.whole, strict=True) if step > 1)
        kept = [option for option in options if not option.is_scaled]
        allowed = max(row + _ROUNDING, _MULTIPLES if is_coarse else _SMALL if least > 0 else 0)
        if near := [option for option in kept if option.lost <= least + allowed]:
            return min(near, key=lambda option: option.lost)
        if not self.pads and any(option.lost <= least + _CROPPED for option in kept):
            options = [option for option in options if option.factor <= 1] or options
            least = min([option.lost for option in options])
        good = [option for option in options if option.lost <= least + _SMALL / 2]
        distance = min([option.distance for option in good]) + 2 * _SMALL
        near = [option for option in good if option.distance <= distance]
        return min(near, key=lambda option: _CROP_WEIGHT * option.lost + option.distance + option.distortion)

    def _near(self, region: Region) -> Iterator[Size]:
        """Yield the sizes of a region about the best one."""
        ratio = self._ratio_in(region)
        if ratio is None:
            return
        smallest, largest = region.scales(*self._box(ratio))
        best = self._box(ratio)[0] * min(max(1.0, smallest), largest)
        found = False
        for tried, width in enumerate(region.widths(best)):
            if tried > (_NEAREST if found else _MOST):
                return
            for size in self._sizes(region, width):
                found = True
                yield size

    def _sizes(self, region: Region, width: int) -> Iterator[Size]:
        """Yield the sizes of a width that pass, next to the ratio and the height of the picture."""
        for height in region.heights(width, (width / self.ratio, self.whole[1])):
            if is_accepted_size((width, height), self.limits):
                yield width, height

    def _box(self, ratio: float) -> tuple[float, float]:
        """Return the largest part of the picture with this ratio, or the smallest canvas for all of it."""
        width, height = self.whole
        sides = (width, height * ratio), (height, width / ratio)
        return (max(sides[0]), max(sides[1])) if self.pads else (min(sides[0]), min(sides[1]))

    def _ratio_in(self, region: Region) -> float | None:
        """Return the ratio nearest to that of the picture at which some size is inside the region; None if none is."""
        low, high = (log(min(max(bound, 1 / MAX_SIDE), MAX_SIDE)) for bound in region.ratio)

        def room(position: float) -> float:
            """Return the range of scales, which has one maximum, as a logarithm; negative if none is possible."""
            smallest, largest = region.scales(*self._box(exp(position)))
            if largest <= 0:
                return -inf
            return log(largest / smallest) if smallest > 0 else inf

        start = min(max(log(self.ratio), low), high)
        if room(start) >= -_ROUNDING:
            return exp(start)
        best = _maximum(room, low, high)
        if room(best) < -_ROUNDING:
            return None
        for _ in range(_HALVINGS):
            middle = (start + best) / 2
            start, best = (start, middle) if room(middle) >= -_ROUNDING else (middle, best)
        return exp(best)

    def _cropped(self, size: Size) -> Iterator[_Option]:
        """Yield the ways to crop to a size without and with scaling."""
        parts = {_part(self.whole, size)}
        if size[0] <= self.whole[0] and size[1] <= self.whole[1]:
            parts.add(size)
        for part in parts:
            if min(part) > 0:
                factor = max(size[0] / part[0], size[1] / part[1])
                yield _Option(Shape(part, size), 1 - prod(part) / prod(self.whole), factor)

    def _padded(self, size: Size) -> Iterator[_Option]:
        """Yield the ways to put the whole picture on a canvas without and with scaling."""
        inner = _inside(self.whole, size, self.grid)
        if min(inner) > 0:
            across, down = size[0] / self.whole[0], size[1] / self.whole[1]
            factor = max(inner[0] / self.whole[0], inner[1] / self.whole[1])
            found = Shape(self.whole, inner, size if size != inner else None)
            lost = 1 - min(across / down, down / across) if size != inner else 0.0
            yield _Option(found, lost, factor)
        width, height = (side // step * step for side, step in zip(self.whole, self.grid, strict=True))
        if 0 < width <= size[0] and 0 < height <= size[1]:
            found = Shape((width, height), (width, height), size if size != (width, height) else None)
            yield _Option(found, 1 - width * height / prod(size), 1.0)


def _maximum(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function with one maximum has it."""
    for _ in range(_HALVINGS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if function(left) < function(right) else (low, right)
    return (low + high) / 2


def _part(whole: Size, size: Size) -> Size:
    """Return the part that scales to `size`: the whole picture if that changes its ratio by half a pixel at most."""
    width, height = whole
    across, down = size[0] / width, size[1] / height
    # Half a pixel of the result, or of a picture that is enlarged.
    if min(abs(size[0] - width * down) / max(1, down), abs(size[1] - height * across) / max(1, across)) <= _HALF:
        return whole
    if down > across:
        return floor(size[0] / down + _HALF), height
    return width, floor(size[1] / across + _HALF)


def _inside(whole: Size, canvas: Size, grid: Size) -> Size:
    """Return the largest size of the whole picture on a canvas, on a grid; 0 for a side that would disappear."""
    factor = min(canvas[0] / whole[0], canvas[1] / whole[1])
    width, height = (
        min(floor(side * factor / step + _HALF), limit // step) * step
        for side, step, limit in zip(whole, grid, canvas, strict=True)
    )
    return width, height


def crop_offset(whole: Size, part: Size, anchor: Anchor, grid: Size = (1, 1)) -> tuple[int, int]:
    """Return x and y of the part of a picture that a crop keeps, or of the picture on a canvas.

    grid  numbers of which x and y are multiples: pixels that share a chroma sample stay together
    """
    down, across = _ANCHORS[anchor]
    x, y = (floor((whole[axis] - part[axis]) * share) for axis, share in enumerate((across, down)))
    return x // grid[0] * grid[0], y // grid[1] * grid[1]


def loss_of_shape(shape: Shape, media: Subject) -> tuple[float, float]:
    """Return the share of the picture that is cropped or of the result that is padding, and by how much it is scaled.

    The second is a logarithm, 0 for a picture that keeps its size.
    """
    whole = (media.width or shape.crop[0], media.height or shape.crop[1])
    lost = 1 - prod(shape.crop) / prod(whole) + 1 - prod(shape.size) / prod(shape.result)
    return round(lost, 3), round(abs(log(prod(shape.size) / prod(shape.crop))) / 2, 3)


def losses(shape: Shape, media: Subject, choices: Choices = DEFAULT_CHOICES) -> tuple[str, ...]:
    """Return what a change of width and height loses, each as a phrase."""
    whole = (media.width or shape.crop[0], media.height or shape.crop[1])
    across, down = (size / crop for size, crop in zip(shape.size, shape.crop, strict=True))
    # Square pixels stretch one of the sides: what is lost is what the other one loses.
    factor = min(across, down)
    phrases = []
    if shape.crop != whole:
        phrases.append(f"crops {_percent(1 - prod(shape.crop) / prod(whole))} of the picture")
    if shape.size != shape.crop and abs(factor - 1) >= _SMALL:
        phrases.append(
            f"scales it to {_percent(factor)} of its size" if factor < 1 else f"enlarges it {factor:.3g} times"
        )
    if shape.canvas is not None:
        padding = "blurred" if choices.fit == "blur" else "black"
        share = _percent(1 - prod(shape.size) / prod(shape.canvas))
        phrases.append(f"adds {padding} padding ({share} of the result)")
    return tuple(phrases)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %") if share >= _SMALL else f"{max(share, 0.001):.1%}".replace("%", " %")
