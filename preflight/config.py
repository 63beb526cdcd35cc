"""Defaults of the command line: `[tool.preflight]` in pyproject.toml, or preflight.toml, in a folder or above it.

A configuration chooses what is checked, by which rules and how strictly; for registering, the name and the rate of the
account. It cannot name a host, a provider, a key or a file to write, and its paths stay inside its repository. So a
command in a foreign folder sends nothing anywhere, and shows no file from outside. The user agent is the exception: it
goes to hosts that the call names. Headers may be secrets, and are given only in the call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from preflight import catalog, toml
from preflight.codes import CODES
from preflight.confinement import ROOTS, Confinement
from preflight.errors import UsageError, suggestion
from preflight.net.options import MAX_TIMEOUT, checked_user_agent
from preflight.ruleset import is_rule_file_path, split_variant
from preflight.sources.open import is_url

FILE_NAME: Final = "preflight.toml"
PROJECT_FILE_NAME: Final = "pyproject.toml"
MAX_RULE_SETS: Final = 100
_MAX_VALUE_CHARS: Final = 60
"""Characters of a value in a message."""


class Config(NamedTuple):
    """One configuration: its path, and its values by key, with all paths relative to the current folder."""

    path: str
    values: Mapping[str, Any]


def load(start: str | None = None) -> Config | None:
    """Return the nearest configuration in a folder (default: the current one) or above; None if there is none.

    Raise `UsageError` that names file, line and closest valid word if it is invalid.
    """
    for folder in _folder_and_parents(start):
        path = os.path.join(folder, FILE_NAME)
        if os.path.isfile(path):
            return _read(path, ())
        project = os.path.join(folder, PROJECT_FILE_NAME)
        if os.path.isfile(project) and (config := _read(project, ("tool", "preflight"))) is not None:
            return config
    return None


def _folder_and_parents(start: str | None) -> Iterator[str]:
    try:
        here = os.path.abspath(start or os.getcwd())
    except FileNotFoundError:  # the current folder has been removed
        return
    home = os.path.expanduser("~")
    while True:
        yield here
        parent = os.path.dirname(here)
        if here in (parent, home) or any(os.path.lexists(os.path.join(here, mark)) for mark in ROOTS):
            return
        here = parent


def _read(path: str, tables: tuple[str, ...]) -> Config | None:
    """Return the configuration in the nested tables of a file; None if it has no such table."""
    try:
        if os.path.islink(path) and not Confinement(path).contains(path):  # messages quote what they read
            raise UsageError(f"{path} is a link that leads out of its repository. Copy the file.")
        data = toml.read(path)
        if tables and b"preflight" not in data:  # parsing takes a millisecond, which most projects need not spend
            return None
        text = toml.decode(data)
        table: Any = toml.parse(text)
    except toml.TomlError as error:
        place = path if error.line is None else f"{path}:{error.line}"
        raise UsageError(f"{place}: {error}") from None
    for name in tables:
        table = table.get(name) if isinstance(table, dict) else None
        if table is None:
            return None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {'.'.join(tables)} is not a table. Its keys are {', '.join(KEYS)}.")
    reader = _Reader(path, data, tables)
    return Config(path, {key: reader.value(key, value) for key, value in table.items()})


class _Reader:
    """Validates the values of one file; errors name the line of the value."""

    def __init__(self, path: str, data: bytes, tables: tuple[str, ...]) -> None:
        self._path = path
        self._data = data
        self._tables = tables
        self._confinement = Confinement(path)

    def value(self, key: str, value: Any) -> Any:
        """Return a key's value as the command line would give it. Raise `UsageError` if it is invalid."""
        if key == "tool" and not self._tables:
            raise self._error(key, "This file has its keys at the top level. Leave [tool.preflight] out.")
        problem_of = KEYS.get(key)
        if problem_of is None:
            raise self._error(key, f"Unknown key {_short(key)}. {suggestion(key, KEYS)}")
        problem = problem_of(value)
        if problem is not None:
            raise self._error(key, f"{key} = {_short(value)} is invalid. {problem}")
        if key not in _LISTS:
            return value
        words = [value] if isinstance(value, str) else value
        if key == "rules":
            return self._rule_sets(words)
        if key == "paths":
            return [self._target(word) for word in words]
        if key in ("select", "ignore"):
            for code in words:
                if code not in CODES:
                    raise self._error(key, f"{key}: unknown finding code {_short(code)}. {suggestion(code, CODES)}")
        return words

    def _rule_sets(self, value: list[str]) -> list[str]:
        words = dict.fromkeys(word.strip() for part in value for word in part.split(",") if word.strip())
        if len(words) > MAX_RULE_SETS:
            raise self._error("rules", f"rules has {len(words):,} rule sets. Name at most {MAX_RULE_SETS}.")
        return [self._rule_set(word) for word in words]

    def _rule_set(self, word: str) -> str:
        start, variant = split_variant(word)
        if is_rule_file_path(start):
            path = self._inside("rules", word, start)
            if not os.path.exists(path):
                raise self._error("rules", f"rules: the rule file {_short(word)} does not exist. Check its path.")
            if problem := catalog.confinement_problem(path, self._confinement):
                raise self._error("rules", f"rules: {_short(word)} {problem}")
            return f"{path}:{variant}" if variant else path
        names = catalog.names()
        if word != catalog.ALL and start not in (*names, catalog.STAGE):
            raise self._error("rules", f"rules: unknown rule set {_short(word)}. {suggestion(word, names)}")
        return word

    def _target(self, word: str) -> str:
        if is_url(word) or word == "-":
            raise self._error(
                "paths", f"paths: {_short(word)} is not a file, folder, glob or @list. Give it on the command line."
            )
        if word.startswith("@"):
            return f"@{self._inside('paths', word, word[1:])}"
        return self._inside("paths", word, word)

    def _inside(self, key: str, word: str, path: str) -> str:
        """Convert a path relative to the file to one relative to the current folder. Raise `UsageError`."""
        here = os.path.relpath(os.path.join(os.path.dirname(self._path), path))
        if path.startswith("~") and not os.path.lexists(here):
            raise self._error(key, f"{key}: {_short(word)}: ~ is not expanded. Give a path inside the repository.")
        # The part of a pattern before its first wildcard is a path; its matches are confined when it is expanded.
        problem = self._confinement.problem(here if os.path.lexists(here) else _without_wildcards(here))
        if problem:
            raise self._error(key, f"{key}: {_short(word)} {problem}")
        return here

    def _error(self, key: str, message: str) -> UsageError:
        line = toml.LineIndex(self._data.decode("utf-8-sig")).line_of((*self._tables, key))
        return UsageError(f"{self._path}:{line}: {message}")


def _without_wildcards(path: str) -> str:
    """Return the part of a pattern before its first wildcard, as a path."""
    parts = path.split(os.sep)
    first = next((at for at, part in enumerate(parts) if any(mark in part for mark in "*?[")), len(parts))
    return os.sep.join(parts[:first]) or (os.sep if path.startswith(os.sep) else ".")


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else repr(value[:_MAX_VALUE_CHARS])
    return text if len(text) <= _MAX_VALUE_CHARS + 2 else f"{text[:_MAX_VALUE_CHARS]}…"


def _strings_problem(value: Any) -> str | None:
    parts = [value] if isinstance(value, str) else value
    if isinstance(parts, list) and all(isinstance(part, str) and part for part in parts):
        return None
    return "Write a string, or a list of strings."


def _switch_problem(value: Any) -> str | None:
    return None if isinstance(value, bool) else "Write true or false."


def _jobs_problem(value: Any) -> str | None:
    from preflight.scan import MAX_JOBS

    is_valid = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_JOBS
    return None if is_valid else f"Write a whole number from 1 to {MAX_JOBS}."


def _seconds_problem(value: Any) -> str | None:
    is_valid = isinstance(value, int | float) and not isinstance(value, bool) and 0.1 <= value <= MAX_TIMEOUT
    return None if is_valid else f"Write seconds, from 0.1 to {MAX_TIMEOUT:,}."


def _unknown_problem(value: Any) -> str | None:
    return None if value in ("fail", "pass") else 'Write "fail" or "pass".'


def _agent_problem(value: Any) -> str | None:
    try:
        return None if checked_user_agent(value) else "Write a string."
    except UsageError as error:
        return str(error)


def _account_problem(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "Write the name of an account."


def _rate_problem(value: Any) -> str | None:
    from preflight.providers import parse_rate

    try:
        return None if isinstance(value, str) and parse_rate(value) else _RATES
    except UsageError:
        return _RATES


_RATES: Final = "Write auto, published, or registrations such as 3/min or 30/s."
_LISTS: Final = ("rules", "paths", "include", "exclude", "select", "ignore")

KEYS: Final[dict[str, Callable[[Any], str | None]]] = {
    **dict.fromkeys(_LISTS, _strings_problem),
    "strict": _switch_problem,
    "deep": _switch_problem,
    "unknown": _unknown_problem,
    "jobs": _jobs_problem,
    "timeout": _seconds_problem,
    "user_agent": _agent_problem,
    "account": _account_problem,
    "rate": _rate_problem,
}
"""Every key, with a function that returns the problem of a value, or None."""
