"""Escape text from outside, so that it is harmless on a terminal and in a log."""

from __future__ import annotations

from typing import Any


def printable(text: str) -> str:
    r"""Return a text with control codes, bidi marks and lone surrogates escaped.

    >>> printable("evil\x1b[31m\u202e.png")
    'evil\\x1b[31m\\u202e.png'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def printable_texts(value: Any) -> Any:
    """Return plain data with all texts, including keys, escaped."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_texts(key): printable_texts(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [printable_texts(inner) for inner in value]
    return value
