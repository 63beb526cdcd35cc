"""Plan a whole request: limits on each of its files with which they pass together by the least change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from preflight.escape import printable
from preflight.formats import AUDIO, KINDS
from preflight.limit import Limit
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.plans.comparisons import make_equal, make_similar
from preflight.plans.geometry import LimitsByFact
from preflight.plans.members import Member, RequestFile, is_kept
from preflight.plans.totals import Total, cap_total
from preflight.report import Obstacle
from preflight.request_limits import Groups, RequestLimits, Role, held_limits
from preflight.ruleset import RuleSet
from preflight.wording import accepted, either

_NO_REQUEST: Final = RequestLimits({}, {})


class RequestPlan(NamedTuple):
    """What makes files pass together.

    limits     for each file, the limits by fact that the request puts on it besides those of its kind
    obstacles  why no change of the files makes them pass together
    """

    limits: tuple[LimitsByFact, ...]
    obstacles: tuple[Obstacle, ...]


class _Group(NamedTuple):
    """Some files of a request.

    unsure  registered assets of unknown kind, which may belong to them
    """

    name: str
    members: Sequence[Member]
    unsure: int = 0

    @property
    def known(self) -> list[Member]:
        """Return the files whose facts are known: those that are no registered assets."""
        return [member for member in self.members if member.media is not None]


def plan_request(
    files: Sequence[RequestFile],
    rules: RuleSet,
    *,
    strict: bool = False,
    choices: Choices = DEFAULT_CHOICES,
) -> RequestPlan:
    """Return the limits on each file, to be combined with those of its kind, with which the files pass together.

    Totals are met by trimming the longest files, and compressing the largest ones, down to a common level, never below
    a file's own minimum. Where files must have the same size, it is the one that most of them have; else that which
    changes the fewest pixels. The sizes of files are those before their own plans: where these make them larger, plan
    again with the facts of the results.

    strict  warnings fail
    """
    members = [Member(file, rules, strict=strict) for file in files]
    groups = _groups(members)
    request = rules.request or _NO_REQUEST
    numbers = {kind: float(len(group.members)) for kind, group in groups.items()}
    totals, single = held_limits(request, numbers)
    roles = [(role, _of_role(members, role)) for role in rules.roles.values() if _of_role(members, role).members]
    for kind, limits in single.items():
        _add(groups[kind].known, limits)
    for role, group in roles:
        _add(group.known, role.files)
    obstacles = [
        *_number_obstacles(groups, totals, rules, strict=strict),
        *_companion_obstacles(request, groups, rules.service),
        *_role_obstacles(roles, members, rules, strict=strict),
    ]
    compared = [(groups[None].known, request.same, request.ratios)]
    for role, _ in roles:
        together = [member for member in members if member.role in (role.name, *role.requires) and member.media]
        compared.append((together, role.same, role.ratios))
    for those, same, ratios in compared:
        for fact in same:
            obstacles += make_equal(those, fact, rules.service, choices)
        for limit in ratios:
            obstacles += make_similar(those, limit, rules.service, choices)
    for total in _totals(groups, totals, roles):
        obstacles += cap_total(total, rules.service, strict=strict)
    safe = tuple([Obstacle(printable(message), parameter) for message, parameter in dict.fromkeys(obstacles)])
    return RequestPlan(tuple([member.request_limits() for member in members]), safe)


def _add(members: Sequence[Member], limits: Sequence[Limit]) -> None:
    for member in members:
        member.add(limits)


def _groups(members: Sequence[Member]) -> Mapping[str | None, _Group]:
    """Return the files of each kind, and all of them; a file that could not be read belongs to none."""
    readable = [member for member in members if member.is_readable]
    unsure = sum(member.kind is None and member.media is None for member in readable)
    groups: dict[str | None, _Group] = {None: _Group("all files", readable)}
    for kind in KINDS:
        name = "audio files" if kind == AUDIO else f"{kind}s"
        groups[kind] = _Group(name, [member for member in readable if member.kind == kind], unsure)
    return groups


def _of_role(members: Sequence[Member], role: Role) -> _Group:
    own = [member for member in members if member.role == role.name and member.is_readable]
    return _Group(f"{role.name} files", own)


def _totals(
    groups: Mapping[str | None, _Group], totals: Groups, roles: Sequence[tuple[Role, _Group]]
) -> Iterator[Total]:
    """Yield the limits on sums: those on all files last, since the others may be enough."""
    limited = [(groups[kind], limits) for kind, limits in totals.items() if kind is not None]
    limited += [(group, role.totals) for role, group in roles]
    limited += [(groups[None], totals.get(None, ()))]
    for group, limits in limited:
        for limit in limits:
            if limit.fact != "files":
                yield Total(group.name, group.known, limit, len(group.members) - len(group.known) + group.unsure)


def _number_obstacles(
    groups: Mapping[str | None, _Group], totals: Groups, rules: RuleSet, *, strict: bool
) -> Iterator[Obstacle]:
    for kind, limits in totals.items():
        for limit in limits:
            if limit.fact == "files" and groups[kind].members:
                yield from _number_obstacle(groups[kind], limit, rules.service, strict=strict)


def _number_obstacle(group: _Group, limit: Limit, service: str, *, strict: bool) -> Iterator[Obstacle]:
    number = len(group.members)
    side = limit.side(number)
    if is_kept(limit, number, strict=strict) or (group.unsure and (side < 0 or limit.any_of is not None)):
        return
    note = f" ({limit.note})" if limit.note else ""
    remedy = "Add more" if side < 0 else "Leave some out"
    yield Obstacle(f"The request has {number} {group.name}, and {service} accepts {accepted(limit)}{note}. {remedy}.")


def _companion_obstacles(
    request: RequestLimits, groups: Mapping[str | None, _Group], service: str
) -> Iterator[Obstacle]:
    for kind, others in request.companions.items():
        if groups[kind].members and not groups[kind].unsure and not any(groups[other].members for other in others):
            yield Obstacle(f"{service} accepts {kind} only together with {either(others)}. Add one.")


def _role_obstacles(
    roles: Sequence[tuple[Role, _Group]], members: Sequence[Member], rules: RuleSet, *, strict: bool
) -> Iterator[Obstacle]:
    used = {member.role for member in members if member.is_readable}
    for role, group in roles:
        for member in group.members:
            if member.kind is not None and role.kinds is not None and member.kind not in role.kinds:
                accepts = f"{rules.service} accepts {either(role.kinds)} as {role.name}"
                yield Obstacle(f"{member.name} is {member.kind}, and {accepts}. Give another file or role.")
        if missing := [name for name in role.requires if name not in used]:
            needed = either(missing, "and")
            yield Obstacle(f"{rules.service} accepts {role.name} only together with {needed}. Add {needed}.")
        for other in role.excludes:
            if other in used:
                pair = either(sorted((role.name, other)), "and")
                yield Obstacle(f"{rules.service} does not accept {pair} in one request. Leave one of them out.")
        for limit in role.totals:
            if limit.fact == "files":
                yield from _number_obstacle(group, limit, rules.service, strict=strict)
