"""One JSON document: `{"reports": [...], "summary": {...}}`, written piece by piece."""

from __future__ import annotations

from json import JSONEncoder
from typing import IO

from preflight.report import Report
from preflight.reporters import Options
from preflight.summary import Summary


class JsonReporter:
    """Streams the list, so that memory stays flat however many reports there are."""

    def __init__(self, stream: IO[str], options: Options) -> None:
        self._write = stream.write
        self._encode = JSONEncoder(indent=2).encode
        self._quiet = options.quiet
        self._probe = options.probe
        self._before = '{"reports": [\n'

    def add(self, report: Report) -> None:
        if self._quiet and not self._probe and report.passed:
            return
        row = report.as_json(probe=self._probe)
        self._write(self._before + self._encode(row))
        self._before = ",\n"

    def close(self, summary: Summary) -> None:
        opening = self._before if self._before != ",\n" else "\n"
        counts = summary.as_json()
        if self._probe:
            counts = {name: counts[name] for name in ("files", "skipped", "ignored")}
        self._write(f'{opening}],\n"summary": {self._encode(counts)}}}\n')
