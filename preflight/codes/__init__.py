"""The one registry of finding codes and notes: what each means and what to do about it.

Codes follow the upstream's where it has one (`PixelCountTooLarge` → `pixel_count_too_large`), so that a provider's
failure can be compared with ours.
"""

from __future__ import annotations

from typing import Final

from preflight.codes.code import SEVERITIES, Code, Severity
from preflight.codes.media import MEDIA_CODES
from preflight.codes.notes import NOTES, codes_of_notes
from preflight.codes.sources import SOURCE_CODES
from preflight.codes.submissions import SUBMISSION_CODES

__all__ = [
    "CODES",
    "NOTES",
    "REMARKS",
    "SEVERITIES",
    "Code",
    "Severity",
    "fixed_message",
]

_FINDING_CODES: Final = {**MEDIA_CODES, **SOURCE_CODES, **SUBMISSION_CODES}
_NOTE_CODES: Final = codes_of_notes(_FINDING_CODES)
CODES: Final[dict[str, Code]] = {**_FINDING_CODES, **_NOTE_CODES}

REMARKS: Final = frozenset((*_NOTE_CODES, "read_limit"))
"""Notes that become findings of severity `note` with every rule set. Other notes have codes of their own."""


def fixed_message(word: str) -> tuple[Severity, str]:
    """Return severity and message of a finding without values: a note, or a code with a fixed message."""
    if word in REMARKS:
        return "note", NOTES[word]
    known = CODES[word]
    return known.severity, known.explanation if "{" in known.template else known.template
