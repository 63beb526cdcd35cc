"""A user's rule file, read and validated; each problem is a sentence with file, line and the nearest right word.

Built-in files are validated by the tests and only compiled at run time; users' files each time they are used.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from preflight import toml
from preflight.confinement import MAX_PATH_CHARS
from preflight.errors import RuleFileError
from preflight.escape import printable
from preflight.facts import FACTS
from preflight.formats import KINDS
from preflight.rulefile.lines import Lines, Path
from preflight.rulefile.words import nearest
from preflight.ruleset import is_path

MAX_ITEMS: Final = 20_000
"""Keys and values of a rule file; validation costs more for each of them than parsing does."""
MAX_EXTENDS: Final = 16
"""Rule files in one chain of `extends`."""
_MAX_PROBLEMS: Final = 20
_MAX_SHOWN: Final = 60
"""Characters of a key or value in a message."""
_MAX_SENTENCE: Final = 600

_EXPECTED: Final = {
    "bool_type": "write true or false",
    "date_type": "write a day such as 2026-11-20, without quotes",
    "float_type": "write a number",
    "greater_than_equal": "write 1 or more",
    "int_type": "write a whole number",
    "list_type": 'write a list such as ["mp4", "mov"]',
    "model_type": "write a table such as { min = 300, max = 6000 }",
    "string_type": "write text in quotes",
    "string_too_short": "it is empty",
    "too_short": "the list is empty",
}
"""pydantic's error types, and what to write instead."""


def read_rule_file(path: str, builtin: Collection[str] | None = None) -> dict[str, Any]:
    """The table of a rule file, validated. Raises `RuleFileError` with all its problems.

    builtin  the names that `extends` may give besides paths; None: not looked at
    """
    table, text = _read(path)
    problems = validate(table, text, path)
    if not problems and builtin is not None:
        problems = _extends_problems(table, text, path, builtin)
    if problems:
        raise RuleFileError(problems)
    return table


def validate(table: Mapping[str, Any], text: str, name: str) -> list[str]:
    """What is wrong with a rule file's table, one sentence each; `text` is where it was parsed from, for the lines."""
    from pydantic import ValidationError

    from preflight.rulefile.model import RULE_FILE

    found: list[tuple[Path, Any]] = []
    try:
        RULE_FILE.model_validate(table)
    except ValidationError as error:
        found += [(one["loc"], one) for one in error.errors(include_url=False)]
    if "extends" not in table:
        found += _alone_problems(table)
    found += _data_uri_problems(table.get("data_uri"))
    if isinstance(read := table.get("as_of"), date) and str(read) > str(date.today() + timedelta(1)):
        found.append((("as_of",), f"as_of {read} is yet to come: write the day on which the limits were read"))
    if not found:
        return []
    lines = Lines(text)
    placed = sorted(((lines.of(path) if path else 0, problem) for path, problem in found), key=lambda one: one[0])
    # Suggesting the nearest word takes a millisecond: thousands of problems would take seconds.
    shown = [(line, one if isinstance(one, str) else _sentence(one, table)) for line, one in placed[:_MAX_PROBLEMS]]
    shown = [(line, _short(sentence, _MAX_SENTENCE)) for line, sentence in shown]
    problems = [printable(f"{name}:{line}: {sentence}" if line else f"{name}: {sentence}") for line, sentence in shown]
    if len(placed) > _MAX_PROBLEMS:
        problems.append(printable(f"{name}: {len(placed) - _MAX_PROBLEMS:,} more problems: correct these first"))
    return problems


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of rule files, by which editors (Taplo, Even Better TOML) complete and check them."""
    from preflight.rulefile.model import json_schema as schema

    return schema()


def _read(path: str) -> tuple[dict[str, Any], str]:
    """Return table and text of a TOML file without validating it. Raise `RuleFileError`."""
    try:
        text = toml.decode(toml.read(path))
        return toml.parse(text, MAX_ITEMS), text
    except toml.TomlError as error:
        place = path if error.line is None else f"{path}:{error.line}"
        remedy = "" if str(error).startswith(("not ", "cannot")) else ": this is not a rule file"
        raise RuleFileError([printable(f"{place}: {error}{remedy}")]) from None


def _sentence(error: Any, table: Mapping[str, Any]) -> str:
    """Return one of pydantic's errors as a sentence."""
    from preflight.rulefile.model import words_at

    path: Path = error["loc"]
    kind: str = error["type"]
    if kind == "extra_forbidden":
        *above, word = path
        derived = FACTS[str(word)].derived_from if above[-1:] == ["facts"] and word in FACTS else ()
        near = f": give {' and '.join(derived)}" if derived else nearest(str(word)[:_MAX_SHOWN], words_at(tuple(above)))
        word = _short(str(word))
        if not above:
            return f'a rule file has no key "{word}"{near}'
        noun = "no fact" if (len(above) == 1 and above[0] in (*KINDS, "url")) or above[-1] == "facts" else "no"
        return f'{_where(tuple(above))} has {noun} "{word}"{near}'
    where = _where(path)
    if kind == "missing":
        return f"{where} is missing"
    if kind == "said":
        return f"{where}: {error['ctx']['sentence']}"
    if kind == "unknown_word":
        return f"{where}: {error['ctx']['explain'](error['input'])}"
    expected = _EXPECTED.get(kind, str(error["msg"]))
    if kind == "list_type" and isinstance(error["input"], Mapping):
        expected = "there may be several, so each begins with two brackets"
    if kind.endswith("too_short"):
        return f"{where}: {expected}"
    return f"{where} is {_shown(error['input'])}: {expected}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{_short(value)}"' if isinstance(value, str) else "a list" if isinstance(value, list) else str(value)


def _short(text: str, chars: int = _MAX_SHOWN) -> str:
    return text if len(text) <= chars else f"{text[:chars]}…"


def _where(path: Path) -> str:
    """A key path as it stands in the file: `[video] pixels`, `[[video.when]] fps`, `[request.all] files`, `title`."""
    names = [part for part in path if isinstance(part, str)]
    if names[0] == "examples":
        table, rest = "[[examples]]", names[1:]
    elif names[1:2] == ["when"]:
        table, rest = f"[[{names[0]}.when]]", names[2:]
    elif names[0] in ("request", "data_uri") and len(names) > 1 and names[1] != "kinds":
        table, rest = f"[{names[0]}.{names[1]}]", names[2:]
    elif names[0] in (*KINDS, "url", "data_uri", "request", "asset"):
        table, rest = f"[{names[0]}]", names[1:]
    else:
        table, rest = names[0], names[1:]
    return " ".join([table, *rest])


def _alone_problems(table: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What a file that extends nothing must have, and what it cannot say."""
    from preflight.rulefile.model import HEAD

    for key in HEAD:
        if key not in table:
            yield (), f"{key} is missing: {HEAD[key][1].description}"
    if not any(table.get(kind, False) is not False for kind in KINDS):
        yield (), f"it accepts nothing: give it a section for {', '.join(f'[{kind}]' for kind in KINDS)} or several"
    for path, value in _removals(table):
        if value is False and path[0] != "url":
            yield path, f"{_where(path)} = false removes nothing: the file extends no other"


def _data_uri_problems(section: object) -> Iterator[tuple[Path, str]]:
    """Yield limits on kinds that are not accepted as data URI at all."""
    if not isinstance(section, Mapping) or not isinstance(kinds := section.get("kinds"), list):
        return
    for kind in KINDS:
        if isinstance(section.get(kind), Mapping) and kind not in kinds:
            yield ("data_uri", kind), f"[data_uri.{kind}] limits a kind that `kinds` does not list: add it there"


def _removals(table: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Every place where `false` may stand for "removed", with what stands there."""
    for key in (*KINDS, "url", "data_uri", "request", "asset"):
        section = table.get(key)
        yield (key,), section
        if isinstance(section, Mapping):
            for name, line in section.items():
                yield (key, name), line
                if key in ("request", "data_uri") and isinstance(line, Mapping):
                    yield from (((key, name, inner), limit) for inner, limit in line.items())


def iter_extends(path: str, table: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yield what `extends` names in a rule file, and in what that extends: paths before they are read, a name last.

    Raise `RuleFileError` for a file that is not TOML, for a chain that comes back to a file, and for a long one.
    """
    seen = [os.path.realpath(path)]
    name = (_read(path)[0] if table is None else table).get("extends")
    while isinstance(name, str):
        if not is_path(name):
            yield name
            return
        path = os.path.normpath(os.path.join(os.path.dirname(path), name))
        if len(path) > MAX_PATH_CHARS or "\0" in path:
            raise RuleFileError([printable(f"{_short(path)} is not a path: give the path of a rule file")])
        if os.path.realpath(path) in seen:
            raise RuleFileError([printable(f"{path} extends itself: remove the circular reference")])
        if len(seen) >= MAX_EXTENDS:
            raise RuleFileError(
                [printable(f"{path}: more than {MAX_EXTENDS} files in a chain of `extends`: use fewer")]
            )
        yield path
        seen.append(os.path.realpath(path))
        name = _read(path)[0].get("extends")


def _extends_problems(table: Mapping[str, Any], text: str, path: str, builtin: Collection[str]) -> list[str]:
    """Whether the chain of `extends` ends: each link exists, and none comes back to one before it."""
    problem = None
    try:
        for name in iter_extends(path, table):
            if not is_path(name) and name not in builtin:
                name = _short(name)
                problem = f'there is no built-in rule set "{name}"{nearest(name, builtin)}'
    except RuleFileError as error:
        problem = error.problems[0]
    return [printable(f"{path}:{Lines(text).of(('extends',))}: extends: {problem}")] if problem else []
