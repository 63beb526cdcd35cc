"""Fetch one URL: `UrlFetcher` follows redirects one by one, retries what may be temporary, and keeps the deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urljoin

from preflight.errors import SourceError
from preflight.net.bodies import content_codings
from preflight.net.connections import Budget
from preflight.net.errors import TransientError, timed_out
from preflight.net.options import HttpOptions, header_redactor
from preflight.net.redact import redact
from preflight.net.response import Response, content_length, media_type, retry_after
from preflight.net.transport import HttpRequest, Timeouts, Transport
from preflight.net.urls import Url, parse_url
from preflight.retry import Backoff, Deadline, RetryPolicy, retry
from preflight.sources import diagnosis
from preflight.sources.fetch_state import DeliveryRecorder, Span
from preflight.version import VERSION

T = TypeVar("T")
BACKOFF: Final = Backoff(first=0.25, factor=2.0, maximum=60.0, jitter=0.5)
_HEADERS: Final = {"User-Agent": f"preflight/{VERSION}", "Accept": "*/*", "Accept-Encoding": "identity"}
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_GIVEN: Final = frozenset((200, 203, 206, 416))
"""Statuses whose responses say something about the file; 416: about its size."""
_REFUSALS_OF_RANGE: Final = (204, 205, 304, 501)
_UNRELATED_TO_RANGE: Final = frozenset((407, 408, 410, 425, 429, 451))
"""Refusals that are unrelated to the Range header."""
_PERMANENT_FAILURES: Final = frozenset(("address_not_public", "redirect_refused", "too_many_redirects"))
"""Failures that no retry changes."""
_AUXILIARY_TIMEOUT: Final = 10.0
_SLOT_TIMEOUT: Final = 5.0
"""s to wait for a slot beyond a source's deadline; after that, an open response was forgotten."""
_HEAD_UNSUPPORTED: Final = (501, 505)
"""Server errors for an unsupported HEAD; others may be temporary."""
_OVERHEAD: Final = 1 << 20
"""Bytes besides the file's own, for headers and framing of all responses."""


class UrlFetcher:
    """Sends the requests for one URL.

    recorder    the delivery as recorded so far
    location    the URL after all redirects; before them, the URL as given; None if that is invalid
    requests    requests that were sent
    bytes_read  bytes of bodies that were read
    """

    def __init__(
        self, url: str, name: str, transport: Transport, options: HttpOptions, limit: int, backoff: Backoff = BACKOFF
    ) -> None:
        """Prepare requests that read at most `limit` bytes of bodies. `name` is the URL as messages show it."""
        self.location: Url | None = None
        self._invalid: SourceError | None = None
        try:
            self.location = parse_url(url)
        except SourceError as failure:
            self._invalid = failure
        custom = dict(options.headers)
        replaced = {name.lower() for name in custom}
        self._own_headers = {name: value for name, value in _HEADERS.items() if name.lower() not in replaced} | custom
        self._redact_headers = header_redactor(custom.items())
        self.recorder = DeliveryRecorder(url, self.location, transport.clock.wall(), self._redact_headers)
        self.requests = 0
        self.bytes_read = 0
        self._url = self.location
        self._found = False
        self._name = name
        self._transport = transport
        self._options = options
        self._agent = {"User-Agent": options.user_agent} if options.user_agent else {}
        self._trusted = True
        self._budget = Budget(limit + _OVERHEAD, "for this file")
        self._deadline = Deadline(options.timeout, transport.clock)
        self._retries = RetryPolicy(options.retries + 1, backoff)

    def get(self, span: Span | None, consume: Callable[[Response], T]) -> T:
        """Return the result of `consume` for the response to a GET, of bytes `span` (first, end) or of everything.

        Its status is 200, 203, 206 or 416. `consume` closes the response or keeps it; if it raises a `TransientError`,
        it is called again with another response. Raise `RangeRefused` if a response to a request of `span` says nothing
        about the file, else `SourceError`.
        """
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}"}
        attempts = 0

        def attempt() -> T:
            nonlocal attempts
            attempts += 1
            return self._get(headers, consume)

        def before_retry(_: TransientError) -> None:
            if span is None:  # the whole body comes once more
                self._budget.reset()
            self.recorder.note("retried")

        try:
            try:
                return retry(
                    attempt,
                    self._retries,
                    errors=TransientError,
                    before_retry=before_retry,
                    deadline=self._deadline,
                    clock=self._transport.clock,
                )
            except TransientError as failure:
                # Some servers fail at Range alone, and some firewalls end the connection at it: a plain GET, as
                # services send it, may still get the file.
                may_be_range = failure.faulty and failure.retry_after is None and not self._found
                if not (headers and 1 < attempts == self._retries.attempts and may_be_range):
                    raise
                return self._get({}, consume)
        except SourceError as failure:
            raise self._final(failure) from None

    def head(self, size: int | None) -> None:
        """Record whether HEAD, which some fetchers begin with, gives status 200 and a length."""
        try:
            timeout = self._auxiliary_timeout()
            try:
                response, _ = self._follow("HEAD", self._url, {}, timeout)
            except TransientError:  # a kept connection may have ended in the meantime
                response, _ = self._follow("HEAD", self._url, {}, timeout)
        except SourceError as failure:
            self.recorder.record(head_ok=False if failure.code == "timed_out" else None)
            return
        response.drain_and_close()
        length = content_length(response.header("Content-Length"))
        if response.status in _HEAD_UNSUPPORTED or (response.status < 500 and response.status not in (408, 425, 429)):
            self.recorder.record(head_ok=response.status == 200 and length is not None)
        if response.status == 200 and length is not None and size is not None and length != size:
            self.recorder.note("length_wrong")

    def seconds_left(self) -> float:
        """Return the s until the deadline. Raise `SourceError` `timed_out` once it has passed."""
        left = self._deadline.remaining()
        if left <= 0:
            raise timed_out(self._name, self._options.timeout)
        return left

    @property
    def sends_own_headers(self) -> bool:
        """Return whether requests carry a user agent or headers of the caller, which no service sends."""
        return bool(self._agent) or self._own_headers != _HEADERS

    def compare_without_headers(self, size: int | None, beginning: bytes) -> None:
        """Record a note if the server gives the file only with the caller's user agent or headers."""
        try:
            response, _ = self._follow("GET", self._url, {}, self._auxiliary_timeout(), plain=True)
            try:
                same = self._is_same(response, size, beginning)
            finally:
                response.close()
        except SourceError as failure:
            same = failure.code not in _PERMANENT_FAILURES
        if not same:
            self.recorder.note("custom_headers_needed")

    def _final(self, failure: SourceError) -> SourceError:
        """Return a final failure: not to be retried, and without the caller's headers in its message."""
        if isinstance(failure, TransientError):
            wait = f" It asks to wait {failure.retry_after:.0f} s." if failure.retry_after else ""
            failure = SourceError(failure.code, f"{failure}{wait}")
        failure.args = (self._redact_headers(str(failure)),)
        return failure

    def _get(self, headers: dict[str, str], consume: Callable[[Response], T]) -> T:
        """Return the result of `consume` for one response; close it on failure."""
        response, trusted = self._follow("GET", self.location, headers)
        if response.status not in _GIVEN:
            try:
                refusal = self._refusal(response, ranged=bool(headers))
            finally:
                response.close()
            raise refusal
        try:
            self.location, self._trusted = response.url, trusted
            result = consume(response)
        except BaseException:
            response.close()
            raise
        self._found = True
        return result

    def _follow(
        self,
        method: str,
        url: Url | None,
        headers: dict[str, str],
        timeout: float | None = None,
        *,
        plain: bool = False,
    ) -> tuple[Response, bool]:
        """Return the first response that is not a redirect, and whether it was trusted with the caller's headers.

        plain  without the caller's user agent and headers, and not recorded
        """
        if url is None:
            raise self._invalid or SourceError("url_invalid", self._name)
        recorded = method == "GET" and not self._found and not plain
        trusted = not plain and (self._trusted or url != self.location)
        if self._agent and not plain:
            headers = {**self._agent, **headers}
        seen, cookie = [url], False
        while True:
            try:
                response = self._send(method, seen[-1], headers, timeout, trusted=trusted)
            except SourceError as failure:
                if failure.code != "address_not_public" or len(seen) == 1:
                    raise
                raise SourceError(failure.code, f"{self._name} is redirected, and {failure}") from None
            if recorded:
                self.recorder.record_response(response)
            location = response.header("Location")
            if response.status not in _REDIRECTS or not location:
                return response, trusted
            cookie |= bool(response.header("Set-Cookie"))
            response.drain_and_close()
            target = self._redirect_target(seen, location, cookie=cookie)
            if recorded:
                self.recorder.record_redirect(seen[-1], target, len(seen))
            # The caller's headers are for the origin of the URL as given: no redirect takes them elsewhere, nor back.
            trusted = trusted and seen[-1].origin == target.origin
            seen.append(target)

    def _send(
        self, method: str, url: Url, headers: dict[str, str], timeout: float | None, *, trusted: bool
    ) -> Response:
        """Send one request once a slot is free; with the caller's own headers if `trusted`."""
        self.seconds_left()
        clock = self._transport.clock
        began = clock.monotonic()
        slot = self._transport.acquire(url.host, self._options.timeout + _SLOT_TIMEOUT)
        if slot is None:
            problem = f"too many other responses of {url.host} are still open: close them, or check it later"
            raise SourceError("timed_out", f"{self._name}: {problem}")
        try:
            self._deadline.extend(clock.monotonic() - began)
            left = self.seconds_left()
            sent = {**(self._own_headers if trusted else _HEADERS), **headers}
            timeouts = Timeouts(min(left, timeout or left))
            response = self._transport.send(HttpRequest(method, url, sent), timeouts, slot)
        except SourceError as failure:
            slot.release()
            if failure.code == "address_not_public":
                self.recorder.record(public=False)
            elif failure.code != "url_invalid":
                self.requests += 1
            raise
        self.requests += 1
        response.charge(self._budget)
        response.on_read = self._count
        return response

    def _count(self, count: int, seconds: float | None) -> None:
        self.bytes_read += count
        if seconds is not None:
            self.recorder.record_read(count, seconds)

    def _refusal(self, response: Response, *, ranged: bool) -> SourceError:
        """Return the error for a response without the file."""
        status = response.status
        is_refusal = status in _REFUSALS_OF_RANGE or (400 <= status < 500 and status not in _UNRELATED_TO_RANGE)
        if ranged and is_refusal:  # perhaps because of the Range header, so that a plain GET may get the file
            response.drain_and_close()
            self.location, self._trusted = self._url, True  # the target of a redirect may have expired in the meantime
            return diagnosis.RangeRefused(self._name)
        body = response.peek() if response.status >= 400 else b""
        response.drain_and_close()
        requested, final = self._url or response.url, response.url
        name = self._name if requested.host == final.host else f"{self._name} is redirected to {final.host}, which"
        if how := self._automation_refused(response, body):
            return diagnosis.automation_refused(name, response.status, how)
        hint = diagnosis.hint_for(requested.text)
        failure = diagnosis.refused(name, response.status, body, hint, expired=self.recorder.is_expired)
        if response.status != 429 and response.status < 500:
            return failure
        wait = retry_after(response.header("Retry-After"), self._transport.clock.wall())
        wait = wait if response.status in (429, 503) else None
        return TransientError(failure.code, str(failure), retry_after=wait, faulty=response.status >= 500)

    def _automation_refused(self, response: Response, body: bytes) -> str | None:
        """Return how the server refuses automated clients; None for other reasons and temporary failures."""
        if response.status == 429 or response.status >= 500:
            challenged = diagnosis.is_challenged(response.header) or diagnosis.is_challenge_page(body)
            return "with a bot challenge" if challenged else None
        if diagnosis.is_store_error(body) or self.recorder.is_expired:
            return None
        how = diagnosis.reason_of(response.status, response.header, body)
        signed = self.recorder.delivery.expires_in is not None
        if how is None and response.status in diagnosis.BY_CLIENT and not signed and self._serves_browsers():
            return "by their User-Agent or their Referer"
        return how

    def _serves_browsers(self) -> bool:
        """Return whether a browser-like request gets something other than a web page.

        The body is not read: the request only explains a refusal.
        """
        referer = f"{self._url.scheme}://{self._url.authority}/" if self._url is not None else ""
        headers = {"User-Agent": diagnosis.BROWSER_LIKE, "Referer": referer}  # as for a page of the same host
        try:
            response, _ = self._follow("GET", self._url, headers, self._auxiliary_timeout(), plain=True)
        except SourceError:
            return False
        response.close()
        return response.status in (200, 203, 206) and media_type(response.header("Content-Type")) != "text/html"

    def _is_same(self, response: Response, size: int | None, beginning: bytes) -> bool:
        """Return whether a response gives a file that begins with `beginning`; True if that cannot be decided."""
        if response.status == 429 or response.status >= 500:
            return True
        if response.status not in (200, 203, 206):
            return False
        if content_codings(response.header("Content-Encoding")):
            return True
        total = content_length(response.header("Content-Length"))
        if size is not None and total is not None and size != total:
            return False
        return response.read(len(beginning)) == beginning

    def _auxiliary_timeout(self) -> float:
        """Return the s for a request other than those that get the file. Raise `SourceError` after the deadline."""
        return min(self.seconds_left() / 2, _AUXILIARY_TIMEOUT)

    def _redirect_target(self, seen: list[Url], location: str, *, cookie: bool) -> Url:
        """Return where the next redirect leads; `cookie`: one of them sets a cookie. Raise `SourceError`.

        Only http and https are followed, and no URL twice.
        """
        try:
            # Header values arrive as Latin-1, addresses in them are written in UTF-8.
            target = parse_url(urljoin(seen[-1].text, location.encode("latin-1").decode("utf-8")).partition("#")[0])
        except (SourceError, ValueError):
            raise diagnosis.redirected_away(self._name, redact(location[:2000])) from None
        if target in seen:
            raise diagnosis.redirected_endlessly(self._name, None, cookie=cookie)
        if len(seen) > self._options.max_redirects:
            raise diagnosis.redirected_endlessly(self._name, self._options.max_redirects, cookie=cookie)
        return target
