"""Find the best picture that has at most so many bytes: by quality, then by size in pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from typing import Final, NamedTuple, TypeVar

MIN_QUALITY: Final = 40.0
"""The lowest quality: below it, a smaller picture looks better."""
STOP_SHARE: Final = 0.96
"""Share of the bytes with which a search ends."""
MIN_SHARE_OF_BUDGET: Final = 0.92
"""Share of the bytes that a result has at least, if a quality has so many: enough for encoders that take long."""
FINE_STEP: Final = 0.04
WHOLE_STEP: Final = 1.0
_MAX_TRIES: Final = 12

T = TypeVar("T")


class EncodedPicture(NamedTuple):
    """An encoded picture, and the quality that it has."""

    data: bytes
    quality: float


def best_quality(
    encode: Callable[[float], bytes], budget: int, top: float, floor: float = MIN_QUALITY, *, step: float = FINE_STEP
) -> EncodedPicture | None:
    """Return the picture of the highest quality with at most `budget` bytes; None if even that of `floor` has more.

    top   the quality that is tried first
    step  difference of two qualities that give different results
    """
    low = min(floor, top)
    above = EncodedPicture(encode(top), top)
    if len(above.data) <= budget:
        return above
    below: EncodedPicture | None = None
    for number in range(_MAX_TRIES):
        quality = _next(below, above, low, budget, middle=number % 3 == 2)
        if step == WHOLE_STEP:
            quality = min(max(round(quality), below.quality + 1 if below else low), above.quality - 1)
        tried = EncodedPicture(encode(quality), quality)
        if len(tried.data) <= budget:
            below = tried
        elif quality <= low:
            return None
        else:
            above = tried
        enough = (
            below is not None and len(below.data) >= (STOP_SHARE if step < WHOLE_STEP else MIN_SHARE_OF_BUDGET) * budget
        )
        if enough or (below is not None and above.quality - below.quality <= step):
            break
        if above.quality - low <= step and below is None:
            return None
    return below


def _next(below: EncodedPicture | None, above: EncodedPicture, low: float, budget: int, *, middle: bool) -> float:
    """Return the quality to try: the number of bytes grows about exponentially between two qualities."""
    if below is None:
        guess = _guessed(above, budget)
        return low if guess < low + 3 or middle else guess
    if middle:
        return (below.quality + above.quality) / 2
    aim = log(budget * (1 + STOP_SHARE) / 2)
    first, last = log(len(below.data)), log(len(above.data))
    share = (aim - first) / (last - first) if last > first else 0.5
    return below.quality + min(max(share, 0.08), 0.92) * (above.quality - below.quality)


def _guessed(above: EncodedPicture, budget: int) -> float:
    """Return a quality whose result has about the wanted bytes: 1.2 times as coarse for each eighth less."""
    fewer = log(len(above.data) / budget)
    coarse = _percent(above.quality) * 2.718281828 ** (1.35 * fewer)
    return _quality(coarse)


def _percent(quality: float) -> float:
    """Return how coarse the quantization at a quality is, in percent of that of annex K."""
    return 5000 / quality if quality < 50 else max(2.0, 200 - 2 * quality)


def _quality(percent: float) -> float:
    return 5000 / percent if percent > 100 else (200 - percent) / 2


def largest(make: Callable[[T], EncodedPicture | None], sizes: Sequence[T]) -> tuple[T, EncodedPicture] | None:
    """Return the first of descending sizes for which something is made, and what is made; None if nothing is."""
    first, last = 0, len(sizes)
    best: tuple[T, EncodedPicture] | None = None
    while first < last:
        middle = (first + last) // 2
        made = make(sizes[middle])
        if made is None:
            first = middle + 1
        else:
            best, last = (sizes[middle], made), middle
    return best
