"""Choose how a picture is saved: the facts of what Pillow writes, its recipe, and what that loses."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final

from preflight.formats import HDR_BY_TRANSFER
from preflight.media import Media
from preflight.plans.changes import Changes
from preflight.plans.geometry import LimitsByFact
from preflight.plans.picture_formats import MAX_SIDES, PICTURE_READERS, WITHOUT_METADATA, chroma_for
from preflight.plans.recipes import PictureRecipe, is_hdr, primaries_of, recipe_for
from preflight.plans.tracks import FactValue
from preflight.probes.color import CHROMATICITIES
from preflight.report import Obstacle

_MODELS: Final = {
    "jpeg": "ycbcr", "webp": "ycbcr", "heic": "ycbcr", "heif": "ycbcr", "avif": "ycbcr",
    "png": "rgb", "bmp": "rgb", "tiff": "rgb", "gif": "palette",
}  # fmt: skip
"""By format, the color model of what is written."""
_CODINGS: Final = {"jpeg": "baseline", "webp": "lossy"}


def recipe(changes: Changes) -> PictureRecipe | None:
    """Return the recipe for the changes of a picture; None if it cannot be read or written, or must not be."""
    return recipe_for(changes) if obstacle(changes) is None else None


def obstacle(changes: Changes, exact: Media | None = None) -> Obstacle | None:
    """Return why a picture cannot be changed as planned; None if it can.

    exact  all facts of the picture; None: those that `Subject` lacks are not known
    """
    return next(_obstacles(changes, exact), None)


def _obstacles(changes: Changes, exact: Media | None) -> Iterator[Obstacle]:
    media, written = changes.media, changes.written
    if media.format not in PICTURE_READERS:
        yield Obstacle(f"The format {media.format} cannot be decoded. Convert it with another program.")
    if written not in MAX_SIDES:
        yield Obstacle("None of the accepted formats can be written. Convert it with another program.")
    if not changes.choices.first_picture and is_collection(changes):
        message = "The file holds several pictures, of which only the first would be kept."
        yield Obstacle(message, "first_picture")
    if is_hdr(media) and changes.choices.hdr == "refuse":
        yield Obstacle(f"The picture is HDR ({media.hdr}) and would have to be tone-mapped.", "hdr")
    if is_hdr(media) and (media.transfer not in HDR_BY_TRANSFER or primaries_of(media) not in CHROMATICITIES):
        yield Obstacle("Its colors are not described well enough to tone-map them. Export it with its color space.")
    size = changes.shape.result if changes.shape is not None else (media.width or 0, media.height or 0)
    if max(size) > MAX_SIDES.get(written, inf):
        yield Obstacle(
            f"A side of {max(size):,} px exceeds the maximum of {written} ({MAX_SIDES[written]:,} px). Crop it first."
        )
    limit = changes.limits.get("size")
    if exact is not None and exact.size is not None and limit is not None and limit.side(exact.size) < 0:
        yield Obstacle(
            f"Its size of {exact.size:,} bytes is below the minimum of {limit.low:,}. Use a source of higher quality."
        )


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
    if obstacle(changes) is not None:
        return ()
    found = recipe_for(changes, sizes=False)
    if found.keeps_pixels:
        return tuple(_metadata_losses(found, media))
    frames = media.frames or 0
    is_reduced = bool(media.animated) and not found.keeps_frames
    stays = media.format == found.written and found.lossless
    losing = {
        f"keeps only the first {'frame' if frames < 2 else f'of {frames} frames'}": is_reduced,
        f"keeps only the first {'picture' if frames < 2 else f'of {frames} pictures'}": is_collection(changes),
        "drops the HDR gain map": media.hdr == "gain_map",
        "drops the transparency": media.has_alpha is not False and found.flatten and media.has_alpha is not None,
        "tone-maps HDR to standard dynamic range": found.tone_maps,
        "converts the colors to sRGB": found.to_srgb and not found.tone_maps,
        f"reduces the bit depth from {media.bit_depth} to 8": (media.bit_depth or 0) > 8 and not found.keeps_depth,
        "reduces the picture to 256 colors": found.written == "gif" and not stays,
        _coding_loss(found): not found.lossless,
    }
    return (*[phrase for phrase, applies in losing.items() if applies], *_metadata_losses(found, media))


def _coding_loss(found: PictureRecipe) -> str:
    if found.quality is not None:
        return f"re-encodes the picture as {found.written.upper()} at quality {found.quality}"
    return f"re-encodes the picture as {found.written.upper()}"


def _metadata_losses(found: PictureRecipe, media: Media) -> Iterator[str]:
    if found.strip_metadata or (found.written in WITHOUT_METADATA and media.format not in WITHOUT_METADATA):
        yield "drops the metadata"
    elif found.strip_location and media.location is not False:
        yield "drops the recording location"
    if found.strip_metadata and media.hdr == "gain_map" and found.keeps_pixels:
        yield "drops the HDR gain map"


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
    if (chroma := chroma_for(None, written, limits)) is not None:
        facts["chroma"] = chroma
    return facts
