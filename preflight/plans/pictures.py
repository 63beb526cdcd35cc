"""Choose how a picture is saved: the facts of what Pillow writes, its recipe, and what that loses."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final

from preflight.media import NONE, Media
from preflight.plans.changes import Changes
from preflight.plans.colors import CMYK_MODELS
from preflight.plans.encoding import Subject
from preflight.plans.geometry import LimitsByFact, Size
from preflight.plans.picture_formats import MAX_SIDES, PICTURE_READERS, WITHOUT_METADATA
from preflight.plans.recipes import PictureRecipe, is_high_range, recipe_for
from preflight.plans.tracks import FactValue, is_accepted
from preflight.report import Obstacle

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


def recipe(changes: Changes) -> PictureRecipe | None:
    """Return the recipe for the changes of a picture; None if it cannot be read or written, or must not be."""
    if changes.written not in MAX_SIDES or changes.media.format not in PICTURE_READERS or obstacle(changes) is not None:
        return None
    return recipe_for(changes)


def obstacle(changes: Changes, exact: Media | None = None) -> Obstacle | None:
    """Return why a picture cannot be changed as planned; None if it can.

    exact  all facts of the picture; None: those that `Subject` lacks are not known
    """
    return next(_obstacles(changes, exact), None)


def _obstacles(changes: Changes, exact: Media | None) -> Iterator[Obstacle]:
    media, written = changes.media, changes.written
    if media.format not in PICTURE_READERS:
        yield Obstacle(f"Pictures in the format {media.format} cannot be decoded. Convert it with another program.")
    if written not in MAX_SIDES:
        yield Obstacle("None of the accepted formats can be written. Convert it with another program.")
    if not changes.choices.first_picture and is_collection(changes):
        message = "The file holds several pictures, of which only the first would be kept. Allow it with first_picture."
        yield Obstacle(message, "first_picture")
    if is_high_range(media):
        message = f"The picture has a high dynamic range ({media.hdr}), which would be lost."
        yield Obstacle(f"{message} Convert it with another program.")
    size = changes.shape.result if changes.shape is not None else (media.width or 0, media.height or 0)
    if max(size) > MAX_SIDES.get(written, inf):
        yield Obstacle(f"A side of {max(size):,} px is longer than the {MAX_SIDES[written]:,} px of {written}.")
    limit = changes.limits.get("size")
    if exact is not None and exact.size is not None and limit is not None and limit.side(exact.size) < 0:
        yield Obstacle(f"The file has {exact.size:,} bytes, fewer than the minimum of {limit.low:,}.")


def is_collection(changes: Changes) -> bool:
    """Return whether the file holds several pictures of which one would be kept: pages, not frames of an animation.

    A JPEG may only hold previews behind its picture. What it holds shows when it is decoded.
    """
    media = changes.media
    if media.multi_picture:
        return "multi_picture" in changes.wrong and media.hdr != "gain_map"
    return media.moving and not media.animated


def losses(changes: Changes, media: Media) -> tuple[str, ...]:
    """Return what the changes of a picture lose, apart from its geometry: each a phrase."""
    found = recipe(changes)
    if found is None:
        return ()
    if found.keeps_pixels:
        return _metadata_losses(found, media)
    frames = media.frames or 0
    of_all = f" of {frames}" if frames > 1 else ""
    stays = media.format == found.written and found.lossless
    losing = {
        f"keeps only the first{of_all} frames": bool(media.animated) and not found.keeps_frames,
        f"keeps only the first{of_all} pictures": is_collection(changes),
        "drops the gain map for high dynamic range": media.hdr == "gain_map",
        "drops the transparency": media.has_alpha is not False and found.flatten and media.has_alpha is not None,
        "converts the colors to sRGB": found.to_srgb,
        f"8 instead of {media.bit_depth} bits per component": (media.bit_depth or 0) > 8 and not found.keeps_depth,
        "reduces the colors to 256": found.written == "gif" and not stays,
        _coding_loss(found): not found.lossless,
    }
    return (*[phrase for phrase, applies in losing.items() if applies], *_metadata_losses(found, media))


def _coding_loss(found: PictureRecipe) -> str:
    if found.quality is not None:
        return f"re-encodes the picture as {found.written.upper()} at quality {found.quality}"
    return f"re-encodes the picture as {found.written.upper()}"


def _metadata_losses(found: PictureRecipe, media: Media) -> tuple[str, ...]:
    if found.strip_metadata or found.written in WITHOUT_METADATA:
        return ("drops the metadata",) if media.format not in WITHOUT_METADATA else ()
    return ("drops the recording location",) if found.strip_location and media.location is not False else ()


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
