"""Quantities as people write them: read from rule files, shown in messages."""

from __future__ import annotations

import re
from typing import Any, Final

LABELS: Final[dict[str, str]] = {
    "aspect_ratio": "aspect ratio",
    "audio_codec": "audio codec",
    "bit_rate": "bit rate",
    "content_length": "Content-Length",
    "content_type": "Content-Type",
    "download_seconds": "download",
    "content_type_matches": "Content-Type is that of the content",
    "expires_in": "the URL's signature",
    "files": "files",
    "fps": "frame rate",
    "has_alpha": "transparency",
    "head_ok": "HEAD",
    "host_is_ip": "host is an IP address",
    "insecure_redirect": "redirect from https to http",
    "pixel_aspect_ratio": "pixel aspect ratio",
    "public": "host is public",
    "ranges": "Range requests",
    "redirected_host": "redirect to another host",
    "redirects": "redirects",
    "sample_rate": "sample rate",
    "size": "file size",
    "stored_height": "stored height",
    "stored_width": "stored width",
    "total_duration": "total duration",
    "total_size": "total size",
    "url_length": "URL length",
    "variable_fps": "variable frame rate",
    "video_codec": "video codec",
}
"""How a fact is called in a sentence, where that is not its own name."""

_BYTES: Final[dict[str, float]] = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_SECONDS: Final[dict[str, float]] = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}
_UNITS: Final[dict[str, dict[str, float]]] = {
    "size": _BYTES,
    "total_size": _BYTES,
    "content_length": _BYTES,
    "duration": _SECONDS,
    "total_duration": _SECONDS,
    "download_seconds": _SECONDS,
    "expires_in": _SECONDS,
}
_SUFFIX: Final[dict[str, str]] = {
    "bit_rate": " bit/s",
    "download_seconds": " s",
    "duration": " s",
    "expires_in": " s",
    "fps": " fps",
    "height": " px",
    "sample_rate": " Hz",
    "stored_height": " px",
    "stored_width": " px",
    "total_duration": " s",
    "url_length": " characters",
    "width": " px",
}
_SIZES: Final = frozenset(("size", "total_size", "content_length"))


def label(fact: str) -> str:
    """The fact's name in a sentence."""
    return LABELS.get(fact, fact)


def quantity(fact: str, written: object) -> int | float:
    """A bound as a rule file writes it, in the fact's own unit. Raises ValueError with a sentence.

    >>> quantity("size", "30 MB"), quantity("duration", 15.2), quantity("duration", "2 min")
    (30000000, 15.2, 120)
    """
    if isinstance(written, int | float) and not isinstance(written, bool):
        return written
    units = _UNITS.get(fact, {})
    match = (
        re.fullmatch(r"\s*(\d+(?:\.\d+)?|\d{1,3}(?:_\d{3})+)\s*([A-Za-z]+)\s*", written)
        if isinstance(written, str)
        else None
    )
    if match is None:
        example = {"B": ' such as "30 MB"', "s": ' such as 15 or "15 s"'}.get(next(iter(units), ""), "")
        example = ' such as 15 or "15 s"' if "s" in units else example
        raise ValueError(f"{written!r} is not a number{example}")
    number, unit = match.groups()
    if unit not in units:
        raise ValueError(
            f"{unit!r} is not a unit of {fact}: write one of {', '.join(units)}"
            if units
            else f"{fact} takes a bare number, without {unit!r}"
        )
    value = float(number.replace("_", "")) * units[unit]
    return int(value) if value == int(value) else value


def amount(fact: str, value: Any, *, against: float | None = None) -> str:
    """A value with its unit in full, precise enough to differ from the bound `against`.

    >>> amount("pixels", 927408), amount("duration", 15.2), amount("size", 31_457_281)
    ('927,408', '15.2 s', '31.457281 MB')
    >>> amount("duration", 15.0000004, against=15)
    '15.0000004 s'
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return str(value)
    if fact in _SIZES:
        return _bytes(value)
    if isinstance(value, int):
        return f"{value:,}{_SUFFIX.get(fact, '')}"
    for digits in (3, 6, 9):
        text = f"{value:,.{digits}f}".rstrip("0").rstrip(".")
        if against is None or value == against or float(text.replace(",", "")) != against:
            break
    else:
        text = repr(value)
    return text + _SUFFIX.get(fact, "")


def span(seconds: float) -> str:
    """A time that passes, roughly.

    >>> span(90), span(400_000), span(2.2e8)
    ('2 minutes', '5 days', '7.0 years')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    for unit, length, most in (("minutes", 60, 7200), ("hours", 3600, 172_800), ("days", 86_400, 6e7)):
        if seconds < most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 31_557_600:.1f} years"


def _bytes(value: float) -> str:
    if value < 1000:
        return f"{value:,} bytes"
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor and value % factor == 0 and value % 1000:
            return f"{value // factor} {unit}"
    unit, factor = next(
        (unit, factor) for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)) if value >= factor
    )
    return f"{value / factor:,.9f}".rstrip("0").rstrip(".") + f" {unit}"
