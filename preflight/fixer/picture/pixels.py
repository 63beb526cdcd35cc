"""Change the pixels of a picture: bit depth, colors, transparency, crop, size and padding."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image, ImageCms, ImageFilter

from preflight.fixer.picture.tone_mapping import tone_map
from preflight.plans.recipes import PictureRecipe, Rectangle

_DEEP: Final = ("I;16", "I;16B", "I;16L", "I;16N")
_TRANSPARENT: Final = {"L": "LA", "RGB": "RGBA", "P": "RGBA", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "1": "LA"}
_OPAQUE: Final = {"1": "L", "LA": "L", "RGBA": "RGB", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
_WITH_PALETTE: Final = frozenset(("bmp", "gif", "png", "tiff"))
"""Formats that are written with the palette of the source, if its pixels stay the same."""
_SPACES: Final = {"GRAY": ("L", "LA"), "RGB": ("RGB", "RGBA"), "CMYK": ("CMYK",), "LAB": ("LAB",)}
"""By color space of an ICC profile, the modes that it describes."""
_BLUR_SCALE: Final = 8
_BLURRED_SHARE: Final = 40
"""The radius of the blur is the longest side divided by this."""


def change_pixels(image: Image.Image, profile: bytes, recipe: PictureRecipe) -> tuple[Image.Image, bytes]:
    """Return an upright picture after all changes of its pixels, and its profile."""
    image = _plain(image, recipe)
    primaries, transfer = recipe.colors
    if recipe.tone_maps and primaries is not None and transfer is not None:
        image, profile = tone_map(_without_palette(image) if image.mode == "P" else image, primaries, transfer), b""
    profile = profile if _describes(profile, image.mode) else b""
    is_converted = recipe.to_srgb or (image.mode in ("CMYK", "LAB") and not recipe.keeps_cmyk)
    if is_converted or (recipe.as_rgb and image.mode in ("L", "LA") and profile):
        image, profile = convert_to_srgb(image, profile)
    if recipe.as_rgb and image.mode in ("L", "LA"):
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    if recipe.flatten:
        image = flatten(image)
    if recipe.crop is not None:
        left, top, width, height = recipe.crop
        image = image.crop((left, top, left + width, top + height))
    if recipe.size is not None:
        image = scale_picture(image, recipe.size)
    return _padded(image, recipe.canvas, blur=recipe.blur) if recipe.canvas is not None else image, profile


def scale_picture(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture in another size; transparent pixels do not color their neighbors."""
    if image.mode == "P":
        image = _without_palette(image)
    return image.resize(size, Image.Resampling.LANCZOS)


def flatten(image: Image.Image) -> Image.Image:
    """Return a picture without transparency: on white."""
    if image.mode not in ("LA", "RGBA"):
        return image
    opaque = "L" if image.mode == "LA" else "RGB"
    white = Image.new(opaque, image.size, "white")
    white.paste(image.convert(opaque), mask=image.getchannel("A"))
    return white


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Return a deep gray picture with 8 bits per component: scaled, not clipped."""
    deep = image.convert("I")
    # Only such a linear function is applied to whole numbers of 32 bits; the conversion then truncates.
    return deep.point(lambda value: value * (1 / 257) + 0.5).convert("L")


def _plain(image: Image.Image, recipe: PictureRecipe) -> Image.Image:
    """Return a picture in one of the modes L, LA, RGB, RGBA, P, I;16, CMYK and LAB."""
    if image.mode in _DEEP or image.mode == "I":
        return _gray(image, recipe)
    if image.mode == "F":
        return _from_floats(image)
    if image.mode == "P" and _keeps_palette(image, recipe):
        return image
    if image.has_transparency_data and image.mode in _TRANSPARENT:
        return image.convert(_TRANSPARENT[image.mode])
    if image.mode in ("LA", "RGBA") and image.has_transparency_data:
        return image
    return image.convert(_OPAQUE[image.mode]) if image.mode in _OPAQUE else image


def _keeps_palette(image: Image.Image, recipe: PictureRecipe) -> bool:
    changes_colors = recipe.as_rgb or recipe.to_srgb or (recipe.flatten and image.has_transparency_data)
    changes_shape = recipe.size is not None or recipe.canvas is not None
    return recipe.written in _WITH_PALETTE and not changes_colors and not changes_shape


def _without_palette(image: Image.Image) -> Image.Image:
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _gray(image: Image.Image, recipe: PictureRecipe) -> Image.Image:
    if recipe.keeps_depth and image.mode in _DEEP:
        return image if image.mode == "I;16" else image.convert("I;16")
    return to_eight_bits(image)


def _from_floats(image: Image.Image) -> Image.Image:
    """Return a picture of floating point samples, which are 0 to 1 by custom, with 8 bits."""
    _lowest, highest = image.getextrema()
    top = float(highest) if isinstance(highest, int | float) and highest > 1 else 1.0
    return image.point(lambda value: value * (255 / top) + 0.5).convert("L")


def _describes(profile: bytes, mode: str) -> bool:
    """Return whether an ICC profile can be read and is for pixels of this mode."""
    if not profile:
        return False
    try:
        space = ImageCms.ImageCmsProfile(BytesIO(profile)).profile.xcolor_space.strip().upper()
    except (OSError, ValueError):
        return False
    if mode == "P":
        mode = "RGB"
    return ("L" if mode == "I;16" else mode) in _SPACES.get(space, ())


def convert_to_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, bytes]:
    """Return a picture in sRGB, and the profile that says so; without one, its colors are taken as sRGB."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    if image.mode == "LAB" and not profile:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if image.mode == "P":
        image = _without_palette(image)
    if image.mode == "I;16":
        image = to_eight_bits(image)
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    opaque = image.convert(_OPAQUE[image.mode]) if alpha is not None else image
    converted = _converted(opaque, profile, srgb) or opaque.convert("RGB")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted, srgb.tobytes()


def _converted(image: Image.Image, profile: bytes, target: ImageCms.ImageCmsProfile) -> Image.Image | None:
    """Return a picture in the colors of another profile; None without a profile, or with a damaged one."""
    if not profile:
        return None
    try:
        return ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(BytesIO(profile)), target, outputMode="RGB")
    except ImageCms.PyCMSError:
        return None


def _padded(image: Image.Image, canvas: Rectangle, *, blur: bool) -> Image.Image:
    """Return a picture on a larger canvas: black, or an enlarged and blurred copy of itself."""
    left, top, width, height = canvas
    if image.mode == "P":
        image = _without_palette(image)
    background = _cover(image, (width, height)) if blur else _black(image.mode, (width, height))
    background.paste(image, (left, top))
    return background


def _black(mode: str, size: tuple[int, int]) -> Image.Image:
    color = {"CMYK": (0, 0, 0, 255), "RGBA": (0, 0, 0, 255), "LA": (0, 255), "RGB": (0, 0, 0)}.get(mode, 0)
    return Image.new(mode, size, color)


def _cover(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a blurred copy that covers a size; it is blurred while it is small, which looks the same."""
    small = tuple(max(1, side // _BLUR_SCALE) for side in size)
    factor = max(small[0] / image.width, small[1] / image.height)
    width, height = small[0] / factor, small[1] / factor
    left, top = (image.width - width) / 2, (image.height - height) / 2
    covering = image.resize((small[0], small[1]), Image.Resampling.BOX, (left, top, left + width, top + height))
    blurred = covering.filter(ImageFilter.GaussianBlur(max(size) / _BLURRED_SHARE / _BLUR_SCALE))
    return blurred.resize(size, Image.Resampling.BICUBIC)
