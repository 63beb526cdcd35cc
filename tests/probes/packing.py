"""Pack numbers into bits, as parameter sets have them."""

from __future__ import annotations


def packed(*fields: tuple[int, int] | int) -> bytes:
    """Return fields of (value, bits), and single numbers as Exp-Golomb codes, padded with zeros."""
    bits = ""
    for field in fields:
        value, width = field if isinstance(field, tuple) else (field + 1, 2 * (field + 1).bit_length() - 1)
        bits += f"{value:0{width}b}"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)
