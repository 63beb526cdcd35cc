"""Report → text, JSON, JUnit, HTML … One file a format, each with one class of the same shape, and one registry."""

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


class Options(NamedTuple):
    """What a reporter may want to know besides the reports.

    colour  the stream is a terminal that shows colours; quiet: only what did not pass; probe: facts without verdicts
    rules   the rule sets that judge, for reports that show limits
    commands  hints with their ready commands
    """

    colour: bool = False
    quiet: bool = False
    probe: bool = False
    rules: tuple[RuleSet, ...] = ()
    commands: bool = True


def is_path(source: str) -> bool:
    """Whether a report's source is the path of a file, and no URL and no word such as `<stdin>`."""
    return not is_url(source) and source not in ("<bytes>", "<request>", "<stdin>", "<stream>")


class Reporter(Protocol):
    """Writes reports as they come. Made as `Reporter(stream, options)`; what is written is UTF-8 text.

    Raises `MissingExtra` when it is made, before anything is read, where an optional part is not installed.
    """

    def add(self, report: Report) -> None:
        """Write one report, or whatever of it can be written before the rest is known."""
        ...

    def close(self, summary: Summary) -> None:
        """Write what comes after the last report."""
        ...


class LineReporter(Reporter, Protocol):
    """A reporter that writes of each report a text of its own, which can be made in another process, and be kept.

    render  report → its text, empty where nothing is to be printed; to be pickled, so made of functions of a module
    """

    render: partial[str]

    def write(self, text: str) -> None:
        """Write what `render` made."""
        ...

    def moved(self, text: str, index: int) -> str:
        """The text of the same report at another position."""
        ...


def is_line_reporter(reporter: Reporter) -> TypeGuard[LineReporter]:
    """Whether a reporter writes each report by itself."""
    return hasattr(reporter, "render")


REPORTERS: Final[dict[str, str]] = {
    "csv": "csv:CsvReporter",
    "github": "github:GithubReporter",
    "html": "html:HtmlReporter",
    "json": "json:JsonReporter",
    "jsonl": "json:JsonlReporter",
    "junit": "junit:JunitReporter",
    "sarif": "sarif:SarifReporter",
    "text": "text:TextReporter",
}
"""Where each format lives: module and class below this package."""

PROBE_FORMATS: Final = ("csv", "json", "jsonl", "text")
"""The formats that have something to say where nothing is judged."""


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
    """The reporter of a format; the words are those of `Options`."""
    module, _, class_name = REPORTERS[name].partition(":")
    make: Callable[[IO[str], Options], Reporter] = getattr(import_module(f"preflight.reporters.{module}"), class_name)
    return make(stream, Options(colour, quiet, probe, rules, commands))
