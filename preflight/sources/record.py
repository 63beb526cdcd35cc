"""Writes down what a provider's fetcher would meet: `Record`, which builds a `Delivery`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from preflight.errors import SourceError
from preflight.media import Delivery
from preflight.net.answer import Answer
from preflight.net.headers import media_type
from preflight.net.urls import expires_at, parse


class Record:
    """What was seen of one URL and its server; `delivery` is complete at any time, also after a failure."""

    def __init__(self, url: str, now: float, redact_headers: Callable[[str], str] = str) -> None:
        self.delivery = _unasked(url, now)
        self._redact_headers = redact_headers

    def see(self, **facts: Any) -> None:
        """Put facts into `delivery`."""
        self.delivery = self.delivery._replace(**facts)

    def note(self, word: str) -> None:
        """Add a word to its notes."""
        if word not in self.delivery.notes:
            self.see(notes=(*self.delivery.notes, word))

    def answer(self, answer: Answer) -> None:
        """An answer to the first question, or to one on the way there."""
        self.see(status=answer.status, content_type=media_type(self._redact_headers(answer.header("Content-Type"))))
        self.see(etag=self._redact_headers(answer.header("ETag").strip()) or None)
        if answer.admitted is not None:
            self.see(public=answer.admitted.public and self.delivery.public is not False)
            if answer.admitted.mixed:
                self.note("mixed_addresses")

    def redirect(self, before: str, after: str, count: int) -> None:
        """The `count`-th redirect, from one URL to another."""
        here, there = parse(before), parse(after)
        self.see(redirects=count)
        if here.host != there.host:
            self.see(redirected_host=True)
            self.note("redirected_host")
        if here.scheme == "https" != there.scheme:
            self.see(insecure_redirect=True)
            self.note("insecure_redirect")

    def length(self, length: int | None, ranges: bool) -> None:
        """What the server says of the whole file's length, and whether it gives parts."""
        self.see(content_length=length, ranges=ranges)
        if not ranges:
            self.note("no_ranges")
        if length is None:
            self.note("length_missing")

    @property
    def expired(self) -> bool:
        """Whether the URL's signature had ended before anything was asked."""
        return self.delivery.expires_in is not None and self.delivery.expires_in <= 0


def _unasked(url: str, now: float) -> Delivery:
    """What the URL itself says about its delivery."""
    try:
        parts = parse(url)
    except SourceError:
        scheme, colon, _ = url[:32].partition(":")
        return Delivery(scheme=scheme.lower() if colon else "", host="", url_length=len(url))
    end = expires_at(url)
    words = {"credentials_in_url": parts.credentials, "url_unescaped": parts.unescaped}
    return Delivery(
        scheme=parts.scheme,
        host=parts.host,
        port=parts.port,
        url_length=len(url),
        host_is_ip=parts.host_is_ip,
        expires_in=None if end is None else end - now,
        notes=tuple(word for word, said in words.items() if said),
    )
