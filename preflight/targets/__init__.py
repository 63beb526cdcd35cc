"""What a command line names (files, folders, globs, URLs, lists, standard input) as a stream of single targets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from preflight.confinement import Confinement
from preflight.errors import SourceError
from preflight.formats import MEDIA_EXTENSIONS, extension_of, holds_media
from preflight.report import Problem
from preflight.sources.open import Target, asset_of, display_name, is_fetched, is_url

if TYPE_CHECKING:
    from preflight.gitignore import IgnoreRules


class Item(NamedTuple):
    """One target, or why there is none.

    name      as it is shown
    explicit  named by the caller, not found in a folder: judged even where it is no media
    problem   why it cannot be opened (a missing path, an unreadable line of a list)
    """

    target: Target
    name: str | None = None
    explicit: bool = True
    problem: Problem | None = None


def _uncounted() -> None:
    """Default for `Selection.ignored`: does nothing."""


class Selection(NamedTuple):
    """Which files of folders are taken.

    include, exclude  shell patterns on the path below the folder or on the name
    ignore            leave out what .gitignore files ignore, and folders of dependencies
    ignored           called for each file and each folder that is left out so
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignore: bool = True
    ignored: Callable[[], object] = _uncounted

    def __bool__(self) -> bool:
        """Whether there is anything to match."""
        return bool(self.include or self.exclude)

    def takes(self, path: str) -> bool:
        """Whether a file found at `path` is taken."""
        if self.include and not _matches(path, self.include):
            return False
        return not (self.exclude and _matches(path, self.exclude))


def _matches(path: str, patterns: Iterable[str]) -> bool:
    from fnmatch import fnmatch

    name = os.path.basename(path)
    return any(fnmatch(path, pattern) or fnmatch(name, pattern) for pattern in patterns)


_ALL: Final = Selection()

DEPENDENCIES: Final = frozenset(("__pycache__", "__pypackages__", "bower_components", "jspm_packages", "node_modules"))
"""Names of folders that package managers and interpreters fill."""
_ENVIRONMENT: Final = "pyvenv.cfg"
"""The file that marks a virtual environment of Python."""


def expand(
    words: Iterable[str],
    selection: Selection = _ALL,
    column: str | None = None,
    confinement: Confinement | None = None,
) -> Iterator[Item]:
    """Every target that the words name, in their order; files of a folder sorted by name.

    column       the name of the CSV column or JSONL key that holds the target, for lists of those kinds
    confinement  what the words and all that they lead to stay inside; None for what a user writes
    """
    for word in words:
        if word == "-":
            yield from _standard_input(selection, column)
        elif word.startswith("@") and not os.path.lexists(word):
            yield from _list_file(word[1:], selection, column, confinement)
        else:
            yield from _one(word, selection, confinement)


def _one(word: str, selection: Selection, confinement: Confinement | None) -> Iterator[Item]:
    if (asset := asset_of(word)) is not None:
        yield Item(asset)
    elif is_url(word):
        yield Item(word, None)
    elif any(mark in word for mark in "*?[") and "\0" not in word and not os.path.lexists(word):
        yield from _pattern(word, selection, confinement)
    elif confinement and (outside := confinement.problem(word)):
        yield _problem(word, "unreadable", outside)
    elif os.path.isdir(word):
        yield from _folder(word, selection, confinement)
    else:
        yield Item(word)


def _pattern(word: str, selection: Selection, confinement: Confinement | None) -> Iterator[Item]:
    import glob

    found = sorted(confinement.glob(word) if confinement else glob.iglob(word, recursive=True))
    if not found:
        from preflight.sources.local import missing_path_advice

        said = missing_path_advice(word) or "check it, and quote it for the shell"
        yield _problem(display_name(word), "not_found", f"no file matches this pattern: {said}")
    for path in found:
        if confinement and (outside := confinement.problem(path)):
            yield _problem(path, "unreadable", outside)
        elif os.path.isdir(path):
            yield from _folder(path, selection, confinement)
        elif selection.takes(path):
            yield Item(path)


def _problem(name: str, code: str, sentence: str) -> Item:
    return Item(name, name, True, Problem(code, f"{name}: {sentence}"))


def _folder(folder: str, selection: Selection, confinement: Confinement | None) -> Iterator[Item]:
    """Yield the regular files below a folder, depth first, sorted.

    Skips hidden and ignored ones; a folder that links lead to again is entered once.
    """
    from preflight import gitignore  # not for those who name their files

    pending = [(folder, gitignore.IgnoreRules.for_folder(folder) if selection.ignore else None)]
    seen: set[tuple[int, int]] = set()
    empty, any_ignored = True, False
    while pending:
        here, ignoring = pending.pop()
        try:
            state = os.stat(here)
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            with os.scandir(here) as entries:
                there = list(entries)
            if ignoring is not None:
                names = {entry.name for entry in there}
                if _ENVIRONMENT in names and here != folder:
                    any_ignored = True
                    selection.ignored()
                    continue
                if gitignore.REPOSITORY in names and here != folder:
                    ignoring = gitignore.IgnoreRules.of_repository(here)
                ignoring = ignoring.with_folder(here) if gitignore.NAME in names else ignoring
            listed = sorted((entry for entry in there if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            empty = False
            yield _problem(here, "unreadable", f"the folder cannot be listed ({error.strerror}): check its permissions")
            continue
        below = []
        for entry in listed:
            if ignoring is not None and _is_ignored(entry, ignoring):
                any_ignored = True
                selection.ignored()
            elif confinement and entry.is_symlink() and (outside := confinement.problem(entry.path)):
                empty = False
                yield _problem(entry.path, "unreadable", outside)
            elif _is_folder(entry):
                below.append((entry.path, ignoring))
            elif _may_be_file(entry) and (not selection or selection.takes(os.path.relpath(entry.path, folder))):
                empty = False
                yield Item(entry.path, None, False)
        pending.extend(reversed(below))
    if empty:
        but = " (apart from ignored files and dependencies)" if any_ignored else ""
        said = f"the folder has no file that could be media{but}: check the path and the patterns"
        yield _problem(folder, "no_media", said)


def _is_ignored(entry: os.DirEntry[str], ignoring: IgnoreRules) -> bool:
    is_folder = _is_folder(entry)
    if is_folder and entry.name in DEPENDENCIES:
        return True
    # To git a link is a file, wherever it leads.
    return ignoring.ignores(entry.path, is_folder=is_folder and not entry.is_symlink())


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """A file, or a link that leads nowhere and should be heard of; no pipe, no socket, no device."""
    try:
        return entry.is_file() or entry.is_symlink()
    except OSError:  # a link into a loop of links
        return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into a loop of links
        return False


_NOT_FETCHED: Final = "a URL in a list of a configuration is not fetched: give the list on the command line"


def _standard_input(selection: Selection, column: str | None) -> Iterator[Item]:
    """A media file's bytes, or a list of targets."""
    from preflight.targets import lists

    stream, listed = lists.standard_input()
    if stream is None:
        yield _problem("<stdin>", "unreadable", "standard input is closed: give files, or a list on it")
    elif listed:
        yield from _listed(stream, "<stdin>", selection, column, None)
    else:
        yield Item(stream, "<stdin>")


def _list_file(path: str, selection: Selection, column: str | None, confinement: Confinement | None) -> Iterator[Item]:
    if confinement and (outside := confinement.problem(path)):
        yield _problem(f"@{path}", "unreadable", outside)
        return
    if confinement and os.path.exists(path) and not os.path.isfile(path):  # a FIFO, which would wait for a writer
        yield _problem(f"@{path}", "unreadable", "the list is not a regular file: give it on the command line")
        return
    from preflight.targets import lists

    try:
        with open(path, "rb") as file:
            stream, listed = lists.told(file)
            if listed:
                yield from _listed(stream, path, selection, column, confinement)
            else:
                yield _problem(
                    f"@{path}",
                    "unreadable",
                    f"it is not a list of targets in UTF-8 or UTF-16: to check the file itself, write {path}",
                )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        yield _problem(f"@{path}", "unreadable", f"the list cannot be read ({why}): check its path")


def _listed(
    stream: IO[bytes], name: str, selection: Selection, column: str | None, confinement: Confinement | None
) -> Iterator[Item]:
    from preflight.targets import lists

    empty = True
    for row in lists.rows(stream, name, column):
        empty = False
        if row.target is not None and confinement and not confinement.urls and is_fetched(row.target):
            yield _problem(row.place, "unreadable_line", _NOT_FETCHED)
        elif row.target is not None:
            yield from _one(row.target, selection, confinement)
        else:
            yield _problem(row.place, "unreadable_line", row.wrong or "")
    if empty:
        yield _problem(name, "no_media", "the list names no target: write one a line")


def is_media(path: str, *, by_name: bool = True) -> bool:
    """Return whether a file is media by its content or, with `by_name`, by its extension."""
    from preflight.probes.sniff import sniff
    from preflight.sources.local import LocalSource

    if by_name and extension_of(path) in MEDIA_EXTENSIONS:
        return True
    try:
        source = LocalSource(path)
    except SourceError:
        return False
    try:
        return holds_media(sniff(source) or "")
    except SourceError:
        return False
    finally:
        source.close()
