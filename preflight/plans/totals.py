"""Bring the totals of a request inside their limits: the longest or largest files are cut down to a common level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor
from typing import Final, NamedTuple

from preflight.facts import label
from preflight.limit import Limit
from preflight.plans.members import Member, is_kept, upper_bound
from preflight.report import Obstacle
from preflight.units import format_value
from preflight.wording import accepted

_ROUNDING: Final = 1e-6


class Total(NamedTuple):
    """A limit on the total of some files.

    group      the files in words: `videos`, `all files`
    uncounted  registered assets, whose share is not known
    """

    group: str
    members: Sequence[Member]
    limit: Limit
    uncounted: int = 0

    @property
    def words(self) -> str:
        """Return what the total is of: `total duration of videos`."""
        return f"{label(self.limit.fact)} of {self.group}"


class _Scale(NamedTuple):
    """The whole steps in which the values of files are cut down.

    fact  the fact of each file that is cut down; step: of the total; own_step: of that fact
    """

    fact: str
    step: float = 1
    own_step: float = 1


_SCALES: Final = {
    "total_duration": _Scale("duration", 0.001, 0.001),
    "total_size": _Scale("size"),
    "total_base64_size": _Scale("size", 4, 3),
}


def level(values: Sequence[float], floors: Sequence[float], total: float) -> list[float] | None:
    """Return the values, the highest of them cut down to one level, so that their sum is at most `total`.

    None of them is cut below its floor; None if the sum would still be higher.

    >>> level([8, 2, 9], [2, 2, 2], 12)
    [5.0, 2, 5.0]
    """

    def cut(height: float) -> list[float]:
        return [min(value, max(height, least)) for value, least in zip(values, floors, strict=True)]

    if sum(cut(0)) > total:
        return None
    below = max(height for height in {0, *values, *floors} if sum(cut(height)) <= total)
    rising = sum(least <= below < value for value, least in zip(values, floors, strict=True))
    return cut(below + (total - sum(cut(below))) / rising) if rising else cut(below)


def cap_total(total: Total, service: str, *, strict: bool) -> Iterator[Obstacle]:
    """Add the limits to members that bring a total inside its limit; yield why that is not possible."""
    limit = total.limit
    values = [_value(member, limit.fact) for member in total.members]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        problem = f"The {total.words} could not be read, and {service} accepts {accepted(limit)}."
        yield Obstacle(f"{problem} Give files that can be read.")
        return
    whole = round(sum(known), 6)
    side = limit.side(whole)
    if not values or is_kept(limit, whole, strict=strict) or (total.uncounted and (side < 0 or limit.high is None)):
        return
    remedy = "Give longer files" if limit.fact == "total_duration" else "Give other files"
    if side > 0 and limit.any_of is None:
        tried = [limit] if strict or limit.lenient is None else [limit, limit.lenient]
        if any(_cap(total._replace(limit=each), known) for each in tried):
            return
        remedy = "Leave some out"
    shown = format_value(limit.fact, whole)
    yield Obstacle(f"The {total.words} is {shown}, and {service} accepts {accepted(limit)}. {remedy}.")


def _value(member: Member, fact: str) -> float | None:
    """Return what a file adds to a total after its own plan."""
    if fact == "total_duration":
        return member.number("duration")
    size, encoded = member.number("size"), member.number("base64_size")
    if size is None or fact == "total_size":
        return size
    whole = ceil(size / 3) * 4
    return whole if encoded is None else min(whole, encoded)


def _cap(total: Total, values: Sequence[float]) -> bool:
    """Add limits to the members with the highest values; return whether the total can be brought inside its limit."""
    scale = _SCALES[total.limit.fact]
    highest = upper_bound(total.limit, scale.fact)
    if highest is None:
        return False
    shares = [value / scale.step for value in values]
    floors = [ceil(member.floor(scale.fact) / scale.own_step - _ROUNDING) for member in total.members]
    levels = level(shares, floors, floor(highest / scale.step + _ROUNDING))
    if levels is None:
        return False
    for member, share, lowered in zip(total.members, shares, levels, strict=True):
        if lowered < share:
            cap = round(floor(lowered + _ROUNDING) * scale.own_step, 3)
            member.add([Limit(scale.fact, high=cap, hint=f"{total.words}: {accepted(total.limit)}")])
    return True
