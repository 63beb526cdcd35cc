"""Several reports of one run: `--report FILE`, each in a format of its own, beside the main output."""

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
    ".sarif.json": "sarif",
    ".txt": "text",
    ".xml": "junit",
}
"""Which format a report file has where its name alone says it."""


class Tee:
    """One reporter that passes everything on to several."""

    def __init__(self, reporters: Iterable[Reporter]) -> None:
        self.reporters = tuple(reporters)

    def add(self, report: Report) -> None:
        for reporter in self.reporters:
            reporter.add(report)

    def close(self, summary: Summary) -> None:
        """Close all of them, also where one cannot be written to its end."""
        with ExitStack() as stack:
            for reporter in reversed(self.reporters):
                stack.callback(reporter.close, summary)


def add_report(reporter: Reporter, report: Report) -> Report:
    """Pass a report on and return the report to count.

    Where a reporter fails on it, the file's `internal_error` is reported in its place: the other reporters and the
    other files are not affected. Raises what is no fault of the report: an output that cannot be written.
    """
    counted = report
    for one in reporter.reporters if isinstance(reporter, Tee) else (reporter,):
        try:
            one.add(report)
        except (OSError, PreflightError):
            raise
        except Exception as error:
            counted = faulted(report, error)
            _add_faulted(one, counted)
    return counted


def _add_faulted(reporter: Reporter, report: Report) -> None:
    """Report a fault; a reporter that fails on this too leaves the file out."""
    try:
        reporter.add(report)
    except (OSError, PreflightError):
        raise
    except Exception:
        return


def format_of(written: str) -> tuple[str, str]:
    """The format and the path of `FILE` or `FORMAT=FILE`. Raises `UsageError`.

    >>> format_of("out/report.html"), format_of("junit=out/report")
    (('html', 'out/report.html'), ('junit', 'out/report'))
    """
    name, equals, path = written.partition("=")
    if equals and name in REPORTERS:
        return name, path
    if equals and os.sep not in written:
        raise UsageError(
            f"--report {written}: there is no format {name!r}: write one of {', '.join(REPORTERS)}, or ./{written}"
        )
    lower = os.path.basename(written).lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if lower.endswith(suffix):
            return SUFFIXES[suffix], written
    known = ", ".join(SUFFIXES)
    raise UsageError(
        f"--report {written}: the name does not say the format: end it in one of {known}, or write FORMAT=FILE with "
        f"one of {', '.join(REPORTERS)}"
    )


def with_reports(
    main: Reporter, written: Iterable[str], rules: tuple[RuleSet, ...], outputs: Outputs, *, colour: bool = False
) -> Reporter:
    """Return the main reporter with those of `--report` beside it; their files are open, but not yet published.

    Raises `UsageError` for a path that cannot be written, `MissingExtra` for a format that is not installed: both
    before anything is read, and before any file is opened where a part is missing.
    """
    wanted = [format_of(one) for one in written]
    for name, _ in wanted:
        make_reporter(name, io.StringIO())
    streams = [outputs.open(path, "--report") for _, path in wanted]
    beside = (
        make_reporter(name, to, rules=rules, colour=colour) for (name, _), to in zip(wanted, streams, strict=True)
    )
    return Tee([main, *beside]) if wanted else main
