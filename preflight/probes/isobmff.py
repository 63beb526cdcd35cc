"""Walk the boxes of ISO base media files: MP4, QuickTime, HEIF, AVIF (ISO/IEC 14496-12 4.2).

A box is `size(4) type(4)`; with size 1 a 64-bit size follows the type, with size 0 the box extends to the end. A size
that is smaller than its own header ends the walk, so each step advances by at least 8 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from preflight.sources import BoundReached, Source

MAX_BOXES: Final = 10_000
"""Boxes of one level that are read: more than ten times as many as the largest real files have."""
MAX_OFFSET: Final = 1 << 62
"""No file is as large: a greater offset comes from a broken or hostile size, and no system can seek to it."""

_HEADER: Final = Struct(">I4s")
_LARGE_SIZE: Final = Struct(">Q")

Range = tuple[int, int]
"""Start and end of the body of a box."""
EMPTY: Final[Range] = (0, 0)


class Box(NamedTuple):
    """A top-level box. `start` is the offset of its header, `body` that of the first byte after the header.

    `end` is what the file states, even beyond the end of the file; None if the box extends to an unknown end.
    The body of a `uuid` box begins with its 16 bytes of user type.
    """

    type: bytes
    start: int
    body: int
    end: int | None


def brand_name(brand: bytes) -> str | None:
    """Return a brand without trailing blanks; None unless it is four printable characters."""
    name = brand.decode("latin-1")
    return name.rstrip() or None if len(name) == 4 and name.isascii() and name.isprintable() else None


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, body start, body end) of each box between `start` and `end` of `data`, without their children.

    The last box is cut at `end` if its size exceeds it. Raise `BoundReached` after `MAX_BOXES`.
    """
    end = len(data) if end is None or end > len(data) else end
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = _HEADER.unpack_from(data, start)
        body = start + 8
        if size == 1 and start + 16 <= end:
            (size,) = _LARGE_SIZE.unpack_from(data, body)
            body += 8
        elif size == 0:
            size = end - start
        if start + size < body:
            return
        start += size
        yield kind, body, start if start < end else end
    if start + 8 <= end:
        raise BoundReached(f"no end of this level within {MAX_BOXES} boxes")


def first_of_each(data: bytes, start: int, end: int, limit: int = MAX_BOXES) -> dict[bytes, Range]:
    """Return the body range of the first box of each type. Raise `BoundReached` after `limit` boxes.

    It walks as `boxes` does, but all at once: most of the time that a movie takes is spent here.
    """
    found: dict[bytes, Range] = {}
    unpack = _HEADER.unpack_from
    end = min(end, len(data))
    for _ in range(limit):
        if start + 8 > end:
            return found
        size, kind = unpack(data, start)
        body = start + 8
        if size < 8:
            if size == 1 and start + 16 <= end:
                (size,) = _LARGE_SIZE.unpack_from(data, body)
                body += 8
            elif size == 0:
                size = end - start
            if start + size < body:
                return found
        start += size
        if kind not in found:
            found[kind] = (body, start if start < end else end)
    if start + 8 <= end:
        raise BoundReached(f"no end of the parent box within {limit} boxes")
    return found


def box_at(header: bytes, start: int, size: int | None) -> Box | None:
    """Return the box at `start` of a file of `size` bytes, from the bytes `header` there; None if it is not a box."""
    if len(header) < 8:
        return None
    length, kind = _HEADER.unpack_from(header)
    body = start + 8
    if length == 0:
        return Box(kind, start, body, size)
    if length == 1 and len(header) >= 16:
        (length,) = _LARGE_SIZE.unpack_from(header, 8)
        body += 8
    return Box(kind, start, body, start + length) if start + length >= body else None


def top_level(source: Source, start: int = 0, limit: int = MAX_BOXES) -> Iterator[Box]:
    """Yield the boxes of the file from `start` on, reading 16 bytes of each. Raise `BoundReached` after `limit`."""
    for _ in range(limit):
        box = box_at(source.read_at(start, 16), start, source.size)
        if box is None:
            return
        yield box
        if box.end is None or not start < box.end < MAX_OFFSET:
            return
        start = box.end
    if source.size is None or start + 8 <= source.size:
        raise BoundReached(f"no end of the file within {limit} boxes")
