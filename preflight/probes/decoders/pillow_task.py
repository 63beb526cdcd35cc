"""Read pictures with Pillow and pillow-heif: the header of those we have no reader for, and the pixels of all."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import pillow_heif
from PIL import Image, UnidentifiedImageError

pillow_heif.register_heif_opener()
Image.init()
# This applies to the worker process only. Its memory limit replaces Pillow's decompression bomb check, which would
# refuse to give the size of a valid picture of 200 megapixels.
Image.MAX_IMAGE_PIXELS = None

ANIMATED: Final = frozenset(("GIF", "WEBP", "PNG", "AVIF"))
"""Formats whose frames follow one another in time."""
PAGED: Final = frozenset(("TIFF",))


def header(file: BinaryIO) -> dict[str, Any]:
    """Return the facts in the header of a picture, or under `refused` why Pillow does not open it."""
    try:
        with Image.open(file) as image:
            return {"format": image.format, "width": image.width, "height": image.height, "frames": 0}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise many types for damaged files
        return {"refused": _message(error)}


def decode_pixels(file: BinaryIO) -> dict[str, Any]:
    """Decode every frame. `refused`: why it cannot be opened; `failed`: the error that ended it, at frame `frames`."""
    facts = header(file)
    if "refused" in facts:
        return facts
    try:
        if facts["format"] == "PNG":
            file.seek(0)
            with Image.open(file) as image:
                image.verify()  # the checksums of critical chunks, which Pillow ignores while it decodes them
        file.seek(0)
        with Image.open(file) as image:
            _decode_frames(image, facts)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise many types for damaged files
        facts["failed"] = _message(error)
    return facts


def _message(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "cannot identify image file"  # Pillow's message ends with the representation of our file object
    return " ".join(str(error).split())[:300] or type(error).__name__


def _decode_frames(image: Image.Image, facts: dict[str, Any]) -> None:
    """Decode all frames and count them in `facts`, so that a failure shows where it happened."""
    several = facts["format"] in ANIMATED | PAGED
    milliseconds = 0.0
    if facts["format"] == "JPEG":
        image.draft("RGB", (1, 1))  # an eighth of the size: all of the file is read, but little memory is used
    while True:
        image.load()
        facts["frames"] += 1
        milliseconds += float(image.info.get("duration") or 0)
        if not several:
            break
        try:
            image.seek(facts["frames"])
        except EOFError:
            break
    if getattr(image, "default_image", False):
        facts["frames"] -= 1  # an animated PNG may have a still picture first that is not part of it
    if facts["frames"] > 1 and facts["format"] in ANIMATED:
        facts["duration"] = milliseconds / 1000
