"""Combine the limits of several rule sets on one kind of media, to plan one file that passes them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

from preflight.escape import printable
from preflight.facts import FACTS, label
from preflight.formats import AUDIO, FORMATS
from preflight.limit import Limit
from preflight.media import NONE
from preflight.plans.intersection import intersect
from preflight.ruleset import Section
from preflight.wording import accepted, either

Named = tuple[str, Section]
"""The name of a rule set, and its limits on one kind of media."""
Pair = tuple[str, Limit]
"""The name of a rule set, and one of its limits."""

_SOUND: Final = "audio_codec"
_NO_SOUND: Final = Limit(_SOUND, any_of=(NONE,))
_ABSENT_WORDS: Final = frozenset((_SOUND, "hdr"))
"""The facts of which `none` is a value."""


class Conflict(NamedTuple):
    """Limits that no file can keep together.

    names    the rule sets that exclude each other: two, or more if only all of these together do
    limits   the limit of each on the fact
    formats  the formats in which they do; empty: in all
    others   what the other formats fail by
    """

    names: tuple[str, ...]
    fact: str
    limits: tuple[Limit, ...]
    formats: tuple[str, ...] = ()
    others: tuple[Conflict, ...] = ()

    @property
    def sentence(self) -> str:
        """Return who excludes whom: `atlas and x exclude each other: duration at least 2 s, and at most 1 s`."""
        where = f"in {either(self.formats)}, " if self.formats else ""
        together = ", though no two of them do" if len(self.names) > 2 else ""
        listed = ", and ".join(
            (*filter(None, [", ".join(_words(limit) for limit in self.limits[:-1])]), _words(self.limits[-1]))
        )
        own = f"{where}{either(self.names, 'and')} exclude each other{together}: {label(self.fact)} {listed}"
        return "; ".join((printable(own), *(other.sentence for other in self.others)))


def _words(limit: Limit) -> str:
    """Return what a limit accepts, also if that is any value, but one."""
    if limit.any_of is None and limit.low is None and limit.high is None and limit.multiple_of is None:
        return "required"
    return f"{accepted(limit)}{' and required' if limit.required and limit.fact == _SOUND else ''}"


def combine(named: Sequence[Named], kind: str | None = None) -> Section | Conflict:
    """Return a section that accepts exactly what the sections of all rule sets accept, or why nothing is accepted.

    A format in which limits exclude each other is left out of the combined formats; there is a conflict only if no
    format remains. For the same sections the result is the same object. Strict bounds count: give `section.mandatory`
    if what a service would change itself (`otherwise`) is to stay as it is, and `section.at(media)` if limits depend
    on other facts than the format.

    kind  the kind of media that the sections limit: the sound of a video may be removed, an audio file has no other
    """
    return _combined(tuple(named), kind)


@lru_cache(1024)
def _combined(named: tuple[Named, ...], kind: str | None) -> Section | Conflict:
    if len(named) == 1:
        return named[0][1]
    stated = [(name, limit) for name, section in named if (limit := section.by_fact(None).get("format")) is not None]
    lists = [limit.any_of for _, limit in stated if limit.any_of is not None]
    known = dict.fromkeys(lists[0] if lists else [name for _, section in named for name in section.by_format])
    common = [name for name in known if all(_takes(section, name) for _, section in named)]
    if lists and not common:
        return _conflict(stated)
    general, conflict = _limits(named, None, kind)
    by_format: dict[str, tuple[Limit, ...]] = {}
    conflicts: dict[str, Conflict] = {}
    for name in common:
        limits, found = _limits(named, name, kind)
        if found is None:
            by_format[name] = limits
        else:
            conflicts[name] = found
    if not by_format and (lists or conflict is not None):
        return _of_formats(conflicts, named) if conflicts or conflict is None else conflict
    formats: Sequence[str] = tuple(by_format)
    if not lists and conflict is None:
        formats = [name for name in FORMATS if name not in conflicts] if conflicts else ()
    if not formats:
        return Section(general, by_format)
    first = next((limit for _, limit in stated), Limit("format"))
    limit = Limit("format", any_of=tuple(formats), note=first.note, hint=first.hint)
    return Section((limit, *general), {name: (limit, *limits) for name, limits in by_format.items()})


def _takes(section: Section, name: str) -> bool:
    """Return whether a section accepts a format."""
    limit = section.by_fact(name).get("format")
    return limit is None or limit.side(name) == 0


def _limits(named: Sequence[Named], name: str | None, kind: str | None) -> tuple[tuple[Limit, ...], Conflict | None]:
    """Return the combined limits on media of a format, the format apart, and the first conflict.

    Facts with a conflict have no limit in the result. Where rule sets accept no common sound but all accept a video
    without any, that is the limit, and its hint says why.
    """
    pairs = _by_fact(named, name)
    found: dict[str, Limit] = {}
    conflicts: dict[str, Conflict] = {}
    for fact, limits in pairs.items():
        limit = _intersect(limits, kind)
        if limit is None:
            conflicts[fact] = _conflict(limits, kind)
        else:
            found[fact] = limit
    sound = {fact for fact in conflicts if FACTS[fact].track == _SOUND}
    silent = _intersect([*pairs.get(_SOUND, ()), ("", _NO_SOUND)], kind)
    if sound and silent is not None and kind != AUDIO:
        reason = next(conflicts.pop(fact) for fact in sorted(sound)).sentence
        conflicts = {fact: conflict for fact, conflict in conflicts.items() if fact not in sound}
        found[_SOUND] = silent._replace(hint=reason)
    elif _SOUND in found and found[_SOUND].any_of == (NONE,) not in [limit.any_of for _, limit in pairs[_SOUND]]:
        found[_SOUND] = found[_SOUND]._replace(hint=_conflict(pairs[_SOUND], AUDIO).sentence)
    return tuple(found.values()), next(iter(conflicts.values()), None)


def _by_fact(named: Sequence[Named], name: str | None) -> Mapping[str, list[Pair]]:
    """Return the limits on media of a format, each with the name of its rule set, by fact; without the format."""
    pairs: dict[str, list[Pair]] = {}
    for source, section in named:
        limits = {fact: limit for fact, limit in section.by_fact(name).items() if fact != "format"}
        if any(limit.required and FACTS[fact].track == _SOUND for fact, limit in limits.items()):
            limits[_SOUND] = limits.get(_SOUND, Limit(_SOUND))._replace(required=True)
        for fact, limit in limits.items():
            pairs.setdefault(fact, []).append((source, limit))
    return pairs


def _intersect(pairs: Sequence[Pair], kind: str | None) -> Limit | None:
    fact = pairs[0][1].fact
    may_be_absent = fact in _ABSENT_WORDS and (fact != _SOUND or kind != AUDIO)
    return intersect([limit for _, limit in pairs], may_be_absent=may_be_absent)


def _conflict(pairs: Sequence[Pair], kind: str | None = None) -> Conflict:
    """Return the conflict between two of the limits, or between the fewest that exclude each other together."""
    few = next((pair for pair in combinations(pairs, 2) if _intersect(pair, kind) is None), tuple(pairs))
    for pair in few:
        rest = tuple([other for other in few if other is not pair])
        if len(rest) > 1 and _intersect(rest, kind) is None:
            few = rest
    return Conflict(tuple([name for name, _ in few]), few[0][1].fact, tuple([limit for _, limit in few]))


def _of_formats(conflicts: Mapping[str, Conflict], named: Sequence[Named]) -> Conflict:
    """Return the conflicts by format as one: they are named if it is not the same in all formats."""
    formats: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, conflict in conflicts.items():
        formats.setdefault((conflict.fact, conflict.names), []).append(name)
    sections = dict(named)
    first, *others = [conflicts[names[0]]._replace(formats=tuple(names)) for names in formats.values()]
    general = [sections[name].by_fact(None).get(first.fact) for name in first.names]
    if not others and tuple(general) == first.limits:
        return first._replace(formats=())
    return first._replace(others=tuple(others))
