"""Compile one limit of a rule file: the accepted values of one fact, and whether a value is among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from preflight.facts import FACTS
from preflight.media import NONE
from preflight.units import RATIOS, format_value, parse_bound

Table = Mapping[str, Any]
"""A table of a rule file as TOML gives it, valid and untyped."""

Changed = Literal["scaled", "converted", "cut"]
"""What a service does with a file that it accepts although it is outside a limit."""

_ROUNDING: Final = 1e-9
"""Tolerance for a whole number of pixels, and for shares, in floating point."""
LOWER: Final = ("min", "above")
"""The words for lower bounds."""
UPPER: Final = ("max", "below")
"""The words for upper bounds."""
COMPARISONS: Final = {">=": "min", ">": "above", "<=": "max", "<": "below"}
"""The signs of a condition on a number, and the bounds that they stand for."""
NOT_A_MULTIPLE: Final = 2
"""The side of a value inside the bounds of a limit that is not one of its multiples."""


class Limit(NamedTuple):
    """The accepted values of one fact. A value equal to an open bound fails, one equal to a closed bound passes.

    lenient    a wider limit; a value that only it accepts gives a warning
    required   whether an absent value fails too
    within     share by which a value may differ from a listed one
    otherwise  what the service does with a file outside: it accepts and changes it
    listed     the values of `any_of` as the rule file writes them, if they are ratios
    note       a remark for the message; hint: a remark for the hint
    written    the limit as the rule file writes it, for machines
    """

    fact: str
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    any_of: tuple[Any, ...] | None = None
    lenient: Limit | None = None
    note: str | None = None
    hint: str | None = None
    required: bool = False
    written: dict[str, Any] | None = None
    within: float | None = None
    multiple_of: int | None = None
    otherwise: Changed | None = None
    listed: tuple[str, ...] | None = None

    def __hash__(self) -> int:
        """Return the hash of the main fields: `written` is a dict, which has none."""
        return hash((self.fact, self.low, self.high, self.any_of))

    @property
    def accepts_none(self) -> bool:
        """Return whether `none` is among the accepted values."""
        return self.any_of is not None and NONE in self.any_of

    @property
    def choice_code(self) -> str:
        """Return the finding code for a value that is not among the accepted ones."""
        fact = FACTS[self.fact]
        return fact.presence_code if self.any_of == (NONE,) else fact.choice_code

    def side(self, value: Any, height: int | None = None) -> int:
        """Return 0 for an accepted value, -1 for one that is too low, 1 for one that is too high or not accepted.

        `NOT_A_MULTIPLE` is for a value between the bounds. `height` is that of the picture in pixels: a listed aspect
        ratio without `within` is then matched within one pixel of it.
        """
        if self.any_of is not None and value not in self.any_of:
            is_inexact = self.within is not None or self.fact == "aspect_ratio"
            if not (is_inexact and self._is_near(value, height)):
                return 1
        low, high = self.low, self.high
        if low is not None and (value <= low if self.low_open else value < low):
            return -1
        if high is not None and (value >= high if self.high_open else value > high):
            return 1
        return NOT_A_MULTIPLE if self.multiple_of is not None and value % self.multiple_of else 0

    def _is_near(self, value: float, height: int | None) -> bool:
        """Return whether a value is within the share of a listed one, or the height for a ratio within one pixel."""
        share = self.within or (1 / height if height else 0.0)
        return any(choice > 0 and abs(value / choice - 1) <= share + _ROUNDING for choice in self.any_of or ())


def compile_limit(fact: str, line: Table) -> Limit:
    """Return the limit that a line of a rule file puts on a fact.

    >>> compile_limit("duration", {"min": 2, "max": 15, "lenient": {"max": 15.2}}).lenient.high
    15.2
    """
    sides = _sides(fact, line)
    lenient = None
    if "lenient" in line:
        lenient = _sides(fact, line["lenient"])
        if lenient.low is None:
            lenient = lenient._replace(low=sides.low, low_open=sides.low_open)
        if lenient.high is None:
            lenient = lenient._replace(high=sides.high, high_open=sides.high_open)
        if lenient.any_of is None:
            lenient = lenient._replace(any_of=sides.any_of, listed=sides.listed)
        lenient = lenient._replace(
            within=lenient.within or sides.within, multiple_of=lenient.multiple_of or sides.multiple_of
        )
    return sides._replace(
        lenient=lenient,
        otherwise=line.get("otherwise"),
        note=line.get("note"),
        hint=line.get("hint"),
        required=line.get("required", False),
        written={key: value for key, value in line.items() if key not in ("note", "hint")},
    )


def _sides(fact: str, line: Table) -> Limit:
    """Return a limit with the values that it accepts, and without its other fields."""
    bounds = {word: parse_bound(fact, line[word]) for word in (*LOWER, *UPPER) if word in line}
    any_of = listed = None
    if "any_of" in line:
        is_number = FACTS[fact].type in (int, float)
        any_of = tuple([parse_bound(fact, value) if is_number else value for value in line["any_of"]])
        if fact in RATIOS:
            listed = tuple([value if isinstance(value, str) else format_value(fact, value) for value in line["any_of"]])
    return Limit(
        fact,
        low=bounds.get("above", bounds.get("min")),
        high=bounds.get("below", bounds.get("max")),
        low_open="above" in bounds,
        high_open="below" in bounds,
        any_of=any_of,
        within=line.get("within"),
        multiple_of=line.get("multiple_of"),
        listed=listed,
    )


def compile_condition(fact: str, value: object) -> Limit:
    """Return the limit that a condition is: a value, a list of values, or a comparison such as `"> 8 s"`.

    >>> compile_condition("duration", "<= 8 s").high, compile_condition("hdr", ["hlg", "pq"]).any_of
    (8, ('hlg', 'pq'))
    """
    if isinstance(value, str) and FACTS[fact].type in (int, float):
        sign, _, bound = value.partition(" ")
        if sign in COMPARISONS:
            return compile_limit(fact, {COMPARISONS[sign]: _number(bound)})
    return compile_limit(fact, {"any_of": value if isinstance(value, list) else [value]})


def _number(text: str) -> float | str:
    """Return a number without a unit; any other text as it is."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def compile_limits(lines: Table) -> tuple[Limit, ...]:
    """Return the limits of a section; `false` is none."""
    return tuple(compile_limit(fact, line) for fact, line in lines.items() if line is not False)
