"""Parse quantities of rule files and format values for messages."""

from __future__ import annotations

import re
from typing import Final

from preflight.facts import FACTS, Unit

_BYTES: Final[dict[str, float]] = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_SECONDS: Final[dict[str, float]] = {"ms": 0.001, "s": 1, "min": 60, "h": 3600}
_WRITTEN_UNITS: Final[dict[Unit | None, dict[str, float]]] = {"bytes": _BYTES, "s": _SECONDS}
"""The units that may follow a number in a rule file, by the unit of the fact."""
_EXAMPLES: Final[dict[Unit | None, str]] = {"bytes": ' such as "30 MB"', "s": ' such as 15 or "15 s"'}
RATIOS: Final = frozenset(("aspect_ratio", "pixel_aspect_ratio"))
"""Facts whose values may also be written as `16:9`."""
_RATIO: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?):(\d{1,6}(?:\.\d{1,6})?)")
_QUANTITY: Final = re.compile(r"\s*(\d+(?:\.\d+)?|\d{1,3}(?:_\d{3})+)\s*([A-Za-z]+)\s*")


def parse_quantity(written: object, unit: Unit | None) -> int | float:
    """Return a bound as a rule file writes it, in the unit of its fact. Raise `ValueError` with two sentences.

    >>> parse_quantity("30 MB", "bytes"), parse_quantity(15.2, "s"), parse_quantity("2 min", "s")
    (30000000, 15.2, 120)
    """
    if isinstance(written, int | float) and not isinstance(written, bool):
        return written
    match = _QUANTITY.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        shown = str(written).lower() if isinstance(written, bool) else repr(written)
        raise ValueError(f"{shown} is not a number. Write one{_EXAMPLES.get(unit, '')}.")
    number, suffix = match.groups()
    factors = _WRITTEN_UNITS.get(unit)
    if factors is None:
        raise ValueError(f"unexpected unit {suffix!r}. Write a number without a unit.")
    if suffix not in factors:
        raise ValueError(f"unknown unit {suffix!r}. Choose one of {', '.join(factors)}.")
    value = float(number.replace("_", "")) * factors[suffix]
    return int(value) if value == int(value) else value


def parse_bound(fact: str, written: object) -> int | float:
    """Return a bound of a fact as a rule file writes it, also a ratio. Raise `ValueError` with two sentences.

    >>> parse_bound("aspect_ratio", "16:9") == 16 / 9, parse_bound("size", "30 MB")
    (True, 30000000)
    """
    if fact not in RATIOS or not isinstance(written, str):
        return parse_quantity(written, FACTS[fact].unit)
    match = _RATIO.fullmatch(written)
    sides = [float(side) for side in match.groups()] if match else [0.0]
    if not all(sides):
        raise ValueError(f'{written!r} is not a ratio. Write one such as "16:9" or 1.78.')
    return sides[0] / sides[1]


def format_value(fact: str, value: object, *, against: float | None = None) -> str:
    """Return a value with its unit in full, precise enough to differ from the bound `against`.

    >>> format_value("pixels", 927408), format_value("duration", 15.2), format_value("size", 31_457_281)
    ('927,408', '15.2 s', '31.457281 MB')
    >>> format_value("duration", 15.0000004, against=15)
    '15.0000004 s'
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return str(value)
    unit = FACTS[fact].unit if fact in FACTS else None
    if unit == "bytes":
        return _bytes(value)
    suffix = f" {unit}" if unit is not None else ""
    if isinstance(value, int):
        return f"{value:,}{suffix}"
    for digits in (3, 6, 9):
        text = f"{value:,.{digits}f}".rstrip("0").rstrip(".")
        if against is None or value == against or float(text.replace(",", "")) != against:
            break
    else:
        text = repr(value)
    return text + suffix


def format_span(seconds: float) -> str:
    """Return a duration in the largest fitting unit, rounded.

    >>> format_span(90), format_span(400_000), format_span(2.2e8)
    ('2 minutes', '5 days', '7.0 years')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    for unit, length, most in (("minutes", 60, 7200), ("hours", 3600, 172_800), ("days", 86_400, 6e7)):
        if seconds < most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 31_557_600:.1f} years"


def _bytes(value: float) -> str:
    if value < 1000:
        return f"{value:,} bytes"
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor and value % factor == 0 and value % 1000:
            return f"{value // factor} {unit}"
    unit, factor = next(
        (unit, factor) for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)) if value >= factor
    )
    return f"{value / factor:,.9f}".rstrip("0").rstrip(".") + f" {unit}"
