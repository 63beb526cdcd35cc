"""What a provider's words say of a file: the upstream's own → `preflight.codes.CODES`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

UPSTREAM: Final[dict[str, str]] = {
    "AspectRatioTooLarge": "aspect_ratio_too_large",
    "AspectRatioTooSmall": "aspect_ratio_too_small",
    "AudioTrackForbidden": "audio_track_forbidden",
    "AudioTrackRequired": "audio_track_required",
    "ContentRestricted": "content_restricted",
    "DownloadFailed": "download_failed",
    "DurationTooLong": "duration_too_long",
    "DurationTooShort": "duration_too_short",
    "FaceMismatch": "face_mismatch",
    "FileSizeTooLarge": "file_size_too_large",
    "FormatUndetectable": "format_undetectable",
    "FormatUnsupported": "format_unsupported",
    "FpsTooHigh": "fps_too_high",
    "FpsTooLow": "fps_too_low",
    "HeightTooLarge": "height_too_large",
    "HeightTooSmall": "height_too_small",
    "InternalError": "provider_internal",
    "ModerationServiceErrorUploadFailed": "moderation_failed",
    "PixelCountTooLarge": "pixel_count_too_large",
    "PixelCountTooSmall": "pixel_count_too_small",
    "TranscodingFailed": "transcoding_failed",
    "TypeMismatch": "type_mismatch",
    "WidthTooLarge": "width_too_large",
    "WidthTooSmall": "width_too_small",
}
RETRYABLE: Final = frozenset({"download_failed", "moderation_failed", "provider_internal"})
"""Failures of an asset that a new registration may overcome."""
NOT_THE_FILE: Final = frozenset({"moderation_failed", "provider_internal"})
"""Findings that say nothing of the file: as the answer to a call they are the provider's own failure."""
_SENSITIVE: Final = re.compile(r"SensitiveContentDetected|RiskDetection")


def finding_of(code: str | None, message: str | None, codes: Mapping[str, str]) -> str | None:
    """The finding that a failure's words mean, by `codes`; None where they mean none of them.

    >>> finding_of("InvalidParameter.PixelCountTooSmall", None, UPSTREAM)
    'pixel_count_too_small'
    """
    for word in [code or "", *words_of(code, message)]:
        if _SENSITIVE.search(word):
            return "sensitive_content"
        for part in word.split("."):
            if part in codes:
                return codes[part]
    return None


_READ: Final = 2000
"""Characters of a sentence that are searched for words."""
_MAX_CODE_CHARS: Final = 200
"""Characters of a code that are examined: it is one word."""
_WORD: Final = re.compile(r"\b[A-Z][a-z]*(?:[A-Z]+[a-z]*)+(?:\.\w+)*")
"""A word in the upstream's manner inside a sentence: gateways pass its errors on as text."""


def words_of(code: str | None, message: str | None) -> list[str]:
    """The code, in capitals as upstream writes it (`rate_limit_exceeded` too), then what looks like one in the text."""
    joined = "".join(part[:1].upper() + part[1:] for part in re.split(r"[_\- ]+", (code or "")[:_MAX_CODE_CHARS]))
    return [*([joined] if joined else []), *_WORD.findall((message or "")[:_READ])]
