"""Combine the limits of several rule sets on one kind of media, to plan one file that passes them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

from preflight.escape import printable
from preflight.facts import FACTS, label
from preflight.formats import AUDIO, FORMATS
from preflight.limit import Limit
from preflight.media import NONE
from preflight.plans.encoding import GEOMETRY
from preflight.plans.feasibility import has_size
from preflight.plans.intersection import intersect
from preflight.ruleset import Section
from preflight.wording import accepted, either

Named = tuple[str, Section]
"""The name of a rule set, and its limits on one kind of media."""
Pair = tuple[str, Limit]
"""The name of a rule set, and one of its limits."""
ByFormat = Mapping[str | None, Mapping[str, Limit]]
"""Limits by fact for each format; `None`: for all others."""

_AUDIO_CODEC: Final = "audio_codec"
_NO_AUDIO: Final = Limit(_AUDIO_CODEC, any_of=(NONE,))
_ABSENT_WORDS: Final = frozenset((_AUDIO_CODEC, "hdr"))
"""The facts of which `none` is a value."""


class Conflict(NamedTuple):
    """Limits that no file can keep together.

    names    the rule sets that exclude each other: two, or more if only all of these together do
    limits   the limit of each: all on one fact, or several on width, height and what follows from them
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
        return "; ".join((printable(f"{self._parties}: {self._reasons}"), *(other.sentence for other in self.others)))

    @property
    def _parties(self) -> str:
        names = list(dict.fromkeys(self.names))
        where = f"in {either(self.formats)}, " if self.formats else ""
        if len(names) == 1:
            return f"{where}no file passes {names[0]}"
        together = ", though no two of them do" if len(names) > 2 else ""
        return f"{where}{either(names, 'and')} exclude each other{together}"

    @property
    def _reasons(self) -> str:
        if len({limit.fact for limit in self.limits}) == 1:
            return f"{label(self.fact)} {_listed([_words(limit) for limit in self.limits])}"
        accepts: dict[str, list[str]] = {}
        for name, limit in zip(self.names, self.limits, strict=True):
            accepts.setdefault(name, []).append(_stated_words(limit))
        return _listed([f"{name} accepts {either(limits, 'and')}" for name, limits in accepts.items()])


def _listed(phrases: Sequence[str]) -> str:
    """Return phrases, which may have commas of their own, as a list: `a, b, and c`."""
    *first, last = phrases
    return ", ".join((*first, f"and {last}")) if first else last


def _stated_words(limit: Limit) -> str:
    """Return a limit with the fact that it is on; that of `pixels` is in the words for its bounds."""
    has_name = limit.fact == "pixels" and limit.any_of is None and limit.multiple_of is None
    return _words(limit) if has_name else f"{label(limit.fact)} {_words(limit)}"


def _words(limit: Limit) -> str:
    """Return what a limit accepts, also if that is any value, but one."""
    if limit.any_of is None and limit.low is None and limit.high is None and limit.multiple_of is None:
        return "required"
    return f"{accepted(limit)}{' and required' if limit.required and limit.fact == _AUDIO_CODEC else ''}"


def combine(named: Sequence[Named], kind: str | None = None, *, strict: bool = False) -> Section | Conflict:
    """Return a section that accepts exactly what the sections of all rule sets accept, or why nothing is accepted.

    What all accept, but some with a warning, the result accepts with a warning too; where strict bounds exclude each
    other, the wider ones take their place. A format in which limits exclude each other is left out of the combined
    formats; there is a conflict only if no format remains. For the same sections the result is the same object.

    Give `section.mandatory` if what a service would change itself (`otherwise`) is to stay as it is, and
    `section.at(media)` if limits depend on other facts than the format.

    kind    the kind of media that the sections limit: the audio of a video may be removed, an audio file has no other
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
    common, tolerated = (_common_formats(by_section, is_wide=is_wide) for is_wide in (False, True))
    if is_listed and not tolerated:
        return _conflict(stated)
    general, conflict = _limits(by_section, None, kind)
    by_format: dict[str, tuple[Limit, ...]] = {}
    conflicts: dict[str, Conflict] = {}
    for name in dict.fromkeys((*common, *tolerated)):
        limits, found = _limits(by_section, name, kind)
        if found is None:
            by_format[name] = limits
        else:
            conflicts[name] = found
    if not by_format and (is_listed or conflict is not None):
        return _of_formats(conflicts, dict(by_section)) if conflicts or conflict is None else conflict
    formats = [name for name in common if name in by_format] or list(by_format)
    if not is_listed and conflict is None:
        formats = [name for name in FORMATS if name not in conflicts] if conflicts else []
    if not formats:
        return Section(general, by_format)
    limit = _format_limit(formats, by_format, [limit for _, limit in stated])
    return Section((limit, *general), {name: (limit, *limits) for name, limits in by_format.items()})


def _format_limit(formats: Sequence[str], possible: Iterable[str], limits: Sequence[Limit]) -> Limit:
    """Return the limit that accepts formats, and other possible ones with a warning."""
    remarks = [(limit.note, limit.hint) for limit in limits]
    note, hint = (next(filter(None, texts), None) for texts in zip(*remarks, strict=True)) if remarks else (None, None)
    listed = Limit("format", any_of=tuple(formats), note=note, hint=hint)
    others = [name for name in possible if name not in formats]
    return listed._replace(lenient=listed._replace(any_of=(*formats, *others))) if others else listed


def _stated(section: Section, *, strict: bool) -> ByFormat:
    """Return the limits of a section by fact, for each format that it names, and for all others (`None`)."""
    groups = {name: dict(section.by_fact(name)) for name in (None, *section.by_format)}
    for limits in groups.values():
        if strict:
            limits.update({fact: limit._replace(lenient=None) for fact, limit in limits.items()})
        if any(limit.required and FACTS[fact].track == _AUDIO_CODEC for fact, limit in limits.items()):
            limits[_AUDIO_CODEC] = limits.get(_AUDIO_CODEC, Limit(_AUDIO_CODEC))._replace(required=True)
    return groups


def _at(limits: ByFormat, name: str | None) -> Mapping[str, Limit]:
    return limits[name if name in limits else None]


def _common_formats(by_section: Sequence[tuple[str, ByFormat]], *, is_wide: bool) -> list[str]:
    """Return the formats that all accept, of those that the first of them lists; `is_wide`: also with a warning."""

    def accepted_by(limits: ByFormat, name: str | None) -> Limit:
        limit = _at(limits, name).get("format", Limit("format"))
        return _widened(limit) if is_wide else limit

    groups = [limits for _, limits in by_section]
    lists = [accepted_by(limits, None).any_of for limits in groups]
    known = next((listed for listed in lists if listed is not None), None)
    names = [name for limits in groups for name in limits if name is not None] if known is None else known
    return [name for name in dict.fromkeys(names) if all(not accepted_by(each, name).side(name) for each in groups)]


def _limits(
    by_section: Sequence[tuple[str, ByFormat]], name: str | None, kind: str | None
) -> tuple[tuple[Limit, ...], Conflict | None]:
    """Return the combined limits on media of a format, the format apart, and the first conflict.

    Facts with a conflict have no limit in the result. Where rule sets accept no common audio but all accept a video
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
    if not has_size(found):
        wider = _wider_sizes(pairs, found)
        found |= wider
        if not wider:
            conflicts["dimensions"] = _size_conflict(
                [pair for fact in found for pair in pairs[fact] if fact in GEOMETRY]
            )
    audio_facts = {fact for fact in conflicts if FACTS[fact].track == _AUDIO_CODEC}
    silent = _intersect([*pairs.get(_AUDIO_CODEC, ()), ("", _NO_AUDIO)], kind)
    if audio_facts and silent is not None and kind != AUDIO:
        reason = next(conflicts.pop(fact) for fact in sorted(audio_facts)).sentence
        conflicts = {fact: conflict for fact, conflict in conflicts.items() if fact not in audio_facts}
        found[_AUDIO_CODEC] = silent._replace(hint=reason)
    elif _AUDIO_CODEC in found and _is_disputed(found[_AUDIO_CODEC], [limit for _, limit in pairs[_AUDIO_CODEC]]):
        found[_AUDIO_CODEC] = found[_AUDIO_CODEC]._replace(hint=_conflict(pairs[_AUDIO_CODEC], AUDIO).sentence)
    return tuple(found.values()), next(iter(conflicts.values()), None)


def _intersect(pairs: Sequence[Pair], kind: str | None) -> Limit | None:
    """Return the limit that accepts what all accept, if need be with a warning; None if nothing is."""
    limits = [limit for _, limit in pairs]
    fact = limits[0].fact
    may_be_absent = fact in _ABSENT_WORDS and (fact != _AUDIO_CODEC or kind != AUDIO)
    found = intersect(limits, may_be_absent=may_be_absent)
    if all(limit.lenient is None for limit in limits):
        return found
    wider = intersect([_widened(limit) for limit in limits], may_be_absent=may_be_absent)
    if found is None or (wider is not None and _is_disputed(found, limits) and not _is_disputed(wider, limits)):
        return wider
    return found._replace(lenient=wider)


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


def _wider_sizes(pairs: Mapping[str, Sequence[Pair]], found: Mapping[str, Limit]) -> Mapping[str, Limit]:
    """Return the limits on width and height that leave a size, if need be with a warning; empty if none do."""
    facts = [fact for fact in found if fact in GEOMETRY]
    limits = {fact: intersect([_widened(limit) for _, limit in pairs[fact]]) for fact in facts}
    wide = {fact: limit for fact, limit in limits.items() if limit is not None}
    if not has_size(wide):
        return {}
    for fact in facts:
        if has_size({**wide, fact: found[fact]}):
            wide[fact] = found[fact]
    return wide


def _size_conflict(pairs: Sequence[Pair]) -> Conflict:
    """Return the conflict between the fewest limits of the fewest rule sets that leave no size together."""

    def leave_none(some: Sequence[Pair]) -> bool:
        by_fact: dict[str, list[Limit]] = {}
        for _, limit in some:
            by_fact.setdefault(limit.fact, []).append(_widened(limit))
        both = {fact: intersect(limits) for fact, limits in by_fact.items()}
        return not has_size({fact: limit for fact, limit in both.items() if limit is not None})

    names = dict.fromkeys(name for name, _ in pairs)
    one_or_two = (chosen for number in (1, 2) for chosen in combinations(names, number))
    few = [[pair for pair in pairs if pair[0] in chosen] for chosen in one_or_two]
    some = next(filter(leave_none, few), list(pairs))
    for pair in list(some):
        rest = [other for other in some if other is not pair]
        some = rest if rest and leave_none(rest) else some
    some.sort(key=lambda pair: list(names).index(pair[0]))
    return Conflict(tuple([name for name, _ in some]), some[0][1].fact, tuple([limit for _, limit in some]))


def _of_formats(conflicts: Mapping[str, Conflict], by_section: Mapping[str, ByFormat]) -> Conflict:
    """Return the conflicts by format as one: they are named if it is not the same in all formats."""
    formats: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, conflict in conflicts.items():
        formats.setdefault((conflict.fact, conflict.names), []).append(name)
    first, *others = [conflicts[names[0]]._replace(formats=tuple(names)) for names in formats.values()]
    parties = zip(first.names, first.limits, strict=True)
    general = [by_section[name][None].get(limit.fact) for name, limit in parties]
    if not others and tuple(general) == first.limits:
        return first._replace(formats=())
    return first._replace(others=tuple(others))
