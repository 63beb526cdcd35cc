"""What came of one file so far: `Received`. It takes answers, and holds that all are of one version of the file."""

from __future__ import annotations

from preflight.errors import SourceChanged
from preflight.net.answer import Answer
from preflight.net.errors import RangeRefused, cut_off, unusable
from preflight.net.headers import content_length, content_range, unsatisfied_range
from preflight.sources.blocks import DISTANT, HEAD, Blocks
from preflight.sources.coding import DecodedBody, content_codings
from preflight.sources.forward import Body, Forward
from preflight.sources.record import Record

Span = tuple[int, int]
"""First byte, end."""


class Received:
    """The pieces of one file.

    size     bytes; None while the server does not say
    blocks   pieces that came by Range
    forward  the body, where the server ignores Range
    etags_differ  answers had different ETags, though size and time of change were the same: compare what is here
    """

    def __init__(self, name: str, record: Record) -> None:
        self.size: int | None = None
        self.blocks = Blocks()
        self.forward: Forward | None = None
        self._name = name
        self._record = record
        self.etags_differ = False
        self._tag = ""
        self._modified = ""

    def take(self, answer: Answer, span: Span | None) -> None:
        """Keep what an answer to a GET of `span`, or of all, gives.

        Raises `RangeRefused` where the answer is of no use and that to a plain GET may be, else `SourceError`.
        """
        if answer.status == 206:
            self._take_part(answer, span)
        elif answer.status == 416:
            self._take_nothing(answer, span)
        else:
            self._take_all(answer, span)

    def _take_part(self, answer: Answer, span: Span | None) -> None:
        part = content_range(answer.header("Content-Range"))
        if span is None:
            if part is None or part.first != 0 or part.last + 1 != part.total:
                raise unusable(self._name, "the server sent a part of the file although all of it was requested")
            self._take_all(answer, span)
            return
        length = _length(answer)
        if part is None or part.first != span[0] or length == 0 or content_codings(answer.header("Content-Encoding")):
            raise RangeRefused(self._name)  # other bytes, several parts, none, compressed, or nobody knows which
        self._compare(answer, part.total)
        self._record.length(part.total, True)
        if length is not None and length != part.last + 1 - part.first:
            self._record.note("length_wrong")
        wanted = min(part.last + 1, span[1]) - part.first
        if length is not None and DISTANT <= length < wanted:
            wanted = length  # it announces less than the part that it names, and may keep to it
        data = answer.read(wanted)
        if len(data) < wanted:
            raise cut_off(self._name)
        answer.close()
        self.blocks.add(part.first, data)

    def _take_nothing(self, answer: Answer, span: Span | None) -> None:
        """416: the place asked for is behind the end; of an empty file even the first byte is."""
        answer.dismiss()
        total = unsatisfied_range(answer.header("Content-Range"))
        if span is None:
            raise unusable(self._name, "the server refuses a part where the whole was asked for")
        if self.size is not None or (span[0] == 0 and total != 0):
            raise RangeRefused(self._name)
        self.size = span[0] if total is None else total
        self._record.see(content_length=self.size)

    def _take_all(self, answer: Answer, span: Span | None) -> None:
        """200: Range is ignored, and the body comes from its beginning."""
        stated = _length(answer)
        coding = content_codings(answer.header("Content-Encoding"))
        length = None if coding else stated  # that of the compressed body says nothing of the file
        part = content_range(answer.header("Content-Range"))
        if span is not None and part is not None and part.total != stated:
            raise RangeRefused(self._name)  # perhaps a part under the wrong status
        self._compare(answer, length)
        fits = length is not None and length <= HEAD
        self._record.see(status=answer.status)
        self._record.length(stated, fits and "bytes" in answer.header("Accept-Ranges").lower())
        body: Body = answer
        if coding:
            body = DecodedBody(answer, coding, self._name)
            self._record.note("content_encoded")
        if self.forward is None:
            self.forward = Forward(body, length)
        elif not self.forward.resume(body):
            raise SourceChanged(self._name)
        if fits:  # a connection whose answer was read to its end serves again
            self.forward.reach(HEAD)

    def _compare(self, answer: Answer, total: int | None) -> None:
        tag = answer.header("ETag").strip().removeprefix("W/")
        modified = answer.header("Last-Modified").strip()
        other_size = total is not None and self.size is not None and total != self.size
        if other_size or (modified and self._modified and modified != self._modified):
            raise SourceChanged(self._name)
        self.etags_differ |= bool(tag and self._tag and tag != self._tag)
        self._tag = self._tag or tag
        self._modified = self._modified or modified
        self.size = total if self.size is None else self.size


def _length(answer: Answer) -> int | None:
    """Content-Length, which means nothing beside a chunked body (RFC 9112 6.3)."""
    return None if answer.header("Transfer-Encoding") else content_length(answer.header("Content-Length"))
