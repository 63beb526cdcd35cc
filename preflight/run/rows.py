"""Reports as rows: rendered and counted, small enough to pass between processes and to cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from preflight.report import Report, faulted
from preflight.scan import ScanOutcome
from preflight.summary import Score, score_of

_NONDETERMINISTIC: Final = frozenset(("internal_error", "probe_crashed", "probe_timeout"))
"""Codes of findings that another run may not repeat: they depend on the load of the machine, or on a fault."""


class Row(NamedTuple):
    """One rendered and counted outcome.

    text                  what the reporter writes; None: the file is skipped, it is not media by content or name
    bytes_read, requests  of this run; zero for a cached row
    is_final              it depends only on the file and the rules: the source could be read
    """

    position: int
    text: str | None
    score: Score = ()
    bytes_read: int = 0
    requests: int = 0
    is_final: bool = True


class Rendering:
    """Converts numbered outcomes to rows, in the process that examined them."""

    def __init__(self, render: Callable[[Report], str]) -> None:
        self._render = render

    def __call__(self, outcomes: list[tuple[int, ScanOutcome]]) -> list[Row]:
        """Return a row for each outcome."""
        return [self._row(index, outcome) for index, outcome in outcomes]

    def _row(self, index: int, report: ScanOutcome) -> Row:
        if report is None:
            return Row(index, None)
        try:
            text = self._render(report)
        except Exception as error:  # noqa: BLE001 - an error of the reporter costs this file only
            report = faulted(report, error)
            text = self._render_fault(report)
        is_final = report.error is None and all(finding.code not in _NONDETERMINISTIC for finding in report.findings)
        return Row(index, text, score_of(report), report.bytes_read, report.requests, is_final)

    def _render_fault(self, report: Report) -> str:
        """Render a fault; one that cannot be rendered either is counted without a text."""
        try:
            return self._render(report)
        except Exception:  # noqa: BLE001
            return ""
