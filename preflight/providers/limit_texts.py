"""Find the limit that a provider's sentence names, where its code names none: `limit_in_text`."""

from __future__ import annotations

import re
from typing import Final

_MAX_CHARS: Final = 2000
"""Characters of a message that are searched."""

_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)|[;\n。]")
_FACTS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), below, above)
    for pattern, below, above in (
        (r"\bwidth\b", "width_too_small", "width_too_large"),
        (r"\bheight\b", "height_too_small", "height_too_large"),
        (r"\bduration\b|\b(?:video|audio) length\b", "duration_too_short", "duration_too_long"),
        (r"\bfps\b|\bframe ?rate\b|\bframes per second\b", "fps_too_low", "fps_too_high"),
        (
            r"\bpixel count\b|\btotal pixels?\b|\b(?:number|count) of pixels\b",
            "pixel_count_too_small",
            "pixel_count_too_large",
        ),
        (r"\baspect[ _]?ratio\b", "aspect_ratio_too_small", "aspect_ratio_too_large"),
        (
            r"\b(?:file|image|picture|video|audio|media) ?size\b|\bsize of the (?:file|image|video|audio)\b",
            "file_size_too_small",
            "file_size_too_large",
        ),
    )
)
_DIMENSIONS: Final = re.compile(r"\d ?(?:px|pixels?)\b|\d ?[x×*] ?\d", re.IGNORECASE)
"""Words by which "image size" means its width and height, not its bytes."""
_MORE: Final = r"(?:greater|larger|higher|longer|more|bigger)"
_LESS: Final = r"(?:less|lower|smaller|shorter|fewer)"
_MUST: Final = r"\b(?:must|should|has to|have to|needs? to) be"
_TOO_SMALL: Final = re.compile(
    rf"\bat least\b|\b(?:no|not|not be) {_LESS} than\b|\b{_MORE} than or equal\b|{_MUST} (?:{_MORE}|above|over)\b|"
    rf"\bmin(?:imum)?\b|\btoo (?:small|short|low|narrow)\b|\b(?:is|was) (?:{_LESS}|below|under)\b|≥|>=",
    re.IGNORECASE,
)
_TOO_LARGE: Final = re.compile(
    rf"\bat most\b|\b(?:no|not|not be) {_MORE} than\b|\b{_LESS} than or equal\b|{_MUST} (?:{_LESS}|below|under)\b|"
    rf"\bmax(?:imum)?\b|\btoo (?:large|long|high|big|wide|tall)\b|\b(?:is|was) (?:{_MORE}|above|over)\b|"
    r"\bexceed(?:s|ed|ing)?\b|\bup to\b|≤|<=",
    re.IGNORECASE,
)
_NUMBER: Final = r"\d{1,15}(?:,\d{3})*(?:\.\d{1,9})?"
_RANGE: Final = re.compile(
    rf"\b(?:between|range|within|from)\b\D{{0,12}}({_NUMBER})[^\d,.]{{0,8}}(?:\band\b|\bto\b|[-–~,])[^\d]{{0,4}}({_NUMBER})",
    re.IGNORECASE,
)
_VALUE: Final = re.compile(
    rf"\b(?:got|actual|actually|received|current|currently|found|but (?:is|was))\b\D{{0,8}}({_NUMBER})", re.IGNORECASE
)
_KIND: Final = r"(?:file|image|picture|video|audio|media)"
_FORMAT: Final = re.compile(
    rf"\b{_KIND}(?: file)? (?:format|type)\b.{{0,40}}\b(?:not supported|unsupported|invalid)\b|"
    rf"\bunsupported (?:{_KIND} )?(?:format|type)\b|\b{_KIND} format must be\b",
    re.IGNORECASE,
)


def limit_in_text(message: str | None) -> str | None:
    """Return the finding for the one limit that a message names; None for none, several, or an unclear direction.

    >>> limit_in_text("width must be at least 300px"), limit_in_text("Duration must not exceed 15.2 seconds.")
    ('width_too_small', 'duration_too_long')
    """
    sentences = _SENTENCE_END.split((message or "")[:_MAX_CHARS])
    found = {code for sentence in sentences if (code := _limit_in_sentence(sentence)) is not None}
    return found.pop() if len(found) == 1 else None


def _limit_in_sentence(sentence: str) -> str | None:
    if _FORMAT.search(sentence):
        return "format_unsupported"
    named = [(below, above) for pattern, below, above in _FACTS if pattern.search(sentence)]
    if _DIMENSIONS.search(sentence):
        named = [codes for codes in named if codes[0] != "file_size_too_small"]
    if len(named) != 1:
        return None
    (below, above), given = named[0], _RANGE.search(sentence)
    if given is not None:
        return _outside(sentence, given, below, above)
    is_small, is_large = _TOO_SMALL.search(sentence) is not None, _TOO_LARGE.search(sentence) is not None
    if is_small == is_large:
        return None
    return below if is_small else above


def _outside(sentence: str, given: re.Match[str], below: str, above: str) -> str | None:
    """Return on which side of a range the value is, if the sentence has the value too."""
    value = _VALUE.search(sentence)
    if value is None:
        return None
    low, high, number = (float(text.replace(",", "")) for text in (given[1], given[2], value[1]))
    return below if number < low else above if number > high else None
