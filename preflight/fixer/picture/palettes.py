"""Give pictures a palette: without any loss if they have at most 256 colors, else the nearest colors."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageMath

_MAX_COLORS: Final = 256
_HALF: Final = 128
"""The alpha below which a pixel of a GIF is transparent."""


def exact_palette(image: Image.Image) -> Image.Image | None:
    """Return a picture of at most 256 colors with a palette and no other change; None if there are more colors."""
    if image.mode not in ("RGB", "RGBA"):
        return None
    counted = image.getcolors(_MAX_COLORS)
    if counted is None:
        return None
    colors = [color for _, color in counted if isinstance(color, tuple)]
    found = _indices(image, colors)
    found.putpalette([part for color in colors for part in color[:3]])
    if image.mode == "RGBA":
        found.info["transparency"] = bytes([color[3] for color in colors])
    return found


def _indices(image: Image.Image, colors: list[tuple[int, ...]]) -> Image.Image:
    """Return a picture of the positions of its colors in the list.

    Pillow's own conversion finds colors that are only near. Here each band splits the groups of the bands before it, of
    which there are never more than colors: a table of 65,536 values finds the group of a pair of bytes.
    """
    bands = image.split()
    groups: dict[tuple[int, ...], int] = {(value,): value for value in range(_MAX_COLORS)}
    indices = bands[0]
    for number, band in enumerate(bands[1:], 2):
        parts = list(dict.fromkeys(color[:number] for color in colors))
        table = [0] * _MAX_COLORS**2
        for index, part in enumerate(parts):
            table[groups[part[:-1]] * _MAX_COLORS + part[-1]] = index
        pairs = ImageMath.lambda_eval(
            lambda images: images["group"] * _MAX_COLORS + images["band"],
            group=indices.convert("I"),
            band=band.convert("I"),
        )
        indices = pairs.point(table, "L")
        groups = {part: index for index, part in enumerate(parts)}
    return indices


def quantize_for_gif(image: Image.Image, *, dithers: bool) -> Image.Image:
    """Return a picture with at most 256 colors, of which one may be transparent, as a GIF has them.

    dithers  mix colors that are missing; in an animation that would flicker
    """
    if image.mode in ("P", "L"):
        return image
    opaque = image.convert("RGB")
    clear = _clear(image, _HALF) if image.mode == "RGBA" else None
    if clear is None or clear.getbbox() is None:
        return exact_palette(opaque) or _quantized(opaque, _MAX_COLORS, dithers=dithers)
    opaque.paste((0, 0, 0), mask=clear)
    few = exact_palette(opaque) if opaque.getcolors(_MAX_COLORS - 1) is not None else None
    found = few or _quantized(opaque, _MAX_COLORS - 1, dithers=dithers)
    entries = (found.getpalette("RGB") or [])[: 3 * (_MAX_COLORS - 1)]
    index = len(entries) // 3
    found.putpalette([*entries, 0, 0, 0])
    found.paste(index, mask=clear)
    found.info["transparency"] = index
    return found


def _quantized(image: Image.Image, colors: int, *, dithers: bool) -> Image.Image:
    """Return a picture with the nearest of so many colors."""
    found = image.quantize(colors, Image.Quantize.MEDIANCUT)
    return image.quantize(palette=found, dither=Image.Dither.FLOYDSTEINBERG) if dithers else found


def _clear(image: Image.Image, below: int) -> Image.Image:
    """Return a mask of the pixels whose alpha is below a value."""
    return image.getchannel("A").point([255] * below + [0] * (256 - below))
