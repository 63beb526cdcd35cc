"""What single response headers say (RFC 9110). Whatever is malformed says nothing: `None`."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

_RANGE: Final = re.compile(r"\s*bytes[ =]\s*(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", re.ASCII | re.IGNORECASE)
_UNSATISFIED: Final = re.compile(r"\s*bytes\s+\*/(\d{1,18})\s*", re.ASCII | re.IGNORECASE)
_MAX_DATE_CHARS: Final = 64


class Part(NamedTuple):
    """Where the bytes of a 206 stand: first and last byte, and bytes of the whole where the server says it."""

    first: int
    last: int
    total: int | None


def content_range(text: str) -> Part | None:
    """Content-Range of a 206 (14.4).

    >>> content_range("bytes 0-99/1234")
    Part(first=0, last=99, total=1234)
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    part = Part(int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3]))
    return part if part.first <= part.last and (part.total is None or part.last < part.total) else None


def unsatisfied_range(text: str) -> int | None:
    """Bytes of the whole out of the Content-Range of a 416."""
    found = _UNSATISFIED.fullmatch(text)
    return int(found[1]) if found else None


def content_length(text: str) -> int | None:
    """Content-Length (8.6), which a careless proxy may have doubled."""
    values = {value.strip() for value in text.split(",")}
    value = values.pop()
    return int(value) if not values and value.isascii() and value.isdigit() and len(value) < 19 else None


def retry_after(text: str, now: float) -> float | None:
    """s to wait by Retry-After (10.2.3): a number of seconds or a date; `now` in s since 1970.

    >>> retry_after("120", 0), retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 50.0), retry_after("soon", 0)
    (120.0, 10.0, None)
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        date = parsedate_to_datetime(text[:_MAX_DATE_CHARS])
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def media_type(text: str) -> str | None:
    """Content-Type (8.3) without its parameters, in lower case."""
    name = text.partition(";")[0].strip().lower()
    return name if name.isprintable() and 0 < len(name) < 128 else None
