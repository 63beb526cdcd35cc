"""The structural similarity (SSIM) of two pictures, as ffmpeg's filter `ssim` computes it, with Pillow alone.

It compares 8×8 pixels at every fourth position of brightness and of both color differences at half size. It runs where
pictures are decoded, in the killable process.
"""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageMath
from PIL.Image import Resampling

_STEP: Final = 4
"""Pixels between two windows, each twice as wide and high."""
_STRIP: Final = 512
"""Rows of windows that are compared at a time, so that a large picture does not take many times its memory."""
_C1, _C2 = (0.01 * 255) ** 2 / 64, (0.03 * 255) ** 2
"""The constants of the definition, the first as small as in ffmpeg and x264."""
_UNBIASED: Final = 64 / 63
"""From the variance of 64 pixels to that of what they are a sample of."""
_WEIGHTS: Final = (4 / 6, 1 / 6, 1 / 6)
"""Of brightness and the color differences: their numbers of pixels."""
_BACKGROUND: Final = (128, 128, 128, 255)
"""What is seen behind transparent pixels."""


def similarity(reference: Image.Image, result: Image.Image) -> float:
    """Return the SSIM of a picture and its source, at most 1. The source is scaled to the size of the result.

    Both are upright and in the same color space. Of animations the current frames are compared.
    """
    if reference.size != result.size:
        reference = _opaque(reference).resize(result.size, Resampling.LANCZOS)
    first, second = (_opaque(picture).convert("YCbCr") for picture in (reference, result))
    half = (max(1, result.width // 2), max(1, result.height // 2))
    total = 0.0
    for band, weight in zip(first.getbands(), _WEIGHTS, strict=True):
        pair = [picture.getchannel(band) for picture in (first, second)]
        if band != "Y":
            pair = [channel.resize(half, Resampling.BOX) for channel in pair]
        total += weight * _plane(*pair)
    return total


def _opaque(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB without transparency."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    background = Image.new("RGBA", picture.size, _BACKGROUND)
    return Image.alpha_composite(background, picture.convert("RGBA")).convert("RGB")


def _plane(first: Image.Image, second: Image.Image) -> float:
    """Return the mean SSIM of all windows of one plane. One that is smaller than a window is stretched to it."""
    least = 2 * _STEP
    if min(first.size) < least:
        size = (max(first.width, least), max(first.height, least))
        first, second = first.resize(size, Resampling.NEAREST), second.resize(size, Resampling.NEAREST)
    columns, rows = (side // _STEP - 1 for side in first.size)
    total = 0.0
    for top in range(0, rows, _STRIP):
        count = min(_STRIP, rows - top)
        box = (0, top * _STEP, (columns + 1) * _STEP, (top + count + 1) * _STEP)
        total += count * _strip(first.crop(box).convert("F"), second.crop(box).convert("F"))
    return total / rows


def _strip(first: Image.Image, second: Image.Image) -> float:
    """Return the mean SSIM of the windows of a strip, whose sides are multiples of the step."""
    windows = {
        "x": _means(first),
        "y": _means(second),
        "xx": _means(_product(first, first)),
        "yy": _means(_product(second, second)),
        "xy": _means(_product(first, second)),
    }
    return _mean(ImageMath.lambda_eval(_index, **windows))


def _index(means: dict[str, float]) -> float:
    """Return the SSIM of each window; the values stand for whole images."""
    x, y = means["x"], means["y"]
    covariance = (means["xy"] - x * y) * _UNBIASED
    variances = (means["xx"] - x * x + means["yy"] - y * y) * _UNBIASED
    return (2 * x * y + _C1) * (2 * covariance + _C2) / ((x * x + y * y + _C1) * (variances + _C2))


def _product(first: Image.Image, second: Image.Image) -> Image.Image:
    product: Image.Image = ImageMath.lambda_eval(lambda images: images["a"] * images["b"], a=first, b=second)
    return product


def _means(image: Image.Image) -> Image.Image:
    """Return the mean of each window of two by two blocks."""
    blocks = image.reduce(_STEP)
    width, height = blocks.width - 1, blocks.height - 1
    corners = {f"at{x}{y}": blocks.crop((x, y, x + width, y + height)) for x in (0, 1) for y in (0, 1)}
    means: Image.Image = ImageMath.lambda_eval(lambda images: sum(images[name] for name in corners) / 4, **corners)
    return means


def _mean(image: Image.Image) -> float:
    value = image.resize((1, 1), Resampling.BOX).getpixel((0, 0))
    assert isinstance(value, float)
    return value
