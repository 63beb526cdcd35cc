"""The remedy for an unknown word: the known word that is probably meant, or all known words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MAX_COMPARED_CHARS: Final = 60
"""Characters of a word that are compared: comparing takes time that grows with the square of its length."""
_MAX_CHOICES: Final = 24
"""Known words that a message lists."""


def suggestion(word: str, known: Iterable[str], meant: str | None = None) -> str:
    """Return a sentence that names the nearest known word or, if none is near, those to choose from.

    meant  the known word that a common synonym stands for

    >>> suggestion("pixel", ["pixels", "size"]), suggestion("quality", ["min", "max"])
    ("Did you mean 'pixels'?", 'Choose one of min, max.')
    """
    from difflib import get_close_matches  # only for wrong words

    words = list(known)
    if meant not in words:
        plain = word[:_MAX_COMPARED_CHARS].lower().replace("-", "_")
        meant = next(iter(get_close_matches(plain, words, n=1, cutoff=0.6)), None)
    if meant is not None:
        return f"Did you mean {meant!r}?"
    return f"Choose one of {', '.join(words)}." if len(words) <= _MAX_CHOICES else "Check its spelling."
