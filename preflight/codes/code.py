"""One kind of finding (`Code`), and constructors for the most frequent ones."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Severity = Literal["error", "unknown", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "unknown", "warning", "note")
"""From worst to least."""


class Code(NamedTuple):
    """One kind of finding.

    severity     the severity, unless a rule set says otherwise
    title        a few words for headings
    explanation  what it means and what to do
    template     the message, filled by `str.format`; `{message}`: whoever makes the finding writes it
    """

    severity: Severity
    title: str
    explanation: str
    template: str = "{message}"


_BOUND: Final = "{what} {value}: {sentence}{note}"
_CHOICE: Final = "{what} {value}: {service} accepts {limit}{note}"


def bound_code(title: str, explanation: str) -> Code:
    """Return a code for a value outside a bound."""
    return Code("error", title, explanation, _BOUND)


def choice_code(title: str, explanation: str) -> Code:
    """Return a code for a value that is not among the accepted ones."""
    return Code("error", title, explanation, _CHOICE)


def fixed_code(severity: Severity, title: str, sentence: str) -> Code:
    """Return a code whose message is always the same sentence."""
    return Code(severity, title, f"{sentence[0].upper()}{sentence[1:]}.", sentence)
