"""The command of a plan for a film or an audio file: one call of ffmpeg."""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from preflight.formats import FORMATS, IMAGE
from preflight.plans import encoding, timing
from preflight.plans.changes import Changes
from preflight.plans.filters import film_filters


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
        source, output = _paths(name, self.extensions)
        return (*self.before, source, *self.between, output)


def paths_of(name: str | None, changes: Changes) -> tuple[str, str]:
    """Return the path of a file, and of what the changes make of it."""
    return _paths(name, _extensions(changes))


def _extensions(changes: Changes) -> tuple[str, str]:
    return _extension(changes.media.format or changes.written), _extension(changes.written)


def _paths(name: str | None, extensions: tuple[str, str]) -> tuple[str, str]:
    source = name or f"input.{extensions[0]}"
    return _as_path(source), _as_path(_beside(source, extensions[1]))


def _beside(source: str, extension: str) -> str:
    """Return a path in the same folder that differs from the result of any other file, such as a.jpg or b/a.png."""
    stem, dot, suffix = source.rpartition(".")
    if not dot or os.sep in suffix:
        stem, suffix = source, extension
    return f"{stem}-fixed.{extension}" if suffix == extension else f"{stem}-{suffix}-fixed.{extension}"


def command_template(changes: Changes) -> CommandTemplate | None:
    """Return the command that makes all changes; None if no call of ffmpeg can."""
    if changes.written not in FORMATS or changes.media.kind == IMAGE:
        return None
    extensions = _extensions(changes)
    options = _ffmpeg(changes)
    return CommandTemplate(("ffmpeg", *_decoder(changes), "-i"), tuple(options), extensions) if options else None


_DECODERS_OF_ALPHA: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""By codec, the decoder that reads transparency, where the usual one does not."""


def _decoder(changes: Changes) -> tuple[str, ...]:
    decoder = _DECODERS_OF_ALPHA.get(changes.media.video_codec or "")
    return ("-c:v", decoder) if decoder is not None and "has_alpha" in changes.wrong else ()


def _extension(name: str) -> str:
    return FORMATS[name].extensions[0] if name in FORMATS else name


def _as_path(name: str) -> str:
    """Return the name so that no program takes it for an option (`-x.mp4`) or for a protocol (`a:b.mp4`)."""
    return f"./{name}" if not os.path.isabs(name) and (name.startswith("-") or ":" in name) else name


def _ffmpeg(changes: Changes) -> list[str]:
    """Return the options of the output; empty if a track cannot be encoded."""
    media, limits = changes.media, changes.limits
    if changes.remuxes:
        return [*encoding.copy_options(media, changes.written), *_container(changes)]
    options: list[str] = []
    if changes.video is not None:
        filters = film_filters(changes)
        if filters is None:
            return []
        options += ["-vf", ",".join(filters)] if filters else []
    if "duration" in changes.wrong and "duration" in limits:
        options += ["-t", f"{timing.duration(limits['duration']):g}"]
    for fact, option, coding in (("video_codec", "-c:v", changes.video), ("audio_codec", "-c:a", changes.audio)):
        if fact in changes.codecs and coding is None:
            return []
        if fact in changes.tracks:
            options += [option, "copy"] if coding is None else coding.options()
    return [*options, *_container(changes)]


def _container(changes: Changes) -> list[str]:
    """Return the options for the tracks to keep, the metadata and the index."""
    options = [*_index(changes)]
    if not changes.wrong.isdisjoint(("video_tracks", "audio_tracks")):
        options += ["-map", "0:V:0?", "-map", "0:a:0?"]  # V: not a cover picture
    if "location" in changes.wrong:
        options += ["-map_metadata", "-1"]
    if "has_alpha" in changes.wrong:
        options += ["-metadata:s:v:0", "alpha_mode="]  # of Matroska, which would be copied
    return options


def _index(changes: Changes) -> list[str]:
    """Return the option that puts the index before the media data, if a limit requires it."""
    limit = changes.limits.get("streamable")
    if limit is None or not encoding.accepts(limit, value=True) or changes.written not in encoding.MP4_FAMILY:
        return []
    return ["-movflags", "+faststart"]
