"""What is left of a report once it is written: one row, small enough to travel between processes and to be kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from preflight.report import Report, faulted
from preflight.scan import Outcome
from preflight.summary import Score, score_of

_BY_CHANCE: Final = frozenset(("internal_error", "probe_crashed", "probe_timeout"))
"""Codes of findings that another run may not have: of decoders, of a fault, of what else the machine had to do."""


class Row(NamedTuple):
    """One outcome, rendered and counted.

    text    what is to be written; None: neither content nor name is media, the file is skipped
    bytes_read, requests  in this run: nothing for what a cache knew
    final   it depends on the file and the rules alone: the source could be read
    """

    position: int
    text: str | None
    score: Score = ()
    bytes_read: int = 0
    requests: int = 0
    final: bool = True


class Rendering:
    """Turns numbered outcomes into rows, in whichever process they come to be."""

    def __init__(self, render: Callable[[Report], str]) -> None:
        self._render = render

    def __call__(self, outcomes: list[tuple[int, Outcome]]) -> list[Row]:
        return [self._row(index, outcome) for index, outcome in outcomes]

    def _row(self, index: int, report: Outcome) -> Row:
        if report is None:
            return Row(index, None)
        try:
            text = self._render(report)
        except Exception as error:  # an error of the reporter affects this file only
            report = faulted(report, error)
            text = self._faulted(report)
        final = report.error is None and all(one.code not in _BY_CHANCE for one in report.findings)
        return Row(index, text, score_of(report), report.bytes_read, report.requests, final)

    def _faulted(self, report: Report) -> str:
        """Render a fault; what cannot be rendered at all is counted without a text."""
        try:
            return self._render(report)
        except Exception:
            return ""
