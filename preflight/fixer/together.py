"""Fix the files of one request: each gets the limits that the others put on it; at the end all are judged together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from preflight.combination import judge_request
from preflight.fixer.apply import FixSettings
from preflight.fixer.result import FixResult
from preflight.media import Media
from preflight.plans.geometry import LimitsByFact
from preflight.plans.members import RequestFile
from preflight.plans.requests import plan_request
from preflight.report import Obstacle, Report, Result
from preflight.request import examine_together
from preflight.request_limits import REFERENCE
from preflight.ruleset import RuleSet, Section
from preflight.sources.open import ASSET_REFERENCE
from preflight.targets import Item


class RequestSettings(NamedTuple):
    """What is to be done with the files of a request.

    before     the reports of all files, in order
    settings   for each, those with the limits that the request puts on it; None for a registered asset
    obstacles  why no change of the files makes them pass together
    """

    before: tuple[Report, ...]
    settings: tuple[FixSettings | None, ...]
    obstacles: tuple[Obstacle, ...]


def settings_together(items: Iterable[Item], settings: FixSettings) -> RequestSettings:
    """Return the settings for each file of a request. Raise `UsageError` unless exactly one rule set limits requests."""
    items = list(items)
    aim = settings.aim
    _, reports = examine_together(items, settings.check)
    files = [_file(report, item) for report, item in zip(reports, items, strict=True)]
    plan = plan_request(files, aim.rules[0], strict=aim.strict, choices=aim.choices)
    own = [
        None if file.is_asset else _limited(settings, limits) for file, limits in zip(files, plan.limits, strict=True)
    ]
    return RequestSettings(tuple(reports), tuple(own), plan.obstacles)


def _file(report: Report, item: Item) -> RequestFile:
    is_asset = any(finding.code == ASSET_REFERENCE for finding in report.findings)
    media = report.media if report.media is not None or not is_asset else Media()
    return RequestFile(report.source, media, item.role or REFERENCE, is_asset)


def _limited(settings: FixSettings, limits: LimitsByFact) -> FixSettings:
    """Return the settings with further limits on a file."""
    if not limits:
        return settings
    section = Section(tuple(limits.values()), {})
    further = (*settings.aim.further, ("the other files", section))
    return settings._replace(aim=settings.aim._replace(further=further))


def judge_together(reports: Sequence[Report], items: Sequence[Item], rules: RuleSet, *, strict: bool) -> Result:
    """Return the result of the request with the files as they are afterwards."""
    roles: Mapping[int, str] = {index: item.role for index, item in enumerate(items) if item.role is not None}
    return judge_request(reports, rules, strict=strict, roles=roles)


def report_afterwards(result: FixResult) -> Report:
    """Return the report of what a request would use: the written file, or else the source."""
    return result.after if result.outcome == "fixed" and result.after is not None else result.before
