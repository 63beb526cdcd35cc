"""One JSON object a line, as soon as it is known."""

from __future__ import annotations

from json import JSONEncoder
from typing import IO

from preflight.report import Report
from preflight.summary import Summary


class JsonlReporter:
    """Writes every report as one line; ASCII only, so that no name can break a line or a terminal."""

    def __init__(self, stream: IO[str], *, colour: bool, quiet: bool, probe: bool) -> None:
        self._write = stream.write
        self._encode = JSONEncoder(separators=(",", ":")).encode
        self._quiet = quiet
        self._probe = probe

    def add(self, report: Report) -> None:
        if self._probe:
            self._write(self._encode(report.as_probe_json()) + "\n")
        elif not (self._quiet and report.passed):
            self._write(self._encode(report.as_json()) + "\n")

    def close(self, summary: Summary) -> None:
        """Lines stand alone: nothing follows the last."""
