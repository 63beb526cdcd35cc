"""JSON: one document, or JSON lines, each written as soon as it is known."""

from __future__ import annotations

from functools import partial
from json import JSONEncoder
from typing import IO, Final

from preflight.report import Report
from preflight.reporters import LineReporter, ReporterOptions
from preflight.summary import Summary


class JsonReporter:
    """Writes one document, report by report, so that memory use does not grow with their number."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        self._write = stream.write
        self._encode = JSONEncoder(indent=2).encode
        self._quiet = options.quiet
        self._probe = options.probe
        self._before = '{"reports": [\n'

    def add(self, report: Report) -> None:
        """Write one member of the list."""
        if self._quiet and not self._probe and report.passed:
            return
        row = report.as_json(probe=self._probe)
        self._write(self._before + self._encode(row))
        self._before = ",\n"

    def close(self, summary: Summary) -> None:
        """Write the summary, and end the document."""
        opening = self._before if self._before != ",\n" else "\n"
        counts = summary.as_json()
        if self._probe:
            counts = {name: counts[name] for name in ("files", "skipped", "ignored")}
        self._write(f'{opening}],\n"summary": {self._encode(counts)}}}\n')


_encode: Final = JSONEncoder(separators=(",", ":"), check_circular=False).encode

_INDEX: Final = ',"index":'
"""Occurs once in a line, because quotation marks inside strings are escaped."""


class JsonlReporter(LineReporter):
    """Writes every report as one line; ASCII only, so that no name can break a line or a terminal."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        super().__init__(stream, partial(line, quiet=options.quiet, probe=options.probe))

    def moved(self, text: str, index: int) -> str:
        """Return the line with another `index`."""
        before, _, after = text.partition(_INDEX)
        return f"{before}{_INDEX}{index},{after.partition(',')[2]}" if after else text


def line(report: Report, *, quiet: bool = False, probe: bool = False) -> str:
    """Return a report as a line; empty if it passed and `quiet` is set."""
    if quiet and not probe and report.passed:
        return ""
    return f"{_encode(report.as_json(probe=probe))}\n"
