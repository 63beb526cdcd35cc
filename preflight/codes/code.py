"""One kind of finding (`Code`), and the shapes that most of them have."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Severity = Literal["error", "unknown", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "unknown", "warning", "note")
"""From grave to slight."""


class Code(NamedTuple):
    """One kind of finding.

    severity     what it is where a rule set does not say otherwise
    title        two or three words
    explanation  what it means, and what to do
    template     the message, filled by `str.format` from what the finder gives; `{message}`: the finder writes it
    """

    severity: Severity
    title: str
    explanation: str
    template: str = "{message}"


_BOUND: Final = "{what} {value}: {sentence}{note}"
_CHOICE: Final = "{what} {value}: {service} accepts {limit}{note}"


def bound(title: str, explanation: str) -> Code:
    """A code for a value outside a bound."""
    return Code("error", title, explanation, _BOUND)


def choice(title: str, explanation: str) -> Code:
    """A code for a value that is not among those accepted."""
    return Code("error", title, explanation, _CHOICE)


def seen(severity: Severity, title: str, sentence: str) -> Code:
    """A code whose message is always the same sentence."""
    return Code(severity, title, f"{sentence[0].upper()}{sentence[1:]}.", sentence)
