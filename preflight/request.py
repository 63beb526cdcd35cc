"""Check files that are used together in one request: open, probe and judge each, then all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Unpack

from preflight.catalog import load
from preflight.checker import CheckKeywords, CheckPlan, plan_for, require_rules
from preflight.combination import judge_request
from preflight.errors import UsageError, suggestion
from preflight.media import Media
from preflight.report import Finding, Report, Result
from preflight.ruleset import MAX_DETAILED_RULES, RuleSet
from preflight.scan import scan
from preflight.sources.open import ASSET_REFERENCE, Target, asset_of, require_iterable
from preflight.targets import Item


def check_request(
    targets: Iterable[Target] | Mapping[str, Target | Sequence[Target]],
    rules: str | RuleSet,
    *,
    asset_kinds: Mapping[str, str] | None = None,
    **options: Unpack[CheckKeywords],
) -> tuple[Result, list[Report]]:
    """Check whether files may be used together in one request, by a rule set with a `[request]` section.

    Returns the result of the request, and the report of each file in order. A request whose files do not all pass does
    not pass. Raises `UsageError` if the rule set has no limits on requests.

    targets may be a dict by role: `{"first_frame": "a.png", "reference": ["b.mp4", "c.wav"]}`; a file of a list is a
    reference. Raises `UsageError` for a role that the rule set does not have.

    A registered asset, `asset://ID` or an `AssetReference`, counts as a file of its kind; its facts are not known.

    asset_kinds  kinds of assets by reference, for those that do not state it: `{"asset://asset-1": "image"}`
    options      those of `check`
    """
    plan = plan_for(require_rules(rules), **options)
    kinds = {} if asset_kinds is None else asset_kinds
    if not isinstance(kinds, Mapping):
        raise UsageError(
            f"asset_kinds= has type {type(kinds).__name__}. Give a dict of kinds by reference.",
            parameters=("asset_kinds",),
        )
    pairs = _by_role(targets) if isinstance(targets, Mapping) else ((None, each) for each in require_iterable(targets))
    return examine_together((Item(_with_kind(target, kinds), role=role) for role, target in pairs), plan)


def _by_role(targets: Mapping[str, Target | Sequence[Target]]) -> Iterator[tuple[str, Target]]:
    for role, given in targets.items():
        if not isinstance(role, str):
            raise UsageError(f"A role of targets= has type {type(role).__name__}. Give roles as text.")
        for target in given if isinstance(given, list | tuple) else (given,):
            yield role, target


def _with_kind(target: Target, kinds: Mapping[str, str]) -> Target:
    """Return the target; an asset with its kind, if that is stated."""
    asset = asset_of(target)
    if asset is None:
        return target
    return replace(asset, kind=asset.kind or kinds.get(asset.reference))


def examine_together(items: Iterable[Item], plan: CheckPlan) -> tuple[Result, list[Report]]:
    """Check the files of one request by a plan, which must have exactly one rule set."""
    if len(plan.rules) != 1 or plan.rules[0].request is None:
        given = [rules.name for rules in plan.rules]
        names = ", ".join(given) if len(given) < MAX_DETAILED_RULES else f"{len(given)} rule sets"
        raise UsageError(f"{names} cannot judge files together. Give one rule set that has a [request] section.")
    kinds: dict[int, str | None] = {}
    roles: dict[int, str] = {}
    reports = [
        report
        if report.error is None or report.error.code != ASSET_REFERENCE
        else _asset_report(report, kinds.get(report.index), plan)
        for report in scan(_recording(items, plan.rules[0], kinds, roles), plan)
        if report is not None
    ]
    if not reports:
        raise UsageError("No file given. Give the files of the request.")
    by_position = {position: roles[report.index] for position, report in enumerate(reports) if report.index in roles}
    return judge_request(reports, plan.rules[0], strict=plan.strict, roles=by_position), reports


def role_names(rules: str) -> list[str]:
    """Return the names of the roles that a rule set has; the last is that of files without another."""
    return load(rules).role_names


def require_role(role: str, rules: RuleSet) -> None:
    """Raise `UsageError` for a role that a rule set does not have."""
    if role not in rules.role_names:
        remedy = suggestion(role, rules.role_names) if rules.roles else "It has none: leave the role out."
        raise UsageError(f"{rules.name} has no role {role[:60]!r}. {remedy}")


def _recording(
    items: Iterable[Item], rules: RuleSet, kinds: dict[int, str | None], roles: dict[int, str]
) -> Iterator[Item]:
    """Yield the items, and record the kind of each asset, and the role of each item that has one, by its position."""
    for index, item in enumerate(items):
        if item.role is not None:
            require_role(item.role, rules)
            roles[index] = item.role
        if (asset := asset_of(item.target)) is not None:
            kinds[index] = asset.kind
        yield item


def _asset_report(report: Report, kind: str | None, plan: CheckPlan) -> Report:
    """Return the report of an asset within a request: it is counted, and a note says that it was not checked."""
    message = f"a registered asset: counted as {kind or 'a file of unknown kind'}, its facts are not known here"
    note = Finding(ASSET_REFERENCE, "note", message, "kind", kind)
    results = tuple(
        Result(rules.name, rules.stage, rules.as_of, rules.basis, "pass", (note,), variant=rules.variant)
        for rules in plan.rules
    )
    return replace(report, media=Media(kind=kind) if kind else None, results=results, error=None)
