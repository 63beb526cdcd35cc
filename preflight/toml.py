"""Parse TOML of untrusted files: regular files only, in bounded time and memory.

`tomllib` takes time that grows with the square of the parts of a key, and a stack frame for each nested bracket. The
text is therefore scanned before it is parsed, and refused if it has more than a configuration or rule file needs.
`LineIndex` finds the lines of keys for messages, since `tomllib` does not report them.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from typing import Any, Final

MAX_BYTES: Final = 1 << 20
MAX_NESTING: Final = 16
"""Arrays and inline tables inside one another."""
MAX_KEY_PARTS: Final = 16
"""Parts of one dotted key or table name."""
MAX_WORD_CHARS: Final = 1_000
"""Characters of a bare key or a number: Python refuses to print integers of 4,300 digits."""
MAX_ITEMS: Final = 100_000
"""Key parts, values, arrays and inline tables in one file."""

_LEXEME: Final = r"""\#[^\n]*+
      | (?P<part> \"\"\"(?:[^"\\]++|\\.|"(?!""))*+"{3,5} | '''(?:[^']++|'(?!''))*+'{3,5}
                | "(?!"")(?:[^"\\\n]++|\\.)*+" | '(?!'')[^'\n]*+' )
      | (?P<word>[^\s\[\]{}=,.\#"']++)
      | (?P<open>[\[{])
      | (?P<close>[\]}])
      | (?P<dot>\.)
      | (?P<unterminated>["'])"""


class TomlError(ValueError):
    """A file that cannot be used as TOML: the problem and remedy, and the `line` (from 1, if known)."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def read(path: str) -> bytes:
    """Return the bytes of a regular file of at most 1 MiB. Raise `TomlError` if it is not, or cannot be read."""
    try:
        # O_NONBLOCK: opening a FIFO, and reading some files of /proc, would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise TomlError(f"Cannot be read: {_reason(error)}.") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise TomlError(f"Cannot be read: {'Is a directory' if stat.S_ISDIR(mode) else 'Not a regular file'}.")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1) or b""
    except OSError as error:
        raise TomlError(f"Cannot be read: {_reason(error)}.") from None
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise TomlError("The file is larger than 1 MiB. Give a smaller one.")
    return data


def decode(data: bytes) -> str:
    """Return the text of a file. Raise `TomlError` if it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TomlError("Not UTF-8 text. Save the file as UTF-8.", data.count(b"\n", 0, error.start) + 1) from None


def parse(text: str, max_items: int = MAX_ITEMS) -> dict[str, Any]:
    """Return the table of a text. Raise `TomlError` if it is not TOML or exceeds one of the bounds above."""
    import tomllib  # takes a millisecond, and only a configuration needs it

    _check_bounds(text, max_items)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, where = str(error).partition(" (at ")
        line = re.search(r"line (\d+)", where)
        raise TomlError(f"Not TOML: {message}.", int(line[1]) if line else text.count("\n") + 1) from None
    except (ValueError, RecursionError) as error:
        raise TomlError(f"Not TOML: {error}.") from None


def _check_bounds(text: str, max_items: int = MAX_ITEMS) -> None:
    """Raise `TomlError` if the text exceeds a bound, in time linear in its length.

    The tokens are those of TOML up to the first syntax error, where `tomllib` stops too.
    """
    nesting = items = parts = 0
    is_dotted = False
    for match in re.finditer(_LEXEME, text, re.VERBOSE | re.DOTALL):  # compiled only when needed
        kind = match.lastgroup
        if kind is None:  # a comment
            continue
        if kind == "unterminated":
            return
        if kind in ("part", "word"):
            parts = parts + 1 if is_dotted else 1
        elif kind == "open":
            nesting += 1
        elif kind == "close":
            nesting = max(nesting - 1, 0)
        items += kind in ("part", "word", "open")
        is_dotted = kind == "dot"
        word_chars = match.end() - match.start() if kind == "word" else 0
        if parts > MAX_KEY_PARTS or nesting > MAX_NESTING or items > max_items or word_chars > MAX_WORD_CHARS:
            problem = _excess(parts, nesting, word_chars, max_items)
            raise TomlError(problem, text.count("\n", 0, match.start()) + 1)


def _excess(parts: int, nesting: int, word_chars: int, max_items: int) -> str:
    if parts > MAX_KEY_PARTS:
        return f"A key has more than {MAX_KEY_PARTS} parts. Use fewer."
    if nesting > MAX_NESTING:
        return f"Arrays and tables are nested more than {MAX_NESTING} deep. Flatten them."
    if word_chars > MAX_WORD_CHARS:
        return f"A bare key or number has more than {MAX_WORD_CHARS:,} characters. Shorten it."
    return f"The file has more than {max_items:,} keys and values. Split it."


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


KeyPath = tuple[str | int, ...]
"""Keys from the top of a file; a number is a position in an array."""

_PIECE: Final = r"""(?P<skip>[ \t\r]+|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<string>\"\"\"(?:[^\\]|\\.)*?\"{3,5} | '''.*?'{3,5} | "(?:[^"\\\n]|\\.)*" | '[^'\n]*')
      | (?P<bare>[^\s\[\]{}=,.\#"']+)
      | (?P<mark>[\[\]{}=,.])"""
_Token = tuple[str, str, int]
_END: Final[_Token] = ("newline", "", 0)


class LineIndex:
    """The line, counted from 1, of every key of a text that `tomllib` accepts."""

    def __init__(self, text: str) -> None:
        self._known: dict[KeyPath, int] = {}
        self._items: dict[KeyPath, int] = {}
        self._tokens = _tokens(text)
        self._token = next(self._tokens, None)
        self._read()

    def line_of(self, path: KeyPath) -> int:
        """Return the line of a key path or of the nearest known key above it; 1 if there is none."""
        while path and path not in self._known:
            path = path[:-1]
        return self._known.get(path, 1)

    def _read(self) -> None:
        table: KeyPath = ()
        while (token := self._token) is not None:
            if token[1] == "[" and token[0] == "mark":
                table = self._header()
            elif token[0] in ("bare", "string"):
                self._pair(table)
            else:
                self._next()

    def _next(self) -> _Token:
        """Return the current token and advance to the next one."""
        token = self._token or _END
        self._token = next(self._tokens, None)
        return token

    def _header(self) -> KeyPath:
        """Read `[a.b]` or `[[a.b]]`. Return the path of the table that begins here."""
        line = self._next()[2]
        many = self._token is not None and self._token[1] == "["
        if many:
            self._next()
        path: KeyPath = ()
        for part in self._key():
            path = self._latest(path)
            path = (*path, part)
        if many:
            self._items[path] = self._items.get(path, -1) + 1
            self._known.setdefault(path, line)
        path = self._latest(path)
        self._known[path] = line
        for length in range(1, len(path)):
            self._known.setdefault(path[:length], line)
        while self._token is not None and self._token[0] != "newline":
            self._next()
        return path

    def _latest(self, path: KeyPath) -> KeyPath:
        """Return the path with the position of the last item if it names an array of tables."""
        return (*path, self._items[path]) if path in self._items else path

    def _key(self) -> Iterator[str]:
        while self._token is not None and (self._token[0] in ("bare", "string") or self._token[1] == "."):
            kind, text, _ = self._next()
            if kind != "mark":
                yield text[1:-1] if kind == "string" else text

    def _pair(self, table: KeyPath) -> None:
        line = self._token[2] if self._token else 1
        path = table
        for part in self._key():
            path = (*path, part)
            self._known.setdefault(path, line)
        self._next()  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        """Read what follows an equals sign, with the keys inside it."""
        token = self._token
        if token is None:
            return
        self._known.setdefault(path, token[2])
        if token[0] == "mark" and token[1] in "[{":
            self._inside(path, "]" if token[1] == "[" else "}")
            return
        while self._token is not None and self._token[0] != "newline" and self._token[1] not in (",", "]", "}"):
            self._next()

    def _inside(self, path: KeyPath, close: str) -> None:
        self._next()
        count = 0
        while self._token is not None and self._token[1] != close:
            if self._token[0] == "newline" or self._token[1] == ",":
                self._next()
            elif close == "}":
                self._pair(path)
            else:
                self._value((*path, count))
                count += 1
        self._next()


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in re.finditer(_PIECE, text, re.VERBOSE | re.DOTALL):  # compiled only when needed
        kind = match.lastgroup or ""
        if kind != "skip":
            yield kind, match.group(), line
        line += match.group().count("\n")
