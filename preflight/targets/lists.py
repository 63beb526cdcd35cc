"""Read lists of targets, from a file after `@` or from standard input, as rows with their places.

A list is lines of text, or a JSON array of strings; with a column it is CSV with a header, JSON lines, or a JSON array
of objects. It is UTF-8, or UTF-16 with a byte order mark, which some shells and spreadsheets write.
"""

from __future__ import annotations

import io
import re
import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE, getincrementaldecoder
from collections.abc import Iterator
from typing import IO, Final

from preflight.formats import holds_media
from preflight.targets.columns import (
    NOT_TEXT,
    Line,
    ListRow,
    PushbackLines,
    missing_column,
    parse_json,
    read_array,
    read_csv,
    read_json_lines,
)

MAX_LINE_CHARS: Final = 1 << 16
"""Characters of a list's line; a longer one is neither a path nor a URL."""
MAX_DATA_URI_CHARS: Final = 96 << 20
"""Characters of a line with a data URI: 64 MiB and more in Base64."""
MAX_ARRAY_BYTES: Final = 1 << 26
"""Bytes of a JSON array, which is read into memory."""
SNIFF_BYTES: Final = 512
"""Bytes that show whether a stream is a list or a media file."""


def rows(stream: IO[bytes], name: str, column: str | None) -> Iterator[ListRow]:
    """Yield the rows of a list. Blank lines, and in a plain list `#` comments, are skipped.

    A list that begins with `[` and a string or an object is read as one JSON array.
    """
    stream, begins_array = _begins_array(stream)
    if begins_array:
        data = stream.read(MAX_ARRAY_BYTES)
        items = parse_json(data) if len(data) < MAX_ARRAY_BYTES else None
        if isinstance(items, list):
            yield from read_array(name, items, column)
            return
        if items is None and data.rstrip().endswith((b"]", b",")):
            yield ListRow(
                name, problem="the list begins like a JSON array and is not valid JSON. Fix it, or write lines."
            )
            return
        stream = io.BufferedReader(_Prepended(data, stream))
    lines = PushbackLines(Line(f"{name}:{number}", _decoded(line)) for number, line in enumerate(_lines(stream), 1))
    first = next((line for line in lines if line.text is None or line.text.strip()), None)
    if first is None:
        return
    lines.push_back([first])
    if column is None:
        yield from _plain(name, lines)
    elif (first.text or "").lstrip().startswith(("{", "[")):
        yield from read_json_lines(lines, column)
    else:
        yield from read_csv(lines, column)


def _begins_array(stream: IO[bytes]) -> tuple[IO[bytes], bool]:
    """Return a stream from its first byte, and whether it starts a JSON array of strings or objects."""
    head = b""
    while len(head) < SNIFF_BYTES and not head.removeprefix(BOM_UTF8).strip():
        piece = stream.read1(SNIFF_BYTES)  # type: ignore[attr-defined]
        if not piece:
            break
        head += piece
    found = _ARRAY.match(head.removeprefix(BOM_UTF8)) is not None
    return io.BufferedReader(_Prepended(head, stream)), found


_ARRAY: Final = re.compile(rb"\s*\[\s*([\"{\]]|$)")


def _plain(name: str, lines: PushbackLines) -> Iterator[ListRow]:
    problem = missing_column(name, lines)
    if problem is not None:
        yield ListRow(name, problem=problem)
        return
    for place, text in lines:
        if text is None:
            yield ListRow(place, problem=NOT_TEXT)
        elif (target := text.strip()) and not target.startswith("#"):
            yield ListRow(place, target)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE_CHARS):
        if not line.endswith(b"\n") and _has_data_uri(line):
            line += stream.readline(MAX_DATA_URI_CHARS)
        while not line.endswith(b"\n") and (rest := stream.readline(MAX_LINE_CHARS)):
            line = b"\0" + rest[-1:]  # too long: its end is kept, so that the next line is found
        yield line


def _has_data_uri(line: bytes) -> bool:
    """Return whether a line may hold a data URI, alone or in a column."""
    return b"data:" in line[:MAX_LINE_CHARS].lower()


def _decoded(line: bytes) -> str | None:
    if len(line) > (MAX_DATA_URI_CHARS if _has_data_uri(line) else MAX_LINE_CHARS) or b"\0" in line:
        return None
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def standard_input() -> tuple[IO[bytes] | None, bool]:
    """Return standard input from its first byte, None if it is closed, and whether its content is a list."""
    if sys.stdin is None:
        return None, False
    return sniff_list(sys.stdin.buffer)


def is_list(head: bytes) -> bool:
    """Return whether the start of a file is that of a text with one target per line."""
    from preflight.probes.sniff import sniff
    from preflight.sources.memory import MemorySource

    name = sniff(MemorySource(head))
    if name is not None and (holds_media(name) or name not in ("text", "json")):
        return False
    line, ended, _ = head.partition(b"\n")
    line = line if ended else line[: SNIFF_BYTES - 4]  # a character may be cut in two
    return b"\0" not in head and _decoded(line) is not None


def sniff_list(stream: IO[bytes]) -> tuple[IO[bytes], bool]:
    """Return a stream, which may be a pipe, from its first byte, and whether it is a list."""
    head = b""
    while len(head) < SNIFF_BYTES:
        piece = stream.read1(SNIFF_BYTES - len(head))  # type: ignore[attr-defined]
        head += piece
        if not piece or (b"\n" in piece and b"\0" not in head and is_list(head)):
            break  # a list that is still being written may have fewer bytes
    whole = io.BufferedReader(_Prepended(head, stream))
    encoding = _utf16(head)
    if encoding is None or not is_list(_as_utf8(head, encoding)):
        return whole, encoding is None and is_list(head)
    return io.BufferedReader(_Transcoded(whole, encoding)), True


def _utf16(head: bytes) -> str | None:
    """Return the encoding that a byte order mark of UTF-16 states; None if there is none."""
    if head.startswith(BOM_UTF16_LE) and not head.startswith(BOM_UTF32_LE):
        return "utf-16-le"
    return "utf-16-be" if head.startswith(BOM_UTF16_BE) else None


def _as_utf8(head: bytes, encoding: str) -> bytes:
    """Return the start of a text in UTF-8; zero bytes, which are not text, if it cannot be decoded."""
    try:
        return getincrementaldecoder(encoding)().decode(head[2:]).encode()
    except UnicodeError:
        return bytes(SNIFF_BYTES)


class _Prepended(io.RawIOBase):
    """A stream whose first bytes were already read."""

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


class _Transcoded(io.RawIOBase):
    """A stream of UTF-16 as UTF-8, without its byte order mark."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        stream.read(2)
        self._stream = stream
        self._decoder = getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = b"."
        while piece and not self._ready:
            piece = self._stream.read1(len(buffer))  # type: ignore[attr-defined]
            self._ready = self._decoder.decode(piece, final=not piece).encode()
        piece, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
