"""Lines for people: one a file, one a finding; only the closing summary is a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import IO, Final

from preflight.codes import NOTES
from preflight.escape import printable
from preflight.media import Media
from preflight.report import Finding, Report
from preflight.summary import Summary
from preflight.units import amount

OLD: Final = 90
"""Days after which a rule set's limits should be read again at their source."""

_STYLE: Final = {
    "pass": "32",
    "fail": "1;31",
    "unknown": "1;33",
    "error": "31",
    "warning": "33",
    "note": "36",
    "hint": "2",
}


class TextReporter:
    """Streams; shows all names and values from outside escaped."""

    def __init__(self, stream: IO[str], *, colour: bool, quiet: bool, probe: bool) -> None:
        self._stream = stream
        self._colour = colour
        self._quiet = quiet
        self._probe = probe

    def add(self, report: Report) -> None:
        if self._probe:
            lines = _facts(report, self._colour)
        elif self._quiet and report.passed:
            return
        else:
            lines = _lines(report, self._colour)
        self._stream.write("\n".join(lines) + "\n")

    def close(self, summary: Summary) -> None:
        if self._probe or self._quiet:
            return
        if summary.files + summary.skipped > 1:
            _table(summary, self._stream, self._colour)
        for name, (basis, as_of) in summary.bases.items():
            if basis == "assumed":
                self._stream.write(f"{name}: nothing is published; its limits are assumed to be its upstream's.\n")
            age = (date.today() - date.fromisoformat(as_of)).days
            if age > OLD:
                self._stream.write(f"{name}: its limits were read {age} days ago ({as_of}); they may have changed.\n")


def describe(report: Report) -> str:
    """A report as plain text of several lines, for assertion messages and logs."""
    return "\n".join(_lines(report, colour=False))


def _styled(text: str, style: str, colour: bool) -> str:
    return f"\x1b[{_STYLE[style]}m{text}\x1b[0m" if colour else text


def _lines(report: Report, colour: bool) -> Iterator[str]:
    verdict = report.verdict
    head = _styled(f"{verdict.upper():7}", verdict, colour)
    facts = f"  ({in_short(report.media)})" if report.media is not None else ""
    yield f"{head} {printable(report.source)}{_styled(facts, 'hint', colour)}"
    if report.error is not None and not report.results:
        yield f"  {_styled('unknown', 'unknown', colour)} {printable(report.error.message)} [{report.error.code}]"
    several = len(report.results) > 1
    for result in report.results:
        where = f"{result.rules}: " if several else ""
        assumed = " (assumed limit)" if result.basis == "assumed" else ""
        told = ""
        for finding in result.findings:
            again = finding.hint is not None and finding.hint in told
            yield from _finding(finding, where, assumed, colour, hint=None if again else finding.hint)
            told += finding.hint or ""
        if several and not result.findings:
            yield f"  {_styled(result.verdict.ljust(7), result.verdict, colour)} {where}passes"


def _finding(finding: Finding, where: str, assumed: str, colour: bool, hint: str | None) -> Iterator[str]:
    severity = _styled(f"{finding.severity:7}", finding.severity, colour)
    limited = assumed if finding.limit is not None else ""
    yield f"  {severity} {where}{printable(finding.message)}{limited} [{finding.code}]"
    if hint:
        yield _styled(f"          → {printable(hint)}", "hint", colour)


def in_short(media: Media) -> str:
    """The facts that people look for first: `png 640×480, 12.3 kB`."""
    parts = [media.format or "not recognised"]
    if media.width is not None:
        parts[0] += f" {media.width}×{media.height}"
    if media.duration is not None:
        parts.append(amount("duration", round(media.duration, 2)))
    if media.fps is not None:
        parts.append(amount("fps", round(media.fps, 2)))
    if media.size is not None:
        parts.append(_rounded(media.size))
    return ", ".join(parts)


def _rounded(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _facts(report: Report, colour: bool) -> Iterator[str]:
    yield _styled(printable(report.source), "pass" if report.media else "unknown", colour)
    if report.error is not None:
        yield f"  {printable(report.error.message)} [{report.error.code}]"
    if report.media is not None:
        for name, value in report.media.facts().items():
            if name == "notes":
                for note in value:
                    yield f"  note                {note}: {NOTES.get(note, '')}"
            elif value is not None:
                yield f"  {name:19} {amount(name, value) if name != 'aspect_ratio' else f'{value:.4g}'}"


def _table(summary: Summary, stream: IO[str], colour: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("rule set", "pass", "warning", "fail", "unknown"):
        table.add_column(heading, justify="left" if heading == "rule set" else "right")
    for name, tally in summary.by_rules.items():
        counts = (tally.passed, tally.warnings, tally.failed, tally.unknown)
        table.add_row(name, *(str(count) if count else "·" for count in counts))
    console = Console(file=stream, force_terminal=colour, no_color=not colour, width=None if colour else 100)
    stream.write("\n")
    console.print(table)
    skipped = f", {summary.skipped} that are no media skipped" if summary.skipped else ""
    stream.write(f"{summary.files} files{skipped}; {_rounded(summary.bytes_read)} read\n")
