"""The recipe of a picture: what a process does with it, in order and as plain data."""

from __future__ import annotations

from math import lcm
from typing import Final, NamedTuple

from preflight.media import NONE
from preflight.plans.budgets import max_result_size
from preflight.plans.changes import Changes
from preflight.plans.colors import CMYK_MODELS
from preflight.plans.encoding import Subject
from preflight.plans.geometry import LimitsByFact, Size, crop_offset
from preflight.plans.picture_formats import (
    ANIMATED_FORMATS,
    EVEN_SIDES,
    LOSSY,
    MAX_SIDES,
    OPAQUE,
    PICTURE_READERS,
    chroma_for,
    is_lossless,
)
from preflight.plans.regions import is_accepted_size
from preflight.plans.tracks import is_accepted
from preflight.probes.exif import TRANSPOSED

Rectangle = tuple[int, int, int, int]
"""Left, top, width and height."""

_STRIPPED_IN_PLACE: Final = frozenset(("jpeg", "png", "webp"))
_LOCATED_IN_PLACE: Final = _STRIPPED_IN_PLACE | {"avif", "heic", "tiff"}
"""Formats from which metadata, or only the location, is removed without encoding the picture again."""
_CONVERTED_MODELS: Final = CMYK_MODELS | {"lab"}
_KEEPS_CMYK: Final = frozenset(("jpeg", "tiff"))
_KEEPS_DEPTH: Final = frozenset(("png", "tiff"))
_IN_PLACE: Final = frozenset(("location",))
"""Facts that change without a change of the pixels."""
_STEP: Final = 0.985
"""Factor between two sizes that are tried if lowering the quality does not meet the size limit."""
_SQUARE: Final = 0.03
"""Difference from 1 of the ratio of pixels that rounding to whole pixels causes."""
_MAX_STEPS: Final = 152
"""Sizes that are tried, down to a tenth: of less, hardly anything can be seen."""


class PictureRecipe(NamedTuple):
    """How a picture is written; `_asdict()` is plain JSON.

    readers         Pillow's names of the formats that the file may have
    written         the format of the result; fallback: lossy ones to write instead if it would be too large
    whole           width and height as displayed, which the file must have; None: not known
    keeps_pixels    only metadata is removed, and nothing is encoded again
    keeps_frames    all frames of an animation stay; first_picture: others than the first picture may be left out
    keeps_depth     16 bits per component stay, where Pillow has them
    colors          primaries and transfer of the pixels, for a file without ICC profile
    tone_maps       bring the high dynamic range of the pixels to the standard one, in sRGB
    to_srgb         convert the colors to sRGB; keeps_cmyk: CMYK pixels stay; as_rgb: no gray and no palette
    flatten         composite transparent pixels onto white
    crop            the part that stays; size: that to which it is scaled
    canvas          the size of the result, and where the picture is on it; blur: padded with itself instead of black
    quality         the highest to encode with, 1 to 100; None: nearly lossless; lossless: no quality at all
    chroma          chroma subsampling, of the fallback if the format has none; can_subsample: 4:2:0 is accepted too
    states_orientation  that the picture is upright is written even if nothing else is
    pixel_aspect    width / height of a pixel of the result, which is written; None: square, and not written
    smaller         accepted sizes of the same shape, the largest first, for a result that would have too many bytes
    """

    readers: tuple[str, ...]
    written: str
    fallback: tuple[str, ...] = ()
    whole: Size | None = None
    keeps_pixels: bool = False
    keeps_frames: bool = False
    first_picture: bool = False
    keeps_depth: bool = False
    colors: tuple[str | None, str | None] = (None, None)
    tone_maps: bool = False
    to_srgb: bool = False
    keeps_cmyk: bool = False
    as_rgb: bool = False
    flatten: bool = False
    crop: Rectangle | None = None
    size: Size | None = None
    canvas: Rectangle | None = None
    blur: bool = False
    quality: int | None = None
    lossless: bool = False
    chroma: str | None = None
    can_subsample: bool = False
    strip_location: bool = False
    strip_metadata: bool = False
    states_orientation: bool = False
    pixel_aspect: float | None = None
    smaller: tuple[Size, ...] = ()


def recipe_for(changes: Changes, *, sizes: bool = True) -> PictureRecipe:
    """Return the recipe for changes of a picture whose source can be read and whose result can be written.

    sizes  also find smaller sizes, which takes some milliseconds; a plan does not need them
    """
    media, written, wrong, limits = changes.media, changes.written, changes.wrong, changes.limits
    choices = changes.choices
    to_srgb, keeps_cmyk = _colors(changes)
    found = PictureRecipe(
        readers=PICTURE_READERS[media.format or ""],
        written=written,
        whole=(media.width, media.height) if media.width and media.height else None,
        keeps_frames=bool(media.animated) and written in ANIMATED_FORMATS and wrong.isdisjoint(("animated", "frames")),
        first_picture=choices.first_picture or media.hdr == "gain_map",
        keeps_depth=_keeps_depth(changes) and not to_srgb,
        colors=(primaries_of(media), media.transfer),
        tone_maps=is_hdr(media),
        to_srgb=to_srgb or is_hdr(media),
        keeps_cmyk=keeps_cmyk,
        as_rgb="color_model" in wrong,
        flatten=written in OPAQUE or "has_alpha" in wrong,
        quality=choices.quality,
        lossless=written not in LOSSY or (written == "webp" and is_lossless(media) and choices.quality is None),
        chroma=chroma_for(media, written, limits),
        can_subsample=is_accepted(limits, "chroma", "4:2:0"),
        strip_location=choices.strip_location or "location" in wrong,
        strip_metadata=choices.strip_metadata,
        states_orientation="orientation" in limits,
    )
    found = _with_geometry(found, changes)
    found = found._replace(pixel_aspect=_pixel_aspect(changes))
    if max_result_size(limits) is not None:
        fallback = _fallback(changes, found)
        chroma = chroma_for(media, fallback[0], limits) if fallback else found.chroma
        smaller = _smaller(_result_of(found), limits, written) if sizes else ()
        found = found._replace(fallback=fallback, chroma=chroma, smaller=smaller)
    return found._replace(keeps_pixels=_keeps_pixels(changes, found))


def _colors(changes: Changes) -> tuple[bool, bool]:
    """Return whether colors are converted to sRGB, and whether CMYK colors stay."""
    media = changes.media
    if changes.colors is not None:
        return True, False
    if media.color_model in CMYK_MODELS and "color_model" not in changes.wrong:
        stays = changes.written == media.format and changes.written in _KEEPS_CMYK
        return not stays, stays
    return media.color_model in _CONVERTED_MODELS, False


def _keeps_depth(changes: Changes) -> bool:
    media = changes.media
    is_deep_gray = media.color_model == "gray" and (media.bit_depth or 8) > 8 and not media.has_alpha
    blurs = changes.choices.fit == "blur" and changes.shape is not None and changes.shape.canvas is not None
    if not is_deep_gray or blurs or changes.written not in _KEEPS_DEPTH:
        return False
    return changes.wrong.isdisjoint(("bit_depth", "color_model"))


def _with_geometry(found: PictureRecipe, changes: Changes) -> PictureRecipe:
    shape, choices = changes.shape, changes.choices
    if shape is None or found.whole is None:
        return found
    crop, size, canvas = shape
    if crop != found.whole:
        found = found._replace(crop=(*crop_offset(found.whole, crop, choices.anchor), *crop))
    if size != crop:
        found = found._replace(size=size)
    if canvas is not None and canvas != size:
        place = crop_offset(canvas, size, choices.anchor)
        found = found._replace(canvas=(*place, *canvas), blur=choices.fit == "blur")
    return found


def _pixel_aspect(changes: Changes) -> float | None:
    """Return the ratio of the pixels of the result, if it is limited or not 1."""
    media, shape = changes.media, changes.shape
    ratio = media.pixel_aspect_ratio or 1.0
    if (media.orientation or 1) in TRANSPOSED:
        ratio = 1 / ratio
    if shape is not None:
        across, down = (size / crop for size, crop in zip(shape.size, shape.crop, strict=True))
        ratio *= down / across
    if abs(ratio - 1) < _SQUARE:
        return 1.0 if "pixel_aspect_ratio" in changes.limits else None
    return ratio


def _result_of(found: PictureRecipe) -> Size | None:
    """Return width and height of the result."""
    if found.canvas is not None:
        return found.canvas[2:]
    return found.size or (found.crop[2:] if found.crop is not None else found.whole)


def _smaller(size: Size | None, limits: LimitsByFact, written: str) -> tuple[Size, ...]:
    """Return smaller sizes of the same shape that are inside the limits, the largest first."""
    if size is None:
        return ()
    grid = 2 if written in EVEN_SIDES else 1
    found: list[Size] = []
    for power in range(1, _MAX_STEPS):
        width, height = (max(1, round(side * _STEP**power)) for side in size)
        for candidate in _near(width, height, limits, grid):
            is_possible = min(candidate) > 0 and max(candidate) <= MAX_SIDES[written]
            if is_possible and candidate not in found and is_accepted_size(candidate, limits):
                found.append(candidate)
                break
    return tuple(found)


def _near(width: int, height: int, limits: LimitsByFact, grid: int) -> tuple[Size, ...]:
    """Return sizes next to one, for limits on the ratio and on multiples; `grid`: what the encoder has multiples of."""
    sides = [limits[fact].multiple_of or 1 for fact in ("long_side", "short_side") if fact in limits]
    both = max(sides, default=1)
    own = [limits[fact].multiple_of or 1 if fact in limits else 1 for fact in ("width", "height")]
    steps = [lcm(step, both, grid) for step in own]
    width, height = width - width % steps[0], height - height % steps[1]
    return (width, height), (width, height - steps[1]), (width - steps[0], height)


def _fallback(changes: Changes, found: PictureRecipe) -> tuple[str, ...]:
    """Return the accepted lossy formats for a lossless picture that would be too large; an animation has none."""
    limit = changes.limits.get("format")
    if not found.lossless or found.keeps_frames or limit is None:
        return ()
    opaque = changes.media.has_alpha is False or found.flatten
    names = ("jpeg", "webp") if opaque else ("webp",)
    accepted = limit.any_of or ()
    return tuple([name for name in names if name in accepted])


def _keeps_pixels(changes: Changes, found: PictureRecipe) -> bool:
    """Return whether only metadata changes."""
    possible = _STRIPPED_IN_PLACE if found.strip_metadata else _LOCATED_IN_PLACE
    if changes.written != changes.media.format or changes.written not in possible:
        return False
    same = found.crop is None and found.size is None and found.canvas is None and changes.colors is None
    return same and changes.wrong <= _IN_PLACE and (found.strip_location or found.strip_metadata)


def primaries_of(media: Subject) -> str | None:
    """Return the primaries of the pixels; those of BT.2100 for a high dynamic range that does not state them."""
    return media.primaries or ("bt2020" if is_hdr(media) else None)


def is_hdr(media: Subject) -> bool:
    """Return whether the pixels themselves have a high dynamic range; a gain map is beside them."""
    return media.hdr not in (None, NONE, "gain_map")
