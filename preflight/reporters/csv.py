"""CSV for spreadsheets: a row for each finding, or one row for a file without findings; no text is a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from json import dumps
from typing import IO, Final

from preflight.escape import printable
from preflight.facts import MEDIA_FACTS
from preflight.report import Plan, Report
from preflight.reporters import ReporterOptions
from preflight.reporters.commands import shell_command
from preflight.summary import Summary

_FACTS: Final = tuple(name for name in MEDIA_FACTS if name not in ("kind", "format"))
_FINDING: Final = ("severity", "code", "message", "hint", "fact", "value", "limit", "reference")
_RESULT: Final = ("rules", "verdict", "outcome", "plan", "command")
_CHECK: Final = ("source", "kind", "format", *_RESULT, *_FINDING, *_FACTS)
_PROBE: Final = ("source", "kind", "format", "code", "message", *_FACTS)

_FORMULA: Final = tuple("=+-@＝＋－＠")
"""Characters with which a formula may begin."""


class CsvReporter:
    """Writes rows according to RFC 4180. Text that could be a formula gets an apostrophe in front."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        self._write = csv.writer(stream).writerow
        self._quiet = options.quiet
        self._probe = options.probe
        self._write(_PROBE if options.probe else _CHECK)

    def add(self, report: Report) -> None:
        """Write the rows of one report."""
        for row in list(self._rows(report)):  # an error here must not leave part of a report
            self._write(row)

    def _rows(self, report: Report) -> Iterator[list[object]]:
        if self._probe:
            problem = (report.error.code, report.error.message) if report.error else (None, None)
            yield _row(report, problem)
        elif not (self._quiet and report.passed):
            for result in report.results:
                plan = _plan_cells(result.plan)
                for finding in result.findings or (None,):
                    cells = (getattr(finding, name, None) for name in _FINDING)
                    yield _row(report, (result.rules, result.verdict, result.outcome, *plan, *cells))

    def close(self, summary: Summary) -> None:
        """Do nothing: the output ends with the last row."""


def _row(report: Report, middle: tuple[object, ...]) -> list[object]:
    media = report.media
    facts = [getattr(media, name, None) for name in _FACTS]
    row = (report.source, getattr(media, "kind", None), getattr(media, "format", None), *middle, *facts)
    return [cell(value) for value in row]


def _plan_cells(plan: Plan | None) -> tuple[str | None, str | None]:
    """Return the sentence of a plan, and its command for a shell."""
    if plan is None:
        return None, None
    return plan.sentence, None if plan.command is None else shell_command(plan.command)


def cell(value: object) -> str | int | float:
    """Return a value as a spreadsheet can safely open it; numbers stay numbers.

    >>> cell(-3), cell("=1+1"), cell(" @SUM(1)"), cell("a, b")
    (-3, "'=1+1", "' @SUM(1)", 'a, b')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    elif isinstance(value, dict):
        value = dumps(value, default=str)
    text = printable(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
