"""Text for people: a line for each file and finding, a matrix if many rule sets judge one file, and a closing table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from preflight.codes import NOTES
from preflight.escape import printable
from preflight.facts import GROUPS, MEDIA_FACTS, FactGroup
from preflight.media import Media
from preflight.plans.choices import obstacle_text
from preflight.report import Finding, Plan, Report, Result
from preflight.reporters import LineReporter, ReporterOptions
from preflight.reporters.commands import shell_command
from preflight.reporters.matrix import MIN_MATRIX_RULES, matrix
from preflight.reporters.view import View, commands_for
from preflight.ruleset import BASES, MAX_DETAILED_RULES
from preflight.summary import Summary, Tally
from preflight.units import format_value

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


COMPACT_TABLE_WIDTH: Final = 60
"""Columns below which the closing table is compact."""
MAX_RULES_AGE_DAYS: Final = 90
"""Days after which a rule set's limits should be read again at their source."""

_COUNTS: Final = ("pass", "warning", "fail", "unknown")
"""Headings of the closing table."""


class TextReporter(LineReporter):
    """Writes each report at once; names and values from outside are escaped."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        self._stream = stream
        self._options = options
        color, quiet, probe, _, commands = options
        super().__init__(stream, partial(render_text, color=color, quiet=quiet, probe=probe, commands=commands))

    def close(self, summary: Summary) -> None:
        """Write the closing table, and remarks on the rule sets."""
        if self._options.probe or self._options.quiet:
            return
        is_large = len(summary.bases) > MAX_DETAILED_RULES
        if summary.files + summary.skipped + summary.ignored > 1:
            _write_table(summary, self._stream, color=self._options.color)
            if not self._options.commands and summary.overall.failed and not is_large:
                self._stream.write("To fix files, run `preflight fix` on them, or choose the format `commands`.\n")
        if is_large and summary.overall.failed:
            self._stream.write(f"Name at most {MAX_DETAILED_RULES} rule sets to see how to fix files.\n")
        # An earlier version of a rule set is old on purpose.
        bases = {printable(name): known for name, known in summary.bases.items() if "@" not in name}
        self._stream.writelines(f"{remark}\n" for remark in (*_basis_remarks(bases), *_age_remarks(bases)))


_Bases = Mapping[str, tuple[str, str]]
"""The basis of each rule set, and the ISO day on which its limits were read."""


def _basis_remarks(bases: _Bases) -> Iterator[str]:
    for name, (basis, _) in bases.items():
        if basis == "assumed":
            yield f"{name}: nothing is published; its limits are assumed to be its upstream's."
    for word in BASES:
        names = [name for name, (basis, _) in bases.items() if basis == word]
        if names and word not in ("published", "assumed"):
            yield f"{', '.join(names)}: limits are {word}: {BASES[word]}."


def _age_remarks(bases: _Bases) -> Iterator[str]:
    today = date.today()
    ages = {name: (today - date.fromisoformat(as_of)).days for name, (_, as_of) in bases.items()}
    old = {name: age for name, age in ages.items() if age > MAX_RULES_AGE_DAYS}
    if len(bases) > MAX_DETAILED_RULES and old:
        names = ", ".join(f"{name} ({age})" for name, age in old.items())
        yield f"Limits that were read more than {MAX_RULES_AGE_DAYS} days ago, and may have changed: {names}."
        return
    for name, age in old.items():
        yield f"{name}: its limits were read {age} days ago ({bases[name][1]}); they may have changed."


def render_text(report: Report, *, color: bool, quiet: bool, probe: bool, commands: bool) -> str:
    """Return a report as text; empty if it passed and `quiet` is set."""
    if quiet and not probe and report.passed:
        return ""
    view = View(color, commands)
    return "\n".join(_fact_lines(report, view) if probe else _lines(report, view)) + "\n"


def describe(report: Report, plan: Plan | None = None) -> str:
    """Return a report as plain text of several lines, for assertion messages and logs.

    plan  for all rule sets together, which is described in place of the commands for each
    """
    has_plan = plan is not None and bool(plan.steps)
    lines, said = [*_lines(report, View(commands=not has_plan))], {finding.message for finding in report.findings}
    return "\n".join(lines if plan is None else (*lines, *_plan_lines(plan, said)))


def _plan_lines(plan: Plan, said: Collection[str]) -> Iterator[str]:
    """Yield what a plan does, what is lost by it, and the command that does it; or why there is no plan.

    said  the messages of the findings, which are not repeated
    """
    for obstacle in plan.obstacles:
        if obstacle.message not in said:
            yield f"  plan    none: {printable(obstacle_text(obstacle))}"
    if plan.sentence:
        yield f"  plan    {printable(plan.sentence)}"
    if plan.losses:
        yield f"  loses   {printable('; '.join(plan.losses))}"
    if plan.command is not None:
        yield f"  fix     {shell_command(plan.command)}"


def _lines(report: Report, view: View) -> Iterator[str]:
    verdict = report.verdict
    facts = f"  ({in_short(report.media)})" if report.media is not None else ""
    yield f"{view.styled(f'{verdict.upper():7}', verdict)} {printable(report.source)}{view.styled(facts, 'hint')}"
    if report.error is not None and not report.results:
        yield f"  {view.label('unknown')} {printable(report.error.message)} [{report.error.code}]"
    if len(report.results) >= MIN_MATRIX_RULES:
        yield from matrix(report, view)
    else:
        yield from _result_lines(report, view)


def _result_lines(report: Report, view: View) -> Iterator[str]:
    """Yield the findings of each result; findings common to all results come first, and each hint is shown once."""
    several, shared = len(report.results) > 1, report.shared
    for finding in shared:
        yield _finding_line(finding, view)
    hinted: set[str | None] = {None}
    for result in report.results:
        rules = f"{printable(result.rules)}: " if several else ""
        findings = [finding for finding in result.findings if finding not in shared]
        for finding in findings:
            yield _finding_line(finding, view, rules, _mark(finding, result))
            if finding.hint not in hinted:
                yield view.styled(f"          → {printable(finding.hint or '')}", "hint")
                hinted.add(finding.hint)
        if several and not findings and result.verdict == "pass":
            yield f"  {view.label('pass')} {rules}passes"
    for command, names in commands_for(report.results, view).items():
        rules = f"{printable(', '.join(names))}: " if several else ""
        yield view.styled(f"  fix     {rules}{shell_command(command)}", "hint")


def _finding_line(finding: Finding, view: View, rules: str = "", mark: str = "") -> str:
    return f"  {view.label(finding.severity)} {rules}{printable(finding.message)}{mark} [{finding.code}]"


def _mark(finding: Finding, result: Result) -> str:
    """Return a remark for a finding's line: its limit is assumed, or the warning fails because of `strict`."""
    only_warnings = result.verdict == "fail" and all(
        finding.severity in ("warning", "note") for finding in result.findings
    )
    if only_warnings and finding.severity == "warning":
        return " (fails: strict)"
    return f" ({result.basis} limit)" if result.basis != "published" and finding.limit is not None else ""


def in_short(media: Media) -> str:
    """Return the facts that people look for first: `png 640×480, 12.3 kB`."""
    parts = [media.format or media.kind or "not recognized"]
    if media.width is not None:
        parts[0] += f" {media.width}×{media.height}"
    if media.duration is not None:
        parts.append(format_value("duration", round(media.duration, 3)))
    if media.fps is not None:
        parts.append(format_value("fps", round(media.fps, 2)))
    if media.size is not None:
        parts.append(_rounded(media.size))
    return ", ".join(parts)


def _rounded(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} byte{'' if size == 1 else 's'}"


def _fact_lines(report: Report, view: View) -> Iterator[str]:
    yield view.styled(printable(report.source), "pass" if report.media else "unknown")
    if report.error is not None:
        yield f"  {printable(report.error.message)} [{report.error.code}]"
    if report.media is not None:
        for group in GROUPS:
            yield from _group_lines(report.media, group)
        yield from (f"  note                {note}: {NOTES.get(note, '')}" for note in report.media.notes)


def _group_lines(media: Media, group: FactGroup) -> Iterator[str]:
    """Yield the known facts of a group, below its heading if it has one."""
    facts = {
        name: value
        for name, value in media.facts().items()
        if value is not None and name != "notes" and MEDIA_FACTS[name].group == group
    }
    if facts and group:
        yield f"  {group}"
    indent = "    " if group else "  "
    for name, value in facts.items():
        shown = format_value(name, value) if name != "aspect_ratio" else f"{value:.4g}"
        yield f"{indent + name:21} {shown}"


def _write_table(summary: Summary, stream: IO[str], *, color: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    width = None if stream.isatty() else 100
    console = Console(file=stream, force_terminal=color, no_color=not color, width=width, markup=False, emoji=False)
    table = Table(box=None, pad_edge=False, padding=(0, 1 if console.width < COMPACT_TABLE_WIDTH else 3, 0, 0))
    table.add_column("rule set", overflow="fold", no_wrap=True)
    for heading in _COUNTS:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, tally in summary.by_rules.items():
        table.add_row(printable(name), *(str(count) if count else "·" for count in _counts(tally)))
    stream.write("\n")
    stream.write(table_text(console, table) or "".join(_line_of_counts(*row) for row in summary.by_rules.items()))
    files = _files(summary.files, "file")
    skipped = f", {_files(summary.skipped, 'non-media file')} skipped" if summary.skipped else ""
    skipped += f", {summary.ignored:,} ignored" if summary.ignored else ""
    stream.write(f"{files}{skipped}; {_rounded(summary.bytes_read)} read\n")


def _files(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _counts(tally: Tally) -> tuple[int, ...]:
    return (tally.passed - tally.warnings, tally.warnings, tally.failed, tally.unknown)


def _line_of_counts(name: str, tally: Tally) -> str:
    """Return a line that replaces a row of the table if the terminal is too narrow."""
    counts = [f"{count} {word}" for word, count in zip(_COUNTS, _counts(tally), strict=True) if count]
    return f"{printable(name)}: {', '.join(counts)}\n"


def table_text(console: Console, table: Table) -> str | None:
    """Return a table as it would be printed; None if the console is too narrow for one of its words."""
    from rich.text import Text

    with console.capture() as captured:
        console.print(table)
    unbroken = set(Text.from_ansi(captured.get()).plain.split())
    cells = (str(cell) for column in table.columns for cell in (column.header, *column.cells))
    return captured.get() if all(unbroken.issuperset(cell.split()) for cell in cells) else None
