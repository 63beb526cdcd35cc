"""Read EBML, the element structure of Matroska and WebM (RFC 8794): identifiers, sizes and plain values."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Final

from preflight.sources import BoundReached

UNKNOWN_SIZE: Final = -1
"""The size of an element that ends where another of its level or above begins (RFC 8794 6.2)."""
MAX_HEADER_BYTES: Final = 12
"""An identifier of four bytes and a size of eight."""
_NO_WIDTH: Final = 9
_WIDTHS: Final = bytes(9 - first.bit_length() for first in range(256))
"""Bytes of a variable-size integer by its first one: the zeros before its marker, and 1 (RFC 8794 4)."""
_ONES: Final = tuple((1 << 7 * width) - 1 for width in range(_NO_WIDTH + 1))
"""The bits of an integer behind the marker, by its width."""
_MAX_CHILDREN: Final = 1024
"""Children of one element that are read."""


def read_header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return the identifier with its marker bits, the size, and where the data begins; None if there is no header."""
    try:
        width = _WIDTHS[data[at]]
        sized = at + width
        length = _WIDTHS[data[sized]]
    except IndexError:
        return None
    begin = sized + length
    if width > 4 or length > 8 or begin > len(data):
        return None
    ones = _ONES[length]
    size = int.from_bytes(data[sized:begin]) & ones
    return int.from_bytes(data[at:sized]), UNKNOWN_SIZE if size == ones else size, begin


def children(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Yield identifier, start and end of the data of each complete element in a range. Raise `BoundReached`."""
    end = len(data) if end is None else end
    for _ in range(_MAX_CHILDREN):
        found = read_header(data, start) if start < end else None
        if found is None:
            return
        identifier, size, begin = found
        start = end if size == UNKNOWN_SIZE else begin + size
        if max(begin, start) > end:
            return
        yield identifier, begin, start
    if start < end and read_header(data, start):
        raise BoundReached(f"no end of the parent element within {_MAX_CHILDREN} elements")


def read_vint(data: bytes, at: int) -> tuple[int, int] | None:
    """Return a variable-size integer without its marker, and where it ends (RFC 8794 4)."""
    width = _WIDTHS[data[at]] if at < len(data) else _NO_WIDTH
    end = at + width
    return (int.from_bytes(data[at:end]) & _ONES[width], end) if width <= 8 and end <= len(data) else None


def read_uint(data: bytes, start: int, end: int) -> int:
    """Return an unsigned integer of up to eight bytes; an element without data is 0 (RFC 8794 7.2)."""
    return int.from_bytes(data[start : min(end, start + 8)])


def read_float(data: bytes, start: int, end: int) -> float | None:
    """Return a finite floating-point number of four or eight bytes (RFC 8794 7.3)."""
    length = end - start
    if length not in (4, 8):
        return 0.0 if length == 0 else None
    value: float = struct.unpack_from(">f" if length == 4 else ">d", data, start)[0]
    return value if math.isfinite(value) else None


def read_text(data: bytes, start: int, end: int) -> str:
    """Return a string, which may be padded with zero bytes (RFC 8794 7.4)."""
    return data[start:end].partition(b"\0")[0].decode("utf-8", "replace")
