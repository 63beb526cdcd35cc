"""The command of a plan: ffmpeg for video and audio, Pillow for images."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from preflight.formats import FORMATS, IMAGE, VIDEO
from preflight.media import NONE
from preflight.plans import encoding
from preflight.plans.changes import Changes
from preflight.plans.encoding import can_copy

_HEIF: Final = frozenset(("heic", "heif"))


class CommandTemplate(NamedTuple):
    """A command without the names of the file and of its result.

    before       the words before the file's name; between: those between the file's name and the result's
    extensions   of a file without a name, and of the result
    """

    before: tuple[str, ...]
    between: tuple[str, ...]
    extensions: tuple[str, str]

    def argv(self, name: str | None) -> tuple[str, ...]:
        """Return the words of the command for a file of this name; None: a placeholder."""
        source = name or f"input.{self.extensions[0]}"
        output = _beside(source, self.extensions[1])
        return (*self.before, _as_path(source), *self.between, _as_path(output))


def _beside(source: str, extension: str) -> str:
    """Return a path in the same folder that differs from the result of any other file, such as a.jpg or b/a.png."""
    stem, dot, suffix = source.rpartition(".")
    if not dot or os.sep in suffix:
        stem, suffix = source, extension
    return f"{stem}-fixed.{extension}" if suffix == extension else f"{stem}-{suffix}-fixed.{extension}"


def command_template(changes: Changes) -> CommandTemplate | None:
    """Return the command that makes all changes; None if no command can."""
    if changes.written not in FORMATS:
        return None
    extensions = (_extension(changes.media.format or changes.written), _extension(changes.written))
    if changes.media.kind == IMAGE:
        program = _pillow(changes)
        return CommandTemplate(("python3", "-c", program), (), extensions) if program else None
    options = _ffmpeg(changes)
    return CommandTemplate(("ffmpeg", "-i"), tuple(options), extensions) if options else None


def _extension(name: str) -> str:
    return FORMATS[name].extensions[0] if name in FORMATS else name


def _as_path(name: str) -> str:
    """Return the name so that no program takes it for an option (`-x.mp4`) or for a protocol (`a:b.mp4`)."""
    return f"./{name}" if not os.path.isabs(name) and (name.startswith("-") or ":" in name) else name


def _ffmpeg(changes: Changes) -> list[str]:
    """Return the options of the output; empty if a track cannot be encoded."""
    media, limits = changes.media, changes.limits
    if changes.remuxes:
        return [*encoding.copy_options(media, changes.written), *_index(changes)]
    options: list[str] = []
    if media.kind == VIDEO:
        filters = _filters(changes)
        options += ["-vf", ",".join(filters)] if filters else []
    if "duration" in changes.wrong and "duration" in limits:
        options += ["-t", f"{encoding.duration(limits['duration']):g}"]
    for fact in changes.tracks:
        coding = _coding(fact, changes)
        if not coding:
            return []
        options += coding
    return [*options, *_index(changes)]


def _coding(fact: str, changes: Changes) -> list[str]:
    """Return the options for one track; empty if no accepted codec can be encoded."""
    option = "-c:v" if fact == "video_codec" else "-c:a"
    if can_copy(fact, changes.media, changes.wrong, changes.limits, changes.written):
        return [option, "copy"]
    codec = encoding.codec(fact, changes.limits.get(fact), changes.written)
    if codec is None:
        return []
    return ["-an"] if codec == NONE else [option, *encoding.ENCODERS[codec]]


def _index(changes: Changes) -> list[str]:
    """Return the option that puts the index before the media data, if a limit requires it."""
    limit = changes.limits.get("streamable")
    if limit is None or not encoding.accepts(limit, value=True) or changes.written not in encoding.MP4_FAMILY:
        return []
    return ["-movflags", "+faststart"]


def _filters(changes: Changes) -> list[str]:
    filters = []
    if changes.shape is not None:
        (crop_width, crop_height), (width, height) = changes.shape
        if (crop_width, crop_height) != (changes.media.width, changes.media.height):
            filters.append(f"crop={crop_width}:{crop_height}")
        filters.append(f"scale={width}:{height},setsar=1")
    if "fps" in changes.wrong and "fps" in changes.limits:
        filters.append(f"fps={encoding.fps(changes.media.fps, changes.limits['fps']):g}")
    return filters


def _pillow(changes: Changes) -> str | None:
    media, written = changes.media, changes.written
    if media.moving:
        return None  # Pillow would keep only one of its pictures
    mode = "RGB" if media.has_alpha is False or written in ("jpeg", "bmp") else "RGBA"
    steps = f'ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("{mode}")'
    if changes.shape is not None:
        steps = f"ImageOps.fit({steps}, {changes.shape.size})"
    register = "import pillow_heif; pillow_heif.register_heif_opener(); " if {media.format, written} & _HEIF else ""
    options = ", quality=95" if written in ("jpeg", "webp", *_HEIF) else ""
    if written == "tiff":  # the source's profile may not fit the new mode
        options = ', compression="tiff_deflate"'
    output = 'open(sys.argv[2], "x+b")'  # like ffmpeg without -y, it overwrites nothing
    # With -c, Python imports from the working directory first, where anybody's files may be.
    start = "import sys; del sys.path[0]; from PIL import Image, ImageOps; "
    return f"{start}{register}{steps}.save({output}{options})"
