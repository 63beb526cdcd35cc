"""Whether a limit's sides make sense: none doubled, none crossed, and `lenient` wider than the limit itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, get_args

from preflight.facts import Unit
from preflight.units import quantity

_SIDES: Final = {"lower": ("min", "above"), "upper": ("max", "below")}
_OPEN: Final = ("above", "below")


def limit_problems(line: Mapping[str, Any]) -> list[str]:
    """What is wrong with one line of a rule file, as sentences; empty where nothing is.

    >>> limit_problems({"min": 20, "max": 15})
    ['min 20 and max 15 leave nothing that could pass']
    >>> limit_problems({"max": 15, "lenient": {"max": 14}})
    ['lenient max 14 is narrower than max 15: it may only widen']
    """
    problems = [*_side_problems(line, ""), *_choice_problems(line)]
    lenient = line.get("lenient")
    if lenient is None or problems:
        return problems
    if not lenient:
        return ["lenient says nothing: give it a wider side"]
    return [*_side_problems(lenient, "lenient "), *_narrowings(line, lenient)]


def _side_problems(line: Mapping[str, Any], what: str) -> list[str]:
    problems = []
    for side, (closed, opened) in _SIDES.items():
        if closed in line and opened in line:
            problems.append(f"{what}{closed} and {opened} are both the {side} side: keep one")
    if problems:
        return problems
    low, high = _word(line, "lower"), _word(line, "upper")
    if low and high:
        least, most = _value(line[low]), _value(line[high])
        if least > most or (least == most and (low in _OPEN or high in _OPEN)):
            problems.append(f"{what}{low} {line[low]} and {high} {line[high]} leave nothing that could pass")
    return problems


def _choice_problems(line: Mapping[str, Any]) -> list[str]:
    bounded = any(word in line for words in _SIDES.values() for word in words)
    if "any_of" in line and bounded:
        return ["any_of and bounds exclude each other: keep one"]
    if "any_of" not in line and not bounded and not line.get("required"):
        return ["it limits nothing: give it a bound, any_of or required = true"]
    return []


def _narrowings(line: Mapping[str, Any], lenient: Mapping[str, Any]) -> list[str]:
    problems = []
    for side, direction in (("lower", -1), ("upper", 1)):
        strict, wide = _word(line, side), _word(lenient, side)
        if wide is None:
            continue
        if strict is None:
            problems.append(f"lenient {wide} widens a side that the limit does not have")
            continue
        gain = direction * (_value(lenient[wide]) - _value(line[strict]))
        if gain < 0 or (gain == 0 and wide in _OPEN and strict not in _OPEN):
            problems.append(
                f"lenient {wide} {lenient[wide]} is narrower than {strict} {line[strict]}: it may only widen"
            )
        elif gain == 0 and (wide in _OPEN) == (strict in _OPEN):
            problems.append(f"lenient {wide} {lenient[wide]} is the limit itself: it widens nothing")
    if "any_of" in lenient:
        wider = frozenset(lenient["any_of"])
        missing = [str(value) for value in line.get("any_of", ()) if value not in wider]
        if "any_of" not in line:
            problems.append("lenient any_of widens a choice that the limit does not have")
        elif missing:
            problems.append(f"lenient any_of leaves out {', '.join(missing[:9])}: it may only widen")
    return problems


def _word(line: Mapping[str, Any], side: str) -> str | None:
    return next((word for word in _SIDES[side] if word in line), None)


def _value(written: Any) -> float:
    """Return a bound as a number. Which unit it has does not matter: the bounds of one line all have the same."""
    for unit in get_args(Unit):
        with suppress(ValueError):
            return quantity(written, unit)
    raise AssertionError(written)
