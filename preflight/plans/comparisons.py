"""Make files of a request equal or similar where they must be: `same` and `ratios` between files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from math import log
from typing import Final, NamedTuple

from preflight.facts import label
from preflight.formats import IMAGE, VIDEO
from preflight.limit import Limit
from preflight.media import Media
from preflight.plans import geometry
from preflight.plans.encoding import GEOMETRY, Subject
from preflight.plans.geometry import Size
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
    """What a choice would change: files, pixels, and the largest factor by which one is enlarged."""

    files: int
    amount: float
    upscale: float = 1.0


def make_equal(members: Sequence[Member], fact: str, service: str, max_upscale: float) -> Iterator[Obstacle]:
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
        yield from _same_size(having, fact, service, max_upscale)
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
        return Obstacle(f"{problem}, which needs a larger factor of enlargement. Allow it.", parameter)
    return Obstacle(f"{problem}, which no change inside their limits achieves. Give files that are more alike.")


def _same_size(having: Sequence[Member], fact: str, service: str, max_upscale: float) -> Iterator[Obstacle]:
    fact = "dimensions" if fact == "aspect_ratio" else fact  # rounded sides seldom have exactly the same ratio
    costs: dict[Size, _Change] = {}
    for size in _sizes(having):
        changes = [_change(member, size, fact) for member in having]
        found = [change for change in changes if change is not None]
        if len(found) == len(having):
            files, amount = sum(change.files for change in found), sum(change.amount for change in found)
            costs[size] = _Change(files, amount, max(change.upscale for change in found))
    allowed = [size for size, change in costs.items() if change.upscale <= max_upscale + _ROUNDING]
    if not allowed:
        values = list(dict.fromkeys(member.current(fact) for member in having))
        yield _not_equal(fact, values, service, "max_upscale" if costs else None)
        return
    best = min(allowed, key=lambda size: costs[size])
    for member in having:
        member.add([_equal_to(fact, getattr(_resized(member, best), fact))])


def _sizes(having: Sequence[Member]) -> list[Size]:
    """Return the sizes to choose from: those of the files, the smallest of their sides, and both inside all limits."""
    medias = [member.media for member in having if member.media is not None]
    sizes = dict(Counter((media.width or 0, media.height or 0) for media in medias).most_common(_MAX_CHOICES))
    widths, heights = (sorted({size[side] for size in sizes})[:_MAX_SIDES] for side in (0, 1))
    shortest = min(widths[0], heights[0])  # a square is inside most limits
    sizes |= {size: 0 for size in (*product(widths, heights), (shortest, shortest)) if size not in sizes}
    limits: dict[str, Limit] = {}
    for fact in GEOMETRY:
        stated = [limit for member in having for limit in member.stated(fact)]
        if stated and (both := intersect(stated)) is not None:
            limits[fact] = both
    kind = VIDEO if any(media.kind == VIDEO for media in medias) else IMAGE
    for width, height in list(sizes):
        shape = geometry.shape(Subject.of(Media(kind, width=width, height=height)), limits)
        if shape is not None:
            sizes.setdefault(shape.result, 0)
    return list(sizes)


def _resized(member: Member, size: Size) -> Media:
    assert member.media is not None
    return member.media._replace(width=size[0], height=size[1])


def _change(member: Member, size: Size, fact: str) -> _Change | None:
    """Return what giving a file the value of a size changes; None if its limits do not allow it."""
    media = member.media
    assert media is not None
    value = getattr(_resized(member, size), fact)
    if getattr(media, fact) == value and _keeps_geometry(member):
        return _Change(0, 0)
    limits = member.geometry(_equal_to(fact, value))
    shape = geometry.shape(Subject.of(media), limits) if limits is not None else None
    return None if shape is None else _Change(1, *_pixels_changed(media, shape))


def _pixels_changed(media: Media, shape: geometry.Shape) -> tuple[float, float]:
    """Return how many pixels a crop and a scaling remove or invent, and the factor by which they enlarge."""
    (width, height), (new_width, new_height) = shape.crop, shape.result
    cropped = (media.pixels or 0) - width * height
    return cropped + abs(width * height - new_width * new_height), max(new_width / width, new_height / height)


def make_similar(members: Sequence[Member], ratio: Limit, service: str, max_upscale: float) -> Iterator[Obstacle]:
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
        change = _window_change(having, numbers, window, max_upscale)
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
    having: Sequence[Member], numbers: Sequence[float], window: Limit, max_upscale: float
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
        limits = member.geometry(window)
        shape = geometry.shape(Subject.of(media), limits) if limits is not None else None
        if shape is None:
            return None
        pixels, upscale = _pixels_changed(media, shape)
        if upscale > max_upscale + _ROUNDING:
            return None
        amount += pixels
    return _Change(files, amount)
