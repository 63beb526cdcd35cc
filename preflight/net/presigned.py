"""When a signed URL stops working: read out of the URL itself, without a request.

Sources: AWS Signature Version 4 query parameters and version 2 (Expires), CloudFront canned and custom policies,
Google Cloud Storage V4/V2 signed URLs, Azure Storage SAS (se, ske), Alibaba Cloud OSS V4/V1, Volcengine TOS4,
Tencent COS (q-sign-time), Akamai tokens (exp=…~), Discord attachments (ex, hexadecimal), JSON Web Tokens (RFC 7519).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit

_DATED: Final = ("x-amz-", "x-goog-", "x-tos-", "x-oss-", "x-obs-", "x-cos-")
_KEYS: Final = ("key-pair-id", "ossaccesskeyid", "awsaccesskeyid", "googleaccessid", "accesskeyid")
_SIGNATURES: Final = frozenset((*_KEYS, "signature", "sig", "sign", "token", "hmac", "md5", "hash", "hm"))
_NUMBER: Final = re.compile(r"\d{9,13}")
_AKAMAI: Final = re.compile(r"(?:^|[~;/=])exp=(\d{9,12})(?=[~;/]|$)")
_FURTHEST: Final = 1e11
"""s since 1970 (the year 5138): what lies behind is no time."""
_LONGEST: Final = 1 << 16


def expires_at(url: str) -> float | None:
    """s since 1970 at which the signature of `url` ends; None where it has none or does not say.

    >>> expires_at("https://b.s3.amazonaws.com/a.png?X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-Signature=0")
    1767323105.0
    """
    if len(url) > _LONGEST:
        return None
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return None
    query = {name.lower(): value for name, value in reversed(pairs)}
    times = [time for time in _times(query, parts.path) if time is not None and 0 <= time < _FURTHEST]
    return min(times) if times else None


def _times(query: Mapping[str, str], path: str) -> list[float | None]:
    times = [_dated(query.get(f"{by}date"), query.get(f"{by}expires")) for by in _DATED]
    if "sig" in query:  # Azure: the signature ends with the first of its own and its key's end
        times += [_iso(query.get("se")), _iso(query.get("ske"))]
    if _SIGNATURES & query.keys():
        times += [_epoch(query.get(name)) for name in ("expires", "expire", "exp")]
    if "ex" in query and "hm" in query:
        times.append(_hexadecimal(query["ex"]))
    times += [_policy(query.get("policy")), _span(query.get("q-sign-time"))]
    texts = (path, *(query.get(name, "") for name in ("hdnea", "hdnts", "hdntl", "__token__", "token")))
    times += [_web_token(query.get(name)) for name in ("token", "jwt", "access_token")]
    times += [float(found[1]) for text in texts if (found := _AKAMAI.search(text))]
    return times


def _dated(date: str | None, seconds: str | None) -> float | None:
    if date is None or seconds is None or not re.fullmatch(r"\d{8}T\d{6}Z", date) or not seconds.isascii():
        return None
    begin = _iso(date)
    return begin + int(seconds) if begin is not None and seconds.isdigit() and len(seconds) < 10 else None


def _iso(text: str | None) -> float | None:
    """ISO 8601 as Azure takes it; a plus sign that nobody escaped arrives as a space."""
    try:
        time = datetime.fromisoformat((text or "").replace(" ", "+"))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _epoch(text: str | None) -> float | None:
    if text is None or not _NUMBER.fullmatch(text):
        return None
    return int(text) / 1000 if len(text) == 13 else float(text)


def _hexadecimal(text: str) -> float | None:
    return float(int(text, 16)) if re.fullmatch(r"[0-9A-Fa-f]{8}", text) else None


def _span(text: str | None) -> float | None:
    """`begin;end`."""
    return _epoch((text or "").partition(";")[2])


def _web_token(text: str | None) -> float | None:
    """The claim `exp` of a token in three parts, as Supabase signs with."""
    parts = (text or "").split(".")
    if len(parts) != 3:
        return None
    try:
        return float(json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))["exp"])
    except (binascii.Error, ValueError, KeyError, IndexError, TypeError, RecursionError, OverflowError):
        return None


def _policy(text: str | None) -> float | None:
    """CloudFront's custom policy: JSON in base64 with three characters changed for the sake of URLs."""
    try:
        plain = base64.b64decode((text or "").translate(str.maketrans("-_~", "+=/")), validate=True)
        limit = json.loads(plain)["Statement"][0]["Condition"]["DateLessThan"]["AWS:EpochTime"]
        return float(limit)
    except (binascii.Error, ValueError, KeyError, IndexError, TypeError, RecursionError, OverflowError):
        return None
