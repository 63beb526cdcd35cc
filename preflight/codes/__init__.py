"""The one registry of finding codes and of notes: what each means and what to do about it.

The words are the upstream's own where it has one (`PixelCountTooLarge` → `pixel_count_too_large`), so that a
provider's failure can be laid beside ours.
"""

from __future__ import annotations

from typing import Final

from preflight.codes.code import SEVERITIES, Code, Severity
from preflight.codes.media import OF_MEDIA
from preflight.codes.notes import NOTES, codes_of_notes
from preflight.codes.sources import OF_SOURCES
from preflight.codes.uses import OF_USES

__all__ = [
    "CODES",
    "NOTES",
    "REMARKS",
    "SEVERITIES",
    "Code",
    "Severity",
    "sentence_of",
]

_OF_FINDINGS: Final = {**OF_MEDIA, **OF_SOURCES, **OF_USES}
_OF_NOTES: Final = codes_of_notes(_OF_FINDINGS)
CODES: Final[dict[str, Code]] = {**_OF_FINDINGS, **_OF_NOTES}

REMARKS: Final = frozenset((*_OF_NOTES, "read_limit"))
"""Notes that become findings of severity `note` under every rule set. Other notes have findings of their own."""


def sentence_of(word: str) -> tuple[Severity, str]:
    """Return severity and message of a finding that needs no values: a note, or a code with a constant message."""
    if word in REMARKS:
        return "note", NOTES[word]
    known = CODES[word]
    return known.severity, known.explanation if "{" in known.template else known.template
