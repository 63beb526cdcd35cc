"""Pillow and pillow-heif: the header of pictures that no reader of ours knows, and the pixels of all of them."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import pillow_heif
from PIL import Image, UnidentifiedImageError

pillow_heif.register_heif_opener()
Image.init()
# The settings of this process alone. The worker's own memory limit takes the place of Pillow's bomb check, which would
# refuse to tell the size of a legal picture of 200 megapixels.
Image.MAX_IMAGE_PIXELS = None

ANIMATED: Final = frozenset(("GIF", "WEBP", "PNG", "AVIF"))
"""Formats whose frames follow one another in time."""
PAGED: Final = frozenset(("TIFF",))


def header(file: BinaryIO) -> dict[str, Any]:
    """What Pillow says of a picture before it decodes it, or under `refused` why it does not open it."""
    try:
        with Image.open(file) as image:
            return _facts(image)
    except MemoryError:
        raise
    except Exception as error:  # a decoder that stumbles over the bytes of a file raises whatever it likes
        return {"refused": _in_words(error)}


def decode(file: BinaryIO) -> dict[str, Any]:
    """Decode every frame. `refused`: cannot be opened; `failed`: what stopped it, at frame `frames`."""
    facts = header(file)
    if "refused" in facts:
        return facts
    try:
        if facts["format"] == "PNG":
            _check_png(file)
        file.seek(0)
        with Image.open(file) as image:
            _decode_frames(image, facts)
    except MemoryError:
        raise
    except Exception as error:
        facts["failed"] = _in_words(error)
    return facts


def _facts(image: Image.Image) -> dict[str, Any]:
    return {"format": image.format, "width": image.width, "height": image.height, "frames": 0}


def _in_words(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "cannot identify image file"  # Pillow's own words go on with our file object
    return " ".join(str(error).split())[:300] or type(error).__name__


def _check_png(file: BinaryIO) -> None:
    """The checksums of the picture's own chunks, which Pillow does not look at while it decodes them."""
    file.seek(0)
    with Image.open(file) as image:
        image.verify()


def _decode_frames(image: Image.Image, facts: dict[str, Any]) -> None:
    """Counts into `facts` as it goes, so that a failure tells how far it came."""
    several = facts["format"] in ANIMATED | PAGED
    milliseconds = 0.0
    if facts["format"] == "JPEG":
        image.draft("RGB", (1, 1))  # an eighth of the size: all of the file is read, little memory is needed
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
