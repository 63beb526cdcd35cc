"""Confine the files that a configuration names to its own repository, with all links resolved.

A configuration comes with a folder that somebody else may have made. Whoever runs a command there must not be shown
files of their own, such as `@/etc/passwd` line by line. Paths on the command line are never confined.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

ROOTS: Final = (".git", ".hg")
"""Entries that mark the top folder of a repository."""
MAX_PATH_CHARS: Final = 4096
"""PATH_MAX of Linux. Resolving the links of a path takes time that grows with the square of its length."""


class Confinement:
    """The folder that a configuration stays inside: the top of its repository, or its own folder outside of one.

    urls  whether URLs in its lists are fetched
    """

    def __init__(self, config_path: str, *, urls: bool = False) -> None:
        from preflight.gitignore import repository_of  # for those with a configuration alone

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
        """Return what is wrong with a path of the configuration, with the remedy; None where it stays inside."""
        if self.contains(path):
            return None
        return f"is outside {self.top}, where a configuration may not name files: give it on the command line"

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
            return
        from fnmatch import fnmatch  # only needed for patterns in a configuration

        part, rest = parts[0], parts[1:]
        if not any(mark in part for mark in "*?["):
            yield from self._matches(os.path.join(folder, part), rest)
            return
        if not self.contains(folder or "."):
            return
        if part == "**":
            yield from self._matches(folder, rest)
        for entry in _entries(folder):
            path = os.path.join(folder, entry.name)
            if part == "**":
                if entry.is_dir(follow_symlinks=False):
                    yield from self._matches(path, parts)
                elif not rest:
                    yield path
            elif fnmatch(entry.name, part):
                yield from self._matches(path, rest)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what a folder holds, sorted, without hidden files; nothing where it cannot be listed."""
    try:
        with os.scandir(folder or ".") as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError:
        return []
