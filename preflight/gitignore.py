"""Apply .gitignore files to the entries of folders as git does (gitignore(5), git's wildmatch.c)."""

from __future__ import annotations

import os
import re
import stat
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

NAME: Final = ".gitignore"
REPOSITORY: Final = ".git"
"""The folder that makes a folder a repository; in worktrees and submodules a file that names it."""
MAX_FILE_BYTES: Final = 1 << 20
"""Bytes of one .gitignore file; the rest is ignored."""

_CLASSES: Final[dict[bytes, bytes]] = {
    b"alnum": b"a-zA-Z0-9",
    b"alpha": b"a-zA-Z",
    b"blank": b" \\t",
    b"cntrl": b"\\x00-\\x1f\\x7f",
    b"digit": b"0-9",
    b"graph": b"\\x21-\\x7e",
    b"lower": b"a-z",
    b"print": b"\\x20-\\x7e",
    b"punct": b"\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e",
    b"space": b" \\t\\n\\r\\f\\v",
    b"upper": b"A-Z",
    b"xdigit": b"0-9a-fA-F",
}
_STAR: Final = b"[^/]*"
_ANY_FOLDERS: Final = b"(?:[^/]*/)*"
_SPECIAL: Final = re.compile(rb"[*?\[\\]")


class _Rule(NamedTuple):
    """The rule of one line: whether it ignores or re-includes entries, its pattern, and what the pattern applies to."""

    ignores: bool
    pattern: re.Pattern[bytes]
    folders_only: bool
    name_only: bool


class GitignoreFile:
    """The rules of one .gitignore file. Paths are relative to its folder, and compared as bytes, as in git."""

    def __init__(self, data: bytes) -> None:
        lines = data.removeprefix(BOM_UTF8).split(b"\n")
        self._rules = [rule for rule in map(_rule, reversed(lines)) if rule is not None]

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """Return whether an entry is ignored (True) or re-included (False); None if no rule matches it."""
        whole = os.fsencode(path)
        name = whole.rpartition(b"/")[2]
        for ignores, pattern, folders_only, name_only in self._rules:
            if (is_folder or not folders_only) and pattern.fullmatch(name if name_only else whole):
                return ignores
        return None


class IgnoreRules:
    """The rules that apply in one folder: those of its .gitignore file and those of its parent folders."""

    def __init__(self, above: tuple[tuple[str, GitignoreFile], ...] = ()) -> None:
        self._above = above

    @classmethod
    def for_folder(cls, folder: str) -> IgnoreRules:
        """Return the rules of the parents of a folder in a repository; none if they ignore the folder itself."""
        folder = os.path.abspath(folder)
        top = repository_of(folder)
        ignoring = cls()
        if top is None:
            return ignoring
        ignoring = cls.of_repository(top)
        below = os.path.relpath(folder, top)
        here = top
        for part in below.split(os.sep) if below != os.curdir else ():
            ignoring = ignoring.with_folder(here)
            here = os.path.join(here, part)
            if ignoring.ignores(here, is_folder=True):
                return cls()
        return ignoring

    @classmethod
    def of_repository(cls, top: str) -> IgnoreRules:
        """Return the rules of a repository itself (`info/exclude`); those of an enclosing repository do not apply."""
        exclude = _read(os.path.join(_git_folder(top), "info", "exclude"))
        return cls() if exclude is None else cls(((os.path.abspath(top), GitignoreFile(exclude)),))

    def with_folder(self, folder: str) -> IgnoreRules:
        """Return the rules for the entries of a folder: these and those of its .gitignore file."""
        data = _read(os.path.join(folder, NAME))
        return self if data is None else IgnoreRules((*self._above, (os.path.abspath(folder), GitignoreFile(data))))

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Return whether an entry is ignored; the deepest file with a matching rule decides."""
        if not self._above:
            return False
        path = os.path.abspath(path)
        for folder, rules in reversed(self._above):
            verdict = rules.verdict(path[len(folder.rstrip(os.sep)) + 1 :], is_folder=is_folder)
            if verdict is not None:
                return verdict
        return False


def repository_of(folder: str, marks: Iterable[str] = (REPOSITORY,)) -> str | None:
    """Return the nearest folder, at or above an absolute one, with an entry named in `marks`; None if there is none."""
    while not any(os.path.lexists(os.path.join(folder, mark)) for mark in marks):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def _git_folder(top: str) -> str:
    """Return the folder that the worktrees of a repository share (gitrepository-layout(5))."""
    folder = os.path.join(top, REPOSITORY)
    named = _read(folder)
    if named is not None and named.startswith(b"gitdir:"):
        folder = os.path.join(top, os.fsdecode(named.removeprefix(b"gitdir:").strip()))
        shared = _read(os.path.join(folder, "commondir"))
        folder = os.path.join(folder, os.fsdecode(shared.strip())) if shared is not None else folder
    return folder


def _read(path: str) -> bytes | None:
    """Return the bytes of a regular file; None if there is none. Like git, do not follow a link."""
    with suppress(OSError, ValueError):  # the path of a .git file may contain a zero byte
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as stream:
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return stream.read(MAX_FILE_BYTES)
    return None


def _rule(line: bytes) -> _Rule | None:
    """Return the rule of a line; None for a comment, an empty line and a pattern that matches nothing."""
    if line.startswith(b"#"):
        return None
    text = _without_trailing_spaces(line.removesuffix(b"\r"))
    ignores = not text.startswith(b"!")
    text = text if ignores else text[1:]
    folders_only = text.endswith(b"/")
    text = text.removesuffix(b"/")
    name_only = b"/" not in text
    text = text.removeprefix(b"/")
    expression = _expression(text) if text else None
    return None if expression is None else _Rule(ignores, expression, folders_only, name_only)


def _without_trailing_spaces(line: bytes) -> bytes:
    end = len(line.rstrip(b" "))
    if end == len(line):
        return line
    escapes = end - len(line[:end].rstrip(b"\\"))
    return line[: end + escapes % 2]  # an odd number: the last one escapes the first space


def _expression(text: bytes) -> re.Pattern[bytes] | None:
    """Return the regular expression of a pattern; None if it can match nothing.

    git compares the text before the first special character separately, so `**` directly after it works as at the
    start of the pattern: `a**/b` matches `ab`.
    """
    found = _SPECIAL.search(text)
    start = found.start() if found is not None else len(text)
    try:
        parts = list(_parts(text, start))
        return re.compile(re.escape(text[:start]) + _joined(parts), re.DOTALL)
    except (_MatchesNothingError, re.error):
        return None


def _joined(parts: list[bytes]) -> bytes:
    """Join the parts so that matching takes linear time with any number of stars.

    Text between two stars, or between two `**/`, is matched at its first occurrence without backtracking: a later
    occurrence would only leave less for the rest.
    """
    groups: list[list[bytes]] = [[]]
    for part in parts:
        if part == _ANY_FOLDERS:
            groups.append([])
        else:
            groups[-1].append(part)
    first, *others = [b"".join(map(_joined_name, _names(group))) for group in groups]
    between = b"".join(b"(?>%b?%b)" % (_ANY_FOLDERS, group) for group in others[:-1])
    return first + between + (_ANY_FOLDERS + others[-1] if others else b"")


def _names(parts: list[bytes]) -> Iterator[list[bytes]]:
    """Yield the parts of each name in a path, with the slash after it."""
    name: list[bytes] = []
    for part in parts:
        name.append(part)
        if part == b"/":
            yield name
            name = []
    yield name


def _joined_name(parts: list[bytes]) -> bytes:
    joined, fixed, is_last = b"", b"", True
    for part in reversed(parts):
        if part == _STAR:
            joined = (_STAR + fixed if is_last else b"(?>%b?%b)" % (_STAR, fixed)) + joined
            fixed, is_last = b"", False
        else:
            fixed = part + fixed
    return fixed + joined


class _MatchesNothingError(Exception):
    pass


def _parts(text: bytes, start: int) -> Iterator[bytes]:
    at = start
    while at < len(text):
        character = text[at : at + 1]
        if character == b"*":
            end = at + 1
            while text[end : end + 1] == b"*":
                end += 1
            begins = at == start or text[at - 1 : at] == b"/"
            if end - at > 1 and begins and text[end : end + 1] in (b"", b"/"):
                yield _ANY_FOLDERS if end < len(text) else b".*"
                end += end < len(text)
                while text.startswith(b"**/", end):
                    end += 3
            else:
                yield _STAR
            at = end
        elif character == b"?":
            yield b"[^/]"
            at += 1
        elif character == b"[":
            members, at = _members(text, at + 1)
            yield members
        elif character == b"\\":
            if at + 1 == len(text):
                raise _MatchesNothingError
            yield re.escape(text[at + 1 : at + 2])
            at += 2
        else:
            yield re.escape(character)
            at += 1


def _members(text: bytes, at: int) -> tuple[bytes, int]:
    """Return the bracket expression whose first member is at `at`, and the position after it."""
    negated = text[at : at + 1] in (b"!", b"^") and text[at : at + 1] != b""
    at += negated
    members: list[bytes] = []
    first = True
    while first or text[at : at + 1] != b"]":
        first = False
        if at >= len(text):
            raise _MatchesNothingError
        if text[at : at + 2] == b"[:" and (end := text.find(b"]", at + 2)) >= 0 and text[end - 1 : end] == b":":
            name = text[at + 2 : end - 1]
            if name not in _CLASSES:
                raise _MatchesNothingError
            members.append(_CLASSES[name])
            at = end + 1
            continue
        low, at = _member(text, at)
        if text[at : at + 1] == b"-" and text[at + 1 : at + 2] not in (b"", b"]"):
            high, at = _member(text, at + 1)
            if low <= high:
                members.append(b"%b-%b" % (re.escape(low), re.escape(high)))
            continue
        members.append(re.escape(low))
    # No bracket expression matches a slash.
    inside = b"".join(members)
    if negated:
        return b"(?!/)[^%b]" % inside if inside else b"[^/]", at + 1
    if not inside:
        raise _MatchesNothingError
    return b"(?!/)[%b]" % inside, at + 1


def _member(text: bytes, at: int) -> tuple[bytes, int]:
    if text[at : at + 1] == b"\\":
        at += 1
    if at >= len(text):
        raise _MatchesNothingError
    return text[at : at + 1], at + 1
