"""Explain responses that do not give the file: refusals, web pages, bot challenges, redirects.

Every message says what happened and what to do. URLs in messages are redacted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from preflight.errors import SourceError
from preflight.version import VERSION

_MEANINGS: Final = {
    400: "the server considers the request invalid. Check the link",
    401: "it asks for a login. Make the file public, or sign the link",
    402: "it asks for payment. Host the file elsewhere",
    403: "the file is not public, or the link expired or has a wrong signature. Make it public, or sign it again",
    404: "there is no such file. Check the link",
    405: "the link does not accept GET and may be signed for an upload. Sign it for GET",
    406: "it has no version for a plain GET. Serve the file without content negotiation",
    407: "the proxy asks for a login",
    408: "the server timed out. Check it later",
    410: "the file has been removed, or a link for few downloads is used up. Make a new link",
    414: "the URL is too long for this server. Shorten it",
    418: "it refuses automated clients. Host the file elsewhere",
    451: "the file is blocked for legal reasons",
}
_SIGNED: Final = (400, 401, 403, 410)
"""Statuses with which an expired signature is refused."""
_CODE: Final = re.compile(rb"<Code>([A-Za-z][A-Za-z0-9.]{2,60})</Code>")
_EXPIRED: Final = re.compile(
    rb"Request has expired|<Code>ExpiredToken|token is expired|Signature not valid in the", re.I
)

_CHALLENGES: Final = {
    "cf-mitigated": ("challenge",),
    "x-amzn-waf-action": ("challenge", "captcha"),
    "x-vercel-mitigated": ("challenge", "deny"),
}
"""Headers with which a CDN marks a challenge that it sends instead of the file."""
_PRODUCTS: Final = ("x-datadome", "x-sucuri-block")
"""Headers of anti-bot products; in a refusal they identify the product."""
_PAGE: Final = re.compile(
    rb"just a moment\.\.\.|/cdn-cgi/challenge-platform|cf[-_]chl[-_]|cf-browser-verification"
    rb"|enable javascript and cookies to continue|checking your browser|verify(?:ing)? (?:that )?you are (?:a )?human"
    rb"|attention required! \| cloudflare|captcha-delivery\.com|px-captcha|awswaf|_incapsula_resource"
    rb"|incapsula incident|ddos-guard|anubis_challenge|sucuri website firewall",
    re.IGNORECASE,
)
"""Text of challenge pages, whatever their status."""
_REFUSAL: Final = re.compile(
    rb"error code: 10(?:10|20)\b|hot-?link|captcha|unusual traffic|automated (?:access|client|quer|request|traffic)"
    rb"|(?:invalid|missing|empty|bad|wrong|blocked|forbidden|unsupported) (?:http )?(?:user[-_ ]agent|referr?er)\b"
    rb"|(?:user[-_ ]agent|referr?er) (?:header )?(?:is )?(?:not|invalid|missing|empty|blocked|forbidden|denied)\b"
    rb"|\b(?:no|block(?:ed|ing)?|den(?:y|ied)|detect(?:ed)?) (?:ro)?bots?\b|\bbot (?:detect|protect|traffic)",
    re.IGNORECASE,
)
"""Further text of pages that refuse automated clients."""
BY_CLIENT: Final = frozenset((403, 406, 418))
"""Statuses with which a server refuses a client rather than a request."""

BROWSER_LIKE: Final = f"Mozilla/5.0 (compatible; preflight/{VERSION})"
"""A user agent that names preflight in the form that user agent filters expect."""

_SHARES: Final = (
    (re.compile(r"(^|\.)(drive|docs|drive\.usercontent)\.google\.com$"), "drive"),
    (re.compile(r"(^|\.)photos\.(google\.com|app\.goo\.gl)$"), "photos"),
    (re.compile(r"(^|\.)(dropbox|dropboxusercontent)\.com$"), "dropbox"),
)
_LOGIN_HOST: Final = re.compile(r"^(accounts|login|signin|auth|sso|idp|oauth)\.|\.(okta|auth0)\.com$|^login\.")
_LOGIN_PATH: Final = re.compile(r"/(log[-_]?in|sign[-_]?in|sso|oauth2?|saml2?|auth)([/._-]|$)", re.IGNORECASE)
_PASSWORD: Final = re.compile(rb"<input[^<>]{0,500}?type\s{0,9}=\s{0,9}[\"']?password", re.IGNORECASE)
_HTML: Final = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title", b"<meta", b"<style")

HINTS: Final = {
    "drive": "a Google Drive link shows a viewer: share the file with everybody who has the link and give"
    " https://drive.google.com/uc?export=download&id=… (small files only), or put it on object storage",
    "photos": "a Google Photos link shows an album: download the file and put it where a plain GET gives its bytes",
    "dropbox": "a Dropbox link shows a viewer: end it in dl=1 instead of dl=0",
    "challenge": "the server asks for proof of a human visitor: host the file where any client may fetch it",
    "login": "the link leads to a login: make the file public, or sign the link",
    "html": "the link shows a web page: give the address of the file itself",
}
"""The remedy for each kind of page."""


class RangeRefused(SourceError):
    """The response to a ranged request holds no part of the file; a plain GET may still return it."""

    def __init__(self, name: str) -> None:
        super().__init__("response_invalid", f"{name}: the server does not send parts of the file. Request all of it.")


def refused(name: str, status: int, body: bytes, hint: str, *, expired: bool) -> SourceError:
    """Return the error for a response whose status says that there is no file.

    Of the server's own words only an object store's error code is quoted: others may repeat the URL.
    """
    reason = _status_text(status)
    if code := _CODE.search(body):
        reason += f" ({code[1].decode('ascii')})"
    if status >= 500:
        return SourceError("server_error", f"{name} responds with {reason}: the server has a fault. Check it later.")
    if status == 429:
        return SourceError(
            "rate_limited", f"{name} responds with {reason}: too many requests. Check fewer at a time, or later."
        )
    meaning = _MEANINGS.get(status, "the server refuses the request" if status >= 400 else "that is not a file")
    if status == 403 and code is not None and code[1] == b"AccessDenied":
        meaning += "; an object store that hides its listing responds the same way for a missing file"
    if (expired and status in _SIGNED) or _EXPIRED.search(body):
        meaning = "the link has expired. Sign it again"
    advice = f" {hint[0].upper()}{hint[1:]}." if hint else ""
    return SourceError("download_failed", f"{name} responds with {reason}: {meaning}.{advice}")


def automation_refused(name: str, status: int, how: str) -> SourceError:
    """Return the error for a server that serves browsers but refuses automated clients, as services are."""
    reason = _status_text(status)
    return SourceError(
        "automated_client_refused",
        f"{name} responds with {reason}: the server refuses automated clients {how}. Host the file where any client may"
        " fetch it; to check it anyway, set a user agent or custom headers.",
    )


def _status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # a status that no specification has
        return str(status)


def is_store_error(body: bytes) -> bool:
    """Return whether a refusal comes from an object store, which checks only the signature of a request."""
    return _CODE.search(body) is not None


def redirected_endlessly(name: str, limit: int | None, *, cookie: bool = False) -> SourceError:
    """Return the error for more redirects than `limit` or, if None, a loop; `cookie`: one of them sets a cookie."""
    how = "in a loop" if limit is None else f"more than {limit} times"
    if cookie:
        how += " that needs cookies, which services' fetchers rarely keep"
    return SourceError("too_many_redirects", f"{name} is redirected {how}. Give the address of the file.")


def redirected_away(name: str, target: str) -> SourceError:
    """Return the error for a redirect that services do not follow: it leads to another scheme, or is not a URL."""
    return SourceError(
        "redirect_refused",
        f"{name} is redirected to {target}, but services fetch only http and https. Give the address of the file.",
    )


def too_much(name: str, limit: int) -> SourceError:
    """Return the error for a file that needs more reading than the byte budget or a bound allows."""
    return SourceError(
        "too_much_to_read",
        f"{name}: its facts are too far from its start, or too scattered, to be read by URL (limit {limit:,} bytes)."
        " Check a local copy of the file.",
    )


def is_challenged(header: Callable[[str], str]) -> bool:
    """Return whether the headers of a response mark it as a bot challenge."""
    return any(header(name).strip().lower() in words for name, words in _CHALLENGES.items())


def is_challenge_page(head: bytes) -> bool:
    """Return whether a web page that begins with `head` is a bot challenge."""
    return _PAGE.search(head) is not None


def reason_of(status: int, header: Callable[[str], str], body: bytes) -> str | None:
    """Return how a refusal shows that it targets automated clients; None if it does not."""
    if is_challenged(header) or (status >= 400 and is_challenge_page(body)):
        return "with a bot challenge"
    if status in BY_CLIENT and (_REFUSAL.search(body) or any(map(header, _PRODUCTS))):
        return "by their User-Agent, their Referer or their behavior"
    return None


def share_of(url: str) -> str | None:
    """Return whose share link a URL is: `drive`, `photos` or `dropbox`; None for other links."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return None
    return next((kind for pattern, kind in _SHARES if pattern.search(host)), None)


def hint_for(url: str) -> str:
    """Return the remedy for a share link that does not give a file; empty for other links."""
    return HINTS.get(share_of(url) or "", "")


def is_page(head: bytes) -> bool:
    """Return whether a file that begins with `head` is a web page."""
    text = head[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<?xml"):
        text = text.partition(b"?>")[2].lstrip()
    return text.startswith(_HTML) or (text.startswith(b"<!--") and b"<html" in text)


def classify_page(url: str, head: bytes, requested: str) -> str | None:
    """Return the kind of web page that begins with `head`; None if it is not one.

    `requested` is the URL before redirects, `url` the one after them.
    """
    if not is_page(head):
        return None
    parts = urlsplit(url)
    if _LOGIN_HOST.search(parts.hostname or "") or _LOGIN_PATH.search(parts.path):
        return "login"
    if is_challenge_page(head):
        return "challenge"
    share = share_of(url) or share_of(requested)
    if share is None and _PASSWORD.search(head):
        return "login"
    return share or "html"
