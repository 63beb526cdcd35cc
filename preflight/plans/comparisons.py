"""Make files of a request equal or similar where they must be: `same` and `ratios` between files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import log, prod
from typing import Final, NamedTuple

from preflight.facts import label
from preflight.formats import IMAGE, VIDEO
from preflight.limit import Limit
from preflight.media import Media
from preflight.plans import geometry
from preflight.plans.choices import Choices
from preflight.plans.encoding import GEOMETRY, Subject
from preflight.plans.feasibility import has_size
from preflight.plans.geometry import LimitsByFact, Shape, Size
from preflight.plans.intersection import intersect
from preflight.plans.members import Member, nearest_value, with_values
from preflight.report import Obstacle
from preflight.units import format_value
from preflight.wording import either

_ONLY_LOWERED: Final = frozenset(
    ("duration", "size", "base64_size", "bit_rate", "video_bit_rate", "audio_bit_rate", "frames", "pixel_frames")
)
"""Facts that a plan lowers but never raises, and not to an exact value."""
_ROUNDING: Final = 1e-9
_MAX_CHOICES: Final = 64
"""Sizes, or ranges of values, that are tried."""
_MAX_SIDES: Final = 6
"""Widths and heights of files that are tried with each other."""


class _Change(NamedTuple):
    """What a choice would change: a number of files, and pixels or shares of values."""

    files: int
    amount: float


def make_equal(members: Sequence[Member], fact: str, service: str, choices: Choices) -> Iterator[Obstacle]:
    """Add limits so that all members have the same value of a fact; yield why that is not possible.

    Chosen is the value that most of them already have, then that which changes the fewest pixels.
    """
    having = with_values(members, fact)
    if having is None:
        yield _unread(fact, service)
        return
    values = list(dict.fromkeys(member.current(fact) for member in having))
    if len(values) < 2 and (fact not in GEOMETRY or all(_keeps_geometry(member) for member in having)):
        return
    if fact in GEOMETRY:
        yield from _same_size(having, fact, service, choices)
        return
    chosen = next(
        (limit for limit in _values(having, fact) if all(member.can_have(fact, limit) for member in having)), None
    )
    if chosen is None:
        yield _not_equal(fact, values, service)
        return
    for member in having:
        member.add([chosen])


def _values(having: Sequence[Member], fact: str) -> Iterator[Limit]:
    """Yield the values to choose from: the most frequent first, then those that the limits of all list."""
    if fact in _ONLY_LOWERED:
        return
    for value, _ in Counter(member.current(fact) for member in having).most_common(_MAX_CHOICES):
        yield _equal_to(fact, value)
    listed = intersect([limit for member in having for limit in member.stated(fact)] or [Limit(fact)])
    yield from (_equal_to(fact, value) for value in (listed.any_of or () if listed is not None else ()))


def _equal_to(fact: str, value: object) -> Limit:
    return Limit(fact, any_of=(value,), hint="the same in all files")


def _keeps_geometry(member: Member) -> bool:
    return all(member.keeps(fact) for fact in GEOMETRY if member.stated(fact))


def _unread(fact: str, service: str) -> Obstacle:
    what = label(fact)
    return Obstacle(f"The {what} of a file could not be read, and {service} compares it. Give files that can be read.")


def _not_equal(fact: str, values: Sequence[object], service: str, parameter: str | None = None) -> Obstacle:
    shown = either([format_value(fact, value) for value in values], "and")
    problem = f"The files have {label(fact)} {shown}, and {service} accepts them together only if all have the same"
    if parameter:
        return Obstacle(f"{problem}, which needs a larger factor of enlargement.", parameter)
    return Obstacle(f"{problem}, which no change within their limits achieves. Give files that are more alike.")


def _same_size(having: Sequence[Member], fact: str, service: str, choices: Choices) -> Iterator[Obstacle]:
    fact = "dimensions" if fact == "aspect_ratio" else fact  # rounded sides seldom have exactly the same ratio
    counts = Counter(_size(member) for member in having)
    own = [size for size, _ in counts.most_common(_MAX_CHOICES)]
    for sizes in (own, _other_sizes(having, own)):
        costs, is_enlarged = _costs(having, sizes, fact, choices)
        if costs:
            best = min(costs, key=lambda size: costs[size])
            for member in having:
                member.add([_equal_to(fact, getattr(_resized(member, best), fact))])
            return
    values = list(dict.fromkeys(member.current(fact) for member in having))
    yield _not_equal(fact, values, service, "max_upscale" if is_enlarged else None)


def _costs(
    having: Sequence[Member], sizes: Iterable[Size], fact: str, choices: Choices
) -> tuple[dict[Size, _Change], bool]:
    """Return what each possible size changes, and whether others only need a larger factor of enlargement."""
    costs: dict[Size, _Change] = {}
    is_enlarged = False
    for size in sizes:
        changes = [_change(member, size, fact, choices) for member in having]
        found = [change for change in changes if isinstance(change, _Change)]
        is_enlarged |= len(found) < len(having) and None not in changes
        if len(found) == len(having):
            costs[size] = _Change(sum(change.files for change in found), sum(change.amount for change in found))
    return costs, is_enlarged


def _size(member: Member) -> Size:
    media = member.media
    return (media.width or 0, media.height or 0) if media is not None else (0, 0)


def _other_sizes(having: Sequence[Member], own: Sequence[Size]) -> Iterator[Size]:
    """Yield sizes that no file has: their smallest sides, and the nearest that are inside the limits of all."""
    limits: dict[str, Limit] = {}
    for fact in GEOMETRY:
        stated = [limit for member in having for limit in member.stated(fact)]
        if stated and (both := intersect(stated)) is not None:
            limits[fact] = both
    widths, heights = (sorted({size[side] for size in own})[:_MAX_SIDES] for side in (0, 1))
    shortest = min(widths[0], heights[0])  # a square is inside most limits
    kind = VIDEO if any(member.kind == VIDEO for member in having) else IMAGE
    for width, height in dict.fromkeys((*own, *product(widths, heights), (shortest, shortest))):
        yield width, height
        shape = geometry.plan_shape(Subject.of(Media(kind, width=width, height=height)), limits)
        if isinstance(shape, Shape):
            yield shape.result


def _resized(member: Member, size: Size) -> Media:
    assert member.media is not None
    return member.media._replace(width=size[0], height=size[1])


def _change(member: Member, size: Size, fact: str, choices: Choices) -> _Change | Obstacle | None:
    """Return what giving a file the value of a size changes; None or an obstacle if that is not possible."""
    media = member.media
    assert media is not None
    value = getattr(_resized(member, size), fact)
    if getattr(media, fact) == value and _keeps_geometry(member):
        return _Change(0, 0)
    return _shape_change(media, member.geometry(_equal_to(fact, value)), choices)


def _shape_change(media: Media, limits: LimitsByFact | None, choices: Choices) -> _Change | Obstacle | None:
    """Return how many pixels a plan for the geometry crops, pads, and removes or invents by scaling."""
    if limits is None or not has_size(limits):
        return None
    shape = geometry.plan_shape(Subject.of(media), limits, choices)
    if not isinstance(shape, Shape):
        return shape
    whole, part, scaled, result = (
        prod(size) for size in ((media.width or 0, media.height or 0), *shape[:2], shape.result)
    )
    return _Change(1, whole - part + abs(part - scaled) + result - scaled)


def make_similar(members: Sequence[Member], ratio: Limit, service: str, choices: Choices) -> Iterator[Obstacle]:
    """Add limits so that the largest value of a fact is at most so many times the smallest; yield why not."""
    fact = ratio.fact
    having = with_values(members, fact)
    if having is None:
        yield _unread(fact, service)
        return
    current = [member.current(fact) for member in having]
    values = [member.number(fact) for member in having]
    numbers = [value for value in values if value is not None]
    if ratio.high is None or len(numbers) < 2 or min(numbers) <= 0:
        return
    if not ratio.side(max(numbers) / min(numbers)) and current == numbers:
        return
    best: tuple[_Change, Limit] | None = None
    for window in _windows(numbers, ratio):
        change = _window_change(having, numbers, window, choices)
        if change is not None and (best is None or change < best[0]):
            best = change, window
    if best is None:
        factor = format_value(fact, max(numbers) / min(numbers))
        problem = f"The {label(fact)} of one file is {factor} times that of another, and {service} accepts at most"
        yield Obstacle(f"{problem} {ratio.high:g} times. Give files that are more alike.")
        return
    for member in having:
        member.add([best[1]])


def _windows(numbers: Sequence[float], ratio: Limit) -> Iterator[Limit]:
    """Yield ranges of values of which none is more than so many times another."""
    factor = (ratio.high or 1) * (1 - _ROUNDING)
    hint = f"the {label(ratio.fact)} of the files may differ by at most {ratio.high:g} times"
    if ratio.fact in _ONLY_LOWERED:
        numbers = [min(numbers)]
    for number in dict.fromkeys(numbers[:_MAX_CHOICES]):
        yield Limit(ratio.fact, number, number * factor, hint=hint)
        if ratio.fact not in _ONLY_LOWERED:
            yield Limit(ratio.fact, number / factor, number, hint=hint)


def _window_change(
    having: Sequence[Member], numbers: Sequence[float], window: Limit, choices: Choices
) -> _Change | None:
    """Return what bringing the values of all files into a range changes; None if their limits do not allow it."""
    files, amount = 0, 0.0
    for member, number in zip(having, numbers, strict=True):
        fact, media = window.fact, member.media
        if window.side(number) == 0 and member.keeps(fact):
            continue
        limit = member.limit(fact, window)
        if limit is None or media is None:
            return None
        files += 1
        if fact not in GEOMETRY:
            amount += abs(log(nearest_value(number, limit) / number))
            continue
        change = _shape_change(media, member.geometry(window), choices)
        if not isinstance(change, _Change):
            return None
        amount += change.amount
    return _Change(files, amount)
