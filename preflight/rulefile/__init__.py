"""A user's rule file, read and validated; each problem is a sentence with file, line and the nearest right word.

Built-in files are validated by the tests and only compiled at run time; users' files each time they are used.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from preflight.errors import RuleFileError
from preflight.escape import printable
from preflight.formats import KINDS
from preflight.rulefile.lines import Lines, Path
from preflight.rulefile.words import nearest

_MOST_BYTES: Final = 1 << 20
"""No rule file is larger; a device or a media file named as one is."""

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

_DERIVED: Final = {
    "aspect_ratio": ": give width and height",
    "mime": ": give kind and format",
    "pixels": ": give width and height",
}
"""Facts that follow from others, so that an example cannot give them."""


def read_rule_file(path: str, builtin: Collection[str] | None = None) -> dict[str, Any]:
    """The table of a rule file, validated. Raises `RuleFileError` with all its problems.

    builtin  the names that `extends` may give besides paths; None: not looked at
    """
    text = _text(path)
    table = _parsed(text, path)
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

    found: list[tuple[Path, str]] = []
    try:
        RULE_FILE.model_validate(table)
    except ValidationError as error:
        found += [_sentence(one, table) for one in error.errors(include_url=False)]
    if "extends" not in table:
        found += _alone_problems(table)
    if isinstance(read := table.get("as_of"), date) and str(read) > str(date.today() + timedelta(1)):
        found.append((("as_of",), f"as_of {read} is yet to come: write the day on which the limits were read"))
    lines = Lines(text)
    placed = sorted(((lines.of(path) if path else 0, sentence) for path, sentence in found), key=lambda one: one[0])
    return [printable(f"{name}:{line}: {sentence}" if line else f"{name}: {sentence}") for line, sentence in placed]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of rule files, by which editors (Taplo, Even Better TOML) complete and check them."""
    from preflight.rulefile.model import json_schema as schema

    return schema()


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RuleFileError([printable(f"{path}: cannot be read: {reason}")]) from None
    if len(data) > _MOST_BYTES:
        raise RuleFileError([printable(f"{path}: larger than 1 MiB: that is no rule file")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RuleFileError([printable(f"{path}:{line}: not UTF-8 text: save it as UTF-8")]) from None


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, where = str(error).partition(" (at ")
        line = re.search(r"line (\d+)", where)
        number = int(line.group(1)) if line else text.count("\n") + 1
        raise RuleFileError([printable(f"{name}:{number}: not TOML: {message}")]) from None
    except RecursionError:
        raise RuleFileError([printable(f"{name}: not TOML that a person wrote: it is nested too deeply")]) from None


def _sentence(error: Any, table: Mapping[str, Any]) -> tuple[Path, str]:
    """One of pydantic's errors as a key path and a sentence."""
    from preflight.rulefile.model import words_at

    path: Path = error["loc"]
    kind: str = error["type"]
    if kind == "extra_forbidden":
        *above, word = path
        near = _DERIVED.get(str(word)) if above[-1:] == ["facts"] else None
        near = near or nearest(str(word), words_at(tuple(above)))
        if not above:
            return path, f'a rule file has no key "{word}"{near}'
        noun = "no fact" if (len(above) == 1 and above[0] in (*KINDS, "url")) or above[-1] == "facts" else "no"
        return path, f'{_where(tuple(above))} has {noun} "{word}"{near}'
    where = _where(path)
    if kind == "missing":
        return path, f"{where} is missing"
    if kind == "said":
        return path, f"{where}: {error['ctx']['sentence']}"
    expected = _EXPECTED.get(kind, str(error["msg"]))
    if kind == "list_type" and isinstance(error["input"], Mapping):
        expected = "there may be several, so each begins with two brackets"
    if kind.endswith("too_short"):
        return path, f"{where}: {expected}"
    return path, f"{where} is {_shown(error['input'])}: {expected}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else "a list" if isinstance(value, list) else str(value)


def _where(path: Path) -> str:
    """A key path as it stands in the file: `[video] pixels`, `[[video.when]] fps`, `[request.all] files`, `title`."""
    names = [part for part in path if isinstance(part, str)]
    if names[0] == "examples":
        table, rest = "[[examples]]", names[1:]
    elif names[1:2] == ["when"]:
        table, rest = f"[[{names[0]}.when]]", names[2:]
    elif names[0] == "request" and len(names) > 1:
        table, rest = f"[request.{names[1]}]", names[2:]
    elif names[0] in (*KINDS, "url", "request", "asset"):
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


def _removals(table: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Every place where `false` may stand for "removed", with what stands there."""
    for key in (*KINDS, "url", "request", "asset"):
        section = table.get(key)
        yield (key,), section
        if isinstance(section, Mapping):
            for name, line in section.items():
                yield (key, name), line
                if key == "request" and isinstance(line, Mapping):
                    yield from (((key, name, inner), limit) for inner, limit in line.items())


def _extends_problems(table: Mapping[str, Any], text: str, path: str, builtin: Collection[str]) -> list[str]:
    """Whether the chain of `extends` ends: each link exists, and none comes back to one before it."""
    seen = [os.path.realpath(path)]
    beside, name = path, table.get("extends")
    problem = None
    while isinstance(name, str) and problem is None:
        if not (name.endswith(".toml") or os.sep in name):
            if name not in builtin:
                problem = f'there is no built-in rule set "{name}"{nearest(name, builtin)}'
            break
        beside = os.path.normpath(os.path.join(os.path.dirname(beside), name))
        if os.path.realpath(beside) in seen:
            problem = f"{beside} leads back to itself: break the circle"
            break
        seen.append(os.path.realpath(beside))
        try:
            name = _parsed(_text(beside), beside).get("extends")
        except RuleFileError as error:
            problem = error.problems[0]
    line = Lines(text).of(("extends",))
    return [printable(f"{path}:{line}: extends: {problem}")] if problem else []
