"""Write ICC profiles for pictures that state their colors in another way: by code points, or by numbers in a PNG."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from preflight.probes.color import CHROMATICITIES

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

_D50: Final[Vector] = (0.9642, 1.0, 0.8249)
_D65: Final = (0.3127, 0.329)
_BRADFORD: Final[Matrix] = (
    (0.8951, 0.2664, -0.1614),
    (-0.7502, 1.7135, 0.0367),
    (0.0389, -0.0685, 1.0296),
)
"""From XYZ to the cones' responses (ICC.1:2022 annex E)."""
_LIKE_SRGB: Final = frozenset(
    ("iec61966-2-1", "bt709", "smpte170m", "bt2020-10", "bt2020-12", "iec61966-2-4", "bt1361e", None)
)
"""Transfers that viewers of still pictures show like that of sRGB."""
_EXPONENTS: Final = {"bt470m": 2.2, "bt470bg": 2.8, "linear": 1.0, "smpte428": 2.6}
_SRGB_CURVE: Final = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_EIGHT_NUMBERS: Final = 8


def icc_profile_for(
    primaries: str | None, transfer: str | None, chromaticity: object = None, gamma: object = None
) -> bytes:
    """Return the profile of named colors, or of the numbers of a PNG; empty if they are sRGB or not known.

    chromaticity  x and y of white, red, green and blue; gamma: of the samples, 1 / 2.2 for most displays
    """
    if primaries in CHROMATICITIES and (transfer in _LIKE_SRGB or transfer in _EXPONENTS):
        if primaries == "bt709" and transfer in _LIKE_SRGB:
            return b""
        return _profile(_D65, CHROMATICITIES[primaries], _EXPONENTS.get(transfer or ""))
    stated = chromaticity if isinstance(chromaticity, tuple) else ()
    numbers = [float(each) for each in stated if isinstance(each, int | float)]
    if len(numbers) != _EIGHT_NUMBERS:
        return b""
    white, *others = zip(numbers[::2], numbers[1::2], strict=True)
    exponent = 1 / gamma if isinstance(gamma, int | float) and gamma > 0 else None
    return _profile(white, others, exponent)


def _profile(white: tuple[float, float], primaries: Sequence[tuple[float, float]], exponent: float | None) -> bytes:
    """Return a profile of version 4 (7.2, 8.3.3); empty for impossible chromaticities. Without exponent: as of sRGB."""
    try:
        columns = _colorants(white, primaries)
    except ZeroDivisionError:
        return b""
    curve = b"para" + struct.pack(">IHH", 0, 0 if exponent else 3, 0)
    curve += b"".join(map(_fixed, (exponent,) if exponent else _SRGB_CURVE))
    tags = {
        b"desc": _text("Colors of a picture"),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": b"XYZ \0\0\0\0" + b"".join(map(_fixed, _D50)),
        **{
            name: b"XYZ \0\0\0\0" + b"".join(map(_fixed, column))
            for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
        },
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, contents, at = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", at + len(contents), len(content))
        contents += padded
    header = struct.pack(
        ">I4sI4s4s4s12x4s4xI4s4x8xI12s4s16x28x",
        at + len(contents), b"\0\0\0\0", 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp", 0, b"\0\0\0\0", 0,
        b"".join(map(_fixed, _D50)), b"\0\0\0\0",
    )  # fmt: skip
    return header + struct.pack(">I", len(tags)) + table + contents


def conversion_matrix(primaries: str, other: str) -> Matrix:
    """Return the matrix from linear light in named primaries to that in others."""
    source = _transposed(_matrix_of(_colorants(_D65, CHROMATICITIES[primaries])))
    target = _transposed(_matrix_of(_colorants(_D65, CHROMATICITIES[other])))
    columns = [_solved(target, column) for column in _transposed(source)]
    return _transposed(_matrix_of(columns))


def _matrix_of(rows: Sequence[Vector]) -> Matrix:
    one, two, three = rows
    return one, two, three


def _fixed(number: float) -> bytes:
    """Return a number as s15Fixed16Number (4.6)."""
    return struct.pack(">i", max(-(1 << 31), min((1 << 31) - 1, round(number * 65536))))


def _text(words: str) -> bytes:
    """Return a multiLocalizedUnicodeType (10.15)."""
    coded = words.encode("utf-16-be")
    return b"mluc" + struct.pack(">III4sII", 0, 1, 12, b"enUS", len(coded), 28) + coded


def _colorants(white: tuple[float, float], primaries: Sequence[tuple[float, float]]) -> list[Vector]:
    """Return XYZ of red, green and blue at full intensity, adapted from the white point to D50."""
    red, green, blue = (_xyz(x, y) for x, y in primaries)
    columns: Matrix = (red, green, blue)
    white_xyz = _xyz(*white)
    shares = _solved(_transposed(columns), white_xyz)
    source, target = _times(_BRADFORD, white_xyz), _times(_BRADFORD, _D50)
    adapted = []
    for column, share in zip(columns, shares, strict=True):
        cones = _times(_BRADFORD, (column[0] * share, column[1] * share, column[2] * share))
        scaled = tuple(cone * to / of for cone, to, of in zip(cones, target, source, strict=True))
        adapted.append(_solved(_BRADFORD, (scaled[0], scaled[1], scaled[2])))
    return adapted


def _xyz(x: float, y: float) -> Vector:
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: Matrix, vector: Vector) -> Vector:
    one, two, three = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return one, two, three


def _transposed(matrix: Matrix) -> Matrix:
    one, two, three = zip(*matrix, strict=True)
    return one, two, three


def _solved(matrix: Matrix, vector: Vector) -> Vector:
    """Return the solution of a system of three equations by Cramer's rule. Raise ZeroDivisionError if it has none."""
    columns = _transposed(matrix)
    whole = _determinant(columns)
    replaced = [tuple(vector if at == number else column for at, column in enumerate(columns)) for number in range(3)]
    one, two, three = (_determinant((each[0], each[1], each[2])) / whole for each in replaced)
    return one, two, three


def _determinant(columns: Matrix) -> float:
    (a, b, c), (d, e, f), (g, h, i) = columns
    return a * (e * i - f * h) - d * (b * i - c * h) + g * (b * f - c * e)
