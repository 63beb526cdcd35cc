"""Refuse to write a file that the same call reads. Files are compared by device and inode, through links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import click

from preflight import catalog
from preflight.errors import UsageError
from preflight.output import open_descriptor
from preflight.reporters.outputs import format_of
from preflight.sources.open import is_url
from preflight.targets import Item, is_media

Identity = tuple[int, int] | str
"""Device and inode of a regular file; the resolved path if there is none."""

_DATABASE: Final = ("", "-wal", "-shm", "-journal", ".lock")
"""Suffixes of the files of a ledger."""


class OverwriteGuard:
    """The files that one call writes, by identity. Raises `UsageError` if one file is used twice."""

    def __init__(self, ctx: click.Context, targets: Iterable[str], options: Mapping[str, Any]) -> None:
        self._options: dict[Identity, str] = {}
        for option, path in _outputs(options):
            self._add(option, path)
        for what, path in _inputs(ctx, targets, options) if self._options else ():
            self._refuse(_identity(path), what)

    def checked(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the targets. Raises `UsageError` for one that is also written; in folders, only for media."""
        if not self._options:
            yield from items
            return
        for item in items:
            path = item.target
            if isinstance(path, str) and item.problem is None and not is_url(path):
                identity = _identity(path)
                if identity in self._options and (item.explicit or is_media(path)):
                    self._refuse(identity, f"the input file {path}")
            yield item

    def _add(self, option: str, path: str) -> None:
        identity = _identity(path)
        if identity is None:
            return
        if identity in self._options and open_descriptor(path) is None:
            raise UsageError(f"{self._options[identity]} and {option} are the same file: give each a path of its own")
        if not option.startswith("--ledger") and isinstance(identity, tuple) and is_media(path, by_name=False):
            raise UsageError(f"{option} would overwrite a media file: give another path")
        from preflight.gitignore import NAME as GITIGNORE

        if isinstance(identity, tuple) and os.path.basename(os.path.realpath(path)) == GITIGNORE:
            raise UsageError(f"{option} would overwrite a .gitignore file: give another path")
        self._options[identity] = option

    def _refuse(self, identity: Identity | None, what: str) -> None:
        if identity is not None and identity in self._options:
            raise UsageError(f"{self._options[identity]} would overwrite {what}: give another path")


def _outputs(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("output", "resume", "cache", "ledger"):
        if options.get(name):
            yield f"--{name} {options[name]}", options[name]
    for written in options.get("report", ()):
        yield f"--report {written}", format_of(written)[1]
    if not options.get("output") and not options.get("resume") and _is_regular(1):
        yield "standard output", "/dev/fd/1"


def _inputs(ctx: click.Context, targets: Iterable[str], options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a description and the path of every file that is read, except those found in folders and lists."""
    for word in targets:
        if word == "-":
            yield "standard input", "/dev/fd/0"
        elif word.startswith("@") and not os.path.lexists(word):
            yield f"the list {word[1:]}", word[1:]
        elif not is_url(word):
            yield f"the input file {word}", word
    for given in options.get("rules") or ():
        for name in filter(None, map(str.strip, given.split(","))):
            for path in catalog.rule_file_paths(name) if name != catalog.ALL else ():
                yield f"the rule file {path}", path
    if ctx.meta.get("preflight.config"):
        yield f"the configuration {ctx.meta['preflight.config']}", ctx.meta["preflight.config"]
    if "ledger" in options:
        from preflight.ledger import default_path

        ledger = options["ledger"] or default_path()
        for end in _DATABASE[1:] if options["ledger"] else _DATABASE:
            yield f"the ledger {ledger}{end}", f"{ledger}{end}"


def _identity(path: str) -> Identity | None:
    """Return the identity of a file; None for a folder, a device or a pipe, which are not overwritten."""
    try:
        state = os.stat(path)
    except FileNotFoundError:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return None
    return (state.st_dev, state.st_ino) if stat.S_ISREG(state.st_mode) else None


def _is_regular(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False
