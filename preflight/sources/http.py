"""A file at an http or https URL, read by ranges: `HttpSource`."""

from __future__ import annotations

from functools import partial
from typing import Final

from preflight.errors import SourceChanged, SourceError
from preflight.media import EVERYTHING, Delivery, Need
from preflight.net.answer import Answer
from preflight.net.errors import Passing, RangeRefused, too_much
from preflight.net.headers import content_range
from preflight.net.options import DEFAULT_OPTIONS, HttpOptions
from preflight.net.redact import redact
from preflight.net.transport import Transport, shared
from preflight.sources.blocks import HEAD
from preflight.sources.fetch_state import Received, Span
from preflight.sources.fetcher import Exchange
from preflight.sources.forward import Forward
from preflight.sources.pages import page_of

__all__ = ["HttpOptions", "HttpSource"]

FETCHES: Final = 96
"""Requests for parts of one file: one whose structure leads to more distant places is built to do so."""
MAX_CONTINUATIONS: Final = 1 << 10
"""Further requests if a server gives less than was requested."""
MAX_COMPARED_PIECES: Final = 16
"""Pieces, of up to `MAX_COMPARED_BYTES` each, that are fetched again if ETags vary between responses."""
MAX_COMPARED_BYTES: Final = 64 << 10
BEGIN: Final = 1 << 10
"""Bytes that show whether an answer is a web page."""
MAX_MEASURED_BYTES: Final = 2 << 20
"""Bytes that are read to find the end of a file whose size the server does not state."""
_STEP: Final = 8 << 10


class HttpSource:
    """A `Source` over a URL. The first read asks for the head of the file; nothing is asked before.

    name        the URL as it may be shown
    bytes_read  bytes of bodies that were read
    requests    requests that were sent: redirects, HEAD and further tries included

    A server that ignores Range gives its body forwards only: it is read as far as a reader asks, and kept.
    Raises `SourceError` with a code of `preflight.codes`, `SourceChanged` where ETag or size differ between answers.
    """

    def __init__(
        self,
        url: str,
        *,
        need: Need = EVERYTHING,
        options: HttpOptions = DEFAULT_OPTIONS,
        transport: Transport | None = None,
    ) -> None:
        self.name = redact(url)
        self.bytes_read = 0
        self.requests = 0
        self._asked = url
        self._limit = max(need.max_bytes, HEAD)
        self._exchange = Exchange(url, transport or shared(options), options, self._limit)
        self._received = Received(self.name, self._exchange.record)
        self._head = need.head
        self._fetches = 0
        self._continuations = 0
        self._cut_at: int | None = None
        self._opened = False
        self._size_searched = False
        self._failure: SourceError | None = None

    @property
    def delivery(self) -> Delivery:
        """What the server does, as far as it was seen; also after a failure."""
        delivery = self._exchange.record.delivery
        size = delivery.content_length if self._received.size is None else self._received.size
        return delivery._replace(download_seconds=self._exchange.meter.seconds_for(size))

    @property
    def size(self) -> int | None:
        self._open()
        if self._received.size is None and not self._size_searched:
            self._size_searched = True
            self._find_size()
        return self._received.size

    def read_at(self, offset: int, length: int) -> bytes:
        self._open()
        return self._read(offset, offset + length)

    def verify(self) -> None:
        """Raise `SourceChanged` if the ETags of responses differ and the content has changed.

        Sends no request if the ETags are equal: each response was compared with the first one.
        """
        if not self._received.etags_differ:
            return
        try:
            for start, data in self._received.blocks.pieces[:MAX_COMPARED_PIECES]:
                if data and not self._is_same(start, data[:MAX_COMPARED_BYTES]):
                    raise SourceChanged(self.name)
        finally:
            self._count()
        self._exchange.record.note("etag_varies")

    def _is_same(self, start: int, data: bytes) -> bool:
        """Return whether the file still has `data` at `start`, as far as the server shows it."""
        forward, end = self._received.forward, start + len(data)
        if forward is not None and end <= forward.kept:
            return forward.at(start, len(data)) == data
        try:
            return self._exchange.get((start, end), partial(_is_unchanged, (start, end), data))
        except RangeRefused:
            return True

    def close(self) -> None:
        if self._received.forward is not None:
            self._received.forward.close()

    def _open(self) -> None:
        """Ask for the head of the file, once; a failure stays."""
        if self._failure is not None:
            raise self._failure
        if self._opened:
            return
        self._opened = True
        try:
            self._ask((0, HEAD))
            self._look()
            if self._exchange.record.delivery.page is None:
                self._exchange.compare_without_headers(self._received.size, self._read(0, BEGIN))
                self._count()
            if self._head:
                self._exchange.head(self._received.size)
                self._count()
        except SourceError as failure:
            self._failure = failure
            raise

    def _look(self) -> None:
        """Whether a web page came in place of a file; its first 32 KiB show whether it asks for a password."""
        url = self._exchange.url
        if page_of(url, self._read(0, BEGIN), self._asked):
            self._exchange.record.see(page=page_of(url, self._read(0, HEAD), self._asked))

    def _find_size(self) -> None:
        """Read on to find the size, within the byte budget and half of the remaining time."""
        end = min(MAX_MEASURED_BYTES + 1, self._limit - self.bytes_read)  # one byte more shows whether the file ends
        try:
            least = self._exchange.seconds_left / 2
            for at in range(0, end, _STEP):
                if len(self._read(at, min(at + _STEP, end))) < _STEP or self._exchange.seconds_left < least:
                    break
        except SourceChanged:
            raise
        except SourceError:
            pass  # the size stays unknown; a reader that needs more gets the failure again

    def _read(self, offset: int, end: int) -> bytes:
        received = self._received
        pieces = []
        while offset < (end if received.size is None else min(end, received.size)):
            if received.forward is not None:
                pieces.append(self._read_forward(received.forward, offset, end))
                break
            piece = received.blocks.at(offset, end)
            if piece:
                pieces.append(piece)
                offset += len(piece)
            else:  # until the server has given everything, within the bounds of `_fetch`
                self._fetch(*received.blocks.span(offset, end, received.size), end)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _fetch(self, first: int, stop: int, end: int) -> None:
        """Ask for a distant piece, of which a reader wants what stands before `end`; the rest is ahead of it."""
        if first == self._cut_at:
            self._continuations += 1
        else:
            self._fetches += 1
        left = self._limit - self.bytes_read
        if self._fetches > FETCHES or self._continuations > MAX_CONTINUATIONS or end - first > left:
            self._exchange.record.note("read_limit")
            raise too_much(self.name, self._limit)
        stop = min(stop, first + left)
        self._ask((first, stop))
        last_end = self._received.blocks.last_end
        self._cut_at = last_end if first < last_end < stop else None

    def _read_forward(self, forward: Forward, offset: int, end: int) -> bytes:
        received = self._received
        end = end if received.size is None else min(end, received.size)
        if end > self._limit and not forward.ended:
            self._exchange.record.note("read_limit")
            forward.stop(too_much(self.name, self._limit))
        try:
            forward.reach(end)
        except Passing:
            self._exchange.get(None, lambda answer: self._resume(forward, answer, end))
        finally:
            self._count()
        if forward.ended and received.size is None:
            received.size = forward.kept
        return forward.at(offset, end - offset)

    def _resume(self, forward: Forward, answer: Answer, end: int) -> None:
        self._received.take(answer, None)
        forward.reach(end)

    def _ask(self, span: Span | None) -> None:
        """Ask for bytes `span`, or for all; what comes is kept. Where a server refuses parts, all is asked for."""
        try:
            self._exchange.get(span, lambda answer: self._received.take(answer, span))
        except RangeRefused:
            self._exchange.get(None, lambda answer: self._received.take(answer, None))
        finally:
            self._count()

    def _count(self) -> None:
        self.requests, self.bytes_read = self._exchange.requests, self._exchange.bytes_read


def _is_unchanged(span: Span, data: bytes, answer: Answer) -> bool:
    """Return whether a response to a GET of `span` still gives `data`, as far as it gives any of it."""
    part = content_range(answer.header("Content-Range"))
    if answer.status == 206 and part is not None and part.first == span[0]:
        data = data[: part.last + 1 - part.first]
    elif answer.status == 416:
        return False
    elif span[0] > 0 or answer.status == 206:
        raise RangeRefused(answer.url)
    same = answer.read(len(data)) == data
    answer.close()
    return same
