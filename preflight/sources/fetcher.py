"""The conversation about one URL: `Exchange`. It follows redirects one by one, tries again what may pass, and keeps
the deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urljoin, urlsplit

from preflight.errors import SourceError
from preflight.net.answer import Answer
from preflight.net.errors import (
    Passing,
    RangeRefused,
    automation_refused,
    is_store_error,
    redirected_away,
    redirected_endlessly,
    refused,
)
from preflight.net.framing import Budget
from preflight.net.headers import content_length, media_type, retry_after
from preflight.net.meter import Meter
from preflight.net.options import HttpOptions, header_redactor
from preflight.net.redact import redact
from preflight.net.transport import Transport
from preflight.net.urls import parse
from preflight.sources.automation import BROWSER_LIKE, BY_CLIENT, is_challenge_page, is_challenged, reason_of
from preflight.sources.coding import content_codings
from preflight.sources.pages import hint_for
from preflight.sources.patience import Patience
from preflight.sources.record import Record
from preflight.version import VERSION

T = TypeVar("T")
_HEADERS: Final = {"User-Agent": f"preflight/{VERSION}", "Accept": "*/*", "Accept-Encoding": "identity"}
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_GIVEN: Final = frozenset((200, 203, 206, 416))
"""Statuses whose answers say something about the file; 416: about its size."""
_UNRELATED_TO_RANGE: Final = frozenset((407, 408, 410, 425, 429, 451))
"""Refusals that are unrelated to the Range header."""
_PERMANENT_FAILURES: Final = frozenset(("address_not_public", "redirect_refused", "too_many_redirects"))
"""Failures that no retry changes."""
_AUXILIARY_TIMEOUT: Final = 10.0
_HEAD_UNSUPPORTED: Final = (501, 505)
"""Server errors for an unsupported HEAD; others may be temporary."""
_OVERHEAD: Final = 1 << 20
"""Bytes beside the file's own, for headers and framing of all answers."""


class Exchange:
    """Requests for one URL.

    record      what was seen so far
    url         where the file was found, behind all redirects; before, the URL as given
    requests    how many were sent
    bytes_read  bytes of bodies that were read
    meter       how fast they came
    """

    def __init__(self, url: str, transport: Transport, options: HttpOptions, limit: int) -> None:
        """Prepare requests that read at most `limit` bytes of bodies."""
        self._custom = dict(options.headers)
        self._redact_headers = header_redactor(self._custom.items())
        self.record = Record(url, transport.now(), self._redact_headers)
        self.url = url
        self.requests = 0
        self.bytes_read = 0
        self._asked = url
        self._found = False
        self._name = redact(url)
        self._transport = transport
        self._options = options
        self._agent = {"User-Agent": options.user_agent} if options.user_agent else {}
        self._trusted = True
        self.meter = Meter(transport.clock)
        self._budget = Budget(limit + _OVERHEAD, "for this file")
        self._patience = Patience(self._name, transport, options)

    def get(self, span: tuple[int, int] | None, take: Callable[[Answer], T]) -> T:
        """What `take` makes of the answer to a GET, of bytes `span` (first, end) or of all.

        Its status is 200, 203, 206 or 416. `take` closes the answer or keeps it; where it raises what may pass, it
        is called again with another answer. Raises `RangeRefused` where an answer to a request of `span` says nothing
        about the file, else `SourceError`.
        """
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}"}
        tries = 0
        while True:
            try:
                answer = self._follow("GET", self.url, headers)
                try:
                    self._accept(answer, ranged=bool(headers))
                    taken = take(answer)
                    self._found = True
                    return taken
                except BaseException:
                    answer.close()
                    raise
            except Passing as failure:
                if headers and self._may_be_about_range(failure, tries):
                    headers = {}
                    continue
                self._pause(failure, tries)
                if span is None:  # the whole body comes once more
                    self._budget.reset()
                self.record.note("retried")
                tries += 1
            except SourceError as failure:
                raise self._redacted(failure) from None

    def head(self, size: int | None) -> None:
        """See whether HEAD, which some fetchers begin with, gives status 200 and a length."""
        try:
            patience = self._auxiliary_timeout()
            try:
                answer = self._follow("HEAD", self._asked, {}, patience)
            except Passing:  # a kept connection may have ended meanwhile
                answer = self._follow("HEAD", self._asked, {}, patience)
        except SourceError as failure:
            self.record.see(head_ok=False if failure.code == "timed_out" else None)
            return
        answer.dismiss()
        length = content_length(answer.header("Content-Length"))
        if answer.status in _HEAD_UNSUPPORTED or (answer.status < 500 and answer.status not in (408, 425, 429)):
            self.record.see(head_ok=answer.status == 200 and length is not None)
        if answer.status == 200 and length is not None and size is not None and length != size:
            self.record.note("length_wrong")

    def _follow(
        self, method: str, url: str, headers: dict[str, str], patience: float | None = None, *, plain: bool = False
    ) -> Answer:
        """Return the first response that is not a redirect. Each target is validated before it is requested.

        plain: without the caller's own user agent and headers, and not recorded
        """
        recorded = method == "GET" and not self._found and not plain
        trusted = not plain and (self._trusted or url != self.url)
        headers = headers if plain else {**self._agent, **headers}
        seen = [url]
        cookie = False
        while True:
            try:
                answer = self._ask(method, seen[-1], headers, patience, trusted)
            except SourceError as failure:
                if failure.code == "address_not_public" and len(seen) > 1:  # blame the redirect, not the URL as given
                    raise SourceError(failure.code, f"{self._name} is redirected, and {failure}") from None
                raise
            if recorded:
                self.record.answer(answer)
            location = answer.header("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            cookie |= bool(answer.header("Set-Cookie"))
            answer.dismiss()
            target = self._target(seen[-1], location)
            if target in seen or len(seen) > self._options.max_redirects:
                circle = target in seen
                raise redirected_endlessly(self._name, None if circle else self._options.max_redirects, cookie)
            if recorded:
                self.record.redirect(seen[-1], target, len(seen))
            # The caller's headers are for the origin of the URL as given: no redirect takes them elsewhere, nor back.
            trusted = trusted and _origin(seen[-1]) == _origin(target)
            seen.append(target)

    def _ask(self, method: str, url: str, headers: dict[str, str], patience: float | None, trusted: bool) -> Answer:
        """Send one request, in its turn; with the caller's own headers if `trusted`."""
        headers = {**_HEADERS, **(self._custom if trusted else {}), **headers}
        transport = self._transport
        host = parse(url).host
        self._patience.left()
        began = transport.clock()
        place = transport.place(host, self._options.timeout + 5)
        if place is None:
            raise SourceError("timed_out", f"{self._name}: too many other answers of {host} are still open")
        try:
            self._patience.extend(transport.clock() - began)
            left = self._patience.left()
            answer = transport.send(method, url, headers, place, min(left, patience or left))
        except SourceError as failure:
            place.leave()
            if failure.code == "address_not_public":
                self.record.see(public=False)
            elif failure.code != "url_invalid":
                self.requests += 1
            raise
        self.requests += 1
        answer.charge(self._budget)
        answer.count = self._count
        answer.meter = self.meter
        answer.trusted = trusted
        return answer

    def _count(self, taken: int) -> None:
        self.bytes_read += taken

    def _automation_refused(self, answer: Answer, body: bytes) -> str | None:
        """Return how the server refuses automated clients; None for other reasons and temporary failures."""
        if answer.status == 429 or answer.status >= 500:
            challenged = is_challenged(answer.header) or is_challenge_page(body)
            return "with a bot challenge" if challenged else None
        if is_store_error(body) or self.record.expired:
            return None
        how = reason_of(answer.status, answer.header, body)
        signed = self.record.delivery.expires_in is not None
        if how is None and answer.status in BY_CLIENT and not signed and self._serves_browsers():
            return "by their User-Agent or their Referer"
        return how

    def _serves_browsers(self) -> bool:
        """Return whether a browser-like request gets something other than a web page.

        The body is not read: the request only explains a refusal.
        """
        parts = urlsplit(self._asked)
        headers = {"User-Agent": BROWSER_LIKE, "Referer": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"}
        try:
            answer = self._follow("GET", self._asked, headers, self._auxiliary_timeout(), plain=True)
        except SourceError:
            return False
        answer.close()
        return answer.status in (200, 203, 206) and media_type(answer.header("Content-Type")) != "text/html"

    @property
    def seconds_left(self) -> float:
        """Return the s until the deadline. Raises `timed_out` once it has passed."""
        return self._patience.left()

    def compare_without_headers(self, size: int | None, beginning: bytes) -> None:
        """Note if the server gives the file only with the caller's user agent or headers, which no service sends."""
        if not self._agent and not self._custom:
            return
        try:
            answer = self._follow("GET", self._asked, {}, self._auxiliary_timeout(), plain=True)
            try:
                same = self._is_same(answer, size, beginning)
            finally:
                answer.close()
        except SourceError as failure:
            same = failure.code not in _PERMANENT_FAILURES
        if not same:
            self.record.note("custom_headers_needed")

    def _is_same(self, answer: Answer, size: int | None, beginning: bytes) -> bool:
        """Return whether a response gives a file that begins with `beginning`; True if that cannot be decided."""
        if answer.status == 429 or answer.status >= 500:
            return True
        if answer.status not in (200, 203, 206):
            return False
        if content_codings(answer.header("Content-Encoding")):
            return True
        total = content_length(answer.header("Content-Length"))
        if size is not None and total is not None and size != total:
            return False
        return answer.read(len(beginning)) == beginning

    def _auxiliary_timeout(self) -> float:
        """Return the s for a request other than those that get the file. Raises `timed_out` after the deadline."""
        return min(self._patience.left() / 2, _AUXILIARY_TIMEOUT)

    def _pause(self, failure: Passing, tries: int) -> None:
        try:
            self._patience.pause(failure, tries)
        except SourceError as last:
            raise self._redacted(last) from None

    def _may_be_about_range(self, failure: Passing, tries: int) -> bool:
        """Return whether the last try failed and a plain GET, as services send it, may still get the file.

        Some servers fail at Range alone, and some firewalls end the connection at it.
        """
        exhausted = 0 < self._options.retries <= tries
        return exhausted and failure.faulty and failure.wait is None and not self._found

    def _redacted(self, failure: SourceError) -> SourceError:
        """Return the failure without the caller's headers in its message."""
        failure.args = (self._redact_headers(str(failure)),)
        return failure

    def _target(self, url: str, location: str) -> str:
        """Where a redirect leads; http and https alone are followed."""
        try:
            # Header values arrive as Latin-1, addresses in them are written in UTF-8.
            target = urljoin(url, location.encode("latin-1").decode("utf-8")).partition("#")[0]
            parse(target)
        except (SourceError, ValueError):
            raise redirected_away(self._name, redact(location[:2000])) from None
        return target

    def _accept(self, answer: Answer, *, ranged: bool) -> None:
        """Raise what an answer without the file means."""
        if answer.status in _GIVEN:
            self.url, self._trusted = answer.url, answer.trusted
            return
        if ranged and _is_about_range(answer.status):
            answer.dismiss()
            self.url, self._trusted = self._asked, True  # a redirect may lead to a link that has expired meanwhile
            raise RangeRefused(self._name)
        body = answer.glance() if answer.status >= 400 else b""
        answer.dismiss()
        here, there = parse(self._asked).host, parse(answer.url).host
        name = self._name if here == there else f"{self._name} is redirected to {there}, which"
        if how := self._automation_refused(answer, body):
            raise automation_refused(name, answer.status, how)
        failure = refused(name, answer.status, body, self.record.expired, hint_for(self._asked))
        if answer.status != 429 and answer.status < 500:
            raise failure
        asked = retry_after(answer.header("Retry-After"), self._transport.now())
        wait = asked if answer.status in (429, 503) else None
        raise Passing(failure.code, str(failure), wait, faulty=answer.status >= 500)


def _is_about_range(status: int) -> bool:
    """Return whether the Range header may be the reason of a refusal, so that a plain GET may get the file."""
    return status in (204, 205, 304, 501) or (400 <= status < 500 and status not in _UNRELATED_TO_RANGE)


def _origin(url: str) -> tuple[str, str, int]:
    parts = parse(url)
    return parts.scheme, parts.host, parts.port
