"""Servers that refuse automated clients: bot challenges, and refusals by User-Agent or Referer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from preflight.version import VERSION

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
        return "by their User-Agent, their Referer or their behaviour"
    return None
