"""The box walk that all ISO base media files share: MP4, QuickTime, HEIF, AVIF (ISO/IEC 14496-12 4.2).

A box is `size(4) type(4)`, with size 1 a 64-bit size behind the type, with size 0 everything up to the end. A size
that is smaller than its own header ends the walk: each step moves on by at least 8 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from preflight.sources import BoundReached, Source

MAX_BOXES: Final = 10_000
"""Boxes of one level that are looked at: more than ten times what the largest real files hold."""

FARTHEST: Final = 1 << 62
"""No file reaches so far: an offset behind it comes from a broken or hostile size, and no system could seek to it."""

_HEADER: Final = Struct(">I4s")
_LARGE: Final = Struct(">Q")


class Box(NamedTuple):
    """A top-level box. `start` is where its header stands, `body` the first byte behind the header.

    `end` is what the file says, even where that lies behind the file's end; None = up to an end that nobody knows.
    The body of a `uuid` box begins with its 16 bytes of user type.
    """

    type: bytes
    start: int
    body: int
    end: int | None


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """(type, body_start, body_end) of each box between `start` and `end` of `data`, in order, not of their children.

    The last box is cut at `end` where its size says more. Raises `BoundReached` behind `MAX_BOXES`.
    """
    end = len(data) if end is None or end > len(data) else end
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = _HEADER.unpack_from(data, start)
        body = start + 8
        if size == 1 and start + 16 <= end:
            (size,) = _LARGE.unpack_from(data, body)
            body += 8
        elif size == 0:
            size = end - start
        if start + size < body:
            return
        start += size
        yield kind, body, start if start < end else end
    if start + 8 <= end:
        raise BoundReached(f"no end of this level within {MAX_BOXES} boxes")


def box_at(header: bytes, start: int, size: int | None) -> Box | None:
    """The box whose header begins `header` and stands at `start` of a file of `size` bytes; None where it is none."""
    if len(header) < 8:
        return None
    length, kind = _HEADER.unpack_from(header)
    body = start + 8
    if length == 0:
        return Box(kind, start, body, size)
    if length == 1 and len(header) >= 16:
        (length,) = _LARGE.unpack_from(header, 8)
        body += 8
    return Box(kind, start, body, start + length) if start + length >= body else None


def top_level(source: Source, start: int = 0, limit: int = MAX_BOXES) -> Iterator[Box]:
    """Yield the boxes of the file from `start` on. Reads 16 bytes per box, on demand.

    Raises `BoundReached` behind `limit`.
    """
    for _ in range(limit):
        box = box_at(source.read_at(start, 16), start, source.size)
        if box is None:
            return
        yield box
        if box.end is None or not start < box.end < FARTHEST:
            return
        start = box.end
    if source.size is None or start + 8 <= source.size:
        raise BoundReached(f"no end of the file within {limit} boxes")
