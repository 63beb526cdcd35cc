"""EBML, the element structure of Matroska and WebM (RFC 8794): identifiers, sizes and plain values."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Final

from preflight.sources import BoundReached

UNKNOWN: Final = -1
"""The size of an element that ends where another of its level or above begins (RFC 8794 6.2)."""
LONGEST_HEAD: Final = 12
"""Bytes: an identifier of four and a size of eight."""
_MANY: Final = 1024
"""Children of one element that are looked at."""


def head(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Identifier with its marker bits, size, and where the element's data begins; None where there is no head."""
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
    return identifier[0], UNKNOWN if value == ones else value, at + length


def children(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Yield identifier, start and end of the data of each complete element in a range. Raises `BoundReached`."""
    end = len(data) if end is None else end
    for _ in range(_MANY):
        found = head(data, start) if start < end else None
        if found is None:
            return
        identifier, size, begin = found
        start = end if size == UNKNOWN else begin + size
        if max(begin, start) > end:
            return
        yield identifier, begin, start
    if start < end and head(data, start):
        raise BoundReached(f"no end of the parent element within {_MANY} elements")


def number(data: bytes, at: int) -> tuple[int, int] | None:
    """A number that tells its own length, and where it ends."""
    found = _vint(data, at, 8)
    return (found[0] & (1 << 7 * found[1]) - 1, at + found[1]) if found else None


def unsigned(data: bytes, start: int, end: int) -> int:
    """An unsigned integer of up to eight bytes; an element without data is 0 (RFC 8794 7.2)."""
    return int.from_bytes(data[start : min(end, start + 8)], "big")


def real(data: bytes, start: int, end: int) -> float | None:
    """A finite floating-point number of four or eight bytes."""
    length = end - start
    if length not in (4, 8):
        return 0.0 if length == 0 else None
    value: float = struct.unpack_from(">f" if length == 4 else ">d", data, start)[0]
    return value if math.isfinite(value) else None


def text(data: bytes, start: int, end: int) -> str:
    """A string; zero bytes may fill it up (RFC 8794 7.4)."""
    return data[start:end].partition(b"\0")[0].decode("utf-8", "replace")


def _vint(data: bytes, at: int, longest: int) -> tuple[int, int] | None:
    """A number whose leading zero bits tell its length in bytes, marker included (RFC 8794 4)."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    if length > longest or at + length > len(data):
        return None
    return int.from_bytes(data[at : at + length], "big"), length
