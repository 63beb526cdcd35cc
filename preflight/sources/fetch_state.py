"""The state of one file behind a URL: its bytes so far, their version, and how the server delivers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from preflight.errors import SourceChanged
from preflight.media import Delivery
from preflight.net.bodies import Body, DecodedBody, content_codings, unusable
from preflight.net.errors import cut_off
from preflight.net.response import Response, content_length, content_range, media_type, unsatisfied_range
from preflight.net.urls import Url, expires_at
from preflight.sources.diagnosis import RangeRefused
from preflight.sources.stream import Spool

FIRST_FETCH_BYTES: Final = 32 << 10
"""Bytes of the first request: the headers of nearly every format are there."""
MIN_SEEK_BYTES: Final = 4 << 10
"""Minimum bytes of a request for a distant offset: sixteen, the fragment headers of a film, stay below 96 KiB."""
MIN_NEXT_BYTES: Final = 16 << 10
"""Minimum bytes of a request that continues where the last one ended: a shorter response does not arrive sooner."""
TAIL_BYTES: Final = 32 << 10
"""Bytes fetched when a reader begins to read at the end of a file."""
MAX_REST_BYTES: Final = 64 << 10
"""A rest of the file up to this size is fetched along with a read: a moov box at the end, a directory."""
MAX_AHEAD_BYTES: Final = 4 << 20
"""Bytes that are fetched ahead of a reader that goes through the whole file."""
MAX_CACHED_BYTES: Final = 8 << 20
"""Bytes that are kept in memory, besides the head."""
MIN_RATE_BYTES: Final = 256 << 10
MIN_RATE_SECONDS: Final = 3.0
"""Either is enough to measure a rate; below both, only buffers and a single packet would be measured."""

Span = tuple[int, int]
"""First byte, end."""


class FetchState:
    """The bytes of one file so far, all of one version.

    size          bytes; None while the server does not say
    cache         pieces that were fetched by Range
    spool         the body, if the server ignores Range
    etags_differ  responses had different ETags, though size and modification time were the same: compare their bytes
    """

    def __init__(self, name: str, recorder: DeliveryRecorder) -> None:
        self.size: int | None = None
        self.cache = RangeCache()
        self.spool: Spool | None = None
        self._name = name
        self._recorder = recorder
        self.etags_differ = False
        self._tag = ""
        self._modified = ""

    def consume(self, response: Response, span: Span | None) -> None:
        """Keep the bytes of a response to a GET of `span`, or of everything.

        Raise `RangeRefused` if the response is useless and that to a plain GET may not be, else `SourceError`.
        """
        if response.status == 206:
            self._consume_part(response, span)
        elif response.status == 416:
            self._consume_unsatisfied(response, span)
        else:
            self._consume_body(response, span)

    def _consume_part(self, response: Response, span: Span | None) -> None:
        part = content_range(response.header("Content-Range"))
        if span is None:
            if part is None or part.first != 0 or part.last + 1 != part.total:
                raise unusable(self._name, "the server sent a part of the file although all of it was requested")
            self._consume_body(response, span)
            return
        length = _length(response)
        if part is None or part.first != span[0] or length == 0 or _codings(response):
            raise RangeRefused(self._name)  # other bytes, several parts, none, compressed, or unknown ones
        self._compare(response, part.total)
        self._recorder.record_length(part.total, ranges=True)
        if length is not None and length != part.last + 1 - part.first:
            self._recorder.note("length_wrong")
        wanted = min(part.last + 1, span[1]) - part.first
        if length is not None and MIN_SEEK_BYTES <= length < wanted:
            wanted = length  # it announces less than the part that it names, and may send no more
        data = response.read(wanted)
        if len(data) < wanted:
            raise cut_off(self._name)
        response.close()
        self.cache.add(part.first, data)

    def _consume_unsatisfied(self, response: Response, span: Span | None) -> None:
        """Learn from a 416 that the requested range is beyond the end; of an empty file even the first byte is."""
        response.drain_and_close()
        total = unsatisfied_range(response.header("Content-Range"))
        if span is None:
            raise unusable(self._name, "the server refuses a part although the whole was requested")
        if self.size is not None or (span[0] == 0 and total != 0):
            raise RangeRefused(self._name)
        self.size = span[0] if total is None else total
        self._recorder.record(content_length=self.size)

    def _consume_body(self, response: Response, span: Span | None) -> None:
        """Spool the body of a 200: Range was ignored, and it comes from its beginning."""
        stated = _length(response)
        coding = _codings(response)
        length = None if coding else stated  # the length of a compressed body says nothing about the file
        part = content_range(response.header("Content-Range"))
        if span is not None and part is not None and part.total != stated:
            raise RangeRefused(self._name)  # perhaps a part under the wrong status
        self._compare(response, length)
        fits = length is not None and length <= FIRST_FETCH_BYTES
        self._recorder.record(status=response.status)
        self._recorder.record_length(stated, ranges=fits and "bytes" in response.header("Accept-Ranges").lower())
        body: Body = response
        if coding:
            body = DecodedBody(response, coding, self._name)
            self._recorder.note("content_encoded")
        if self.spool is None:
            self.spool = Spool(body, length)
        elif not self.spool.resume(body):
            raise SourceChanged(self._name)
        if fits:  # a connection whose response was read to its end can be used again
            self.spool.read_to(FIRST_FETCH_BYTES)

    def _compare(self, response: Response, total: int | None) -> None:
        tag = response.header("ETag").strip().removeprefix("W/")
        modified = response.header("Last-Modified").strip()
        other_size = total is not None and self.size is not None and total != self.size
        if other_size or (modified and self._modified and modified != self._modified):
            raise SourceChanged(self._name)
        self.etags_differ |= bool(tag and self._tag and tag != self._tag)
        self._tag = self._tag or tag
        self._modified = self._modified or modified
        self.size = total if self.size is None else self.size


def _length(response: Response) -> int | None:
    """Return the Content-Length, which means nothing beside a chunked body (RFC 9112 6.3)."""
    return None if response.header("Transfer-Encoding") else content_length(response.header("Content-Length"))


def _codings(response: Response) -> str:
    """Return the content codings that change the bytes of a body; empty for most."""
    value = response.header("Content-Encoding")
    return content_codings(value) if value else ""


class RangeCache:
    """The pieces of one file that were fetched, and which piece to fetch next: few requests, and few unused bytes.

    last_end  end of the piece that was fetched last
    """

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []
        self._kept = 0
        self.last_end = -1
        self._streak = 0

    def at(self, offset: int, end: int) -> bytes:
        """Return cached bytes from `offset`, at most to `end`; empty if the byte at `offset` is not cached."""
        for start, data in self._pieces:
            if start <= offset < start + len(data):
                return data[offset - start : end - start]
        return b""

    @property
    def pieces(self) -> tuple[tuple[int, bytes], ...]:
        """Return the cached pieces with their offsets."""
        return tuple(self._pieces)

    def add(self, start: int, data: bytes) -> None:
        """Cache a piece. The head stays; of the others the oldest are dropped when they become too many."""
        self._streak = self._streak + 1 if start == self.last_end else 0
        self.last_end = start + len(data)
        self._pieces.append((start, data))
        self._kept += len(data)
        while self._kept > MAX_CACHED_BYTES and len(self._pieces) > 2:
            self._kept -= len(self._pieces.pop(1)[1])

    def span(self, offset: int, end: int, size: int | None) -> tuple[int, int]:
        """Return the piece to fetch, as (first byte, end), for a reader of `offset` to `end`; `offset` is not cached.

        It covers everything that is missing. It grows for a sequential reader, but within the first half megabyte no
        more than `MAX_REST_BYTES` stays unused.
        """
        end = min((start for start, data in self._pieces if offset < start < end <= start + len(data)), default=end)
        first, stop = offset, max(end, offset + self._ahead(offset))
        if size is not None:
            stop = min(stop, size)
            if size - offset <= MAX_REST_BYTES or size - stop < MIN_NEXT_BYTES:
                first, stop = max(0, min(offset, size - TAIL_BYTES)), size
        for start, data in self._pieces:
            if start + len(data) <= offset:
                first = max(first, start + len(data))
            elif start >= end:
                stop = min(stop, start)
        return first, stop

    def _ahead(self, offset: int) -> int:
        if offset != self.last_end:
            return MIN_SEEK_BYTES
        if self._streak < 8:
            return min(MIN_NEXT_BYTES << self._streak, MAX_REST_BYTES)
        return min(MAX_REST_BYTES << self._streak - 7, MAX_AHEAD_BYTES)


class DeliveryRecorder:
    """Records how a server delivers one URL; `delivery` is complete at any time, also after a failure.

    parsed  the parts of the URL; None if it is invalid
    """

    def __init__(self, url: str, parsed: Url | None, now: float, redact_headers: Callable[[str], str] = str) -> None:
        self.delivery = _initial_delivery(url, parsed, now)
        self._redact_headers = redact_headers
        self._bytes = 0
        self._seconds = 0.0

    def record(self, **facts: Any) -> None:
        """Record facts of the delivery, by the names of its fields."""
        self.delivery = self.delivery._replace(**facts)

    def note(self, word: str) -> None:
        """Record a note."""
        if word not in self.delivery.notes:
            self.record(notes=(*self.delivery.notes, word))

    def record_response(self, response: Response) -> None:
        """Record a response to the first request, or to a redirect before it."""
        redacted = self._redact_headers
        content_type = media_type(redacted(response.header("Content-Type")))
        etag = redacted(response.header("ETag").strip()) or None
        public = self.delivery.public
        resolved = response.resolved
        if resolved is not None:
            public = resolved.public and public is not False
        self.record(status=response.status, content_type=content_type, etag=etag, public=public)
        if resolved is not None and resolved.mixed:
            self.note("mixed_addresses")

    def record_redirect(self, before: Url, after: Url, count: int) -> None:
        """Record the redirect number `count`, from one URL to another."""
        self.record(redirects=count)
        if before.host != after.host:
            self.record(redirected_host=True)
            self.note("redirected_host")
        if before.scheme == "https" != after.scheme:
            self.record(insecure_redirect=True)
            self.note("insecure_redirect")

    def record_length(self, length: int | None, *, ranges: bool) -> None:
        """Record the length of the whole file as the server states it, and whether it serves ranges."""
        self.record(content_length=length, ranges=ranges)
        if not ranges:
            self.note("no_ranges")
        if length is None:
            self.note("length_missing")

    def record_read(self, count: int, seconds: float) -> None:
        """Record that `count` bytes of a body took `seconds`."""
        self._bytes += count
        self._seconds += seconds

    def download_seconds(self, size: int | None) -> float | None:
        """Return the s that `size` bytes take at the measured rate; None if too little was read to measure it."""
        if size is None or not self._bytes or (self._bytes < MIN_RATE_BYTES and self._seconds < MIN_RATE_SECONDS):
            return None
        return round(size * self._seconds / self._bytes, 1)

    @property
    def is_expired(self) -> bool:
        """Return whether the URL's signature had expired before anything was requested."""
        return self.delivery.expires_in is not None and self.delivery.expires_in <= 0


def _initial_delivery(url: str, parsed: Url | None, now: float) -> Delivery:
    """Return the facts that the URL itself states about its delivery."""
    if parsed is None:
        scheme, colon, _ = url[:32].partition(":")
        return Delivery(scheme=scheme.lower() if colon else "", host="", url_length=len(url))
    end = expires_at(url)
    notes = ("credentials_in_url",) if parsed.credentials is not None else ()
    return Delivery(
        scheme=parsed.scheme,
        host=parsed.host,
        port=parsed.port,
        url_length=len(url),
        host_is_ip=parsed.host_is_ip,
        expires_in=None if end is None else end - now,
        notes=(*notes, "url_unescaped") if parsed.unescaped else notes,
    )
