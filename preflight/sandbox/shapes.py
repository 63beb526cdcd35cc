"""Ids, times, pages and URLs as providers write them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

from preflight.sandbox.messages import invalid
from preflight.sandbox.state import StoredAsset

T = TypeVar("T")
WORDS: Final = {"Image": "image", "Video": "video", "Audio": "audio"}
"""Ark's words for the kinds."""
MOST: Final = 100
"""Items that a page holds at most. Where no page says a bound, a greater wish is cut, not refused: who stops at a page
that is shorter than it wished loses the rest."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_HOURS: Final = 12
"""For which an asset's access URL is good."""


def stamped(word: str) -> str:
    """`asset-20260602115008-vvd9q`: Ark's ids."""
    return f"{word}-{datetime.now(UTC):%Y%m%d%H%M%S}-{letters(5)}"


def letters(count: int) -> str:
    """Random small letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def iso(seconds: float, timespec: str = "seconds") -> str:
    """A time in UTC.

    >>> iso(1780930800), iso(1780930800, "milliseconds")
    ('2026-06-08T15:00:00Z', '2026-06-08T15:00:00.000Z')
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def page_of(items: Sequence[T], number: int, size: int) -> list[T]:
    """One page, counted from 1; behind the last one there is nothing."""
    return list(items[(number - 1) * size : number * size])


def access_url(asset: StoredAsset) -> str:
    """Where the provider keeps the file: here its source, with a signature that looks like one of an object store."""
    mark = "&" if "?" in asset.url else "?"
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return (
        f"{asset.url}{mark}X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Date={date}&X-Tos-Expires={_HOURS * 3600}"
        f"&X-Tos-SignedHeaders=host&X-Tos-Signature={secrets.token_hex(32)}"
    )


def check_url(url: str, parameter: str) -> None:
    """Raise `Refusal` for what is no http or https URL."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise invalid(parameter, "it has to be a public http or https URL; Base64 and data URLs are not taken")
