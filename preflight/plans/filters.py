"""The filters of ffmpeg for the video track, in the order in which they are applied.

ffmpeg rotates a video upright before its filters, so all of them see it as displayed.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from preflight.plans import colors
from preflight.plans.changes import Changes
from preflight.plans.encoding import Subject
from preflight.plans.geometry import GRIDS, Shape, Size, chroma_grid, crop_offset

_NAME: Final = re.compile(r"(?:^|[,;\]])([a-z0-9_]+)(?=[=,;\[]|$)")
"""The name of a filter, which begins a chain or follows another filter or a label."""
_QUALITY: Final = "flags=lanczos+accurate_rnd+full_chroma_int"
_MATRIX: Final = "out_color_matrix=bt709:out_range=tv"
_RGB_MODELS: Final = frozenset(("palette", "rgb"))
_FLATTENED: Final = "format=gbrap|gbrap12,negate,premultiply=inplace=1,negate"
"""Flattens onto white: `premultiply` only has a black background, which is white in the negative."""
_BLUR_SHARE: Final = 8
"""The background is blurred at an eighth of its size, which is faster and looks the same."""
_BLUR: Final = "gblur=sigma=5"
_MIN_BLURRED: Final = 16
_MAX_SAR_TERM: Final = 100
"""Largest term of a pixel aspect ratio: scaling to whole pixels makes odd ones, such as 641:640 for square pixels."""
_TRANSPOSED: Final = (90, 270)


def needed_filters(changes: Changes) -> frozenset[str]:
    """Return the names of the filters that ffmpeg must have for the changes."""
    return frozenset(_NAME.findall(",".join(video_filters(changes) or ())))


def color_args(changes: Changes) -> list[str]:
    """Return the options of the output that state its colors; empty if those of the source stay."""
    if changes.video is None:
        return []
    if changes.colors is not None:
        return ["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv"]
    return ["-colorspace", "bt709", "-color_range", "tv"] if _becomes_ycbcr(changes) else []


def video_filters(changes: Changes) -> list[str] | None:
    """Return the filters of the video track; None if none can convert its colors."""
    converting = colors.color_filters(changes.media, changes.colors) if changes.colors is not None else ""
    if converting is None:
        return None
    rate = [f"fps={changes.timing.rate}"] if changes.timing.rate is not None else []
    is_slower = (changes.timing.fps or 0) < (changes.media.fps or 0)
    scaling = _scaling(changes)
    # Tone mapping takes most of the time, so that it is done at the smaller of both sizes.
    picture = [converting, *scaling] if _is_converted_first(changes.shape) else [*scaling, converting]
    filters = [
        "bwdif=mode=send_frame" if changes.deinterlaces else "",
        *(rate if is_slower else []),
        *_cropping(changes),
        _FLATTENED if changes.flattens else "",
        *picture,
        *_canvas(changes),
        *([] if is_slower else rate),
    ]
    return [each for each in filters if each]


def _is_converted_first(shape: Shape | None) -> bool:
    """Return whether colors are converted before the picture is scaled: it is enlarged, and `zscale` reads the crop."""
    if shape is None or shape.size[0] * shape.size[1] <= shape.crop[0] * shape.crop[1]:
        return False
    return shape.crop[0] % 2 == 0 and shape.crop[1] % 2 == 0


def _cropping(changes: Changes) -> list[str]:
    """Return the filter that crops, at a place where no chroma sample is split."""
    media, shape = changes.media, changes.shape
    if shape is None or not media.width or not media.height or shape.crop == (media.width, media.height):
        return []
    grid = GRIDS.get(media.chroma or "", (2, 2))
    x, y = crop_offset((media.width, media.height), shape.crop, changes.choices.anchor, grid)
    # By default, it would cut odd sizes down to whole chroma samples.
    return [f"crop={shape.crop[0]}:{shape.crop[1]}:{x}:{y}:exact=1"]


def _scaling(changes: Changes) -> list[str]:
    """Return the filters that scale and convert RGB, and that state the shape of a pixel and the matrix."""
    shape, becomes_square = changes.shape, "pixel_aspect_ratio" in changes.wrong
    is_scaled = shape is not None and (shape.size != shape.crop or becomes_square)
    size = [f"{shape.size[0]}:{shape.size[1]}"] if shape is not None and is_scaled else []
    matrix = [_MATRIX] if _becomes_ycbcr(changes) else []
    scaling = [f"scale={':'.join([*size, *matrix, _QUALITY])}"] if size or matrix else []
    if is_scaled or "pixel_aspect_ratio" in changes.limits:
        scaling.append(f"setsar={'1' if becomes_square else _pixel_shape(changes.media)}")
    return [*scaling, *_stated_matrix(changes)]


def _pixel_shape(media: Subject) -> str:
    """Return the pixel aspect ratio of the source: scaling to whole pixels would make another of it.

    One that is not stated becomes 1.
    """
    ratio = media.pixel_aspect_ratio
    if not ratio:
        return f"r=sar:max={_MAX_SAR_TERM}"
    shown = Fraction(ratio).limit_denominator(_MAX_SAR_TERM)
    terms = (shown.denominator, shown.numerator) if media.rotation in _TRANSPOSED else shown.as_integer_ratio()
    return f"{terms[0]}/{terms[1]}" if terms[0] != terms[1] else "1"


def _becomes_ycbcr(changes: Changes) -> bool:
    """Return whether RGB is encoded as YCbCr: by default, ffmpeg uses the BT.601 matrix and does not state it."""
    is_rgb = changes.media.color_model in _RGB_MODELS or changes.is_animation or changes.flattens
    return is_rgb and changes.colors is None


def _stated_matrix(changes: Changes) -> list[str]:
    """Return the filters that state how RGB was converted."""
    media = changes.media
    if changes.video is None or not _becomes_ycbcr(changes):
        return []
    facts = ["colorspace=bt709", "range=tv"]
    facts += ["color_primaries=bt709"] if media.primaries is None else []
    facts += ["color_trc=bt709"] if media.transfer is None else []
    return [f"format={changes.video.pixels.name}", f"setparams={':'.join(facts)}"]


def _canvas(changes: Changes) -> list[str]:
    """Return the filters that pad the picture."""
    shape, choices = changes.shape, changes.choices
    if shape is None or shape.canvas is None:
        return []
    x, y = crop_offset(shape.canvas, shape.size, choices.anchor, chroma_grid(changes.limits))
    width, height = shape.canvas
    # Black and the blurred copy have limited (TV) range.
    levels = "scale=out_range=tv"
    if choices.fit == "blur":
        return [levels, _blurred(shape.canvas, x, y)]
    return [levels, f"pad={width}:{height}:{x}:{y}:color=black"]


def _blurred(canvas: Size, x: int, y: int) -> str:
    """Return the filters that put the picture on a blurred copy of itself, which covers the canvas."""
    small = [max(_MIN_BLURRED, round(side / _BLUR_SHARE)) for side in canvas]
    cover = f"scale={small[0]}:{small[1]}:force_original_aspect_ratio=increase,crop={small[0]}:{small[1]}:exact=1"
    back = f"[back]{cover},{_BLUR},scale={canvas[0]}:{canvas[1]}:flags=bicubic,setsar=1[behind]"
    return f"split[back][front];{back};[behind][front]overlay={x}:{y}:format=auto"
