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
ByFormat = Mapping[str | None, Mapping[str, Limit]]
"""Limits by fact for each format; `None`: for all others."""

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
        if len(self.names) == 1:
            return printable(f"{where}no file passes {self.names[0]}: {label(self.fact)} {listed}")
        own = f"{where}{either(self.names, 'and')} exclude each other{together}: {label(self.fact)} {listed}"
        return "; ".join((printable(own), *(other.sentence for other in self.others)))


def _words(limit: Limit) -> str:
    """Return what a limit accepts, also if that is any value, but one."""
    if limit.any_of is None and limit.low is None and limit.high is None and limit.multiple_of is None:
        return "required"
    return f"{accepted(limit)}{' and required' if limit.required and limit.fact == _SOUND else ''}"


def combine(named: Sequence[Named], kind: str | None = None, *, strict: bool = False) -> Section | Conflict:
    """Return a section that accepts exactly what the sections of all rule sets accept, or why nothing is accepted.

    A format in which limits exclude each other is left out of the combined formats; there is a conflict only if no
    format remains. For the same sections the result is the same object. Strict bounds count: give `section.mandatory`
    if what a service would change itself (`otherwise`) is to stay as it is, and `section.at(media)` if limits depend
    on other facts than the format. Where strict bounds exclude each other, the wider ones (`lenient`) count.

    kind    the kind of media that the sections limit: the sound of a video may be removed, an audio file has no other
    strict  warnings fail: wider bounds never count
    """
    return _combined(tuple(named), kind, strict)


@lru_cache(1024)
def _combined(named: tuple[Named, ...], kind: str | None, strict: bool) -> Section | Conflict:  # noqa: FBT001
    if len(named) == 1:
        return named[0][1]
    by_section = [(name, _stated(section, strict=strict)) for name, section in named]
    stated = [(name, limits[None]["format"]) for name, limits in by_section if "format" in limits[None]]
    is_listed = any(limit.any_of is not None for _, limit in stated)
    common = _common_formats(by_section)
    if is_listed and not common:
        return _conflict(stated)
    general, conflict = _limits(by_section, None, kind)
    by_format: dict[str, tuple[Limit, ...]] = {}
    conflicts: dict[str, Conflict] = {}
    for name in common:
        limits, found = _limits(by_section, name, kind)
        if found is None:
            by_format[name] = limits
        else:
            conflicts[name] = found
    if not by_format and (is_listed or conflict is not None):
        return _of_formats(conflicts, dict(by_section)) if conflicts or conflict is None else conflict
    formats = tuple(by_format)
    if not is_listed and conflict is None:
        formats = tuple([name for name in FORMATS if name not in conflicts]) if conflicts else ()
    if not formats:
        return Section(general, by_format)
    first = next((limit for _, limit in stated), Limit("format"))
    limit = Limit("format", any_of=formats, note=first.note, hint=first.hint)
    return Section((limit, *general), {name: (limit, *limits) for name, limits in by_format.items()})


def _stated(section: Section, *, strict: bool) -> ByFormat:
    """Return the limits of a section by fact, for each format that it names, and for all others (`None`)."""
    groups = {name: dict(section.by_fact(name)) for name in (None, *section.by_format)}
    for limits in groups.values():
        if strict:
            limits.update({fact: limit._replace(lenient=None) for fact, limit in limits.items()})
        if any(limit.required and FACTS[fact].track == _SOUND for fact, limit in limits.items()):
            limits[_SOUND] = limits.get(_SOUND, Limit(_SOUND))._replace(required=True)
    return groups


def _at(limits: ByFormat, name: str | None) -> Mapping[str, Limit]:
    return limits[name if name in limits else None]


def _common_formats(by_section: Sequence[tuple[str, ByFormat]]) -> list[str]:
    """Return the formats that all accept; if there are none, those that all accept with a warning."""
    limits = [limits for _, limits in by_section]
    common: list[str] = []
    for widen in (lambda limit: limit, _widened):
        lists = [widen(each[None]["format"]).any_of for each in limits if "format" in each[None]]
        known = next((listed for listed in lists if listed is not None), None)
        if known is None:
            known = [name for each in limits for name in each if name is not None]
        common = [
            name
            for name in dict.fromkeys(known)
            if all(
                "format" not in _at(each, name) or widen(_at(each, name)["format"]).side(name) == 0 for each in limits
            )
        ]
        if common:
            break
    return common


def _limits(
    by_section: Sequence[tuple[str, ByFormat]], name: str | None, kind: str | None
) -> tuple[tuple[Limit, ...], Conflict | None]:
    """Return the combined limits on media of a format, the format apart, and the first conflict.

    Facts with a conflict have no limit in the result. Where rule sets accept no common sound but all accept a video
    without any, that is the limit, and its hint says why.
    """
    pairs: dict[str, list[Pair]] = {}
    for source, groups in by_section:
        for fact, limit in _at(groups, name).items():
            pairs.setdefault(fact, []).append((source, limit))
    pairs.pop("format", None)
    found: dict[str, Limit] = {}
    conflicts: dict[str, Conflict] = {}
    for fact, limits in pairs.items():
        if (both := _intersect(limits, kind)) is None:
            conflicts[fact] = _conflict(limits, kind)
        else:
            found[fact] = both
    sound = {fact for fact in conflicts if FACTS[fact].track == _SOUND}
    silent = _intersect([*pairs.get(_SOUND, ()), ("", _NO_SOUND)], kind)
    if sound and silent is not None and kind != AUDIO:
        reason = next(conflicts.pop(fact) for fact in sorted(sound)).sentence
        conflicts = {fact: conflict for fact, conflict in conflicts.items() if fact not in sound}
        found[_SOUND] = silent._replace(hint=reason)
    elif _SOUND in found and _is_disputed(found[_SOUND], [limit for _, limit in pairs[_SOUND]]):
        found[_SOUND] = found[_SOUND]._replace(hint=_conflict(pairs[_SOUND], AUDIO).sentence)
    return tuple(found.values()), next(iter(conflicts.values()), None)


def _intersect(pairs: Sequence[Pair], kind: str | None) -> Limit | None:
    """Return the limit that accepts what all accept, if need be with a warning; None if nothing is."""
    limits = [limit for _, limit in pairs]
    fact = limits[0].fact
    may_be_absent = fact in _ABSENT_WORDS and (fact != _SOUND or kind != AUDIO)
    found = intersect(limits, may_be_absent=may_be_absent)
    if found is None or _is_disputed(found, limits):
        wider = intersect([_widened(limit) for limit in limits], may_be_absent=may_be_absent)
        if wider is not None and not _is_disputed(wider, limits):
            return wider
    return found


def _widened(limit: Limit) -> Limit:
    """Return what a limit accepts, also with a warning."""
    wider = limit.lenient or limit
    return wider._replace(required=limit.required, note=limit.note, hint=limit.hint)


def _is_disputed(found: Limit, limits: Sequence[Limit]) -> bool:
    """Return whether only `none` is accepted by all, although none of the limits accepts nothing else."""
    return found.any_of == (NONE,) and all(limit.any_of != (NONE,) for limit in limits)


def _conflict(pairs: Sequence[Pair], kind: str | None = None) -> Conflict:
    """Return the conflict between two of the limits, or between the fewest that exclude each other together."""
    one_or_two = (few for number in (1, 2) for few in combinations(pairs, number))
    few = next((few for few in one_or_two if _intersect(few, kind) is None), tuple(pairs))
    for pair in few:
        rest = tuple([other for other in few if other is not pair])
        if rest and _intersect(rest, kind) is None:
            few = rest
    return Conflict(tuple([name for name, _ in few]), few[0][1].fact, tuple([limit for _, limit in few]))


def _of_formats(conflicts: Mapping[str, Conflict], by_section: Mapping[str, ByFormat]) -> Conflict:
    """Return the conflicts by format as one: they are named if it is not the same in all formats."""
    formats: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, conflict in conflicts.items():
        formats.setdefault((conflict.fact, conflict.names), []).append(name)
    first, *others = [conflicts[names[0]]._replace(formats=tuple(names)) for names in formats.values()]
    general = [by_section[name][None].get(first.fact) for name in first.names]
    if not others and tuple(general) == first.limits:
        return first._replace(formats=())
    return first._replace(others=tuple(others))
