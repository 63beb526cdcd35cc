"""Write reports: one file per format, each with a `Reporter` class; one registry, and several reports of one run."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Protocol, TypeGuard

from preflight.errors import PreflightError, UsageError
from preflight.output import Outputs
from preflight.report import Report, faulted
from preflight.sources.open import is_url
from preflight.summary import Summary

if TYPE_CHECKING:
    from preflight.ruleset import RuleSet


class ReporterOptions(NamedTuple):
    """How reports are written; each reporter uses the options that apply to its format.

    color    with terminal colors
    quiet     only what did not pass
    probe     facts without verdicts
    rules     the rule sets that judge, for reports that show limits
    commands  also the commands that fix files
    """

    color: bool = False
    quiet: bool = False
    probe: bool = False
    rules: tuple[RuleSet, ...] = ()
    commands: bool = True


_DEFAULTS: Final = ReporterOptions()


def is_path(source: str) -> bool:
    """Return whether a report's source is the path of a file, not a URL or a placeholder such as `<stdin>`."""
    return not is_url(source) and source not in ("<bytes>", "<request>", "<stdin>", "<stream>")


class Reporter(Protocol):
    """Writes reports one by one as UTF-8 text; created as `Reporter(stream, options)`.

    Creating it raises `MissingExtra` if an optional dependency is not installed, before any source is read.
    """

    def add(self, report: Report) -> None:
        """Write one report, or the part of it that can be written before all reports are known."""
        ...

    def close(self, summary: Summary) -> None:
        """Write the end of the output, after the last report."""
        ...


class LineReporter:
    """Base of reporters whose text for a report depends on that report only: it can be rendered elsewhere, and cached.

    render  returns the text of a report, empty if nothing is to be printed; it can be pickled
    write   writes a text that `render` returned
    """

    def __init__(self, stream: IO[str], render: partial[str]) -> None:
        self.write = stream.write
        self.render = render

    def add(self, report: Report) -> None:
        """Write one report."""
        self.write(self.render(report))

    def moved(self, text: str, index: int) -> str:
        """Return the text of the same report at another position; by default it does not contain the position."""
        return text

    def close(self, summary: Summary) -> None:
        """Write nothing: the output ends with the last report."""


def is_line_reporter(reporter: Reporter) -> TypeGuard[LineReporter]:
    """Return whether a reporter is a `LineReporter`."""
    return hasattr(reporter, "render")


REPORTERS: Final[dict[str, str]] = {
    "commands": "commands:CommandsReporter",
    "csv": "csv:CsvReporter",
    "github": "github:GithubReporter",
    "html": "html:HtmlReporter",
    "json": "json:JsonReporter",
    "jsonl": "json:JsonlReporter",
    "junit": "junit:JunitReporter",
    "sarif": "sarif:SarifReporter",
    "text": "text:TextReporter",
}
"""By format, the module in this package and its class."""

PROBE_FORMATS: Final = ("csv", "json", "jsonl", "text")
"""The formats that can show facts without verdicts."""


def make_reporter(name: str, stream: IO[str], options: ReporterOptions = _DEFAULTS) -> Reporter:
    """Return a new reporter of a format."""
    module, _, class_name = REPORTERS[name].partition(":")
    create: Callable[[IO[str], ReporterOptions], Reporter]
    create = getattr(import_module(f"preflight.reporters.{module}"), class_name)
    return create(stream, options)


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
    main: Reporter, written: Iterable[str], rules: tuple[RuleSet, ...], outputs: Outputs, *, color: bool = False
) -> Reporter:
    """Return a reporter that also writes report files, each named as `FILE` or `FORMAT=FILE`.

    Their files are open, but not yet published. Raises `UsageError` for a path that cannot be written, `MissingExtra`
    for a format whose optional dependency is not installed, before any file is opened.
    """
    named = [format_of(word) for word in written]
    for name, _ in named:
        make_reporter(name, io.StringIO())
    streams = [outputs.open(path, "report") for _, path in named]
    options = ReporterOptions(color, rules=rules)
    others = (make_reporter(name, stream, options) for (name, _), stream in zip(named, streams, strict=True))
    return Tee([main, *others]) if named else main
