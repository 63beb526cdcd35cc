"""Lists of targets: what stands in a file after `@`, or comes in on standard input. Rows of text, each with its place.

A list is lines of text, or with a column's name CSV with a header, or JSON lines.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import IO, Final, NamedTuple

from preflight.formats import holds_media

LONGEST_LINE: Final = 1 << 16
"""Characters of a list's line; a longer one is no path and no URL."""
LONGEST_DATA_URI: Final = 96 << 20
"""Characters of a line with a data URI: 64 MiB and more in Base64."""
HEAD: Final = 512
"""Bytes that show whether a list came in, or a file."""


class Row(NamedTuple):
    """One line of a list: its place (`urls.txt:4`), and the target or what is wrong with it."""

    place: str
    target: str | None = None
    wrong: str | None = None


def rows(stream: IO[bytes], name: str, column: str | None) -> Iterator[Row]:
    """The rows of a list; blank lines, and in a plain list `#` comments, are none."""
    lines = ((f"{name}:{number}", _text(line)) for number, line in enumerate(_lines(stream), 1))
    filled = ((place, text) for place, text in lines if text != "")
    if column is None:
        for place, text in filled:
            if text is None:
                yield Row(place, wrong=_NO_TEXT)
            elif not text.startswith("#"):
                yield Row(place, text)
    else:
        yield from _of_table(filled, column)


_NO_TEXT: Final = "the line is not UTF-8 text, or far too long: mend it"


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_LINE):
        if not line.endswith(b"\n") and _has_data_uri(line):
            line += stream.readline(LONGEST_DATA_URI)
        while not line.endswith(b"\n") and (rest := stream.readline(LONGEST_LINE)):
            line = b"\0" + rest[-1:]  # too long: only its end is kept, so that the next line is found
        yield line


def _has_data_uri(line: bytes) -> bool:
    """Whether a target of the line may be a data URI, alone or in a column."""
    return b"data:" in line[:LONGEST_LINE].lower()


def _text(line: bytes) -> str | None:
    if len(line) > (LONGEST_DATA_URI if _has_data_uri(line) else LONGEST_LINE) or b"\0" in line:
        return None
    try:
        return line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None


def _of_table(lines: Iterator[tuple[str, str | None]], column: str) -> Iterator[Row]:
    """One column of a CSV file, or one key of JSON lines: the first line with anything in it tells which."""
    import json

    first = next(lines, None)
    if first is None:
        return
    place, text = first
    if text is None:
        yield Row(place, wrong=_NO_TEXT)
        return
    header: list[str] | None = None
    if not text.startswith(("{", "[")):
        header = _cells(text)
        if column not in header:
            yield Row(place, wrong=f"no column {column!r}: it has {', '.join(header)[:500]}")
            return
        first = None
    for place, text in _chained(first, lines):
        if text is None:
            yield Row(place, wrong=_NO_TEXT)
            continue
        value: object
        if header is not None:
            value = dict(zip(header, _cells(text), strict=False)).get(column)
        else:
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                row = None
            value = row.get(column) if isinstance(row, dict) else None
        filled = isinstance(value, str) and value.strip()
        yield Row(place, str(value)) if filled else Row(place, wrong=f"the line has no {column!r}: mend it")


def _cells(text: str) -> list[str]:
    """Return the cells of one line of CSV; none where it is not CSV, or a cell has more than 131,072 characters."""
    import csv

    try:
        return next(csv.reader([text]))
    except csv.Error:
        return []


def _chained(
    first: tuple[str, str | None] | None, rest: Iterator[tuple[str, str | None]]
) -> Iterator[tuple[str, str | None]]:
    if first is not None:
        yield first
    yield from rest


def standard_input() -> tuple[IO[bytes] | None, bool]:
    """Standard input from its first byte, and whether a list comes in on it: content decides here too.

    None where it is closed.
    """
    if sys.stdin is None:
        return None, False
    return told(sys.stdin.buffer)


def is_list(head: bytes) -> bool:
    """Whether a file that begins so is text with a target a line, and no media and no other file."""
    from preflight.probes.sniff import sniff
    from preflight.sources.memory import MemorySource

    name = sniff(MemorySource(head))
    if name is not None and (holds_media(name) or name not in ("text", "json")):
        return False
    line, ended, _ = head.partition(b"\n")
    line = line if ended else line[: HEAD - 4]  # a character may be cut in two
    return b"\0" not in head and _text(line) is not None


def told(stream: IO[bytes]) -> tuple[IO[bytes], bool]:
    """A stream from its first byte, which may be a pipe, and whether it is a list."""
    head = b""
    while len(head) < HEAD:
        piece = stream.read1(HEAD - len(head))  # type: ignore[attr-defined]
        head += piece
        if not piece or (b"\n" in piece and b"\0" not in head and is_list(head)):
            break  # a list that is still being written need not have 512 bytes
    return io.BufferedReader(_Again(head, stream)), is_list(head)


class _Again(io.RawIOBase):
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._head or self._rest.read1(len(buffer))  # type: ignore[attr-defined]
        piece, self._head = piece[: len(buffer)], self._head[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
