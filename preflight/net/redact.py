"""Show URLs without credentials, signatures and control characters: `redact`, `redact_text`."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from preflight.escape import printable

HIDDEN: Final = "…"
"""The replacement for a secret."""

_SIGNED_BY: Final = ("x-amz-", "x-goog-", "x-tos-", "x-oss-", "x-obs-", "x-bce-", "x-cos-", "x-ms-", "q-")
"""Prefixes of the query parameters that object stores sign with: S3, GCS, TOS, OSS, OBS, BOS, COS, Azure."""
_AZURE: Final = ("sig", "se", "st", "sp", "spr", "sip", "sr", "srt", "ss", "sv", "si", "sdd")
_AZURE_KEY: Final = ("ske", "skt", "sks", "skv", "skoid", "sktid")
_CDN: Final = ("expires", "policy", "hdnea", "hdnts", "hdntl", "hm", "oh", "oe", "ex", "is", "e", "exp", "md5", "hash")
_SESSION: Final = ("rlkey", "code", "state", "nonce", "sid", "pass", "user", "username", "login", "email", "verify")
_SECRET_NAMES: Final = frozenset((*_AZURE, *_AZURE_KEY, *_CDN, *_SESSION))
_SECRET_NAME: Final = re.compile(
    r"token|secret|sign|passw|pwd|auth|credential|session|key|access|jwt|hmac|cookie|ticket"
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_\-+/=.~:%|!*$,]{16,}")
_IN_PATH: Final = (
    (re.compile(r"(?<=/bot)\d{5,}:[\w-]{20,}"), HIDDEN),  # Telegram serves files under the bot's token
    (re.compile(r"(?<=/s--)[\w-]{8,}(?=--(?:/|$))"), HIDDEN),  # Cloudinary signs in the path
)
_DOTTED: Final = re.compile(r"[\w.-]+")
_JWT_START: Final = "eyJ"
"""Start of a JSON Web Token (RFC 7519): `{"` in Base64. It has three parts between dots."""
_MIN_JWT_HEADER_CHARS: Final = 13
"""Minimum characters of its first part."""
_ASSIGNED: Final = re.compile(r"(?<=[/;~])([\w.\-]+)=([^/;~]+)")
_URL: Final = re.compile(r"(?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]*://[^\s\"'<>]+")
_START: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(//|\\\\)?")
_PATH_START: Final = re.compile(r"[/\\]")
_HOST: Final = re.compile(r"[^\[\]:@]*(:\d*)?|\[[0-9A-Fa-f:.%\w]*\](:\d*)?")


def redact(url: str) -> str:
    """Return a URL without user information, fragment, and the values of everything that looks secret.

    >>> redact("https://me:pw@cdn.example/a.mp4?width=640&X-Amz-Signature=5f2c#t=3")
    'https://cdn.example/a.mp4?width=640&X-Amz-Signature=…'
    """
    start = _START.match(url)
    assert start is not None  # an empty start matches anything
    if (start[1] or "").lower() == "data":
        return printable(url[: url.find(",") + 1 or 5][:80]) + HIDDEN
    begin = start.end() if start[2] else 0
    head, mark, query = url[begin:].partition("#")[0].partition("?")
    end = _PATH_START.search(head)
    cut = len(head) if end is None else end.start()
    authority, path = head[:cut].rpartition("@")[2], head[cut:]
    if start[2] and not _HOST.fullmatch(authority):
        # A password with an unescaped slash or question mark has no certain end.
        return printable(url[:begin]) + HIDDEN
    query = "".join(piece if piece in "&;" else _parameter(piece) for piece in re.split("([&;])", query))
    return printable(url[:begin] + authority + _path(path) + mark + query)


def redact_text(text: str) -> str:
    """Return a text with every URL in it redacted.

    >>> redact_text("gave up on https://h.example/?token=abc after 3 tries")
    'gave up on https://h.example/?token=… after 3 tries'
    """
    return _URL.sub(lambda match: redact(match[0]), text)


def _path(path: str) -> str:
    for pattern, hidden in _IN_PATH:
        path = pattern.sub(hidden, path)
    if _JWT_START in path:
        path = _DOTTED.sub(_without_web_tokens, path)
    if "=" in path:
        path = _ASSIGNED.sub(lambda pair: f"{pair[1]}={HIDDEN}" if _is_secret(pair[1], pair[2]) else pair[0], path)
    return path


def _without_web_tokens(run: re.Match[str]) -> str:
    """Hide web tokens in one run of characters. One pattern for a token would take quadratic time."""
    parts, shown, at = run[0].split("."), [], 0
    while at < len(parts):
        begin = parts[at].find(_JWT_START)
        if 0 <= begin <= len(parts[at]) - _MIN_JWT_HEADER_CHARS and at + 2 < len(parts) and parts[at + 1]:
            shown.append(parts[at][:begin] + HIDDEN)
            at += 3
        else:
            shown.append(parts[at])
            at += 1
    return ".".join(shown)


def _parameter(piece: str) -> str:
    name, equals, value = piece.partition("=")
    # A token may stand alone, or as a name; `X-Amz-Security-Token` is mixed enough to look like one, but has no digit.
    if _looks_random(unquote(name)) and (not equals or any(char.isdigit() for char in name)):
        return HIDDEN
    return f"{name}={HIDDEN}" if value and _is_secret(name, value) else piece


def _is_secret(name: str, value: str) -> bool:
    name = unquote(name).lower()
    if name in _SECRET_NAMES or name.startswith(_SIGNED_BY) or _SECRET_NAME.search(name):
        return True
    value = unquote(value)
    # A URL inside the URL may have secrets.
    return "://" in value or "@" in value or _looks_random(value)


def _looks_random(value: str) -> bool:
    """Return whether a value looks like a key: long and mixed. Hiding a file's name is better than showing a key."""
    if not _TOKEN.fullmatch(value):
        return False
    if value.lower() != value != value.upper():
        return True
    return any(char.isdigit() for char in value) and (any(char.isalpha() for char in value) or len(value) >= 20)
