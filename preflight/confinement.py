"""Confine the files that a configuration names to its own repository, with all links resolved.

A configuration may come from somebody else. It must not make a command show files of the user, such as the lines of
`@/etc/passwd`. Paths on the command line are never confined.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

ROOTS: Final = (".git", ".hg")
"""Entries that mark the top folder of a repository."""
MAX_PATH_CHARS: Final = 4096
"""PATH_MAX of Linux; resolving the links of a path takes time that grows with the square of its length."""


class Confinement:
    """The folder that contains all files that a configuration may name: its repository, or else its own folder.

    urls  whether URLs in its lists are fetched
    """

    def __init__(self, config_path: str, *, urls: bool = False) -> None:
        from preflight.gitignore import repository_of  # only needed with a configuration

        self.urls = urls
        folder = os.path.dirname(os.path.abspath(config_path))
        self.top = os.path.realpath(repository_of(folder, ROOTS) or folder)
        self._below = os.path.join(self.top, "")

    def contains(self, path: str) -> bool:
        """Return whether a path is this folder or inside it, after all links."""
        if len(path) > MAX_PATH_CHARS:
            return False
        try:
            real = os.path.realpath(path)
        except ValueError:  # a NUL or an unpaired surrogate
            return False
        return real == self.top or real.startswith(self._below)

    def problem(self, path: str) -> str | None:
        """Return the problem of a path of the configuration, with the remedy; None if it is inside."""
        if self.contains(path):
            return None
        return f"is outside {self.top}, where a configuration may not name files. Give it on the command line."

    def glob(self, pattern: str) -> Iterator[str]:
        """Yield the matches of `glob.iglob(pattern, recursive=True)` without linked files outside.

        `**` does not follow links to folders: two links to their own folder would never end.
        """
        parts = [part for part in pattern.split(os.sep) if part]
        parts = [part for before, part in zip(["", *parts], parts, strict=False) if not before == part == "**"]
        yield from self._matches("/" if pattern.startswith(os.sep) else "", parts)

    def _matches(self, folder: str, parts: list[str]) -> Iterator[str]:
        if not parts:
            if os.path.lexists(folder):
                yield folder
        elif not any(mark in parts[0] for mark in "*?["):
            yield from self._matches(os.path.join(folder, parts[0]), parts[1:])
        elif self.contains(folder or "."):
            yield from self._any_depth(folder, parts) if parts[0] == "**" else self._one_level(folder, parts)

    def _any_depth(self, folder: str, parts: list[str]) -> Iterator[str]:
        """Yield the matches of `**` and the parts after it."""
        rest = parts[1:]
        yield from self._matches(folder, rest)
        for entry in _entries(folder):
            path = os.path.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield from self._matches(path, parts)
            elif not rest:
                yield path

    def _one_level(self, folder: str, parts: list[str]) -> Iterator[str]:
        from fnmatch import fnmatch  # only needed for patterns in a configuration

        for entry in _entries(folder):
            if fnmatch(entry.name, parts[0]):
                yield from self._matches(os.path.join(folder, entry.name), parts[1:])


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, sorted, without hidden ones; nothing if it cannot be listed."""
    try:
        with os.scandir(folder or ".") as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError:
        return []
