"""Read and validate a user's rule file; each problem is a sentence with file, line and the nearest correct word.

Built-in files are validated by the tests and only compiled at run time; users' files are validated each time they are
used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Final, NamedTuple, TypeGuard

from preflight import toml
from preflight.errors import RuleFileError
from preflight.escape import printable
from preflight.formats import KINDS
from preflight.limit import Table
from preflight.request_limits import REFERENCE
from preflight.rulefile.messages import describe_error, key_name, nearest, shorten
from preflight.toml import KeyPath, LineIndex

MAX_RULE_FILE_ITEMS: Final = 20_000
"""Keys and values of a rule file; validation costs more for each of them than parsing does."""
_MAX_PROBLEMS: Final = 20
_MAX_SENTENCE_CHARS: Final = 600


class RuleFile(NamedTuple):
    """A rule file as it was parsed: `text` gives the lines for messages about `table`."""

    path: str
    text: str
    table: Table

    def error_at(self, key: KeyPath, problem: str) -> RuleFileError:
        """Return the error that names file and line of a key."""
        return RuleFileError([_located(self.path, LineIndex(self.text).line_of(key), problem)])


def read_rule_file(path: str) -> RuleFile:
    """Return a rule file, validated. Raise `RuleFileError` with all its problems."""
    file = parse_rule_file(path)
    problems = find_problems(file)
    if problems:
        raise RuleFileError(problems)
    return file


def parse_rule_file(path: str) -> RuleFile:
    """Return a rule file without validating it. Raise `RuleFileError` if it cannot be read or is not TOML."""
    try:
        text = toml.decode(toml.read(path))
        return RuleFile(path, text, toml.parse(text, MAX_RULE_FILE_ITEMS))
    except toml.TomlError as error:
        raise RuleFileError([_located(path, error.line, str(error))]) from None


def find_problems(file: RuleFile) -> list[str]:
    """Return the problems of a rule file, each with its remedy, in the order of the file.

    At most 20 problems are described: finding the nearest correct word takes a millisecond each.
    """
    problems = [*_model_problems(file.table), *_other_problems(file.table)]
    if not problems:
        return []
    lines = LineIndex(file.text)
    ordered = sorted(
        ((lines.line_of(problem.key) if problem.key else 0, problem) for problem in problems), key=lambda pair: pair[0]
    )
    shown = [_located(file.path, line, problem.describe()) for line, problem in ordered[:_MAX_PROBLEMS]]
    if len(ordered) > _MAX_PROBLEMS:
        shown.append(_located(file.path, 0, f"{len(ordered) - _MAX_PROBLEMS:,} more problems. Correct these first."))
    return shown


class _Problem(NamedTuple):
    """A problem at a key; the empty key is the file as a whole."""

    key: KeyPath
    describe: Callable[[], str]


def _located(path: str, line: int | None, sentences: str) -> str:
    """Return sentences with their file and line, shortened and safe to print."""
    place = f"{path}:{line}" if line else path
    return printable(f"{place}: {shorten(sentences, _MAX_SENTENCE_CHARS)}")


def _model_problems(table: Table) -> Iterator[_Problem]:
    """Yield unknown keys, values of wrong types, unknown words and contradictory limits."""
    from pydantic import ValidationError

    from preflight.rulefile.model import RULE_FILE, words_at

    try:
        RULE_FILE.model_validate(table)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            yield _Problem(details["loc"], partial(describe_error, details, words_at))


def _other_problems(table: Table) -> Iterator[_Problem]:
    """Yield problems that involve more than one table."""
    found = [*_self_contained_problems((), table)]
    for name, variant in _tables(table.get("variants")):
        found += _self_contained_problems(("variants", name), variant)
    if "extends" not in table:
        found += [
            *_missing_keys(table),
            *_removals_of_nothing(table),
            *_variant_problems(table),
            *_role_problems(table),
        ]
    for key, sentences in found:
        yield _Problem(key, partial(str, sentences))


def _tables(parent: object) -> list[tuple[str, Table]]:
    """Return the tables in a table, by their names."""
    return [(name, each) for name, each in parent.items() if _is_table(each)] if isinstance(parent, Mapping) else []


def _is_table(value: object) -> TypeGuard[Table]:
    return isinstance(value, Mapping)


def _self_contained_problems(path: KeyPath, table: Table) -> Iterator[tuple[KeyPath, str]]:
    """Yield the problems of a file or a variant that are wrong whatever it extends."""
    if isinstance(read := table.get("as_of"), date) and str(read) > str(date.today() + timedelta(1)):
        yield (*path, "as_of"), f"as_of {read} is in the future. Write the day on which the limits were read."
    section = dict(_tables(table)).get("data_uri", {})
    for kind, _ in _tables(section) if isinstance(section.get("kinds"), list) else ():
        if kind in KINDS and kind not in section["kinds"]:
            at = (*path, "data_uri", kind)
            yield at, f"{key_name(at)} limits a kind that kinds does not list. Add it to kinds."
    roles = dict(_tables(table.get("roles")))
    for name, role in roles.items():
        for key in ("requires", "excludes"):
            at = (*path, "roles", name, key)
            for other in filter(_is_text, _listed(role, key)):
                if other == name:
                    yield at, f"{key_name(at)} names the role itself. Remove it."
                elif key == "requires" and name in _listed(roles.get(other, {}), "excludes"):
                    yield at, f"{key_name(at)}: {shorten(other)} excludes {name}. Correct one of them."


def _listed(role: Table, key: str) -> list[object]:
    """Return the list at a key; empty if there is none."""
    return value if isinstance(value := role.get(key), list) else []


def _variant_problems(table: Table) -> Iterator[tuple[KeyPath, str]]:
    """Yield the names of variants that the file does not have."""
    known = table.get("variants")
    names = list(known) if isinstance(known, Mapping) else []
    examples = table.get("examples")
    places: list[tuple[KeyPath, object]] = [(("default_variant",), table.get("default_variant"))]
    for number, example in enumerate(examples if isinstance(examples, list) else ()):
        if isinstance(example, Mapping):
            places.append((("examples", number, "variant"), example.get("variant")))
    for path, name in places:
        if isinstance(name, str) and name not in names:
            remedy = nearest(name, names) if names else "Add it as a table [variants.NAME], or remove it."
            yield path, f"{key_name(path)}: unknown variant {shorten(name)!r}. {remedy}"


def _role_problems(table: Table) -> Iterator[tuple[KeyPath, str]]:
    """Yield the roles of examples that the file does not have; naming a role in another one defines it too."""
    roles, examples = table.get("roles"), table.get("examples")
    known = {REFERENCE: None}
    for name, role in roles.items() if isinstance(roles, Mapping) else ():
        known[name] = None
        for key in ("requires", "excludes"):
            others = role.get(key) if isinstance(role, Mapping) else None
            known |= dict.fromkeys(filter(_is_text, others if isinstance(others, list) else ()))
    for number, example in enumerate(examples if isinstance(examples, list) else ()):
        files = example.get("files") if isinstance(example, Mapping) else None
        for at, file in enumerate(files if isinstance(files, list) else ()):
            role = file.get("role") if isinstance(file, Mapping) else None
            if isinstance(role, str) and role not in known:
                path = ("examples", number, "files", at, "role")
                yield path, f"{key_name(path)}: unknown role {shorten(role)!r}. {nearest(role, known)}"


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _missing_keys(table: Table) -> Iterator[tuple[KeyPath, str]]:
    """Yield missing keys of a file that extends no other file."""
    from preflight.rulefile.model import REQUIRED_KEYS

    for key, meaning in REQUIRED_KEYS.items():
        if key not in table:
            yield (), f"{key} is missing. Add it: {meaning}"
    variants, default = table.get("variants"), table.get("default_variant")
    judged = variants.get(default) if isinstance(variants, Mapping) and isinstance(default, str) else None
    tables = (table, judged if isinstance(judged, Mapping) else {})
    if not any(each.get(kind, False) is not False for each in tables for kind in KINDS):
        yield (), "No kind of media is accepted. Add a section: [image], [video] or [audio]."


def _removals_of_nothing(table: Table) -> Iterator[tuple[KeyPath, str]]:
    """Yield each `false` in a file that extends no other file. In [url] it is valid: it removes a default limit."""
    for key in (*KINDS, "data_uri", "request", "asset", "roles", "variants"):
        for path, value in _walk((key,), table.get(key), depth=2 if key in ("data_uri", "request", "roles") else 1):
            if value is False:
                yield path, f"{key_name(path)} = false removes nothing, as the file extends no other. Delete it."


def _walk(path: KeyPath, value: object, depth: int) -> Iterator[tuple[KeyPath, object]]:
    """Yield a value and the values in it, with key paths, down to a depth."""
    yield path, value
    if isinstance(value, Mapping) and depth:
        for key, inner in value.items():
            yield from _walk((*path, key), inner, depth - 1)
