"""Find rule files: built-in ones and those of installed packages by name, a user's by path, with what they extend."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, partial, reduce
from typing import Final

from preflight.confinement import MAX_PATH_CHARS, Confinement
from preflight.errors import RuleFileError, UsageError, suggestion
from preflight.limit import Table
from preflight.rulepackages import PackagedFile, packaged_files
from preflight.ruleset import STAGES, RuleSet, compile_ruleset, is_rule_file_path, merge_tables, split_variant
from preflight.version import VERSION

ALL: Final = "all"
"""The name that stands for every current built-in rule set."""
STAGE: Final = "stage"
"""The name before a colon and a stage: every current built-in rule set of that stage."""
MAX_EXTENDS: Final = 16
"""Rule files in one chain of `extends`."""


@cache
def folder() -> str:
    """Return the folder of the built-in rule files: beside the modules in a wheel, at the top level in a checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    inside = os.path.join(here, "_rules")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(here), "rules")


@cache
def _builtin_names() -> frozenset[str]:
    return frozenset(name.removesuffix(".toml") for name in os.listdir(folder()) if name.endswith(".toml"))


@cache
def names() -> tuple[str, ...]:
    """Return the names of all built-in and installed rule sets, sorted; `NAME@YYYY-MM` is an earlier version."""
    return tuple(sorted({*_builtin_names(), *packaged_files()}))


@cache
def _packaged(name: str) -> PackagedFile | None:
    """Return the rule file of an installed package for a name; None if it is built in.

    Of several files of one name the one that was read last (`as_of`) counts; at the same date, the built-in one.
    """
    best: PackagedFile | None = None
    newest = str(_read_toml(_builtin_path(name)).get("as_of", "")) if name in _builtin_names() else ""
    for file in packaged_files().get(name, ()):
        read = _read_as_of(file.path)
        if read > newest or (best is None and name not in _builtin_names()):
            best, newest = file, read
    return best


def _read_as_of(path: str) -> str:
    from preflight.rulefile import parse_rule_file

    try:
        return str(parse_rule_file(path).table.get("as_of", ""))
    except RuleFileError:  # reported when it is used
        return ""


def origin(name: str) -> str:
    """Return where a rule set comes from: `preflight`, the package that it is installed with, or the path of a file."""
    start, _ = split_variant(name)
    if is_rule_file_path(start):
        return start
    packaged = _packaged(start if start in names() else start.lower())
    return f"preflight {VERSION}" if packaged is None else packaged.package


def current() -> tuple[str, ...]:
    """Return the names of all built-in and installed rule sets in their current versions."""
    return tuple(name for name in names() if "@" not in name)


RuleSetLike = str | os.PathLike[str] | RuleSet
"""A name or path of a rule file, each with or without `:VARIANT`; several of them with commas; `all`; `stage:STAGE`; or
a compiled rule set."""
RuleSetsLike = RuleSetLike | list[RuleSetLike] | tuple[RuleSetLike, ...]


def resolve(given: RuleSetsLike) -> tuple[RuleSet, ...]:
    """Return the rule sets, each once. Raise `UsageError` or `RuleFileError`.

    >>> [ruleset.name for ruleset in resolve("atlas,volcengine")]
    ['atlas', 'volcengine']
    """
    found: dict[str, RuleSet] = {}
    for part in _flatten(given):
        if isinstance(part, RuleSet):
            found[part.name] = part
            continue
        for ruleset in map(load, _split_names(part)):
            found.setdefault(ruleset.name, ruleset)
    if not found:
        raise UsageError(f"No rule set given. {choices()}")
    return tuple(found.values())


def choices() -> str:
    """Return the remedy where no rule set is given. It names a few: all of them would fill a screen."""
    few = ", ".join(current()[:3])
    return f"Choose one of {few} and {len(current()) - 3} others, the path of a rule file, or {ALL}."


def _flatten(given: object) -> Iterator[object]:
    """Yield the items of nested lists: results of `resolve` can be mixed with other items."""
    if isinstance(given, list | tuple) and not isinstance(given, RuleSet):
        for part in given:
            yield from _flatten(part)
    else:
        yield given


def _split_names(part: object) -> Iterator[str]:
    if isinstance(part, os.PathLike):
        yield os.fspath(part)
    elif isinstance(part, str):
        for name in filter(None, map(str.strip, part.split(","))):
            yield from _expand(name)
    else:
        shown = f"{part!r}"[:60]
        raise UsageError(f"{shown} is not a rule set. Give a name, the path of a rule file, or a list of them.")


def _expand(name: str) -> Iterator[str]:
    """Yield the names that a name stands for. Raise `UsageError` for an unknown stage."""
    start, _, stage = name.partition(":")
    if name == ALL:
        yield from (each.name for each in load_usable(current()))
    elif start == STAGE and not is_rule_file_path(name):
        if stage not in STAGES:
            raise UsageError(f"Unknown stage {stage[:60]!r}. {suggestion(stage, STAGES)}")
        yield from (each.name for each in load_usable(current()) if each.stage == stage)
    else:
        yield name


def load(name: str) -> RuleSet:
    """Return one rule set, by its built-in name or by the path of a rule file, which is read each time.

    `NAME:VARIANT` chooses a variant.
    """
    start, variant = split_variant(name)
    if is_rule_file_path(start):
        return _compile(start, variant)
    return _load_builtin(start if start in names() else start.lower(), variant)


def load_usable(chosen: Iterable[str]) -> Iterator[RuleSet]:
    """Yield rule sets that nobody names one by one: an invalid one of an installed package is only a warning."""
    for name in chosen:
        try:
            yield load(name)
        except RuleFileError as error:
            if (file := _packaged(name)) is None:
                raise
            _warn(f"The rule set {name} of {file.package} is left out. {error.problems[0]}")


@cache
def _warn(text: str) -> None:
    import logging

    logging.getLogger("preflight").warning("%s", text)


@cache
def _load_builtin(name: str, variant: str | None) -> RuleSet:
    return _compile(name, variant)


def _compile(name: str, variant: str | None) -> RuleSet:
    """Return a rule set. Raise `UsageError` for an unknown variant, `RuleFileError` for an unknown default."""
    table = _read_merged(name)
    known = list(table.get("variants", ()))
    if variant is not None and variant not in known:
        remedy = suggestion(variant, known) if known else "Leave it out: the rule set has none."
        raise UsageError(f"Unknown variant {variant[:60]!r} of {name}. {remedy}")
    default = table.get("default_variant")
    if default is not None and default not in known:
        raise _error_at(name, "default_variant", f"Unknown variant {default[:60]!r}. {suggestion(default, known)}")
    ruleset = compile_ruleset(name, table, variant)
    if empty := next((each for each in (ruleset, *ruleset.variants) if not each.sections), None):
        key = "variants" if empty.variant else "extends"
        raise _error_at(name, key, f"{empty.name} accepts no kind of media. Keep one: [image], [video] or [audio].")
    return ruleset


def _read_merged(name: str) -> Table:
    """Return the table of a rule set, merged over everything that it extends."""
    read = cache(_read)
    chain = list(_follow_extends(name, read))
    return reduce(merge_tables, map(read, reversed(chain)))


def _follow_extends(name: str, read: Callable[[str], Table]) -> Iterator[str]:
    """Yield a rule set and each one that it extends, by name or path, before `read` is called for it.

    Raise `RuleFileError` for a reference that cannot be followed, or what `read` raises.
    """
    chain = [name]
    yield name
    while isinstance(link := read(chain[-1]).get("extends"), str):
        if is_rule_file_path(link):
            link = os.path.normpath(os.path.join(os.path.dirname(_path_of(chain[-1])), link))
        if problem := _reference_problem(link, chain):
            raise _error_at(chain[-1], "extends", problem)
        yield link
        if is_rule_file_path(link) and not os.path.exists(link):
            raise _error_at(chain[-1], "extends", f"Rule file {link} not found. Check the path.")
        chain.append(link)


def _reference_problem(link: str, chain: list[str]) -> str | None:
    """Return why a rule set cannot be the next one in a chain of `extends`; None if it can."""
    shown = link[:60]
    if not is_rule_file_path(link):
        if link not in names():
            return f"Unknown rule set {shown!r}. {suggestion(shown, names())}"
        return f"Circular extends: {shown} is extended already. Remove the reference." if link in chain else None
    if len(link) > MAX_PATH_CHARS or "\0" in link:
        return f"{shown!r}… is not a path. Give the path of a rule file."
    if os.path.realpath(link) in map(os.path.realpath, filter(is_rule_file_path, chain)):
        return f"Circular extends: {link} is extended already. Remove the reference."
    if len(chain) >= MAX_EXTENDS:
        return f"A chain of extends has more than {MAX_EXTENDS} files. Use fewer."
    return None


def _error_at(name: str, key: str, problem: str) -> RuleFileError:
    if not is_rule_file_path(name) and _packaged(name) is None:
        return RuleFileError([f"{name}: {problem}"])
    from preflight.rulefile import parse_rule_file

    return parse_rule_file(_path_of(name)).error_at((key,), problem)


def _path_of(name: str) -> str:
    """Return the path of a rule file that is given by name or path."""
    if is_rule_file_path(name):
        return name
    packaged = _packaged(name)
    return packaged.path if packaged is not None else _builtin_path(name)


def _builtin_path(name: str) -> str:
    return os.path.join(folder(), f"{name}.toml")


def _read(name: str, *, is_validated: bool = True) -> Table:
    if not is_rule_file_path(name):
        if name not in names():
            raise UsageError(f"Unknown rule set {name[:60]!r}. {suggestion(name, names())}")
        if _packaged(name) is None:
            return _read_toml(_builtin_path(name))
    from preflight.rulefile import parse_rule_file, read_rule_file

    return (read_rule_file if is_validated else parse_rule_file)(_path_of(name)).table


_read_unchecked: Final = partial(_read, is_validated=False)


@cache
def _read_toml(path: str) -> Table:
    import tomllib  # imported late, since some processes receive their rule sets; built-in files need no bounds

    with open(path, "rb") as file:
        return tomllib.load(file)


def confinement_problem(path: str, confinement: Confinement) -> str | None:
    """Return why a configuration may not name a rule file: the file, or one that it extends, is outside; else None.

    No file outside is read.
    """
    with suppress(RuleFileError):  # other problems are reported when the rule file is used
        for link in _follow_extends(path, _read_unchecked):
            if is_rule_file_path(link) and (problem := confinement.problem(link)):
                return problem if link == path else f"extends {link[:60]!r}, which {problem}"
    return None


def rule_file_paths(name: str) -> Iterator[str]:
    """Yield the path of a rule file, given by name or path, and of each file that it extends, if they can be read."""
    name, _ = split_variant(name)
    name = name if is_rule_file_path(name) or name in names() else name.lower()
    with suppress(RuleFileError, UsageError):  # reported when the rule file is used
        for link in _follow_extends(name, _read_unchecked):
            if is_rule_file_path(link):
                yield os.path.normpath(link)
            elif link in names():
                yield _path_of(link)
