"""Name the outputs of a run: beside the sources, or in a folder that mirrors theirs, without two of the same name."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from preflight.errors import UsageError
from preflight.formats import FORMATS, KNOWN_EXTENSIONS, extension_of
from preflight.output import MAX_NAME_BYTES
from preflight.sources.open import is_url
from preflight.targets import Item

FIXED: Final = "fixed"
"""The part of the name that distinguishes an output from the source beside it."""

_SPELLINGS: Final = (
    frozenset(("jpg", "jpeg", "jpe", "jfif")),
    frozenset(("tif", "tiff")),
    frozenset(("aif", "aiff")),
    frozenset(("heic", "heif")),
    frozenset(("mpg", "mpeg")),
    frozenset(("ogg", "oga", "opus")),
)
"""Extensions of the same format: a file whose format does not change keeps its own."""
_NOT_IN_NAMES: Final = re.compile(r"[\x00-\x1f\x7f/\\]+")
_MAX_END_BYTES: Final = 8
"""Bytes that are kept free in a name for the dot and the longest extension that is written."""
_GLOB: Final = re.compile(r"[*?[]")


class LocatedTarget(NamedTuple):
    """A target with the folder, below that of the outputs, in which its output belongs, and its own name."""

    item: Item
    folder: str
    name: str


class OutputName(NamedTuple):
    """Where the output of one source goes. Its name is known when its format is.

    folder  of the output
    stem    the name without extension; no other output of the run has it in this folder
    own     the name of the source, for an output of the same format; None: the stem is used
    path    the complete path, if the caller gave it
    """

    folder: str
    stem: str
    own: str | None = None
    path: str | None = None

    def path_for(self, extension: str) -> str:
        """Return the path of an output with an extension. Raise `UsageError` if the given path has another one.

        >>> clip = OutputName("out", "clip", "clip.MOV")
        >>> clip.path_for("mp4"), clip.path_for("mov")
        ('out/clip.mp4', 'out/clip.MOV')
        """
        if self.path is not None:
            if not is_spelling(extension_of(self.path), extension):
                raise UsageError(f"{self.path} would be a .{extension} file. Give a name that ends with .{extension}.")
            return self.path
        if self.own is not None and is_spelling(extension_of(self.own), extension):
            return os.path.join(self.folder, self.own)
        return os.path.join(self.folder, f"{self.stem}.{extension}")


def is_spelling(extension: str, other: str) -> bool:
    """Return whether two extensions stand for the same format.

    >>> is_spelling("jpeg", "jpg"), is_spelling("mov", "mp4")
    (True, False)
    """
    return extension == other or any(extension in known and other in known for known in _SPELLINGS)


def written_format(path: str) -> str:
    """Return the format that the extension of an output asks for. Raise `UsageError` if it has none, or is unknown.

    >>> written_format("out/photo.JPG"), written_format("clip.mov")
    ('jpeg', 'mov')
    """
    extension = extension_of(path)
    if not extension:
        raise UsageError(f"{path} has no extension. Add one such as .mp4, or a slash if it is a folder.")
    found = next((name for name, known in FORMATS.items() if known.kinds and known.extensions[0] == extension), None)
    found = found or next(
        (name for name, known in FORMATS.items() if known.kinds and extension in known.extensions), None
    )
    if found is None:
        raise UsageError(f"{path}: .{extension} is not the extension of a media format. Use one such as .mp4 or .png.")
    return found


def locate(words: Sequence[str], expand: Callable[[str], Iterable[Item]]) -> Iterator[LocatedTarget]:
    """Yield every target of the words with its place among the outputs; a target that is named twice only once.

    A file that is found in a folder, or by a pattern, keeps its path below that folder, or below the part of the
    pattern without wildcards. Of several folders, each has a folder of its own.
    """
    seen: set[str] = set()
    for word in words:
        root = _root(word)
        above = os.path.basename(os.path.realpath(word)) if len(words) > 1 and os.path.isdir(word) else ""
        for item in expand(word):
            name = file_name(item)
            path = item.target if isinstance(item.target, str) else None
            key = path if path is None or is_url(path) else os.path.abspath(path)
            if key is not None and item.problem is None and key in seen:
                continue
            seen.add(key or "")
            below = os.path.relpath(os.path.dirname(path) or os.curdir, root) if path and root is not None else ""
            is_below = below not in ("", os.curdir) and not below.startswith(os.pardir)
            yield LocatedTarget(item, os.path.join(above, below) if is_below else above, name)


def _root(word: str) -> str | None:
    """Return the folder that a word searches; None if it is a single file, a URL or a list."""
    if is_url(word) or word == "-":
        return None
    if os.path.isdir(word):
        return word
    if os.path.lexists(word) or not (mark := _GLOB.search(word)):
        return None
    return os.path.dirname(word[: mark.start()]) or os.curdir


def file_name(item: Item) -> str:
    """Return the file name of a target; of a URL, the last part of its path, without characters that names cannot have.

    >>> file_name(Item("https://example.com/a/b%20c.mov?sig=1"))
    'b c.mov'
    """
    target = item.target
    if not isinstance(target, str):
        path = os.fsdecode(target) if isinstance(target, os.PathLike) else item.name or "file"
        return _sanitized(os.path.basename(path))
    if not is_url(target):
        return os.path.basename(target)
    if target[:5].lower() == "data:":
        return "data"
    from urllib.parse import unquote, urlsplit

    path = urlsplit(target).path.rstrip("/")
    return _sanitized(unquote(path.rpartition("/")[2]))


def _sanitized(name: str) -> str:
    name = _NOT_IN_NAMES.sub("_", name).strip(". ").strip("<>")
    return name or "download"


def name_outputs(
    located: Sequence[LocatedTarget], output: str | None, *, marks: Sequence[str] = (), folders: Sequence[str] = ()
) -> list[OutputName]:
    """Return the name of the output of each target; equal calls give equal names, in any state of the folders.

    output   the folder of the outputs; None: beside the sources, with `fixed` in the name
    marks    for each target, what its name has before `fixed`; folders: for each target, a folder below the output
    """
    wanted = []
    for number, (item, below, name) in enumerate(located):
        mark = marks[number] if marks else ""
        extra = folders[number] if folders else ""
        end = "" if output is not None else "".join(f".{word}" for word in (mark, FIXED) if word)
        folder = os.path.join(output, extra, below) if output is not None else _beside(item)
        wanted.append((folder, name, end))
    return _unique(wanted, keeps_own=output is not None)


def _beside(item: Item) -> str:
    """Return the folder of a source; the current one for what is not a file."""
    target = item.target
    is_path = isinstance(target, os.PathLike) or (isinstance(target, str) and not is_url(target))
    return os.path.dirname(os.fsdecode(target)) if is_path else ""  # type: ignore[arg-type]


def _unique(wanted: Sequence[tuple[str, str, str]], *, keeps_own: bool) -> list[OutputName]:
    """Return names of which no two can be the same file, also where case does not matter.

    Of files that differ only in their extension, such as `a.jpg` and `a.heic`, each keeps its whole name before the
    new extension; a file whose format stays keeps its own name. If that is not enough, they are numbered.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for number, (folder, name, end) in enumerate(wanted):
        groups.setdefault(_key(folder, f"{_shortened(_stem(name), end)}{end}"), []).append(number)
    taken = set(groups)
    stems: dict[int, str] = {}
    own_names: set[tuple[str, str]] = set()
    for members in groups.values():
        for number in members:
            folder, name, end = wanted[number]
            if len(members) == 1:
                stems[number] = f"{_shortened(_stem(name), end)}{end}"
            else:
                stems[number] = _free(folder, _shortened(name, end), end, taken)
                taken.add(_key(folder, stems[number]))
    names = []
    for number, (folder, name, _) in enumerate(wanted):
        is_first = _key(folder, name) not in own_names
        own_names.add(_key(folder, name))
        own = name if keeps_own and is_first and len(os.fsencode(name)) <= MAX_NAME_BYTES else None
        names.append(OutputName(folder, stems[number], own))
    return names


def _free(folder: str, stem: str, end: str, taken: set[tuple[str, str]]) -> str:
    """Return the stem with its end, numbered if another output has that name."""
    candidate, number = f"{stem}{end}", 1
    while _key(folder, candidate) in taken:
        number += 1
        candidate = f"{_shortened(stem, f'-{number}{end}')}-{number}{end}"
    return candidate


def _key(folder: str, name: str) -> tuple[str, str]:
    """Return what two paths have in common that may be the same: without case, in one Unicode normal form."""
    return _plain(os.path.normpath(folder)), _plain(name)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _stem(name: str) -> str:
    """Return a name without its extension, if it has a known one: `v1.2` has none."""
    extension = extension_of(name)
    return name[: -len(extension) - 1] if extension in KNOWN_EXTENSIONS else name


def _shortened(stem: str, end: str) -> str:
    """Return a stem to which the end and an extension can be added without exceeding the longest name."""
    free = MAX_NAME_BYTES - len(os.fsencode(end)) - _MAX_END_BYTES
    data = os.fsencode(stem)
    return stem if len(data) <= free else data[:free].decode("utf-8", "ignore")
