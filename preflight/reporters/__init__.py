"""Write reports: one file per format, each with a `Reporter` class, and one registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Protocol, TypeGuard

from preflight.report import Report
from preflight.sources.open import is_url
from preflight.summary import Summary

if TYPE_CHECKING:
    from preflight.ruleset import RuleSet


class ReporterOptions(NamedTuple):
    """How reports are written; each reporter uses the options that apply to its format.

    colour    with terminal colors
    quiet     only what did not pass
    probe     facts without verdicts
    rules     the rule sets that judge, for reports that show limits
    commands  also the commands that fix files
    """

    colour: bool = False
    quiet: bool = False
    probe: bool = False
    rules: tuple[RuleSet, ...] = ()
    commands: bool = True


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


class LineReporter(Reporter, Protocol):
    """A reporter whose text for a report depends on that report only: it can be rendered elsewhere, and cached.

    render  returns the text of a report, empty if nothing is to be printed; it can be pickled
    """

    render: partial[str]

    def write(self, text: str) -> None:
        """Write a text that `render` returned."""
        ...

    def moved(self, text: str, index: int) -> str:
        """Return the text of the same report at another position."""
        ...


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


def make_reporter(
    name: str,
    stream: IO[str],
    *,
    colour: bool = False,
    quiet: bool = False,
    probe: bool = False,
    rules: tuple[RuleSet, ...] = (),
    commands: bool = True,
) -> Reporter:
    """Return a new reporter of a format; the keyword arguments are those of `ReporterOptions`."""
    module, _, class_name = REPORTERS[name].partition(":")
    create: Callable[[IO[str], ReporterOptions], Reporter] = getattr(
        import_module(f"preflight.reporters.{module}"), class_name
    )
    return create(stream, ReporterOptions(colour, quiet, probe, rules, commands))
