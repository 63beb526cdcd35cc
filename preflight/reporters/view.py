"""How text is shown: colors, and whether commands are printed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from preflight.report import Result
from preflight.reporters.commands import commands_of

_COLORS: Final = {
    "pass": "32",
    "fail": "1;31",
    "unknown": "1;33",
    "error": "31",
    "warning": "33",
    "note": "36",
    "hint": "2",
}


class View(NamedTuple):
    """How reports are shown: with or without colors, and commands that fix a file."""

    color: bool = False
    commands: bool = True

    def styled(self, text: str, style: str) -> str:
        """Return the text in the color of a word such as `pass`, `error` or `hint`."""
        return f"\x1b[{_COLORS[style]}m{text}\x1b[0m" if self.color else text

    def label(self, word: str) -> str:
        """Return a word in its color, padded to the width of the first column."""
        return self.styled(word.ljust(7), word)


def commands_for(results: Iterable[Result], view: View) -> dict[tuple[str, ...], list[str]]:
    """Return every command that fixes the file, with the rule sets that it is for; none if none are to be printed."""
    return commands_of(results) if view.commands else {}
