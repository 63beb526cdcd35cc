"""Write several reports of one run: files in any format in addition to the main output."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from preflight.errors import PreflightError, UsageError
from preflight.output import Outputs
from preflight.report import Report, faulted
from preflight.reporters import REPORTERS, Reporter, make_reporter
from preflight.summary import Summary

if TYPE_CHECKING:
    from preflight.ruleset import RuleSet

SUFFIXES: Final[dict[str, str]] = {
    ".csv": "csv",
    ".htm": "html",
    ".html": "html",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".sarif": "sarif",
    ".sh": "commands",
    ".sarif.json": "sarif",
    ".txt": "text",
    ".xml": "junit",
}
"""The format of a report file by the end of its name."""


class Tee:
    """A reporter that passes everything on to several reporters."""

    def __init__(self, reporters: Iterable[Reporter]) -> None:
        self.reporters = tuple(reporters)

    def add(self, report: Report) -> None:
        """Pass a report on to all reporters."""
        for reporter in self.reporters:
            reporter.add(report)

    def close(self, summary: Summary) -> None:
        """Close all reporters, even if one of them raises an exception."""
        with ExitStack() as stack:
            for reporter in reversed(self.reporters):
                stack.callback(reporter.close, summary)


def add_report(reporter: Reporter, report: Report) -> Report:
    """Pass a report on and return the report to count.

    If a reporter fails on it, an `internal_error` is reported instead: other reporters and files are not affected.
    Raises OSError or `PreflightError` if an output cannot be written.
    """
    counted = report
    for writer in reporter.reporters if isinstance(reporter, Tee) else (reporter,):
        try:
            writer.add(report)
        except (OSError, PreflightError):
            raise
        except Exception as error:  # noqa: BLE001 - an error of preflight affects one file, not the run
            counted = faulted(report, error)
            _add_faulted(writer, counted)
    return counted


def _add_faulted(reporter: Reporter, report: Report) -> None:
    """Report an internal error; a reporter that fails again leaves the file out."""
    try:
        reporter.add(report)
    except (OSError, PreflightError):
        raise
    except Exception:  # noqa: BLE001 - as above
        return


def format_of(written: str) -> tuple[str, str]:
    """Return the format and the path of `FILE` or `FORMAT=FILE`. Raise `UsageError` for an unknown format.

    >>> format_of("out/report.html"), format_of("junit=out/report")
    (('html', 'out/report.html'), ('junit', 'out/report'))
    """
    name, equals, path = written.partition("=")
    if equals and name in REPORTERS:
        return name, path
    if equals and os.sep not in written:
        raise UsageError(
            f"report={written}: unknown format {name!r}. Choose one of {', '.join(REPORTERS)}, or write ./{written}.",
            parameters=("report",),
        )
    lower = os.path.basename(written).lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if lower.endswith(suffix):
            return SUFFIXES[suffix], written
    raise UsageError(
        f"report={written} has no known extension. Use one of {', '.join(SUFFIXES)}, or write FORMAT=FILE with one of "
        f"{', '.join(REPORTERS)}.",
        parameters=("report",),
    )


def with_reports(
    main: Reporter, written: Iterable[str], rules: tuple[RuleSet, ...], outputs: Outputs, *, colour: bool = False
) -> Reporter:
    """Return a reporter that also writes report files, each named as `FILE` or `FORMAT=FILE`.

    Their files are open, but not yet published. Raises `UsageError` for a path that cannot be written, `MissingExtra`
    for a format whose optional dependency is not installed, before any file is opened.
    """
    named = [format_of(word) for word in written]
    for name, _ in named:
        make_reporter(name, io.StringIO())
    streams = [outputs.open(path, "report") for _, path in named]
    others = (make_reporter(name, to, rules=rules, colour=colour) for (name, _), to in zip(named, streams, strict=True))
    return Tee([main, *others]) if named else main
