"""Give pictures a palette: without any loss if they have at most 256 colors, else the nearest colors."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageChops

_MAX_COLORS: Final = 256
_HALF: Final = 128
"""The alpha below which a pixel of a GIF is transparent."""


def exact_palette(image: Image.Image) -> Image.Image | None:
    """Return a picture of at most 256 colors with a palette and no other change; None if there are more colors."""
    if image.mode == "RGBA":
        return _with_alphas(image)
    return _with_colors(image.convert("RGB")) if image.mode in ("RGB", "L") else None


def _with_alphas(image: Image.Image) -> Image.Image | None:
    """Return a picture whose palette has transparent colors; None for one color in two opacities."""
    pixels = _pixels(image)
    if pixels is None:
        return None
    used = {color[:3] for color in pixels if color[3]}
    free = next((color for color in ((0, 0, blue) for blue in range(_MAX_COLORS)) if color not in used), None)
    if free is None or len(used) != len({color for color in pixels if color[3]}):
        return None
    opaque = image.convert("RGB")
    opaque.paste(free, mask=_clear(image, 1))
    found = _with_colors(opaque)
    if found is None:
        return None
    alphas = {free: 0} | {(color[0], color[1], color[2]): color[3] for color in pixels if color[3]}
    entries = found.getpalette("RGB") or []
    colors = zip(entries[::3], entries[1::3], entries[2::3], strict=True)
    found.info["transparency"] = bytes([alphas.get(color, 255) for color in colors])
    return found


def in_palette(image: Image.Image) -> Image.Image:
    """Return a picture with at most 256 colors, of which one may be transparent, as a GIF has them."""
    if image.mode in ("P", "L"):
        return image
    opaque = image.convert("RGB")
    clear = _clear(image, _HALF) if image.mode == "RGBA" else None
    if clear is None or clear.getbbox() is None:
        return _with_colors(opaque) or opaque.quantize(_MAX_COLORS, Image.Quantize.MEDIANCUT)
    opaque.paste((0, 0, 0), mask=clear)
    few = _with_colors(opaque) if opaque.getcolors(_MAX_COLORS - 1) is not None else None
    found = few or opaque.quantize(_MAX_COLORS - 1, Image.Quantize.MEDIANCUT)
    entries = (found.getpalette("RGB") or [])[: 3 * (_MAX_COLORS - 1)]
    index = len(entries) // 3
    found.putpalette([*entries, 0, 0, 0])
    found.paste(index, mask=clear)
    found.info["transparency"] = index
    return found


def _clear(image: Image.Image, below: int) -> Image.Image:
    """Return a mask of the pixels whose alpha is below a value."""
    return image.getchannel("A").point([255] * below + [0] * (256 - below))


def _pixels(image: Image.Image) -> list[tuple[int, ...]] | None:
    """Return the colors of a picture; None if they are more than a palette holds."""
    counted = image.getcolors(_MAX_COLORS)
    return None if counted is None else [color for _, color in counted if isinstance(color, tuple)]


def _with_colors(image: Image.Image) -> Image.Image | None:
    """Return an RGB picture with exactly its own colors as the palette; None if they are too many."""
    pixels = _pixels(image)
    if pixels is None:
        return None
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for color in pixels for part in color])
    found = image.quantize(palette=palette, dither=Image.Dither.NONE)
    return found if ImageChops.difference(found.convert("RGB"), image).getbbox() is None else None
