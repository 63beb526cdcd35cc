"""Ready commands: ffmpeg for video and sound, Pillow for pictures."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import Final

from preflight.formats import AUDIO, FORMATS, IMAGE, VIDEO
from preflight.hints import targets
from preflight.hints.targets import Limits, Shape
from preflight.media import NONE, Media

_HEIF: Final = frozenset(("heic", "heif"))


@dataclass(frozen=True, slots=True)
class Repair:
    """What is to be mended of a media, and to what.

    wrong    the facts outside their limits
    limits   what holds for the format that is written
    shape    None: the geometry stays
    written  the format of the result
    """

    media: Media
    wrong: frozenset[str]
    limits: Limits
    shape: Shape | None
    written: str


def command(repair: Repair, name: str | None) -> str | None:
    """The command for a file of this name (None: a placeholder); None where no command would do."""
    if repair.written not in FORMATS:
        return None
    source = name if name and name.isprintable() else f"input.{_extension(repair.media.format or repair.written)}"
    output = f"{os.path.splitext(os.path.basename(source))[0]}-fixed.{_extension(repair.written)}"
    words = _pillow(repair) if repair.media.kind == IMAGE else _ffmpeg(repair, _plain(source))
    if words is None:
        return None
    return shlex.join([*words, *([_plain(source)] if repair.media.kind == IMAGE else []), _plain(output)])


def _extension(name: str) -> str:
    return FORMATS[name].extensions[0] if name in FORMATS else name


def _plain(name: str) -> str:
    """A name that no program takes for an option (`-x.mp4`) or for a protocol (`a:b.mp4`)."""
    return f"./{name}" if not os.path.isabs(name) and (name.startswith("-") or ":" in name) else name


def _ffmpeg(repair: Repair, source: str) -> list[str] | None:
    media, limits = repair.media, repair.limits
    words = ["ffmpeg", "-i", source]
    if media.kind == VIDEO:
        filters = _filters(repair)
        words += ["-vf", ",".join(filters)] if filters else []
    if "duration" in repair.wrong and "duration" in limits:
        words += ["-t", f"{targets.duration(limits['duration']):g}"]
    tracks = {} if media.kind == AUDIO else {"video_codec": "-c:v"}
    tracks |= {} if media.audio_codec == NONE else {"audio_codec": "-c:a"}
    for fact, option in tracks.items():
        codec = targets.codec(fact, limits.get(fact), repair.written)
        if codec is None:
            return None
        words += ["-an"] if codec == NONE else [option, *targets.ENCODERS[codec]]
    return words


def _filters(repair: Repair) -> list[str]:
    filters = []
    if repair.shape is not None:
        (crop_width, crop_height), (width, height) = repair.shape
        if (crop_width, crop_height) != (repair.media.width, repair.media.height):
            filters.append(f"crop={crop_width}:{crop_height}")
        filters.append(f"scale={width}:{height},setsar=1")
    if "fps" in repair.wrong and "fps" in repair.limits:
        filters.append(f"fps={targets.fps(repair.media, repair.limits['fps']):g}")
    return filters


def _pillow(repair: Repair) -> list[str] | None:
    media, written = repair.media, repair.written
    if (media.frames or 1) > 1 or "animated" in media.notes:
        return None  # it would keep one picture of several
    mode = "RGB" if media.has_alpha is False or written in ("jpeg", "bmp") else "RGBA"
    steps = f'ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("{mode}")'
    if repair.shape is not None:
        steps = f"ImageOps.fit({steps}, {repair.shape.size})"
    register = "import pillow_heif; pillow_heif.register_heif_opener(); " if {media.format, written} & _HEIF else ""
    how = ", quality=95" if written in ("jpeg", "webp", *_HEIF) else ""
    how = ', compression="tiff_deflate"' if written == "tiff" else how  # the source's own may not fit the new mode
    program = f"import sys; from PIL import Image, ImageOps; {register}{steps}.save(sys.argv[2]{how})"
    return ["python3", "-c", program]
