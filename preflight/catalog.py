"""Which rule files there are, and how a name after `--for` becomes a `RuleSet`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Final

from preflight.confinement import Confinement
from preflight.errors import RuleFileError, UsageError
from preflight.ruleset import RuleSet, compile_ruleset, is_path, merge

ALL: Final = "all"
"""The word after `--for` that means every current built-in rule set."""


@cache
def folder() -> str:
    """Where the built-in rule files are: beside the modules in a wheel, at the top level in a checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    inside = os.path.join(here, "_rules")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(here), "rules")


@cache
def names() -> tuple[str, ...]:
    """The names of all built-in rule sets, sorted; earlier and observed ones are called `NAME@YYYY-MM`."""
    return tuple(sorted(name.removesuffix(".toml") for name in os.listdir(folder()) if name.endswith(".toml")))


def current() -> tuple[str, ...]:
    """The names of the built-in rule sets that hold today."""
    return tuple(name for name in names() if "@" not in name)


Wanted = str | os.PathLike[str] | RuleSet


def resolve(wanted: Wanted | list[Wanted] | tuple[Wanted, ...]) -> tuple[RuleSet, ...]:
    """Rule sets by name, by path of a rule file, several with commas, or `all`. Raises `UsageError`, `RuleFileError`.

    >>> [rules.name for rules in resolve("atlas,volcengine")]
    ['atlas', 'volcengine']
    """
    found: dict[str, RuleSet] = {}
    for part in _single(wanted):
        if isinstance(part, RuleSet):
            found[part.name] = part
            continue
        if isinstance(part, os.PathLike):
            path = os.fspath(part)
            found[path] = found.get(path) or load(path)
            continue
        if not isinstance(part, str):
            given = f"{part!r}"[:60]
            raise UsageError(f"{given} names no rule set: give a name or the path of a rule file, or a list of them")
        for word in filter(None, (word.strip() for word in part.split(","))):
            for name in current() if word == ALL else (word,):
                found[name] = found.get(name) or load(name)
    if not found:
        raise UsageError(f"no rule set is named: write one of {', '.join(current())}, a path of a rule file, or {ALL}")
    return tuple(found.values())


def _single(wanted: object) -> Iterator[object]:
    """Each of what may be a list, of lists too: what `resolve` gives can be named beside others."""
    if isinstance(wanted, list | tuple) and not isinstance(wanted, RuleSet):
        for part in wanted:
            yield from _single(part)
    else:
        yield wanted


def load(name: str) -> RuleSet:
    """One rule set, by the name of a built-in one or by the path of a rule file, which is read anew each time."""
    if not is_path(name):
        return _load_builtin(name if name in names() else name.lower())
    from preflight.rulefile import read_rule_file

    return compile_ruleset(name, read_rule_file(name, names()), lambda up: _whole(up, name))


@cache
def _load_builtin(name: str) -> RuleSet:
    return compile_ruleset(name, _builtin(name), _whole)


def confinement_problem(path: str, confinement: Confinement) -> str | None:
    """Return why a configuration may not name a rule file: it, or a file that it extends, is outside; None if it may.

    No file outside is read for it.
    """
    if problem := confinement.problem(path):
        return problem
    from preflight.rulefile import iter_extends

    with suppress(RuleFileError):  # what else is wrong is said where the rule file is used
        for name in iter_extends(path):
            if is_path(name) and (problem := confinement.problem(name)):
                return f"extends {name[:60]!r}, which {problem}"
    return None


def _whole(name: str, beside: str | None = None) -> Mapping[str, Any]:
    """The table of a rule set with everything that it extends; a path is taken from the file that names it."""
    seen: list[str] = [beside] if beside else []
    chain: list[Mapping[str, Any]] = []
    table: Mapping[str, Any]
    while True:
        if is_path(name):
            from preflight.rulefile import read_rule_file

            name = os.path.normpath(os.path.join(os.path.dirname(seen[-1]) if seen else "", name))
            table = read_rule_file(name)  # where the chain leads, was found out with its first file
        else:
            table = _builtin(name)
        if name in seen:  # built-in files; a user's circle is found with the first file
            raise RuleFileError([f"{name}: extends itself by way of {' → '.join(seen)}: break the circle"])
        seen.append(name)
        chain.append(table)
        if "extends" not in table:
            break
        name = table["extends"]
    whole = chain.pop()
    while chain:
        whole = merge(whole, chain.pop())
    return whole


def rule_file_paths(name: str) -> Iterator[str]:
    """Yield the path of a rule file, given by name or path, and of each file that it extends, if they can be read."""
    builtin: str | None = name if name in names() else name.lower()
    if is_path(name):
        from preflight.rulefile import iter_extends

        builtin = None
        yield os.path.normpath(name)
        with suppress(RuleFileError):  # reported when the rule file is used
            for extended in iter_extends(name):
                if is_path(extended):
                    yield extended
                else:
                    builtin = extended
    while builtin is not None and builtin in names():
        yield os.path.join(folder(), f"{builtin}.toml")
        builtin = _builtin(builtin).get("extends")


@cache
def _builtin(name: str) -> Mapping[str, Any]:
    import tomllib  # not for processes that are sent their rule sets; our own files need no bounds

    if name not in names():
        raise UsageError(f"there is no rule set {name[:40]!r}{_nearest(name[:40])}")
    with open(os.path.join(folder(), f"{name}.toml"), "rb") as file:
        return tomllib.load(file)


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), names(), n=2, cutoff=0.6)
    return f": did you mean {' or '.join(near)}?" if near else ": `preflight rules list` shows all"
