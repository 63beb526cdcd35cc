"""Fix the files of one request: each gets the limits that follow from the others; finally, all are judged together."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from preflight.combination import judge_request
from preflight.fixer.apply import FixSettings
from preflight.fixer.result import FixResult
from preflight.media import Media
from preflight.plans.geometry import LimitsByFact
from preflight.plans.members import RequestFile
from preflight.plans.requests import plan_request
from preflight.report import Report, Result
from preflight.request import examine_together
from preflight.request_limits import REFERENCE
from preflight.ruleset import Section
from preflight.sources.open import ASSET_REFERENCE
from preflight.targets import Item


class RequestFix:
    """The files of a request, which one rule set judges together.

    obstacles  why no change of the files makes them pass together
    """

    def __init__(self, items: Iterable[Item], settings: FixSettings) -> None:
        """Examine the files, each with its role if it has one.

        Raise `UsageError` without one rule set that limits requests.
        """
        self._items = list(items)
        self._goal = goal = settings.goal
        _, reports = examine_together(self._items, settings.check)
        files = [_file(report, item) for report, item in zip(reports, self._items, strict=True)]
        plan = plan_request(files, goal.rules[0], strict=goal.strict, choices=goal.choices)
        pairs = zip(files, plan.limits, strict=True)
        self._settings = [None if file.is_asset else _limited(settings, limits) for file, limits in pairs]
        self._after = list(reports)
        self._written: list[str] = []
        self.obstacles = plan.obstacles

    def settings(self, number: int) -> FixSettings | None:
        """Return the settings for a file by its position, with the limits that the request puts on it.

        None for a file that stays as it is: a registered asset, or every file if they cannot pass together.
        """
        return None if self.obstacles else self._settings[number]

    def take(self, number: int, result: FixResult) -> None:
        """Record the result of a file."""
        if result.outcome == "fixed" and result.after is not None:
            self._after[number] = result.after
            if result.output is not None and not result.reused:
                self._written.append(result.output)

    def finish(self) -> Result:
        """Judge the files as they are now, together. If they do not pass, remove what was written."""
        roles = {index: item.role for index, item in enumerate(self._items) if item.role is not None}
        result = judge_request(self._after, self._goal.rules[0], strict=self._goal.strict, roles=roles)
        if result.verdict != "pass":
            for path in self._written:
                with suppress(OSError):
                    os.unlink(path)
        return result


def _file(report: Report, item: Item) -> RequestFile:
    is_asset = any(finding.code == ASSET_REFERENCE for finding in report.findings)
    media = report.media if report.media is not None or not is_asset else Media()
    return RequestFile(report.source, media, item.role or REFERENCE, is_asset)


def _limited(settings: FixSettings, limits: LimitsByFact) -> FixSettings:
    """Return the settings with further limits on a file."""
    if not limits:
        return settings
    section = Section(tuple(limits.values()), {})
    extra_limits = (*settings.goal.extra_limits, ("the other files", section))
    return settings._replace(goal=settings.goal._replace(extra_limits=extra_limits))
