"""Text from outside, made harmless for a terminal and for a log line."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text with everything that does not print (control codes, bidi marks, lone surrogates) as an escape.

    >>> printable("evil\x1b[31m\u202e.png")
    'evil\\x1b[31m\\u202e.png'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
