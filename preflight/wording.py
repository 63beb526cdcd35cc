"""Word limits: what a limit accepts, in a sentence or in a few characters, and how a value exceeds it."""

from __future__ import annotations

from collections.abc import Sequence

from preflight.facts import label
from preflight.limit import Limit
from preflight.ruleset import When
from preflight.units import format_value


def excess(limit: Limit, side: int, service: str, lenient: Limit | None, *, is_at_bound: bool) -> str:
    """Return how a value exceeds a bound: `above the 15 s that Atlas Cloud accepts`.

    side         which bound it exceeds: positive for the upper, negative for the lower one
    lenient      the wider limit, if that includes the value
    is_at_bound  the value equals the bound, which is excluded
    """
    bound, wider = (limit.high, lenient and lenient.high) if side > 0 else (limit.low, lenient and lenient.low)
    text = _bound_text(limit.fact, bound)
    if is_at_bound:
        excluded = f"exactly the {text} that {service} publishes as excluded"
        return excluded if lenient is None else f"{excluded}, and is known or likely to accept"
    word = "above" if side > 0 else "below"
    if lenient is None:
        return f"{word} the {text} that {service} accepts"
    tolerated = _bound_text(limit.fact, wider)
    return f"{word} the {text} that {service} publishes, within the {tolerated} that it is known or likely to accept"


def _bound_text(fact: str, bound: float | None) -> str:
    text = format_value(fact, bound)
    return f"{text} total pixels" if fact == "pixels" else text


def accepted(limit: Limit) -> str:
    """Return what a limit accepts, in words.

    >>> from preflight.limit import compile_limit
    >>> accepted(compile_limit("duration", {"min": 2, "max": 15})), accepted(compile_limit("size", {"below": "30 MB"}))
    ('2 s to 15 s', 'below 30 MB')
    """
    if limit.any_of is not None:
        listed = either(limit.listed or [format_value(limit.fact, value) for value in limit.any_of])
        return f"{listed}, within {limit.within * 100:g} %" if limit.within else listed
    if limit.multiple_of is not None:
        multiples = f"multiples of {limit.multiple_of:,}"
        bounds = accepted(limit._replace(multiple_of=None))
        return multiples if limit.low is None and limit.high is None else f"{multiples}, {bounds}"
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


def condition(when: When) -> str:
    """Return the conditions of a `when` in words: `in mov`, `with duration above 8 s and HDR none`."""
    words = [f"in {either(when.formats)}"] if when.formats is not None else []
    if when.conditions:
        words.append("with " + " and ".join(f"{label(limit.fact)} {accepted(limit)}" for limit in when.conditions))
    return " ".join(words)


def either(words: Sequence[str], last: str = "or") -> str:
    """Return words as a list in a sentence: `a, b or c`."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def format_limit(limit: Limit) -> str:
    """Return a limit in a few characters; values that pass with a warning are in parentheses.

    >>> from preflight.limit import compile_limit
    >>> format_limit(compile_limit("duration", {"min": 2, "max": 15, "lenient": {"max": 15.2}}))
    '2–15 s (≤ 15.2 s)'
    >>> format_limit(compile_limit("size", {"below": "30 MB"}))
    '< 30 MB'
    """
    text = _own(limit)
    wider = limit.lenient
    if wider is None:
        return text
    if wider.any_of is not None and wider.any_of != limit.any_of:
        added = _listed(wider).items()
        return f"{text} ({', '.join(shown for value, shown in added if value not in (limit.any_of or ()))})"
    if (wider.within, wider.multiple_of) != (limit.within, limit.multiple_of):
        return f"{text} ({_own(wider)})"
    low = (wider.low, wider.low_open) != (limit.low, limit.low_open)
    high = (wider.high, wider.high_open) != (limit.high, limit.high_open)
    return f"{text} ({_range(wider) if low and high else _low(wider) if low else _high(wider)})"


def _own(limit: Limit) -> str:
    """Return what a limit accepts by itself, in a few characters."""
    parts = [_range(limit) if limit.any_of is None else ", ".join(_listed(limit).values())]
    if limit.within:
        parts[0] += f" ±{limit.within * 100:g} %"
    if limit.multiple_of is not None:
        parts.append(f"multiples of {limit.multiple_of:,}")
    if limit.required:
        parts.append("required")
    if limit.otherwise:
        parts.append(f"else {limit.otherwise}")
    return ", ".join(filter(None, parts))


def _listed(limit: Limit) -> dict[object, str]:
    """Return the listed values with their texts."""
    values = limit.any_of or ()
    return dict(zip(values, limit.listed or [format_value(limit.fact, value) for value in values], strict=True))


def _range(limit: Limit) -> str:
    if limit.low is None:
        return "" if limit.high is None else _high(limit) if limit.high or limit.high_open else "0"
    if limit.high is None:
        return _low(limit)
    if limit.low_open or limit.high_open:
        return f"{_low(limit)}, {_high(limit)}"
    low, high = format_value(limit.fact, limit.low), format_value(limit.fact, limit.high)
    unit = high.partition(" ")[2]
    return f"{low.removesuffix(f' {unit}') if unit else low}–{high}"


def _low(limit: Limit) -> str:
    return f"{'>' if limit.low_open else '≥'} {format_value(limit.fact, limit.low)}"


def _high(limit: Limit) -> str:
    return f"{'<' if limit.high_open else '≤'} {format_value(limit.fact, limit.high)}"
