"""Refuse to write a file that the same call reads. Files are compared by device and inode, through links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import Final

import click

from preflight import catalog
from preflight.errors import UsageError
from preflight.output import open_descriptor
from preflight.reporters import format_of
from preflight.sources.open import is_url
from preflight.targets import Item, is_media

Identity = tuple[int, int] | str
"""Device and inode of a regular file; the resolved path if there is none."""
NamedPath = tuple[str, str]
"""The name of a file in messages, and its path."""

_LEDGER_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", ".lock")


class OverwriteGuard:
    """The files that one call writes, by identity. Raises `UsageError` if one file is used twice."""

    def __init__(self, outputs: Iterable[NamedPath], inputs: Iterable[NamedPath]) -> None:
        self._outputs: dict[Identity, str] = {}
        for name, path in outputs:
            self._add(name, path)
        for name, path in inputs if self._outputs else ():
            self._refuse(_identity(path), name)

    def checked(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the targets. Raise `UsageError` for one that is also written; in folders, only for media."""
        if not self._outputs:
            yield from items
            return
        for item in items:
            path = item.target
            if isinstance(path, str) and item.problem is None and not is_url(path):
                identity = _identity(path)
                if identity in self._outputs and (item.explicit or is_media(path)):
                    self._refuse(identity, f"the input file {path}")
            yield item

    def _add(self, name: str, path: str) -> None:
        identity = _identity(path)
        if identity is None:
            return
        if identity in self._outputs and open_descriptor(path) is None:
            raise UsageError(f"{self._outputs[identity]} and {name} are the same file. Give each a path of its own.")
        if not name.startswith("--ledger") and isinstance(identity, tuple) and is_media(path, by_name=False):
            raise UsageError(f"{name} would overwrite a media file. Give another path.")
        from preflight.gitignore import NAME as GITIGNORE

        if isinstance(identity, tuple) and os.path.basename(os.path.realpath(path)) == GITIGNORE:
            raise UsageError(f"{name} would overwrite a .gitignore file. Give another path.")
        self._outputs[identity] = name

    def _refuse(self, identity: Identity | None, name: str) -> None:
        if identity is not None and identity in self._outputs:
            raise UsageError(f"{self._outputs[identity]} would overwrite {name}. Give another path.")


def output_files(reports: Iterable[str] = (), **options: str | None) -> Iterator[NamedPath]:
    """Yield the files that a call writes: those of its options, its reports, and standard output if that is a file."""
    for name, path in options.items():
        if path:
            yield f"--{name} {path}", path
    for written in reports:
        yield f"--report {written}", format_of(written)[1]
    if not options.get("output") and not options.get("resume") and _is_regular(1):
        yield "standard output", "/dev/fd/1"


def target_files(targets: Iterable[str]) -> Iterator[NamedPath]:
    """Yield the files that targets name, except those found in folders and lists."""
    for word in targets:
        if word == "-":
            yield "standard input", "/dev/fd/0"
        elif word.startswith("@") and not os.path.lexists(word):
            yield f"the list {word[1:]}", word[1:]
        elif not is_url(word):
            yield f"the input file {word}", word


def rule_files(rules: Iterable[str]) -> Iterator[NamedPath]:
    """Yield the files of rule sets, with those that they extend."""
    for given in rules:
        for name in filter(None, map(str.strip, given.split(","))):
            for path in catalog.rule_file_paths(name) if name != catalog.ALL else ():
                yield f"the rule file {path}", path


def configuration_files() -> Iterator[NamedPath]:
    """Yield the configuration that the defaults of the running command come from."""
    path = click.get_current_context().meta.get("preflight.config")
    if path:
        yield f"the configuration {path}", path


def ledger_files(ledger: str | None) -> Iterator[NamedPath]:
    """Yield the files of a ledger; a ledger that an option names is itself an output."""
    from preflight.ledger import default_path

    path = ledger or default_path()
    for suffix in _LEDGER_SUFFIXES[1:] if ledger else _LEDGER_SUFFIXES:
        yield f"the ledger {path}{suffix}", f"{path}{suffix}"


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
