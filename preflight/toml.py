"""Parse TOML of untrusted files: regular files only, in bounded time and memory.

`tomllib` takes time that grows with the square of the parts of a key, and a stack frame for each nested bracket. The
text is therefore scanned before it is parsed, and refused if it has more than a configuration or rule file needs.
"""

from __future__ import annotations

import os
import re
import stat
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
    """Return the message for the bound that is exceeded."""
    if parts > MAX_KEY_PARTS:
        return f"A key has more than {MAX_KEY_PARTS} parts. Use fewer."
    if nesting > MAX_NESTING:
        return f"Arrays and tables are nested more than {MAX_NESTING} deep. Flatten them."
    if word_chars > MAX_WORD_CHARS:
        return f"A bare key or number has more than {MAX_WORD_CHARS:,} characters. Shorten it."
    return f"The file has more than {max_items:,} keys and values. Split it."


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
