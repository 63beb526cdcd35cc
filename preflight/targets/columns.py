"""Read targets from one column of a CSV list, or from one key of JSON objects."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from preflight.formats import MEDIA_EXTENSIONS, extension_of
from preflight.sources.open import is_url

DELIMITERS: Final = (",", ";", "\t", "|")
MAX_RECORD_LINES: Final = 1000
"""Lines of one CSV record: an unclosed quotation mark must not consume the rest of the list."""
MAX_RECORD_CHARS: Final = 1 << 16
MAX_NAMES: Final = 20
"""Columns named in a message."""

NOT_TEXT: Final = "the line is not UTF-8 text, or is too long. Save the list as UTF-8, or shorten the line."
_UNCLOSED: Final = "a quoted field is not closed. Add the quotation mark."
_NOT_CSV: Final = "the line is not CSV, or a field has more than 131,072 characters. Fix the line."
_JSON_WITHOUT_KEY: Final = "the list has JSON objects. Set `column` to the key of the targets"
_CSV_WITHOUT_COLUMN: Final = "the list is CSV. Set `column` to the column of the targets"
_ONE_OBJECT: Final = "the list is a single JSON object. Give an array or JSON lines."
_SEPARATOR: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""The line that spreadsheets write before a table."""
_COLUMN_NAME: Final = re.compile(r"[^\W\d][\w .()/#-]{0,63}")
"""Pattern of a column name."""


class ListRow(NamedTuple):
    """One row of a list: its place (`urls.txt:4`), and its target or its problem."""

    place: str
    target: str | None = None
    problem: str | None = None


class Line(NamedTuple):
    """One line of a list: its place, and its text with the line end; None: it is not text."""

    place: str
    text: str | None


class PushbackLines(Iterator[Line]):
    """Lines that can be pushed back, to be parsed in another way."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._pushed: list[Line] = []

    def __next__(self) -> Line:
        return self._pushed.pop() if self._pushed else next(self._lines)

    def push_back(self, lines: Sequence[Line]) -> None:
        """Return these lines again, in their order, before all others."""
        self._pushed.extend(reversed(lines))


def read_csv(lines: PushbackLines, column: str) -> Iterator[ListRow]:
    """Yield the fields of one column; the first record names the columns.

    The delimiter is the first of `DELIMITERS` by which the header has that column.
    """
    header = _header(lines, column)
    if header is None:
        return
    if column not in header.names:
        yield ListRow(header.place, problem=f"no column {column!r}. Choose one of {format_names(header.names)}.")
        return
    if header.names.count(column) > 1:
        yield ListRow(header.place, problem=f"several columns are named {column!r}. Give each a different name.")
        return
    while (record := _record(lines, header.delimiter)) is not None:
        yield _field(record, header, column)


def read_json_lines(lines: PushbackLines, key: str) -> Iterator[ListRow]:
    """Yield one key of the object in each line."""
    first = next(lines, None)
    if first is None:
        return
    if (first.text or "").strip() == "{":
        yield ListRow(first.place, problem=_ONE_OBJECT)
        return
    lines.push_back([first])
    for place, text in lines:
        if text is None:
            yield ListRow(place, problem=NOT_TEXT)
        elif text.strip():
            yield _value(place, parse_json(text), key)


def read_array(name: str, items: Sequence[object], key: str | None) -> Iterator[ListRow]:
    """Yield the items of a JSON array: strings, or one key of objects."""
    first = next((item for item in items if isinstance(item, dict)), None)
    if key is None and first is not None:
        yield ListRow(name, problem=f"{_JSON_WITHOUT_KEY}: {format_names(first)}.")
        return
    for number, item in enumerate(items):
        place = f"{name}[{number}]"
        if key is not None:
            yield _value(place, item, key)
        elif isinstance(item, str) and item.strip():
            yield ListRow(place, item.strip())
        else:
            yield ListRow(place, problem="the item is not a string. Write it as one.")


def missing_column(name: str, lines: PushbackLines) -> str | None:
    """Return the problem of a table that is read without a column; None for lines of targets."""
    line = next(lines, None)
    if line is None:
        return None
    lines.push_back([line])
    first = (line.text or "").strip()
    if not first or first.startswith("#") or is_url(first) or os.path.lexists(first):
        return None
    item = parse_json(first) if first.startswith("{") else None
    if isinstance(item, dict) and item:
        return f"{_JSON_WITHOUT_KEY}: {format_names(item)}."
    if first == "{":
        return _ONE_OBJECT
    names = _names(name, line.text or "", lines)
    if names is None:
        return None
    return f"{_CSV_WITHOUT_COLUMN}: {format_names(names)}."


def format_names(names: Iterable[object]) -> str:
    """Return the names of columns for a message."""
    known = [str(name) for name in names]
    return ", ".join(known[:MAX_NAMES]) + (" …" if len(known) > MAX_NAMES else "")


def parse_json(text: str | bytes) -> object:
    """Return the value of a JSON text; None if it is invalid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class _Header(NamedTuple):
    place: str
    delimiter: str
    names: list[str]


class _Record(NamedTuple):
    """One record of CSV: its lines, and its fields or its problem."""

    lines: list[Line]
    fields: list[str]
    problem: str | None = None


def _header(lines: PushbackLines, column: str) -> _Header | None:
    """Return the first record, split by the matching delimiter; None if there is none."""
    announced = None
    found: list[_Header] = []
    delimiters: tuple[str, ...] = DELIMITERS
    while delimiters:
        delimiter, delimiters = delimiters[0], delimiters[1:]
        record = _record(lines, delimiter)
        if record is None:
            return None
        separator = _SEPARATOR.fullmatch(record.lines[0].text or "") if announced is None else None
        if separator is not None:
            announced = separator[1]
            delimiters = (announced,)
            continue
        found.append(_Header(record.lines[0].place, delimiter, [field.strip() for field in record.fields]))
        if column in found[-1].names:
            return found[-1]
        lines.push_back(record.lines)
    return max(found, key=lambda header: len(header.names))


def _record(lines: PushbackLines, delimiter: str) -> _Record | None:
    """Return the next record that is not blank. A field in quotation marks may have line breaks in it."""
    line = next((line for line in lines if line.text is None or line.text.strip()), None)
    if line is None:
        return None
    parts, chars, is_quoted = [line], 0, False
    while (text := parts[-1].text) is not None:
        chars += len(text)
        is_quoted = _ends_quoted(text, delimiter, is_quoted=is_quoted)
        if not is_quoted:
            record = _parse("".join(part.text or "" for part in parts), delimiter)
            return _Record(parts, record or [], None if record is not None else _NOT_CSV)
        following = next(lines, None) if len(parts) < MAX_RECORD_LINES and chars < MAX_RECORD_CHARS else None
        if following is None:
            break
        parts.append(following)
    lines.push_back(parts[1:])
    return _Record(parts[:1], [], NOT_TEXT if line.text is None else _UNCLOSED)


def _ends_quoted(text: str, delimiter: str, *, is_quoted: bool) -> bool:
    """Return whether a quoted field continues after a line; `is_quoted`: the line begins in one."""
    if '"' not in text:
        return is_quoted
    starts_field = not is_quoted
    for character in text:
        if character == '"':
            is_quoted = not is_quoted if is_quoted or starts_field else is_quoted
        starts_field = not is_quoted and (character == delimiter or (starts_field and character == '"'))
    return is_quoted


def _field(record: _Record, header: _Header, column: str) -> ListRow:
    place, fields = record.lines[0].place, record.fields
    if record.problem is not None:
        return ListRow(place, problem=record.problem)
    if len(header.names) == 1:
        fields = [header.delimiter.join(fields)]  # a URL with a comma, in the only column
    if any(field.strip() for field in fields[len(header.names) :]):
        problem = f"the line has {len(fields)} fields, the header {len(header.names)}. Quote fields with delimiters."
        return ListRow(place, problem=problem)
    value = dict(zip(header.names, fields, strict=False)).get(column, "").strip()
    return ListRow(place, value) if value else ListRow(place, problem=f"the line has no {column!r}. Add a value.")


def _value(place: str, item: object, key: str) -> ListRow:
    value = item.get(key) if isinstance(item, dict) else None
    if isinstance(value, str) and value.strip():
        return ListRow(place, value)
    what = "item" if place.endswith("]") else "line"
    return ListRow(place, problem=f"the {what} has no {key!r}. Add a value.")


def _names(name: str, first: str, lines: PushbackLines) -> list[str] | None:
    """Return the columns of a list that looks like CSV: its name says so, or its second line has as many fields."""
    is_named_so = name.lower().endswith((".csv", ".tsv"))
    for delimiter in DELIMITERS:
        names = _fields(first, delimiter)
        if len(names) < 2 and not (is_named_so and delimiter == DELIMITERS[-1]):
            continue
        if not all(_COLUMN_NAME.fullmatch(column) and extension_of(column) not in MEDIA_EXTENSIONS for column in names):
            continue
        if is_named_so or _has_second(lines, delimiter, len(names)):
            return names
    return None


def _has_second(lines: PushbackLines, delimiter: str, count: int) -> bool:
    """Return whether the second line, if there is one, has as many fields."""
    taken = [line for line in (next(lines, None), next(lines, None)) if line is not None]
    lines.push_back(taken)
    return len(taken) == 2 and len(_fields(taken[1].text or "", delimiter)) == count


def _fields(line: str, delimiter: str) -> list[str]:
    return [field.strip() for field in _parse(line.strip("\r\n"), delimiter) or ()]


def _parse(text: str, delimiter: str) -> list[str] | None:
    """Return the fields of one record; None for a carriage return in one, or more than 131,072 characters."""
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return None
