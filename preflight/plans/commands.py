"""Ready commands: ffmpeg for video and sound, Pillow for pictures."""

from __future__ import annotations

import os
import shlex
from typing import Final, NamedTuple

from preflight.formats import AUDIO, FORMATS, IMAGE, VIDEO
from preflight.media import NONE, Media
from preflight.plans import encoding
from preflight.plans.encoding import can_copy, can_remux
from preflight.plans.geometry import Limits, Shape

_HEIF: Final = frozenset(("heic", "heif"))


class Subject(NamedTuple):
    """The facts of a media on which its hints depend: many files of a folder have the same."""

    kind: str | None
    format: str | None
    width: int | None
    height: int | None
    fps: float | None
    video_codec: str | None
    audio_codec: str | None
    has_alpha: bool | None
    moving: bool

    @classmethod
    def of(cls, media: Media) -> Subject:
        """Those of a media."""
        m = media
        moving = (m.frames or 1) > 1 or "animated" in m.notes
        return cls(m.kind, m.format, m.width, m.height, m.fps, m.video_codec, m.audio_codec, m.has_alpha, moving)


class Repair(NamedTuple):
    """What is to be mended of a media, and to what.

    wrong    the facts outside their limits
    limits   what holds for the format that is written
    shape    None: the geometry stays
    written  the format of the result
    """

    media: Subject
    wrong: frozenset[str]
    limits: Limits
    shape: Shape | None
    written: str

    @property
    def tracks(self) -> tuple[str, ...]:
        """Return the codec facts of the tracks that the result has."""
        facts = ("audio_codec",) if self.media.kind == AUDIO else ("video_codec", "audio_codec")
        return tuple(fact for fact in facts if getattr(self.media, fact) != NONE)

    @property
    def remuxes(self) -> bool:
        """Return whether nothing has to be encoded again."""
        return can_remux(self.media, self.tracks, self.wrong, self.limits, self.written)


class Command(NamedTuple):
    """A command that lacks but the names: what stands before that of the file, and between it and that of the result.

    extensions  of a file without a usable name, and of the result
    """

    before: str
    between: str
    extensions: tuple[str, str]

    def of(self, name: str | None) -> str:
        """The command for a file of this name; None: a placeholder."""
        source = name if name and name.isprintable() else f"input.{self.extensions[0]}"
        output = _beside(source, self.extensions[1])
        return f"{self.before} {shlex.quote(_plain(source))}{self.between} {shlex.quote(_plain(output))}"


def _beside(source: str, extension: str) -> str:
    """A name beside the file, which no other file's result has: neither that of a.jpg nor that of b/a.png."""
    stem, dot, own = source.rpartition(".")
    if not dot or os.sep in own:
        stem, own = source, extension
    return f"{stem}-fixed.{extension}" if own == extension else f"{stem}-{own}-fixed.{extension}"


def command(repair: Repair) -> Command | None:
    """The command that mends it; None where no command would do."""
    if repair.written not in FORMATS:
        return None
    extensions = (_extension(repair.media.format or repair.written), _extension(repair.written))
    if repair.media.kind == IMAGE:
        program = _pillow(repair)
        return Command(f"python3 -c {shlex.quote(program)}", "", extensions) if program else None
    words = _ffmpeg(repair)
    return Command("ffmpeg -i", "".join(f" {shlex.quote(word)}" for word in words), extensions) if words else None


def _extension(name: str) -> str:
    return FORMATS[name].extensions[0] if name in FORMATS else name


def _plain(name: str) -> str:
    """A name that no program takes for an option (`-x.mp4`) or for a protocol (`a:b.mp4`)."""
    return f"./{name}" if not os.path.isabs(name) and (name.startswith("-") or ":" in name) else name


def _ffmpeg(repair: Repair) -> list[str]:
    """The options of the output; none where something cannot be encoded."""
    media, limits = repair.media, repair.limits
    if repair.remuxes:
        return [*encoding.copy_options(media, repair.written), *_index(repair)]
    words: list[str] = []
    if media.kind == VIDEO:
        filters = _filters(repair)
        words += ["-vf", ",".join(filters)] if filters else []
    if "duration" in repair.wrong and "duration" in limits:
        words += ["-t", f"{encoding.duration(limits['duration']):g}"]
    for fact in repair.tracks:
        coding = _coding(fact, repair)
        if not coding:
            return []
        words += coding
    return [*words, *_index(repair)]


def _coding(fact: str, repair: Repair) -> list[str]:
    """Return the options for one track; empty if no accepted codec can be encoded."""
    option = "-c:v" if fact == "video_codec" else "-c:a"
    if can_copy(fact, repair.media, repair.wrong, repair.limits, repair.written):
        return [option, "copy"]
    codec = encoding.codec(fact, repair.limits.get(fact), repair.written)
    if codec is None:
        return []
    return ["-an"] if codec == NONE else [option, *encoding.ENCODERS[codec]]


def _index(repair: Repair) -> list[str]:
    """Return the option that puts the index before the media data, if a limit asks for it."""
    limit = repair.limits.get("streamable")
    wanted = limit is not None and limit.side(True) == 0 and repair.written in encoding.MP4_FAMILY
    return ["-movflags", "+faststart"] if wanted else []


def _filters(repair: Repair) -> list[str]:
    filters = []
    if repair.shape is not None:
        (crop_width, crop_height), (width, height) = repair.shape
        if (crop_width, crop_height) != (repair.media.width, repair.media.height):
            filters.append(f"crop={crop_width}:{crop_height}")
        filters.append(f"scale={width}:{height},setsar=1")
    if "fps" in repair.wrong and "fps" in repair.limits:
        filters.append(f"fps={encoding.fps(repair.media.fps, repair.limits['fps']):g}")
    return filters


def _pillow(repair: Repair) -> str | None:
    media, written = repair.media, repair.written
    if media.moving:
        return None  # it would keep one picture of several
    mode = "RGB" if media.has_alpha is False or written in ("jpeg", "bmp") else "RGBA"
    steps = f'ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("{mode}")'
    if repair.shape is not None:
        steps = f"ImageOps.fit({steps}, {repair.shape.size})"
    register = "import pillow_heif; pillow_heif.register_heif_opener(); " if {media.format, written} & _HEIF else ""
    how = ", quality=95" if written in ("jpeg", "webp", *_HEIF) else ""
    how = ', compression="tiff_deflate"' if written == "tiff" else how  # the source's own may not fit the new mode
    output = 'open(sys.argv[2], "x+b")'  # as ffmpeg, it overwrites nothing
    return f"import sys; from PIL import Image, ImageOps; {register}{steps}.save({output}{how})"
