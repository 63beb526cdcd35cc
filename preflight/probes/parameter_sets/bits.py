"""Read bits and Exp-Golomb codes of parameter sets (H.264 7.2, 9.1; H.265 9.2)."""

from __future__ import annotations

from typing import Final

_MAX_BYTES: Final = 1024
"""Bytes of one parameter set that are read; those with all scaling lists have half of that."""
_MAX_ZEROS: Final = 32
"""Leading zeros of the longest code."""


class Bits:
    """Reads bits from the most significant on. Raises `ValueError` at the end, and for a code of more than 32 bits.

    A string of digits is faster than shifting a large number: `index` finds the end of the zeros of a code.
    """

    __slots__ = ("_at", "_bits")

    def __init__(self, data: bytes) -> None:
        data = data[:_MAX_BYTES]
        self._bits = f"{int.from_bytes(data):0{8 * len(data)}b}"
        self._at = 0

    def take(self, count: int) -> int:
        """Return the next `count` bits (at least one) as a number."""
        at = self._at
        self._at = end = at + count
        if end > len(self._bits):
            raise ValueError("end of the parameter set")
        return int(self._bits[at:end], 2)

    def flag(self) -> bool:
        """Return the next bit."""
        at = self._at
        self._at = at + 1
        if at >= len(self._bits):
            raise ValueError("end of the parameter set")
        return self._bits[at] == "1"

    def skip(self, count: int) -> None:
        """Skip `count` bits."""
        self._at += count

    def code(self) -> int:
        """Return the next unsigned Exp-Golomb code, ue(v)."""
        at = self._at
        one = self._bits.index("1", at)
        self._at = end = 2 * one - at + 1
        if one - at > _MAX_ZEROS or end > len(self._bits):
            raise ValueError("not an Exp-Golomb code")
        return int(self._bits[one:end], 2) - 1

    def signed_code(self) -> int:
        """Return the next signed Exp-Golomb code, se(v)."""
        value = self.code()
        return value + 1 >> 1 if value & 1 else -(value >> 1)

    def skip_codes(self, count: int) -> None:
        """Skip `count` Exp-Golomb codes."""
        for _ in range(count):
            at = self._at
            self._at = 2 * self._bits.index("1", at) - at + 1


def payload(unit: bytes, header: int) -> bytes:
    """Return the payload of a NAL unit behind a header of `header` bytes, without emulation prevention (7.4.1.1)."""
    return unit[header:_MAX_BYTES].replace(b"\0\0\3", b"\0\0")


def color_description(bits: Bits) -> tuple[int, int, int] | None:
    """Read a VUI up to its colors: primaries, transfer, matrix; None if it states none (H.264 E.1.1, H.265 E.2.1)."""
    if bits.flag() and bits.take(8) == 255:  # aspect_ratio_idc: Extended_SAR
        bits.skip(32)
    if bits.flag():  # overscan_info_present_flag
        bits.skip(1)
    if not bits.flag():  # video_signal_type_present_flag
        return None
    bits.skip(4)  # video_format, video_full_range_flag
    return (bits.take(8), bits.take(8), bits.take(8)) if bits.flag() else None
