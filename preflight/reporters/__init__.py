"""Report → text, JSON, … One file a format, each with one class of the same shape, and one registry."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import IO, Final, Protocol

from preflight.report import Report
from preflight.summary import Summary


class Reporter(Protocol):
    """Writes reports as they come. Made as `Reporter(stream, options)`; what is written is UTF-8 text."""

    def add(self, report: Report) -> None:
        """Write one report, or whatever of it can be written before the rest is known."""
        ...

    def close(self, summary: Summary) -> None:
        """Write what comes after the last report."""
        ...


REPORTERS: Final[dict[str, str]] = {
    "json": "json:JsonReporter",
    "jsonl": "jsonl:JsonlReporter",
    "text": "text:TextReporter",
}
"""Where each format lives: module and class below this package."""


def make_reporter(
    name: str, stream: IO[str], *, colour: bool = False, quiet: bool = False, probe: bool = False
) -> Reporter:
    """The reporter of a format.

    colour  the stream is a terminal that shows colours; quiet: only what did not pass; probe: facts without verdicts
    """
    module, _, class_name = REPORTERS[name].partition(":")
    make: Callable[..., Reporter] = getattr(import_module(f"preflight.reporters.{module}"), class_name)
    return make(stream, colour=colour, quiet=quiet, probe=probe)
