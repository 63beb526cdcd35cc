"""Decode a picture that Pillow cannot, such as an unusual TIFF, with ffmpeg."""

from __future__ import annotations

import os
import threading
from tempfile import TemporaryDirectory
from typing import Final

from preflight.errors import FfmpegError, MissingExtra
from preflight.fixer.ffmpeg import FfmpegOutput, execute_ffmpeg, find_ffmpeg, input_args
from preflight.formats import DEMUXERS
from preflight.media import NONE, Media
from preflight.plans.colors import CMYK_MODELS
from preflight.plans.recipes import PictureRecipe

LOST: Final = "drops the metadata"
"""What a picture loses when ffmpeg decodes it."""
_STRICT: Final = ("-err_detect", "crccheck+bitstream+buffer+explode")
"""Options that reject damaged pictures and wrong checksums instead of decoding as much as possible."""
_TOLERANT: Final = frozenset(("tiff",))
"""Formats whose decoder reports unknown tags as damage with these options, and missing pixels without them."""
_TURNS: Final = {
    2: "hflip", 3: "hflip,vflip", 4: "vflip", 5: "transpose=0", 6: "transpose=1", 7: "transpose=3", 8: "transpose=2",
}  # fmt: skip
"""By EXIF orientation, the filters that make a picture upright."""
_MAX_PIXELS: Final = 1 << 26
_BASE_BYTES: Final = 1 << 20
_BYTES_PER_PIXEL: Final = 5
_BASE_SECONDS: Final = 60.0
_SECONDS_PER_MEGAPIXEL: Final = 5.0
_EIGHT_BITS: Final = 8


def decode_by_ffmpeg(path: str, media: Media, stop: threading.Event | None = None) -> bytes | None:
    """Return the first picture of a file as a PNG of 8 bits, upright; None if ffmpeg cannot decode it without a fault.

    Raise `Stopped`, KeyboardInterrupt.
    """
    pixels = media.pixels or 0
    demuxer = DEMUXERS.get(media.format or "")
    if demuxer is None or not 0 < pixels <= _MAX_PIXELS or not _is_plain(media):
        return None
    with TemporaryDirectory(prefix="preflight-fix-") as folder:
        output = FfmpegOutput(os.path.join(folder, "decoded.png"), _BASE_BYTES + _BYTES_PER_PIXEL * pixels)
        strict = _STRICT if media.format not in _TOLERANT else ()
        args = ["-xerror", *strict, "-noautorotate", *input_args(path, demuxer), *_output_args(media, output.path)]
        try:
            ffmpeg = find_ffmpeg(encoders=("png",))._replace(folder=folder)
            timeout = _BASE_SECONDS + _SECONDS_PER_MEGAPIXEL * pixels / 1e6
            run = execute_ffmpeg(ffmpeg, args, timeout=timeout, stop=stop, output=output)
        except (FfmpegError, MissingExtra):
            return None
        if run.lines:
            return None
        with open(output.path, "rb") as file:
            return file.read()


def _is_plain(media: Media) -> bool:
    """Return whether ffmpeg decodes the colors correctly and the file holds no other picture."""
    several = media.animated or media.multi_picture or (media.frames or 1) > 1
    has_other_alpha = media.has_alpha is not False and DEMUXERS.get(media.format or "") == "mov"  # an item of its own
    is_standard = media.color_model not in CMYK_MODELS and media.hdr in (None, NONE)
    return is_standard and not several and not has_other_alpha


def _output_args(media: Media, path: str) -> list[str]:
    """Return the arguments for the PNG that is written."""
    turn = _TURNS.get(media.orientation or 1)
    pixels = "rgb24" if media.has_alpha is False else "rgba"
    filters = ["-vf", turn] if turn is not None else []
    return ["-map", "0:v:0", "-frames:v", "1", *filters, "-pix_fmt", pixels, "-f", "image2", "-y", f"file:{path}"]


def recipe_of_decoded(recipe: PictureRecipe) -> PictureRecipe:
    """Return the recipe for the PNG in place of the file that it was decoded from."""
    return recipe._replace(readers=("PNG",), keeps_pixels=False, keeps_depth=False)


def losses_of_decoding(media: Media, recipe: PictureRecipe) -> tuple[str, ...]:
    """Return what the picture loses, each as a phrase."""
    lost = () if recipe.strip_metadata else (LOST,)
    is_deep = recipe.keeps_depth and (media.bit_depth or 0) > _EIGHT_BITS
    return (*lost, f"reduces the bit depth from {media.bit_depth} to 8") if is_deep else lost
