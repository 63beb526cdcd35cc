"""What a command line names (files, folders, globs, URLs, lists, standard input) as a stream of single targets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Final, NamedTuple, cast

from preflight.formats import FORMATS
from preflight.report import Problem
from preflight.sources.opening import Target, is_url

if TYPE_CHECKING:
    import io

LONGEST_LINE: Final = 1 << 16
"""Characters of a list's line; a longer one is no path and no URL."""


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


class Selection(NamedTuple):
    """Which files of folders are taken, by shell patterns on the path below the folder or on the name."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

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


def expand(words: Iterable[str], selection: Selection = Selection(), column: str | None = None) -> Iterator[Item]:
    """Every target that the words name, in their order; files of a folder sorted by name.

    column  the name of the CSV column or JSONL key that holds the target, for lists of those kinds
    """
    for word in words:
        if word == "-":
            yield from _standard_input(selection, column)
        elif word.startswith("@"):
            yield from _list_file(word[1:], selection, column)
        else:
            yield from _one(word, selection)


def _one(word: str, selection: Selection) -> Iterator[Item]:
    if is_url(word):
        yield Item(word, None)
    elif os.path.isdir(word):
        yield from _folder(word, selection)
    elif any(mark in word for mark in "*?[") and not os.path.lexists(word):
        yield from _pattern(word, selection)
    else:
        yield Item(word)


def _pattern(word: str, selection: Selection) -> Iterator[Item]:
    import glob

    found = sorted(glob.iglob(word, recursive=True))
    if not found:
        yield _problem(word, "not_found", "no file matches this pattern: check it, and quote it for the shell")
    for path in found:
        if os.path.isdir(path):
            yield from _folder(path, selection)
        elif selection.takes(path):
            yield Item(path)


def _problem(name: str, code: str, sentence: str) -> Item:
    return Item(name, name, True, Problem(code, f"{name}: {sentence}"))


def _folder(folder: str, selection: Selection) -> Iterator[Item]:
    """Regular files below a folder, depth first, sorted; hidden ones are skipped, loops of links entered once."""
    pending = [folder]
    seen: set[tuple[int, int]] = set()
    empty = True
    while pending:
        here = pending.pop()
        try:
            state = os.stat(here)
            if (state.st_dev, state.st_ino) in seen:
                continue
            seen.add((state.st_dev, state.st_ino))
            with os.scandir(here) as entries:
                listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            empty = False
            yield _problem(here, "permission_denied", f"the folder cannot be listed ({error.strerror})")
            continue
        below = []
        for entry in listed:
            if _is_folder(entry):
                below.append(entry.path)
            elif not selection or selection.takes(os.path.relpath(entry.path, folder)):
                empty = False
                yield Item(entry.path, None, False)
        pending.extend(reversed(below))
    if empty:
        yield _problem(
            folder, "no_media", "the folder has no file that could be media: check the path and the patterns"
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into a loop of links
        return False


def _standard_input(selection: Selection, column: str | None) -> Iterator[Item]:
    """A media file's bytes, or a list of targets: content decides here too."""
    stream = cast("io.BufferedReader", sys.stdin.buffer)
    from preflight.probes.sniff import sniff
    from preflight.sources.memory import MemorySource

    known = FORMATS.get(sniff(MemorySource(stream.peek(512))) or "")
    if known is not None and known.kinds:
        yield Item(stream, "<stdin>")
    else:
        yield from _list(stream, "<stdin>", selection, column)


def _list_file(path: str, selection: Selection, column: str | None) -> Iterator[Item]:
    try:
        with open(path, "rb") as stream:
            yield from _list(stream, path, selection, column)
    except OSError as error:
        yield _problem(f"@{path}", "not_found", f"the list cannot be read ({error.strerror}): check its path")


def _list(stream: IO[bytes], name: str, selection: Selection, column: str | None) -> Iterator[Item]:
    """A list's targets: a line each, `#` begins a comment line; CSV and JSONL where a column is named."""
    if column is not None:
        yield from _table(stream, name, selection, column)
        return
    for number, line in _lines(stream):
        text = _text(line)
        if text is None:
            yield _problem(
                f"{name}:{number}", "unreadable_line", "the line is not UTF-8 text, or far too long: mend it"
            )
        elif text and not text.startswith("#"):
            yield from _one(text, selection)


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        while not line.endswith(b"\n") and (rest := stream.readline(LONGEST_LINE)):
            line = line[:LONGEST_LINE] + rest[-1:]  # too long: only its end is kept, so that the next line is found
        yield number, line


def _text(line: bytes) -> str | None:
    if len(line) > LONGEST_LINE or b"\0" in line:
        return None
    try:
        return line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None


def _table(stream: IO[bytes], name: str, selection: Selection, column: str) -> Iterator[Item]:
    """One column of a CSV file with a header line, or one key of JSON lines: told apart by the first character."""
    rows = ((number, _text(line)) for number, line in _lines(stream))
    header: Sequence[str] | None = None
    for number, text in rows:
        where = f"{name}:{number}"
        if text is None:
            yield _problem(where, "unreadable_line", "the line is not UTF-8 text, or far too long: mend it")
        elif header is None and not text.startswith("{"):
            header = _cells(text)
            if column not in header:
                yield _problem(where, "unreadable_line", f"no column {column!r}: it has {', '.join(header)}")
                return
        elif text:
            value = _value(text, header, column)
            if value:
                yield from _one(value, selection)
            else:
                yield _problem(where, "unreadable_line", f"the line has no {column!r}: mend it")


def _cells(text: str) -> list[str]:
    import csv

    return next(csv.reader([text]))


def _value(text: str, header: Sequence[str] | None, column: str) -> str | None:
    if header is not None:
        cells = dict(zip(header, _cells(text), strict=False))
        return cells.get(column)
    import json

    try:
        row = json.loads(text)
    except ValueError:
        return None
    value = row.get(column) if isinstance(row, dict) else None
    return value if isinstance(value, str) else None
