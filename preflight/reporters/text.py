"""Lines for people: one a file, one a finding; only the closing summary is a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import IO, Final

from preflight.codes import NOTES
from preflight.escape import printable
from preflight.media import Media
from preflight.report import OUTCOMES, Finding, Report, Result
from preflight.reporters import Options
from preflight.reporters.commands import commands_of, shell_command
from preflight.reporters.tables import table_text
from preflight.summary import Summary, Tally
from preflight.units import amount

COMPACT_TABLE_WIDTH: Final = 60
"""Columns below which the closing table is compact."""
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

    def __init__(self, stream: IO[str], options: Options) -> None:
        self._stream = stream
        self._options = options
        self.write = stream.write
        self.render = partial(
            _text, colour=options.colour, quiet=options.quiet, probe=options.probe, commands=options.commands
        )

    def add(self, report: Report) -> None:
        self.write(self.render(report))

    def moved(self, text: str, index: int) -> str:
        return text

    def close(self, summary: Summary) -> None:
        if self._options.probe or self._options.quiet:
            return
        if summary.files + summary.skipped + summary.ignored > 1:
            _table(summary, self._stream, self._options.colour)
            if not self._options.commands and summary.overall.failed:
                self._stream.write("Check a file by itself to see the command that fixes it, if there is one.\n")
        for name, (basis, as_of) in summary.bases.items():
            name = printable(name)
            if basis == "assumed" and "@" not in name:
                self._stream.write(f"{name}: nothing is published; its limits are assumed to be its upstream's.\n")
            age = (date.today() - date.fromisoformat(as_of)).days
            if age > OLD and "@" not in name:  # an earlier text is old on purpose
                self._stream.write(f"{name}: its limits were read {age} days ago ({as_of}); they may have changed.\n")


def _text(report: Report, *, colour: bool, quiet: bool, probe: bool, commands: bool) -> str:
    if quiet and not probe and report.passed:
        return ""
    return "\n".join(_facts(report, colour) if probe else _lines(report, colour, commands)) + "\n"


def describe(report: Report) -> str:
    """A report as plain text of several lines, for assertion messages and logs."""
    return "\n".join(_lines(report, colour=False))


def _styled(text: str, style: str, colour: bool) -> str:
    return f"\x1b[{_STYLE[style]}m{text}\x1b[0m" if colour else text


def _lines(report: Report, colour: bool, commands: bool = True) -> Iterator[str]:
    verdict = report.verdict
    head = _styled(f"{verdict.upper():7}", verdict, colour)
    facts = f"  ({in_short(report.media)})" if report.media is not None else ""
    yield f"{head} {printable(report.source)}{_styled(facts, 'hint', colour)}"
    if report.error is not None and not report.results:
        yield f"  {_styled('unknown', 'unknown', colour)} {printable(report.error.message)} [{report.error.code}]"
    if len(report.results) >= SEVERAL:
        yield from matrix(report, lambda text, style: _styled(text, style, colour), commands=commands)
        return
    several = len(report.results) > 1
    shared = report.shared
    for finding in shared:
        yield from _finding(finding, "", colour)
    hinted: set[str | None] = set()
    for result in report.results:
        where = f"{printable(result.rules)}: " if several else ""
        findings = [finding for finding in result.findings if finding not in shared]
        warnings_fail = result.verdict == "fail" and all(one.severity in ("warning", "note") for one in result.findings)
        for finding in findings:
            mark = _mark(finding, result.basis, strict=warnings_fail)
            yield from _finding(finding, where, colour, mark, None if finding.hint in hinted else finding.hint)
            hinted.add(finding.hint)
        if several and not findings and result.verdict == "pass":
            yield f"  {_styled(result.verdict.ljust(7), result.verdict, colour)} {where}passes"
    if commands:
        for command, names in commands_of(report.results).items():
            where = f"{printable(', '.join(names))}: " if several else ""
            yield _styled(f"  fix     {where}{shell_command(command)}", "hint", colour)


def _mark(finding: Finding, basis: str, *, strict: bool) -> str:
    if strict and finding.severity == "warning":
        return " (fails: --strict)"
    return " (assumed limit)" if basis == "assumed" and finding.limit is not None else ""


def _finding(finding: Finding, where: str, colour: bool, mark: str = "", hint: str | None = None) -> Iterator[str]:
    severity = _styled(f"{finding.severity:7}", finding.severity, colour)
    yield f"  {severity} {where}{printable(finding.message)}{mark} [{finding.code}]"
    if hint:
        yield _styled(f"          → {printable(hint)}", "hint", colour)


def in_short(media: Media) -> str:
    """The facts that people look for first: `png 640×480, 12.3 kB`."""
    parts = [media.format or media.kind or "not recognised"]
    if media.width is not None:
        parts[0] += f" {media.width}×{media.height}"
    if media.duration is not None:
        parts.append(amount("duration", round(media.duration, 3)))
    if media.fps is not None:
        parts.append(amount("fps", round(media.fps, 2)))
    if media.size is not None:
        parts.append(_rounded(media.size))
    return ", ".join(parts)


def _rounded(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} byte{'' if size == 1 else 's'}"


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

    width = None if stream.isatty() else 100
    console = Console(file=stream, force_terminal=colour, no_color=not colour, width=width, markup=False, emoji=False)
    table = Table(box=None, pad_edge=False, padding=(0, 1 if console.width < COMPACT_TABLE_WIDTH else 3, 0, 0))
    table.add_column("rule set", overflow="fold", no_wrap=True)
    for heading in _COUNTS:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, tally in summary.by_rules.items():
        table.add_row(printable(name), *(str(count) if count else "·" for count in _counts(tally)))
    stream.write("\n")
    stream.write(table_text(console, table) or "".join(_line_of_counts(*row) for row in summary.by_rules.items()))
    files = "1 file" if summary.files == 1 else f"{summary.files:,} files"
    skipped = f", {summary.skipped:,} without media skipped" if summary.skipped else ""
    skipped += f", {summary.ignored:,} ignored" if summary.ignored else ""
    stream.write(f"{files}{skipped}; {_rounded(summary.bytes_read)} read\n")


_COUNTS: Final = ("pass", "warning", "fail", "unknown")


def _counts(tally: Tally) -> tuple[int, ...]:
    return (tally.passed - tally.warnings, tally.warnings, tally.failed, tally.unknown)


def _line_of_counts(name: str, tally: Tally) -> str:
    """Return a line that replaces a row of the table if the terminal is too narrow."""
    said = [f"{count} {word}" for word, count in zip(_COUNTS, _counts(tally), strict=True) if count]
    return f"{printable(name)}: {', '.join(said)}\n"


SEVERAL: Final = 4
"""From so many rule sets on, a table is easier to read than a list of findings."""

_WORDS: Final = {"pass_with_warning": "warning"}
"""Outcomes whose word in the table is a shorter one."""


def matrix(report: Report, styled: Callable[[str, str], str], *, commands: bool = True) -> Iterator[str]:
    """Yield lines of a table: one row per rule set, best outcome first; then every remark, hint and command once.

    styled  gives a text the style of a word (`pass`, `fail`, `hint` …)
    """
    remarks = report.remarks
    rows = sorted(report.results, key=lambda result: OUTCOMES.index(result.outcome))
    takers = [result for result in rows if result.verdict == "pass"]
    named = ", ".join(_taker(result) for result in takers) or "none"
    yield f"  taken by {len(takers)} of {len(rows)}: {named}"
    width = max(len(result.rules) for result in rows)
    for result in rows:
        outcome = _WORDS.get(result.outcome, result.outcome)
        head = f"  {styled(outcome.ljust(7), outcome)}  {result.rules.ljust(width)}  {result.stage:8}"
        reasons = [
            f"{printable(finding.message)} [{finding.code}]" for finding in result.findings if finding not in remarks
        ]
        if result.basis == "assumed" and reasons:
            reasons[0] += " (assumed limits)"
        indent = " " * (2 + 7 + 2 + width + 2 + 8 + 2)
        yield f"{head}  {reasons[0]}" if reasons else head.rstrip()
        yield from (f"{indent}{reason}" for reason in reasons[1:])
    for remark in remarks:
        yield f"  {styled('note   ', 'note')}  {printable(remark.message)} [{remark.code}]"
    for hint, names in _hints(rows).items():
        yield styled(f"  → {', '.join(names)}: {printable(hint)}", "hint")
    for command, names in commands_of(rows).items() if commands else ():
        yield styled(f"  fix      {', '.join(names)}: {shell_command(command)}", "hint")


def _taker(result: Result) -> str:
    return f"{result.rules} (with a warning)" if result.outcome == "pass_with_warning" else result.rules


def _hints(rows: list[Result]) -> dict[str, list[str]]:
    """Every hint with the rule sets that it is for."""
    hints: dict[str, list[str]] = {}
    for result in rows:
        for finding in result.findings:
            if finding.hint and result.rules not in (names := hints.setdefault(finding.hint, [])):
                names.append(result.rules)
    return hints
