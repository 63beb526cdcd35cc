"""Open a picture: its frames as displayed, and its metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import pillow_heif
from PIL import ExifTags, Image

from preflight.fixer.picture.metadata import DESCRIPTIVE_TAGS, is_readable, minimal_exif, update_exif, update_xmp
from preflight.fixer.picture.profiles import icc_profile_for
from preflight.plans.recipes import PictureRecipe

pillow_heif.register_heif_opener()
Image.init()

_ROTATED_BY_READER: Final = frozenset(("HEIF", "TIFF"))
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SEVERAL: Final = frozenset(("HEIF", "MPO", "TIFF"))
"""Formats whose further pictures are not frames of an animation."""
_MAX_FRAME_PIXELS: Final = 1 << 28
_DENSITY: Final = 72.0
"""Pixels per inch that are written if the source states none, but the ratio of its pixels."""
_SUBFILE_TYPE: Final = 254
_COPY_OR_MASK: Final = 0b101
_PREVIEW_TYPES: Final = frozenset(("Large Thumbnail (VGA Equivalent)", "Large Thumbnail (Full HD Equivalent)"))


class PictureRefused(Exception):
    """A picture that is not written. `str()` is the reason as a predicate; `parameter` would allow it.

    undecoded  whether another decoder may know the picture
    """

    def __init__(self, reason: str, parameter: str | None = None, *, undecoded: bool = False) -> None:
        super().__init__(reason)
        self.parameter = parameter
        self.undecoded = undecoded


class Metadata(NamedTuple):
    """What is written beside the pixels; empty: nothing."""

    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None


class SourcePicture(NamedTuple):
    """A picture as displayed.

    frames     one picture, or those of an animation; durations: of each, in ms
    loop       how often an animation is shown; 0: forever
    tables     quantization tables of a JPEG
    """

    frames: list[Image.Image]
    durations: list[float]
    loop: int
    profile: bytes
    tables: tuple[tuple[int, ...], ...]
    exif: bytes
    xmp: bytes
    dpi: tuple[float, float] | None


def read_source_picture(image: Image.Image, recipe: PictureRecipe) -> SourcePicture:
    """Return the frames of an open picture and its metadata. Raise `PictureRefused`, and what a decoder raises."""
    require_single(image, recipe)
    count = getattr(image, "n_frames", 1)
    frames, durations = [], []
    tables = tuple(tuple(table) for _, table in sorted(getattr(image, "quantization", {}).items()))
    for frame in _frames(image, count if recipe.keeps_frames else 1):
        frames.append(_upright(frame, recipe))
        durations.append(float(frame.info.get("duration") or 0))
    loop = image.info.get("loop")
    if image.format == "GIF":  # it states repetitions; without the extension it is shown once
        loop = 1 if loop is None else 0 if loop == 0 else int(loop) + 1
    profile, xmp, dpi = (image.info.get(name) for name in ("icc_profile", "xmp", "dpi"))
    profile = profile or icc_profile_for(*recipe.colors, image.info.get("chromaticity"), image.info.get("gamma"))
    return SourcePicture(
        frames,
        durations,
        int(loop or 0),
        profile if isinstance(profile, bytes) else b"",
        tables,
        _exif_of(image),
        xmp if isinstance(xmp, bytes) else b"",
        (float(dpi[0]), float(dpi[1])) if isinstance(dpi, tuple) and len(dpi) == 2 and min(dpi) > 0 else None,
    )


def metadata_for(original: SourcePicture, recipe: PictureRecipe, size: tuple[int, int]) -> Metadata:
    """Return the metadata of a result of this size."""
    least = minimal_exif(1) if recipe.states_orientation else b""
    if recipe.strip_metadata:
        return Metadata(least, b"", _density(None, recipe.pixel_aspect))
    is_cropped = recipe.crop is not None or recipe.canvas is not None
    exif = update_exif(original.exif, size=size, is_cropped=is_cropped, strip_location=recipe.strip_location)
    return Metadata(
        exif if exif and is_readable(exif) else least,
        update_xmp(original.xmp, strip_location=recipe.strip_location),
        _density(original.dpi, recipe.pixel_aspect),
    )


def _density(stated: tuple[float, float] | None, pixel_aspect: float | None) -> tuple[float, float] | None:
    """Return the density to write, whose ratio is that of the pixels, as ffmpeg and our readers have it; None: none."""
    if pixel_aspect is None:
        return stated if stated is None or stated[0] == stated[1] else (stated[0], stated[0])
    across = stated[0] if stated is not None else _DENSITY
    return across, across / pixel_aspect


def require_single(image: Image.Image, recipe: PictureRecipe) -> None:
    """Raise `PictureRefused` if further pictures would be lost, unless that is allowed."""
    count = getattr(image, "n_frames", 1)
    several = count > 1 and image.format in _SEVERAL and not recipe.keeps_frames
    if several and not recipe.first_picture and _is_collection(image):
        raise PictureRefused(f"is one of {count} in the file, of which only the first would be kept", "first_picture")


def _is_collection(image: Image.Image) -> bool:
    """Return whether a file holds further pictures that are not previews, masks or smaller copies of the first."""
    entries = getattr(image, "mpinfo", None)
    if image.format == "MPO" and isinstance(entries, dict):
        return any(entry["Attribute"]["MPType"] not in _PREVIEW_TYPES for entry in entries[0xB002][1:])
    if image.format != "TIFF":
        return True
    first = image.tell()
    try:
        for number in range(1, getattr(image, "n_frames", 1)):
            image.seek(number)
            if not int(getattr(image, "tag_v2", {}).get(_SUBFILE_TYPE, 0)) & _COPY_OR_MASK:
                return True
    finally:
        image.seek(first)
    return False


def _frames(image: Image.Image, count: int) -> Iterator[Image.Image]:
    """Yield the frames of an open picture, decoded."""
    if count == 1:
        image.load()
        yield image
        return
    if image.width * image.height * count > _MAX_FRAME_PIXELS:
        raise PictureRefused(f"has {count} frames of {image.width}×{image.height} pixels, too many to change at once")
    # A PNG may begin with a picture that is not part of the animation.
    for number in range(1 if getattr(image, "default_image", False) else 0, count):
        image.seek(number)
        image.load()
        yield image.copy()


def _upright(image: Image.Image, recipe: PictureRecipe) -> Image.Image:
    """Return a picture as displayed. Raise `PictureRefused` if it has not the size that was planned with."""
    turn = _TURNS.get(orientation_of(image))
    turned = image.transpose(turn) if turn is not None else image
    if turned is not image:
        turned.info = dict(image.info)
    if recipe.whole is None or turned.size == recipe.whole:
        return turned
    if image.size == recipe.whole:
        return image
    width, height = turned.size
    raise PictureRefused(f"decodes to {width}×{height} pixels instead of {recipe.whole[0]}×{recipe.whole[1]}")


def orientation_of(image: Image.Image) -> int:
    """Return the orientation that is still to be applied, 1 to 8; 1 if it cannot be read."""
    if image.format in _ROTATED_BY_READER:
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - Pillow raises many types for damaged EXIF, which then rotates nothing
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _exif_of(image: Image.Image) -> bytes:
    """Return the EXIF block of a picture, without the tags on how a TIFF file is stored."""
    if image.format != "TIFF":
        stated = image.info.get("exif")
        return stated if isinstance(stated, bytes) else b""
    try:
        own, kept = image.getexif(), Image.Exif()
        for tag in DESCRIPTIVE_TAGS:
            if tag in own:
                kept[tag] = own[tag]
        for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            if values := own.get_ifd(directory):
                kept.get_ifd(directory).update(values)
                kept[directory] = kept.get_ifd(directory)
        return kept.tobytes() if len(kept) else b""
    except Exception:  # noqa: BLE001 - what cannot be read is not written
        return b""
