"""Compile the limits on files that are used together: totals, conditions on their number, comparisons and roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from preflight.facts import FACTS, REQUEST_FACTS
from preflight.formats import KINDS
from preflight.limit import LOWER, Limit, Table, compile_limits

Groups = Mapping[str | None, tuple[Limit, ...]]
"""Limits by the kind of files, and on all files (`None`)."""


class RequestWhen(NamedTuple):
    """Limits of a request that has at least so many files; in place of those without a condition.

    conditions  limits on the number of files; all must be kept
    limits      limits on totals; files: limits on each file
    """

    conditions: Groups
    limits: Groups
    files: Groups


class RequestLimits(NamedTuple):
    """Limits on files used together.

    limits      limits on totals; companions: the kinds that need one of other kinds
    same        facts that are equal in all files; ratios: limits on the largest value / the smallest
    """

    limits: Groups
    companions: Mapping[str, tuple[str, ...]]
    whens: tuple[RequestWhen, ...] = ()
    same: tuple[str, ...] = ()
    ratios: tuple[Limit, ...] = ()


REFERENCE: Final = "reference"
"""The role of files for which no other is given."""


class Role(NamedTuple):
    """The limits on files that have a role in a request.

    kinds     the accepted kinds; None: all that the rule set accepts
    requires  roles of other files without which a request cannot have one of this role; excludes: with which
    totals    limits on the number of files and on totals; files: limits on each file
    same, ratios  as in `RequestLimits`, between these files and those of the roles that it requires
    """

    name: str
    kinds: tuple[str, ...] | None
    requires: tuple[str, ...]
    excludes: tuple[str, ...]
    totals: tuple[Limit, ...]
    files: tuple[Limit, ...]
    same: tuple[str, ...]
    ratios: tuple[Limit, ...]


def compile_request(table: Table) -> RequestLimits:
    """Return the limits of a `[request]` section."""
    return RequestLimits(
        limits={kind: compile_limits(lines) for kind, lines in _groups(table).items()},
        companions={kind: tuple(others) for kind, others in table.get("companions", {}).items()},
        whens=tuple([_request_when(when) for when in table.get("when", ())]),
        same=tuple(table.get("same", ())),
        ratios=compile_limits(table.get("ratios", {})),
    )


def _groups(table: Table) -> dict[str | None, Table]:
    """Return the lines of a request by kind; None: on all files."""
    return {kind if kind in KINDS else None: table[kind] for kind in (*KINDS, "all") if table.get(kind)}


def _request_when(table: Table) -> RequestWhen:
    """Return a `when` of requests: the lower bound of `files` is its condition, everything else a limit."""
    conditions: dict[str | None, tuple[Limit, ...]] = {}
    totals: dict[str | None, tuple[Limit, ...]] = {}
    files: dict[str | None, tuple[Limit, ...]] = {}
    for kind, lines in _groups(table).items():
        number = lines.get("files", {})
        if bound := {word: value for word, value in number.items() if word in LOWER}:
            conditions[kind] = compile_limits({"files": bound})
        rest = {word: value for word, value in number.items() if word not in LOWER}
        limited = {**lines, "files": rest} if rest else {fact: line for fact, line in lines.items() if fact != "files"}
        totals[kind] = compile_limits({fact: line for fact, line in limited.items() if fact in REQUEST_FACTS})
        files[kind] = compile_limits({fact: line for fact, line in limited.items() if fact not in REQUEST_FACTS})
    return RequestWhen(conditions, totals, files)


def compile_role(name: str, table: Table) -> Role:
    """Return the limits of `[roles.NAME]`."""
    lines = {fact: line for fact, line in table.items() if fact in FACTS}
    kinds = table.get("kinds")
    return Role(
        name,
        None if kinds is None else tuple(kinds),
        requires=tuple(table.get("requires", ())),
        excludes=tuple(table.get("excludes", ())),
        totals=compile_limits({fact: line for fact, line in lines.items() if fact in REQUEST_FACTS}),
        files=compile_limits({fact: line for fact, line in lines.items() if fact not in REQUEST_FACTS}),
        same=tuple(table.get("same", ())),
        ratios=compile_limits(table.get("ratios", {})),
    )


def held_limits(request: RequestLimits, numbers: Mapping[str | None, float]) -> tuple[Groups, Groups]:
    """Return the limits on totals, and those on single files, that hold for so many files of each kind, and in all."""
    totals: dict[str | None, dict[str, Limit]] = {}
    single: dict[str | None, dict[str, Limit]] = {}
    _override(totals, request.limits)
    for when in request.whens:
        conditions = ((limit, numbers[kind]) for kind, limits in when.conditions.items() for limit in limits)
        if all(not limit.side(number) for limit, number in conditions):
            _override(totals, when.limits)
            _override(single, when.files)
    return _as_groups(totals), _as_groups(single)


def _override(held: dict[str | None, dict[str, Limit]], groups: Groups) -> None:
    for kind, limits in groups.items():
        held.setdefault(kind, {}).update({limit.fact: limit for limit in limits})


def _as_groups(held: Mapping[str | None, Mapping[str, Limit]]) -> Groups:
    return {kind: tuple(limits.values()) for kind, limits in held.items()}


def facts_of_requests(request: RequestLimits | None, roles: Iterable[Role]) -> set[str]:
    """Return the facts of single files that limits on requests need."""
    facts: set[str] = set()
    for role in roles:
        facts.update(role.same, *((limit.fact for limit in limits) for limits in (role.files, role.ratios)))
        facts.update(_summed(role.totals))
    if request is not None:
        facts.update(request.same, (limit.fact for limit in request.ratios))
        for when in request.whens:
            facts.update(limit.fact for limits in when.files.values() for limit in limits)
        for groups in (request.limits, *(when.limits for when in request.whens)):
            facts.update(name for limits in groups.values() for name in _summed(limits))
    return facts


def _summed(limits: Iterable[Limit]) -> Iterator[str]:
    """Yield the facts of single files whose sums are limited."""
    yield from (limit.fact.removeprefix("total_") for limit in limits if limit.fact != "files")
