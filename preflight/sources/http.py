"""A file at an http or https URL, read by ranges: `HttpSource`."""

from __future__ import annotations

from functools import partial
from typing import Final

from preflight.errors import SourceChanged, SourceError
from preflight.media import EVERYTHING, Delivery, Need
from preflight.net.errors import TransientError
from preflight.net.options import DEFAULT_OPTIONS, HttpOptions
from preflight.net.redact import redact
from preflight.net.response import Response, content_range
from preflight.net.transport import Transport, shared
from preflight.retry import Backoff
from preflight.sources.diagnosis import RangeRefused, classify_page, too_much
from preflight.sources.fetch_state import FIRST_FETCH_BYTES, FetchState, Span
from preflight.sources.fetcher import BACKOFF, UrlFetcher
from preflight.sources.stream import Spool

__all__ = ["HttpOptions", "HttpSource"]

MAX_FETCHES: Final = 96
"""Requests for parts of one file: a file that needs more was crafted for it."""
MAX_CONTINUATIONS: Final = 1 << 10
"""Further requests if a server gives less than was requested."""
MAX_COMPARED_PIECES: Final = 16
"""Pieces, of up to `MAX_COMPARED_BYTES` each, that are fetched again if ETags vary between responses."""
MAX_COMPARED_BYTES: Final = 64 << 10
PAGE_SNIFF_BYTES: Final = 1 << 10
"""Bytes that show whether a response is a web page."""
MAX_MEASURED_BYTES: Final = 2 << 20
"""Bytes that are read to find the end of a file whose size the server does not state."""
_STEP: Final = 8 << 10
_BEFORE_MARKUP: Final = b"\xef\xbb\xbf \t\r\n\x0b\x0c"
"""Bytes that may precede the first tag of a web page."""


class HttpSource:
    """A `Source` over a URL. The first read requests the head of the file; nothing is sent before.

    name        the URL as it may be shown
    bytes_read  bytes of bodies that were read
    requests    requests that were sent: redirects, HEAD and retries included

    The body of a server that ignores Range is read sequentially, as far as a reader asks, and kept.
    Raises `SourceError` with a code of `preflight.codes`, `SourceChanged` if ETag or size differ between responses.
    """

    remote = True

    def __init__(
        self,
        url: str,
        *,
        need: Need = EVERYTHING,
        options: HttpOptions = DEFAULT_OPTIONS,
        transport: Transport | None = None,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self.name = redact(url)
        self.bytes_read = 0
        self.requests = 0
        self._url = url
        self._limit = max(need.max_bytes, FIRST_FETCH_BYTES)
        self._fetcher = UrlFetcher(url, self.name, transport or shared(options), options, self._limit, backoff)
        self._state = FetchState(self.name, self._fetcher.recorder)
        self._head = need.head
        self._fetches = 0
        self._continuations = 0
        self._cut_at: int | None = None
        self._opened = False
        self._size_searched = False
        self._failure: SourceError | None = None

    @property
    def delivery(self) -> Delivery:
        """Return how the server delivers the file, as far as it was seen; also after a failure."""
        delivery = self._fetcher.recorder.delivery
        size = delivery.content_length if self._state.size is None else self._state.size
        return delivery._replace(download_seconds=self._fetcher.recorder.download_seconds(size))

    @property
    def size(self) -> int | None:
        """Return the bytes of the file; None if neither the server nor reading on tells. Raise `SourceError`."""
        self._open()
        if self._state.size is None and not self._size_searched:
            self._size_searched = True
            self._find_size()
        return self._state.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Raise `SourceError`, `SourceChanged`."""
        self._open()
        return self._read(offset, offset + length)

    def verify(self) -> None:
        """Raise `SourceChanged` if the ETags of responses differ and the content has changed.

        Sends no request if the ETags are equal: each response was compared with the first one.
        """
        if not self._state.etags_differ:
            return
        try:
            for start, data in self._state.cache.pieces[:MAX_COMPARED_PIECES]:
                if data and not self._is_same(start, data[:MAX_COMPARED_BYTES]):
                    raise SourceChanged(self.name)
        finally:
            self._count()
        self._fetcher.recorder.note("etag_varies")

    def _is_same(self, start: int, data: bytes) -> bool:
        """Return whether the file still has `data` at `start`, as far as the server shows it."""
        spool, end = self._state.spool, start + len(data)
        if spool is not None and end <= spool.kept:
            return spool.at(start, len(data)) == data
        try:
            return self._fetcher.get((start, end), partial(_is_unchanged, (start, end), data))
        except RangeRefused:
            return True

    def close(self) -> None:
        """Close the response that is still open, if there is one."""
        if self._state.spool is not None:
            self._state.spool.close()

    def _open(self) -> None:
        """Request the head of the file, once; keep a failure."""
        if self._failure is not None:
            raise self._failure
        if self._opened:
            return
        self._opened = True
        try:
            self._request((0, FIRST_FETCH_BYTES))
            beginning = self._read(0, PAGE_SNIFF_BYTES)
            if beginning.lstrip(_BEFORE_MARKUP).startswith(b"<"):
                self._look_for_page(beginning)
            if self._fetcher.sends_own_headers and self._fetcher.recorder.delivery.page is None:
                self._fetcher.compare_without_headers(self._state.size, beginning)
                self._count()
            if self._head:
                self._fetcher.head(self._state.size)
                self._count()
        except SourceError as failure:
            self._failure = failure
            raise

    def _look_for_page(self, beginning: bytes) -> None:
        """Record whether a web page came in place of a file; its first 32 KiB show whether it asks for a password."""
        found = self._fetcher.location
        url = found.text if found is not None else self._url
        if classify_page(url, beginning, self._url):
            self._fetcher.recorder.record(page=classify_page(url, self._read(0, FIRST_FETCH_BYTES), self._url))

    def _find_size(self) -> None:
        """Read on to find the size, within the byte budget and half of the remaining time."""
        end = min(MAX_MEASURED_BYTES + 1, self._limit - self.bytes_read)  # one byte more shows whether the file ends
        try:
            reserve = self._fetcher.seconds_left() / 2
            for at in range(0, end, _STEP):
                if len(self._read(at, min(at + _STEP, end))) < _STEP or self._fetcher.seconds_left() < reserve:
                    break
        except SourceChanged:
            raise
        except SourceError:
            pass  # the size stays unknown; a reader that needs more gets the failure again

    def _read(self, offset: int, end: int) -> bytes:
        state = self._state
        pieces = []
        while offset < (end if state.size is None else min(end, state.size)):
            if state.spool is not None:
                pieces.append(self._read_forward(state.spool, offset, end))
                break
            piece = state.cache.at(offset, end)
            if piece:
                pieces.append(piece)
                offset += len(piece)
            else:  # until the server has given everything, within the bounds of `_fetch`
                self._fetch(*state.cache.span(offset, end, state.size), end)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _fetch(self, first: int, stop: int, end: int) -> None:
        """Fetch a piece of which a reader wants the bytes before `end`; the rest is ahead of it."""
        if first == self._cut_at:
            self._continuations += 1
        else:
            self._fetches += 1
        left = self._limit - self.bytes_read
        if self._fetches > MAX_FETCHES or self._continuations > MAX_CONTINUATIONS or end - first > left:
            self._fetcher.recorder.note("read_limit")
            raise too_much(self.name, self._limit)
        stop = min(stop, first + left)
        self._request((first, stop))
        last_end = self._state.cache.last_end
        self._cut_at = last_end if first < last_end < stop else None

    def _read_forward(self, spool: Spool, offset: int, end: int) -> bytes:
        state = self._state
        end = end if state.size is None else min(end, state.size)
        if end > self._limit and not spool.ended:
            self._fetcher.recorder.note("read_limit")
            spool.stop(too_much(self.name, self._limit))
        try:
            spool.read_to(end)
        except TransientError:

            def resume(response: Response) -> None:
                state.consume(response, None)
                spool.read_to(end)

            self._fetcher.get(None, resume)
        finally:
            self._count()
        if spool.ended and state.size is None:
            state.size = spool.kept
        return spool.at(offset, end - offset)

    def _request(self, span: Span | None) -> None:
        """Request bytes `span`, or everything, and keep what comes. If a server refuses parts, request everything."""
        try:
            self._fetcher.get(span, lambda response: self._state.consume(response, span))
        except RangeRefused:
            self._fetcher.get(None, lambda response: self._state.consume(response, None))
        finally:
            self._count()

    def _count(self) -> None:
        self.requests, self.bytes_read = self._fetcher.requests, self._fetcher.bytes_read


def _is_unchanged(span: Span, data: bytes, response: Response) -> bool:
    """Return whether a response to a GET of `span` still gives `data`, as far as it gives any of it."""
    part = content_range(response.header("Content-Range"))
    if response.status == 206 and part is not None and part.first == span[0]:
        data = data[: part.last + 1 - part.first]
    elif response.status == 416:
        response.drain_and_close()
        return False
    elif span[0] > 0 or response.status == 206:
        raise RangeRefused(redact(response.url.text))
    same = response.read(len(data)) == data
    response.close()
    return same
