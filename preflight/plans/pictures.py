"""Choose how a picture is saved: the facts of what Pillow writes, and the program that writes it."""

from __future__ import annotations

from typing import Final

from preflight.media import NONE
from preflight.plans.colors import CMYK_MODELS
from preflight.plans.encoding import Subject
from preflight.plans.geometry import LimitsByFact, Size
from preflight.plans.tracks import FactValue, is_accepted

_HEIF: Final = frozenset(("heic", "heif"))
_MODELS: Final = {
    "jpeg": "ycbcr", "webp": "ycbcr", "heic": "ycbcr", "heif": "ycbcr", "avif": "ycbcr",
    "png": "rgb", "bmp": "rgb", "tiff": "rgb", "gif": "palette",
}  # fmt: skip
"""By format, the color model of what is written."""
_SUBSAMPLINGS: Final = {"4:2:0": 2, "4:2:2": 1, "4:4:4": 0}
_CODINGS: Final = {"jpeg": "baseline", "webp": "lossy"}
_OPAQUE: Final = frozenset(("jpeg", "bmp"))
_WITH_PROFILE: Final = frozenset(("jpeg", "tiff", "webp"))
"""Formats that have no other statement of their colors than an ICC profile, which Pillow reads."""
_SAVED_IN_SRGB: Final = frozenset((None, NONE, "gain_map"))
"""Kinds of HDR whose pictures Pillow opens in standard range: it leaves out a gain map."""
_COLORS: Final = frozenset(("primaries", "transfer"))
_OWN_PROFILE: Final = frozenset(("rgb", "ycbcr", "palette"))
"""Color models whose profile fits the RGB that is written."""
_OPEN: Final = 'im = ImageOps.exif_transpose(Image.open(sys.argv[1])); icc = im.info.get("icc_profile")'
_TO_SRGB: Final = (
    'srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")); '
    'im = im if im.mode in ("CMYK", "L") else im.convert("{mode}"); '
    "im = ImageCms.profileToProfile(im, ImageCms.ImageCmsProfile(io.BytesIO(icc)), srgb, "
    'outputMode="RGBA" if im.mode == "RGBA" else "RGB") if icc else im; icc = srgb.tobytes()'
)
_SCALE_GRAY: Final = 'im = im.convert("I").point(lambda v: v * (1 / 257)).convert("L")'
_FLATTEN: Final = 'im = im.convert("RGBA"); im = Image.alpha_composite(Image.new("RGBA", im.size, "white"), im)'


def values(written: str, limits: LimitsByFact) -> dict[str, FactValue]:
    """Return the facts of what is written in a format, as far as they are certain."""
    if written not in _MODELS:
        return {}
    facts: dict[str, FactValue] = {
        "bit_depth": 8, "color_model": _MODELS[written], "has_alpha": False,
        "animated": False, "multi_picture": False, "frames": 1, "location": False,
    }  # fmt: skip
    if written in _CODINGS:
        facts["coding"] = _CODINGS[written]
    if (chroma := _chroma(written, limits)) is not None:
        facts["chroma"] = chroma
    return facts


def _chroma(written: str, limits: LimitsByFact) -> str | None:
    choices = tuple(_SUBSAMPLINGS) if written == "jpeg" else ("4:2:0",) if _MODELS.get(written) == "ycbcr" else ()
    return next((choice for choice in choices if is_accepted(limits, "chroma", choice)), None)


def program(media: Subject, written: str, size: Size | None, wrong: frozenset[str], limits: LimitsByFact) -> str | None:
    """Return the Python program that saves a picture; None if Pillow would not do it right.

    size   the size to crop and scale it to; None: its own
    wrong  the facts outside their limits
    """
    if media.moving and wrong.isdisjoint(("animated", "frames")):
        return None  # Pillow would keep only one of its pictures
    converts_color = not wrong.isdisjoint(_COLORS | {"hdr"})
    if converts_color and (media.format not in _WITH_PROFILE or media.hdr not in _SAVED_IN_SRGB):
        return None
    if media.color_model == "lab":
        return None
    is_cmyk = media.color_model in CMYK_MODELS
    is_opaque = media.has_alpha is False or written in _OPAQUE or "has_alpha" in wrong
    mode = "RGB" if is_opaque else "RGBA"
    steps = [_OPEN]
    if converts_color or is_cmyk:
        steps.append(_TO_SRGB.format(mode="RGB" if media.has_alpha is False else "RGBA"))
    elif media.color_model == "gray" and (media.bit_depth or 8) > 8:
        steps.append(_SCALE_GRAY)
    if is_opaque and media.has_alpha is not False and not is_cmyk:
        steps.append(_FLATTEN)
    steps.append(f'im = im.convert("{mode}")')
    if size is not None:
        steps.append(f"im = ImageOps.fit(im, {size})")
    if "location" in wrong:
        steps.append("im.info = {}")
    register = "import pillow_heif; pillow_heif.register_heif_opener(); " if {media.format, written} & _HEIF else ""
    # With -c, Python imports from the working directory first, where anybody's files may be.
    start = "import io, sys; del sys.path[0]; from PIL import Image, ImageCms, ImageOps; "
    profile = "icc" if converts_color or is_cmyk or media.color_model in _OWN_PROFILE else "None"
    steps.append(f"im.save({_save_options(written, limits, profile)})")
    return f"{start}{register}{'; '.join(steps)}"


def _save_options(written: str, limits: LimitsByFact, profile: str) -> str:
    options = ['open(sys.argv[2], "x+b")']  # like ffmpeg without -y, it overwrites nothing
    if written in ("jpeg", "webp", *_HEIF):
        options.append("quality=95")
    if written == "tiff":
        options.append('compression="tiff_deflate"')
    if written == "jpeg" and "chroma" in limits:
        options.append(f"subsampling={_SUBSAMPLINGS[_chroma(written, limits) or '4:2:0']}")
    return ", ".join([*options, f"icc_profile={profile}"])
