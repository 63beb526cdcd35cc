"""Limits in words: what one accepts, and how far a value is outside it."""

from __future__ import annotations

from preflight.ruleset import Limit
from preflight.units import format_value


def beyond(limit: Limit, side: int, at_bound: bool, service: str, lenient: Limit | None) -> str:
    """`above the 15 s that Atlas Cloud accepts`, and the same for open bounds and tolerated values."""
    bound, wider = (limit.high, lenient and lenient.high) if side > 0 else (limit.low, lenient and lenient.low)
    text = _bound_text(limit.fact, bound)
    if at_bound:  # then it is an open one
        said = f"exactly the {text} that {service} publishes as excluded"
        return said if lenient is None else f"{said}, and is known or likely to take"
    word = "above" if side > 0 else "below"
    if lenient is None:
        return f"{word} the {text} that {service} accepts"
    tolerated = _bound_text(limit.fact, wider)
    return f"{word} the {text} that {service} publishes, within the {tolerated} that it is known or likely to take"


def _bound_text(fact: str, bound: float | None) -> str:
    text = format_value(fact, bound)
    return f"{text} total pixels" if fact == "pixels" else text


def accepted(limit: Limit) -> str:
    """What a limit accepts, in words.

    >>> from preflight.ruleset import compile_limit
    >>> accepted(compile_limit("duration", {"min": 2, "max": 15})), accepted(compile_limit("size", {"below": "30 MB"}))
    ('2 s to 15 s', 'below 30 MB')
    """
    if limit.any_of is not None:
        return either([format_value(limit.fact, value) for value in limit.any_of])
    low = None if limit.low is None else _bound_text(limit.fact, limit.low)
    high = None if limit.high is None else _bound_text(limit.fact, limit.high)
    if low is not None and high is not None:
        between = f"{low} to {high}"
        return f"{between}, without the bounds" if limit.low_open or limit.high_open else between
    if high is not None:
        return f"below {high}" if limit.high_open else f"at most {high}"
    if low is not None:
        return f"above {low}" if limit.low_open else f"at least {low}"
    return "any value" if not limit.required else "none without it"


def either(words: list[str], last: str = "or") -> str:
    """`a, b or c`."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
