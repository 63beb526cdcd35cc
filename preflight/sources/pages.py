"""Web pages where a file should be: which kind it is, and how to get at the file."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from preflight.sources.automation import is_challenge_page

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
"""What to do about each kind of page."""


def share_of(url: str) -> str | None:
    """`drive`, `photos`, `dropbox`: whose share link `url` is."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return None
    return next((kind for pattern, kind in _SHARES if pattern.search(host)), None)


def hint_for(url: str) -> str:
    """What to do about a share link that gives no file; empty for other links."""
    return HINTS.get(share_of(url) or "", "")


def is_page(head: bytes) -> bool:
    """Whether a file that begins with `head` is a web page."""
    text = head[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<?xml"):
        text = text.partition(b"?>")[2].lstrip()
    return text.startswith(_HTML) or (text.startswith(b"<!--") and b"<html" in text)


def page_of(url: str, head: bytes, asked: str) -> str | None:
    """Which kind of web page `head` begins; None where it is none. `asked` is the URL before redirects, `url` after."""
    if not is_page(head):
        return None
    parts = urlsplit(url)
    if _LOGIN_HOST.search(parts.hostname or "") or _LOGIN_PATH.search(parts.path):
        return "login"
    if is_challenge_page(head):
        return "challenge"
    share = share_of(url) or share_of(asked)
    if share is None and _PASSWORD.search(head):
        return "login"
    return share or "html"
