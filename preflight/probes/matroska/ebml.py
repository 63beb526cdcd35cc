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
_MAX_CHILDREN: Final = 1024
"""Children of one element that are read."""


def read_header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return the identifier with its marker bits, the size, and where the data begins; None if there is no header."""
    identifier = _vint(data, at, 4)
    if identifier is None:
        return None
    at += identifier[1]
    size = _vint(data, at, 8)
    if size is None:
        return None
    value, length = size
    ones = (1 << 7 * length) - 1
    value &= ones
    return identifier[0], UNKNOWN_SIZE if value == ones else value, at + length


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
    found = _vint(data, at, 8)
    return (found[0] & (1 << 7 * found[1]) - 1, at + found[1]) if found else None


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


def _vint(data: bytes, at: int, max_bytes: int) -> tuple[int, int] | None:
    """Return a variable-size integer including its marker, and its length in bytes (RFC 8794 4)."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    if length > max_bytes or at + length > len(data):
        return None
    return int.from_bytes(data[at : at + length]), length
