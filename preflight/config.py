"""Defaults of the command line: `[tool.preflight]` in pyproject.toml, or preflight.toml, found upwards from a folder.

A configuration chooses what is checked, by what and how strictly. It never names a host, a key or a file to write:
whoever runs the command in a folder of somebody else's sends nothing anywhere because of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from preflight import catalog
from preflight.codes import CODES
from preflight.errors import UsageError
from preflight.ruleset import is_path
from preflight.sources.opening import is_url
from preflight.sources.options import LONGEST

OWN: Final = "preflight.toml"
SHARED: Final = "pyproject.toml"
_ROOTS: Final = (".git", ".hg")
"""What marks the top folder of a project: above it nothing is looked for."""


class Config(NamedTuple):
    """One configuration: where it stands, and its values by key, with all paths relative to the present folder."""

    path: str
    values: Mapping[str, Any]


def load(start: str | None = None) -> Config | None:
    """The nearest configuration at or above a folder (default: the present one); None where there is none.

    Raises `UsageError` that names file, line and nearest word for what is wrong in it.
    """
    for folder in _upwards(start):
        own = os.path.join(folder, OWN)
        if os.path.isfile(own):
            return _read(own, ())
        shared = os.path.join(folder, SHARED)
        if os.path.isfile(shared) and (config := _read(shared, ("tool", "preflight"))) is not None:
            return config
    return None


def _upwards(start: str | None) -> Iterator[str]:
    try:
        here = os.path.abspath(start or os.getcwd())
    except FileNotFoundError:  # the present folder has been removed
        return
    home = os.path.expanduser("~")
    while True:
        yield here
        above = os.path.dirname(here)
        if above == here or here == home or any(os.path.lexists(os.path.join(here, mark)) for mark in _ROOTS):
            return
        here = above


def _read(path: str, below: tuple[str, ...]) -> Config | None:
    """The configuration in a file, under the tables of `below`; None where it has no such table."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): --no-config goes without it") from None
    if below and b"preflight" not in data:  # parsing costs a millisecond that most projects need not pay
        return None
    import tomllib

    try:
        table: Any = tomllib.loads(data.decode("utf-8-sig"))
    except ValueError as error:
        raise UsageError(f"{path}: this is no TOML: {error}; --no-config goes without it") from None
    for name in below:
        table = table.get(name) if isinstance(table, dict) else None
        if table is None:
            return None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [{'.'.join(below)}] is a table with the keys {', '.join(KEYS)}")
    reader = _Reader(path, data, below)
    return Config(path, {key: reader.value(key, value) for key, value in table.items()})


class _Reader:
    """Checks the values of one file; a problem is raised with the line that it stands on."""

    def __init__(self, path: str, data: bytes, below: tuple[str, ...]) -> None:
        self._path = path
        self._data = data
        self._below = below

    def value(self, key: str, value: Any) -> Any:
        """A key's value as the command line would give it. Raises `UsageError`."""
        shape = KEYS.get(key)
        if key == "tool" and not self._below:
            raise self._wrong(key, "here the keys stand alone: leave [tool.preflight] out")
        if shape is None:
            raise self._wrong(key, f"there is no key {key!r}: {_meant(key, KEYS)}")
        problem = shape(value)
        if problem is not None:
            raise self._wrong(key, f"{key} = {value!r}: {problem}")
        if key in _LISTS:
            value = [value] if isinstance(value, str) else value
        if key == "rules":
            return [self._rules(word) for part in value for word in part.split(",") if word.strip()]
        if key == "paths":
            return [self._target(word) for word in value]
        if key in ("select", "ignore"):
            for code in value:
                if code not in CODES:
                    raise self._wrong(key, f"{key}: there is no finding code {code!r}: {_meant(code, CODES)}")
        return value

    def _rules(self, word: str) -> str:
        word = word.strip()
        if is_path(word):
            path = self._here(word)
            if not os.path.exists(path):
                raise self._wrong("rules", f"rules: {word!r}: there is no such rule file: check its path")
            return path
        if word != catalog.ALL and word not in catalog.names():
            raise self._wrong("rules", f"rules: there is no rule set {word!r}: {_meant(word, catalog.names())}")
        return word

    def _target(self, word: str) -> str:
        if is_url(word) or word == "-":
            raise self._wrong("paths", f"paths: {word!r}: files, folders, globs and @lists only; name it in the call")
        return f"@{self._here(word[1:])}" if word.startswith("@") else self._here(word)

    def _here(self, path: str) -> str:
        """A path that is written relative to the file, relative to the present folder."""
        return os.path.relpath(os.path.join(os.path.dirname(self._path), path))

    def _wrong(self, key: str, sentence: str) -> UsageError:
        from preflight.rulefile.lines import Lines

        line = Lines(self._data.decode("utf-8-sig")).of((*self._below, key))
        return UsageError(f"{self._path}:{line}: {sentence}")


def _meant(word: str, known: Any) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"


def _strings(value: Any) -> str | None:
    parts = [value] if isinstance(value, str) else value
    if isinstance(parts, list) and all(isinstance(part, str) and part for part in parts):
        return None
    return "write a string, or a list of strings"


def _switch(value: Any) -> str | None:
    return None if isinstance(value, bool) else "write true or false"


def _jobs(value: Any) -> str | None:
    right = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 256
    return None if right else "write a whole number from 1 to 256"


def _seconds(value: Any) -> str | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0.1 <= value <= LONGEST
    return None if right else f"write seconds, 0.1 to {LONGEST:,}"


_LISTS: Final = ("rules", "paths", "include", "exclude", "select", "ignore")

KEYS: Final[dict[str, Callable[[Any], str | None]]] = {
    **dict.fromkeys(_LISTS, _strings),
    "strict": _switch,
    "deep": _switch,
    "jobs": _jobs,
    "timeout": _seconds,
}
"""Every key, with what says why a value is wrong (None: it is right)."""
