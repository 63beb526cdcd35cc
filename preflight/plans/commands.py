"""The command of a plan for a video or an audio file: one call of ffmpeg."""

from __future__ import annotations

import os
from typing import NamedTuple

from preflight.formats import FORMATS, IMAGE
from preflight.plans.changes import Changes
from preflight.plans.ffmpeg_args import args_for


class CommandTemplate(NamedTuple):
    """A command without the names of the file and of its result.

    before       the arguments before the file name; between: those between it and the output name
    extensions   of a file without a name, and of the result
    """

    before: tuple[str, ...]
    between: tuple[str, ...]
    extensions: tuple[str, str]

    def argv(self, name: str | None) -> tuple[str, ...]:
        """Return the command for a file of this name; None: a placeholder."""
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


def _as_path(name: str) -> str:
    """Return the name so that no program takes it for an option (`-x.mp4`) or for a protocol (`a:b.mp4`)."""
    return f"./{name}" if not os.path.isabs(name) and (name.startswith("-") or ":" in name) else name


def command_template(changes: Changes) -> CommandTemplate | None:
    """Return the command that makes all changes; None if no call of ffmpeg can."""
    if changes.written not in FORMATS or changes.media.kind == IMAGE:
        return None
    args = args_for(changes)
    if args is None or changes.compresses:  # a size takes several attempts that depend on each other
        return None
    return CommandTemplate(("ffmpeg", *args.source, "-i"), (*args.inputs, *args.output), _extensions(changes))


def _extension(name: str) -> str:
    return FORMATS[name].extensions[0] if name in FORMATS else name
