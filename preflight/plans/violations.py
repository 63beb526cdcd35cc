"""Find the known facts of a planned file that are outside limits, and those that nothing brings inside."""

from __future__ import annotations

from typing import Final

from preflight.limit import Limit
from preflight.media import NONE, Media, lacks_track_of
from preflight.plans.encoding import Subject
from preflight.plans.geometry import LimitsByFact

_SUBJECT_ONLY: Final = frozenset(("moving",))
_ONLY_GROWING: Final = frozenset(("size", "base64_size", "bit_rate", "video_bit_rate", "audio_bit_rate"))
"""Facts that only padding bytes would increase."""


def facts_outside(media: Subject, limits: LimitsByFact) -> frozenset[str]:
    """Return the known facts that limits do not accept, not even as `lenient`; the format apart."""
    facts = _facts_of(media)
    return frozenset(fact for fact, limit in limits.items() if fact != "format" and _is_outside(facts, fact, limit))


def facts_within(media: Subject, facts: frozenset[str], limits: LimitsByFact) -> frozenset[str]:
    """Return those of the facts that limits are known to accept, not only as `lenient`, or that no limit is on."""
    known = _facts_of(media)
    values = {fact: getattr(known, fact) for fact in facts & limits.keys()}
    refused = {fact for fact, value in values.items() if value is None or limits[fact].side(value, known.height) != 0}
    return facts - refused


def _facts_of(media: Subject) -> Media:
    return Media(**{fact: value for fact, value in media._asdict().items() if fact not in _SUBJECT_ONLY})


def _is_outside(facts: Media, fact: str, limit: Limit) -> bool:
    value = getattr(facts, fact)
    is_absent = lacks_track_of(facts, fact) if value is None else value == NONE and not limit.accepts_none
    if is_absent or value is None:
        return is_absent and limit.required
    if limit.side(value, facts.height) == 0:
        return False
    return limit.lenient is None or limit.lenient.side(value, facts.height) != 0


def too_low(media: Subject, wrong: frozenset[str], limits: LimitsByFact) -> frozenset[str]:
    """Return the wrong facts that are known to be below their limits and that only padding bytes would increase."""
    facts = _facts_of(media)
    return frozenset(fact for fact in wrong & _ONLY_GROWING & limits.keys() if _is_below(facts, limits[fact]))


def _is_below(facts: Media, limit: Limit) -> bool:
    value = getattr(facts, limit.fact)
    return value is not None and limit.any_of is None and limit.side(value) < 0
