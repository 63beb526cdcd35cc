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
    "absence_code",
    "bound_codes",
    "choice_code",
    "sentence_of",
]

_OF_FINDINGS: Final = {**OF_MEDIA, **OF_SOURCES, **OF_USES}
_OF_NOTES: Final = codes_of_notes(_OF_FINDINGS)
CODES: Final[dict[str, Code]] = {**_OF_FINDINGS, **_OF_NOTES}

REMARKS: Final = frozenset((*_OF_NOTES, "read_limit"))
"""Notes that become findings of severity `note` under every rule set. Other notes have findings of their own."""

_BOUND_CODES: Final[dict[str, tuple[str, str]]] = {
    "aspect_ratio": ("aspect_ratio_too_small", "aspect_ratio_too_large"),
    "download_seconds": ("value_too_low", "download_slow"),
    "duration": ("duration_too_short", "duration_too_long"),
    "expires_in": ("url_expired", "url_expired"),
    "files": ("too_few_files", "too_many_files"),
    "fps": ("fps_too_low", "fps_too_high"),
    "height": ("height_too_small", "height_too_large"),
    "pixels": ("pixel_count_too_small", "pixel_count_too_large"),
    "redirects": ("value_too_low", "redirects_too_many"),
    "size": ("file_size_too_small", "file_size_too_large"),
    "total_duration": ("total_duration_too_short", "total_duration_too_long"),
    "total_size": ("total_size_too_small", "total_size_too_large"),
    "url_length": ("value_too_low", "url_too_long"),
    "width": ("width_too_small", "width_too_large"),
}
_CHOICE_CODES: Final[dict[str, str]] = {
    "audio_codec": "audio_codec_unsupported",
    "content_type": "content_type_unsupported",
    "content_type_matches": "content_type_mismatch",
    "format": "format_unsupported",
    "head_ok": "head_fails",
    "host_is_ip": "host_is_ip",
    "page": "web_page",
    "public": "address_not_public",
    "ranges": "ranges_missing",
    "scheme": "scheme_unsupported",
    "video_codec": "video_codec_unsupported",
}
_ABSENCE_CODES: Final[dict[str, str]] = {
    "audio_codec": "audio_track_required",
    "channels": "audio_track_required",
    "sample_rate": "audio_track_required",
    "content_length": "content_length_missing",
}


def bound_codes(fact: str) -> tuple[str, str]:
    """The codes for a value of `fact` below its lower and above its upper bound."""
    return _BOUND_CODES.get(fact, ("value_too_low", "value_too_high"))


def choice_code(fact: str) -> str:
    """The code for a value of `fact` that is not among those accepted."""
    return _CHOICE_CODES.get(fact, "value_not_accepted")


def absence_code(fact: str) -> str:
    """The code for "there is none" where a limit requires something."""
    return _ABSENCE_CODES.get(fact, choice_code(fact))


def sentence_of(word: str) -> tuple[Severity, str]:
    """Return severity and message of a finding that needs no values: a note, or a code with a constant message."""
    if word in REMARKS:
        return "note", NOTES[word]
    known = CODES[word]
    return known.severity, known.explanation if "{" in known.template else known.template
