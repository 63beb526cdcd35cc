"""Defaults of the command line: `[tool.preflight]` in pyproject.toml, or preflight.toml, found upwards from a folder.

A configuration chooses what is checked, by what and how strictly. It never names a host, a key or a file to write, and
its paths stay inside its repository: whoever runs the command in a folder of somebody else's sends nothing anywhere and
is shown nothing from elsewhere because of it, but for the words of a user agent to the hosts that the call itself
names. Headers, which may be secrets, are given in the call alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from preflight import catalog, toml
from preflight.codes import CODES
from preflight.confinement import ROOTS, Confinement
from preflight.errors import UsageError
from preflight.net.options import MAX_TIMEOUT, checked_user_agent
from preflight.ruleset import is_path
from preflight.sources.open import is_url

OWN: Final = "preflight.toml"
SHARED: Final = "pyproject.toml"
MAX_RULE_SETS: Final = 100
_MAX_SHOWN: Final = 60
"""Characters of a value in a message."""


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
        if above == here or here == home or any(os.path.lexists(os.path.join(here, mark)) for mark in ROOTS):
            return
        here = above


def _read(path: str, below: tuple[str, ...]) -> Config | None:
    """The configuration in a file, under the tables of `below`; None where it has no such table."""
    try:
        if os.path.islink(path) and not Confinement(path).contains(path):  # messages quote what they read
            raise UsageError(f"{path} leads outside of its repository: copy the file, or use --no-config")
        data = toml.read(path)
        if below and b"preflight" not in data:  # parsing costs a millisecond that most projects need not pay
            return None
        text = toml.decode(data)
        table: Any = toml.parse(text)
    except toml.TomlError as error:
        place = path if error.line is None else f"{path}:{error.line}"
        raise UsageError(f"{place}: {error} Use --no-config to ignore configuration files.") from None
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
        self._confinement = Confinement(path)

    def value(self, key: str, value: Any) -> Any:
        """A key's value as the command line would give it. Raises `UsageError`."""
        shape = KEYS.get(key)
        if key == "tool" and not self._below:
            raise self._wrong(key, "here the keys stand alone: leave [tool.preflight] out")
        if shape is None:
            raise self._wrong(key, f"there is no key {_short(key)}: {_meant(key, KEYS)}")
        problem = shape(value)
        if problem is not None:
            raise self._wrong(key, f"{key} = {_short(value)}: {problem}")
        if key in _LISTS:
            value = [value] if isinstance(value, str) else value
        if key == "rules":
            words = dict.fromkeys(word.strip() for part in value for word in part.split(",") if word.strip())
            if len(words) > MAX_RULE_SETS:
                raise self._wrong(key, f"rules: {len(words):,} rule sets: name at most {MAX_RULE_SETS}")
            return [self._rules(word) for word in words]
        if key == "paths":
            return [self._target(word) for word in value]
        if key in ("select", "ignore"):
            for code in value:
                if code not in CODES:
                    raise self._wrong(key, f"{key}: there is no finding code {_short(code)}: {_meant(code, CODES)}")
        return value

    def _rules(self, word: str) -> str:
        if is_path(word):
            path = self._inside("rules", word, word)
            if not os.path.exists(path):
                raise self._wrong("rules", f"rules: {_short(word)}: there is no such rule file: check its path")
            if problem := catalog.confinement_problem(path, self._confinement):
                raise self._wrong("rules", f"rules: {_short(word)} {problem}")
            return path
        if word != catalog.ALL and word not in catalog.names():
            raise self._wrong("rules", f"rules: there is no rule set {_short(word)}: {_meant(word, catalog.names())}")
        return word

    def _target(self, word: str) -> str:
        if is_url(word) or word == "-":
            raise self._wrong(
                "paths",
                f"paths: {_short(word)}: only files, folders, globs and @lists: give it on the command line",
            )
        if word.startswith("@"):
            return f"@{self._inside('paths', word, word[1:])}"
        return self._inside("paths", word, word)

    def _inside(self, key: str, word: str, path: str) -> str:
        """Return a path that is written relative to the file, relative to the present folder. Raise `UsageError`."""
        here = self._here(path)
        if path.startswith("~") and not os.path.lexists(here):
            raise self._wrong(key, f"{key}: {_short(word)}: ~ is not expanded: give a path inside the repository")
        # Up to its first wildcard a pattern is a path; what it matches is confined when it is expanded.
        problem = self._confinement.problem(here if os.path.lexists(here) else _without_wildcards(here))
        if problem:
            raise self._wrong(key, f"{key}: {_short(word)} {problem}")
        return here

    def _here(self, path: str) -> str:
        """A path that is written relative to the file, relative to the present folder."""
        return os.path.relpath(os.path.join(os.path.dirname(self._path), path))

    def _wrong(self, key: str, sentence: str) -> UsageError:
        from preflight.rulefile.lines import LineIndex

        line = LineIndex(self._data.decode("utf-8-sig")).line_of((*self._below, key))
        return UsageError(f"{self._path}:{line}: {sentence}")


def _without_wildcards(path: str) -> str:
    """Return the part of a pattern before its first wildcard, as a path."""
    parts = path.split(os.sep)
    first = next((at for at, part in enumerate(parts) if any(mark in part for mark in "*?[")), len(parts))
    return os.sep.join(parts[:first]) or (os.sep if path.startswith(os.sep) else ".")


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else repr(value[:_MAX_SHOWN])
    return text if len(text) <= _MAX_SHOWN + 2 else f"{text[:_MAX_SHOWN]}…"


def _meant(word: str, known: Any) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word[:_MAX_SHOWN].lower(), known, n=1, cutoff=0.5)
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
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0.1 <= value <= MAX_TIMEOUT
    return None if right else f"write seconds, 0.1 to {MAX_TIMEOUT:,}"


def _agent(value: Any) -> str | None:
    try:
        return None if checked_user_agent(value) else "write a text in quotes"
    except UsageError as error:
        return str(error)


_LISTS: Final = ("rules", "paths", "include", "exclude", "select", "ignore")

KEYS: Final[dict[str, Callable[[Any], str | None]]] = {
    **dict.fromkeys(_LISTS, _strings),
    "strict": _switch,
    "deep": _switch,
    "jobs": _jobs,
    "timeout": _seconds,
    "user_agent": _agent,
}
"""Every key, with what says why a value is wrong (None: it is right)."""
