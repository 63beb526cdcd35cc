"""Expand what a call names (files, folders, globs, URLs, lists, standard input) into single targets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from preflight.confinement import Confinement
from preflight.errors import SourceError, UsageError
from preflight.formats import MEDIA_EXTENSIONS, extension_of, holds_media
from preflight.report import Problem
from preflight.sources.open import Target, asset_of, display_name, is_fetched, is_url

if TYPE_CHECKING:
    from preflight.gitignore import IgnoreRules


class Item(NamedTuple):
    """One target, or the reason that there is none.

    name      for messages
    explicit  named by the caller, not found in a folder: judged even if it is not media
    problem   why it cannot be opened (a missing path, an unreadable line of a list)
    role      of a file of a request; None: no other than that of a reference
    """

    target: Target
    name: str | None = None
    explicit: bool = True
    problem: Problem | None = None
    role: str | None = None


class Selection(NamedTuple):
    """The choice of files in folders.

    include, exclude  shell patterns for the path below the folder or for the name
    ignore            leave out what .gitignore files ignore, and folders of dependencies
    ignored           called for each file and each folder that is left out for this reason
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignore: bool = True
    ignored: Callable[[], object] = lambda: None

    def __bool__(self) -> bool:
        """Return whether there is a pattern to match."""
        return bool(self.include or self.exclude)

    def takes(self, path: str) -> bool:
        """Return whether a file at `path` is selected."""
        if self.include and not _matches(path, self.include):
            return False
        return not (self.exclude and _matches(path, self.exclude))


def _matches(path: str, patterns: Iterable[str]) -> bool:
    from fnmatch import fnmatch

    name = os.path.basename(path)
    return any(fnmatch(path, pattern) or fnmatch(name, pattern) for pattern in patterns)


_ALL: Final = Selection()

DEPENDENCIES: Final = frozenset(("__pycache__", "__pypackages__", "bower_components", "jspm_packages", "node_modules"))
"""Names of folders that package managers and interpreters write."""
_ENVIRONMENT: Final = "pyvenv.cfg"
"""The file that marks a virtual environment."""


def expand(
    words: Iterable[str], selection: Selection = _ALL, column: str | None = None, confinement: Confinement | None = None
) -> Iterator[Item]:
    """Return every target that the words name, in their order; the files of a folder are sorted by name.

    column       the column of CSV lists, or the key of JSON lists, that has the targets
    confinement  the repository that the words and all that they lead to stay inside; None: no restriction

    Raise `UsageError` if there is a column and no list.
    """
    words = list(words)
    if column is not None and not any(word == "-" or _is_list(word) for word in words):
        raise UsageError(
            f"column={column} is given, but no target is a list. Give @LIST, or leave column= out.",
            parameters=("column",),
        )
    return _Expansion(selection, column, confinement).items(words)


def _is_list(word: str) -> bool:
    return word.startswith("@") and not os.path.lexists(word)


_NOT_FETCHED: Final = "a URL in a list of a configuration is not fetched. Give the list on the command line."


class _Expansion(NamedTuple):
    """Expands words into targets; the arguments are those of `expand`."""

    selection: Selection
    column: str | None
    confinement: Confinement | None

    def items(self, words: Iterable[str]) -> Iterator[Item]:
        for word in words:
            if word == "-":
                yield from self._standard_input()
            elif _is_list(word):
                yield from self._list_file(word[1:])
            else:
                yield from self._word(word)

    def _word(self, word: str) -> Iterator[Item]:
        if (asset := asset_of(word)) is not None:
            yield Item(asset)
        elif is_url(word):
            yield Item(word, None)
        elif any(mark in word for mark in "*?[") and "\0" not in word and not os.path.lexists(word):
            yield from self._pattern(word)
        elif self.confinement and (outside := self.confinement.problem(word)):
            yield _problem(word, "unreadable", outside)
        elif os.path.isdir(word):
            yield from self._folder(word)
        else:
            yield Item(word)

    def _pattern(self, word: str) -> Iterator[Item]:
        import glob

        found = sorted(self.confinement.glob(word) if self.confinement else glob.iglob(word, recursive=True))
        if not found:
            from preflight.sources.local import missing_path_advice

            advice = missing_path_advice(word) or "Check the pattern, and quote it for the shell."
            yield _problem(display_name(word), "not_found", f"no file matches this pattern. {advice}")
        folders: set[str] = set()
        for path in found:
            if _has_parent_in(path, folders):
                continue  # `media/**` matches a folder and its files: they are found in the folder
            if self.confinement and (outside := self.confinement.problem(path)):
                yield _problem(path, "unreadable", outside)
            elif os.path.isdir(path):
                folders.add(path.rstrip(os.sep) or path)
                yield from self._folder(path)
            elif self.selection.takes(path):
                yield Item(path)

    def _folder(self, folder: str) -> Iterator[Item]:
        """Yield the regular files below a folder, depth first, sorted. Hidden and ignored ones are skipped."""
        from preflight.gitignore import IgnoreRules  # needed only for folders

        walk = _Walk(folder, self.selection, self.confinement)
        yield from walk.items(IgnoreRules.for_folder(folder) if self.selection.ignore else None)
        if walk.is_empty:
            exception = " (apart from ignored files and dependencies)" if walk.any_ignored else ""
            reason = f"the folder has no file that could be media{exception}. Check the path and the patterns."
            yield _problem(folder, "no_media", reason)

    def _standard_input(self) -> Iterator[Item]:
        """Yield the media file, or the targets of the list, on standard input."""
        from preflight.targets import lists

        stream, is_list = lists.standard_input()
        if stream is None:
            yield _problem("<stdin>", "unreadable", "standard input is closed. Give files, or a list on it.")
        elif is_list:
            yield from self._replace(confinement=None)._listed(stream, "<stdin>")
        else:
            yield Item(stream, "<stdin>")

    def _list_file(self, path: str) -> Iterator[Item]:
        if self.confinement and (outside := self.confinement.problem(path)):
            yield _problem(f"@{path}", "unreadable", outside)
            return
        # Opening a FIFO would wait for a writer.
        if self.confinement and os.path.exists(path) and not os.path.isfile(path):
            yield _problem(f"@{path}", "unreadable", "the list is not a regular file. Give it on the command line.")
            return
        from preflight.targets import lists

        try:
            with open(path, "rb") as file:
                stream, is_list = lists.sniff_list(file)
                if is_list:
                    yield from self._listed(stream, path)
                else:
                    yield _problem(
                        f"@{path}",
                        "unreadable",
                        f"it is not a list of targets in UTF-8 or UTF-16. To check the file itself, write {path}",
                    )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            yield _problem(f"@{path}", "unreadable", f"the list cannot be read ({why}). Check its path.")

    def _listed(self, stream: IO[bytes], name: str) -> Iterator[Item]:
        from preflight.targets import lists

        is_empty = True
        for row in lists.rows(stream, name, self.column):
            is_empty = False
            if row.target is not None and self.confinement and not self.confinement.urls and is_fetched(row.target):
                yield _problem(row.place, "unreadable_line", _NOT_FETCHED)
            elif row.target is not None:
                yield from self._word(row.target)
            else:
                yield _problem(row.place, "unreadable_line", row.problem or "")
        if is_empty:
            yield _problem(name, "no_media", "the list has no target. Write one target per line.")


def _has_parent_in(path: str, folders: set[str]) -> bool:
    while folders and (parent := os.path.dirname(path.rstrip(os.sep))) != path:
        if parent in folders:
            return True
        path = parent
    return False


def _problem(name: str, code: str, sentence: str) -> Item:
    return Item(name, name, explicit=True, problem=Problem(code, f"{name}: {sentence}"))


class _Walk:
    """A walk through a folder. A folder that several links lead to is entered once."""

    def __init__(self, folder: str, selection: Selection, confinement: Confinement | None) -> None:
        self._folder = folder
        self._selection = selection
        self._confinement = confinement
        self._seen: set[tuple[int, int]] = set()
        self.is_empty = True
        self.any_ignored = False

    def items(self, rules: IgnoreRules | None) -> Iterator[Item]:
        """Yield the files, and problems of folders that cannot be read."""
        pending = [(self._folder, rules)]
        while pending:
            folder, rules = pending.pop()
            try:
                entries = _entries(folder, self._seen)
            except OSError as error:
                self.is_empty = False
                reason = f"the folder cannot be listed ({error.strerror}). Check its permissions."
                yield _problem(folder, "unreadable", reason)
                continue
            if rules is not None:
                names = {entry.name for entry in entries}
                if _ENVIRONMENT in names and folder != self._folder:
                    self._ignore()
                    continue
                rules = _rules_within(folder, names, rules, is_root=folder == self._folder)
            folders: list[tuple[str, IgnoreRules | None]] = []
            visible = (entry for entry in entries if not entry.name.startswith("."))
            for entry in sorted(visible, key=lambda entry: entry.name):
                if rules is not None and _is_ignored(entry, rules):
                    self._ignore()
                elif item := self._item(entry):
                    self.is_empty = False
                    yield item
                elif _is_folder(entry):
                    folders.append((entry.path, rules))
            pending.extend(reversed(folders))

    def _item(self, entry: os.DirEntry[str]) -> Item | None:
        """Return a selected file, or the problem of a link that leads outside; None for anything else."""
        if self._confinement and entry.is_symlink() and (outside := self._confinement.problem(entry.path)):
            return _problem(entry.path, "unreadable", outside)
        if _is_folder(entry) or not _may_be_file(entry):
            return None
        if self._selection and not self._selection.takes(os.path.relpath(entry.path, self._folder)):
            return None
        return Item(entry.path, explicit=False)

    def _ignore(self) -> None:
        self.any_ignored = True
        self._selection.ignored()


def _entries(folder: str, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, none if it was entered before; add it to those seen."""
    state = os.stat(folder)
    if (state.st_dev, state.st_ino) in seen:
        return []
    seen.add((state.st_dev, state.st_ino))
    with os.scandir(folder) as entries:
        return list(entries)


def _rules_within(folder: str, names: set[str], rules: IgnoreRules, *, is_root: bool) -> IgnoreRules:
    from preflight import gitignore

    if gitignore.REPOSITORY in names and not is_root:
        rules = gitignore.IgnoreRules.of_repository(folder)
    return rules.with_folder(folder) if gitignore.NAME in names else rules


def _is_ignored(entry: os.DirEntry[str], rules: IgnoreRules) -> bool:
    is_folder = _is_folder(entry)
    if is_folder and entry.name in DEPENDENCIES:
        return True
    # For git a link is a file, wherever it leads.
    return rules.ignores(entry.path, is_folder=is_folder and not entry.is_symlink())


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file, or a broken link, which is reported; not a pipe, a socket or a device."""
    try:
        return entry.is_file() or entry.is_symlink()
    except OSError:  # a link into a loop of links
        return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into a loop of links
        return False


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
