"""Find the line of a TOML key for messages, since `tomllib` does not report it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

KeyPath = tuple[str | int, ...]
"""Keys from the top of a file; a number is a position in an array."""

_TOKEN: Final = re.compile(
    r"""(?P<skip>[ \t\r]+|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<string>\"\"\"(?:[^\\]|\\.)*?\"{3,5} | '''.*?'{3,5} | "(?:[^"\\\n]|\\.)*" | '[^'\n]*')
      | (?P<bare>[^\s\[\]{}=,.\#"']+)
      | (?P<mark>[\[\]{}=,.])""",
    re.VERBOSE | re.DOTALL,
)
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
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "skip":
            yield kind, match.group(), line
        line += match.group().count("\n")
