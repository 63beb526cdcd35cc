"""`preflight rules diff|explain|table`: the limits of several rule sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from preflight import catalog
from preflight.cli import params
from preflight.cli.options import unknown_code
from preflight.cli.output import console
from preflight.cli.terminal import CALL_CODES, color_option, stacked_rows
from preflight.codes import CODES, NOTES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.facts import label
from preflight.reporters.tables import table_text
from preflight.ruleset import RuleSet
from preflight.ruleviews import Difference, compare_rulesets, find_limits
from preflight.wording import format_limit


@click.command("diff", epilog=CALL_CODES)
@click.argument("first", shell_complete=params.complete_rule_sets)
@click.argument("second", shell_complete=params.complete_rule_sets)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@color_option
def diff(first: str, second: str, format_: str) -> None:
    """Show the differences between two rule sets; NAME@YYYY-MM is an earlier or an observed version of NAME.

    Values that pass with a warning are in parentheses. Remarks, hints and examples are not compared.

    Examples:
      preflight rules diff atlas volcengine
      preflight rules diff volcengine@2026-03 volcengine
      preflight rules diff atlas ./mine.toml --format json
    """
    ours, theirs = catalog.load(first), catalog.load(second)
    found = compare_rulesets(ours, theirs)
    if format_ == "json":
        rows = [difference.as_json() for difference in found]
        click.echo(json.dumps({"first": ours.name, "second": theirs.name, "differences": rows}, indent=2))
    elif found:
        _diff_table(ours, theirs, found)
    else:
        click.echo(f"{printable(ours.name)} and {printable(theirs.name)} are the same")


def _diff_table(ours: RuleSet, theirs: RuleSet, found: list[Difference]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("of", "what", printable(ours.name), printable(theirs.name)):
        table.add_column(heading, no_wrap=heading in ("of", "what"), overflow="fold")
    rows = []
    for difference in found:
        where = f"{difference.section}{f' in {difference.format}' if difference.format else ''}"
        cells = (printable(difference.first or "–"), printable(difference.second or "–"))
        table.add_row(where, label(difference.fact), *cells)
        names = (printable(ours.name), printable(theirs.name))
        named_cells = tuple(f"{name}: {cell}" for name, cell in zip(names, cells, strict=True))
        rows.append((f"{where} {label(difference.fact)}".strip(), named_cells))
    screen = console(120)
    text = table_text(screen, table)
    print(text if text is not None else "\n".join(stacked_rows(rows, screen.width)) + "\n", end="")


@click.command("explain", epilog=CALL_CODES)
@click.argument("code", required=False, shell_complete=params.complete_finding_codes)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(code: str | None, format_: str) -> None:
    """Explain a finding code: what it means, what to do, and which rule sets have limits that give it.

    Without CODE all codes are listed. Notes, such as `estimated_duration`, are explained too.

    Examples:
      preflight rules explain pixel_count_too_large
      preflight rules explain
    """
    if code is None:
        _list_codes(format_)
        return
    if code not in CODES and code not in NOTES:
        raise UsageError(unknown_code(code, [*CODES, *NOTES]))
    explanation = _explanation(code)
    if format_ == "json":
        click.echo(json.dumps(asdict(explanation), indent=2))
    else:
        for line in explanation.lines():
            click.echo(printable(line))


def _list_codes(format_: str) -> None:
    if format_ == "json":
        rows = [{"code": code, "severity": known.severity, "title": known.title} for code, known in CODES.items()]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(map(len, CODES))
    for code, known in CODES.items():
        click.echo(f"{code:{width}}  {known.severity:7}  {known.title}")


@dataclass(frozen=True)
class LimitUse:
    """A limit that gives a finding code, and the rule sets that have it."""

    section: str
    format: str | None
    fact: str
    accepts: str
    remark: str | None
    rules: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield the limit and its rule sets as text."""
        format_ = f" in {self.format}" if self.format else ""
        remark = f"  [{self.remark}]" if self.remark else ""
        yield f"  {self.section}{format_}: {label(self.fact)} {self.accepts}{remark}"
        yield f"    {', '.join(self.rules)}"


@dataclass(frozen=True)
class Explanation:
    """The meaning of a code or a note; fields that do not apply are None."""

    code: str
    title: str | None
    severity: str | None
    explanation: str | None
    note: str | None
    limits: tuple[LimitUse, ...]

    def lines(self) -> Iterator[str]:
        """Yield the explanation as text."""
        if self.title:
            yield f"{self.code}: {self.title} ({self.severity})"
            yield f"  {self.explanation}"
        if self.note and self.severity != "note":
            yield f"{self.code}, as a note: {self.note}"
        if self.limits:
            yield from ("", "Limits that give it:")
            for limit in self.limits:
                yield from limit.lines()
        elif self.title:
            yield from ("", "No limit gives it: it concerns the content, the source or the provider, not a rule set.")


def _explanation(code: str) -> Explanation:
    known = CODES.get(code)
    rulesets = [catalog.load(name) for name in catalog.names()]
    limits = tuple(
        LimitUse(
            line.section, line.format or None, line.limit.fact, format_limit(line.limit), line.limit.note, tuple(names)
        )
        for line, names in find_limits(code, rulesets)
    )
    if known is None:
        return Explanation(code, None, None, None, NOTES.get(code), limits)
    return Explanation(code, known.title, known.severity, known.explanation, NOTES.get(code), limits)


@click.command("table", epilog=CALL_CODES)
@click.argument("names", nargs=-1, metavar="[RULES]…", shell_complete=params.complete_rule_sets)
def table(names: tuple[str, ...]) -> None:
    """Print the limits of rule sets side by side, as Markdown; without RULES those of all built-in ones.

    Examples:
      preflight rules table atlas volcengine runway
      preflight rules table > rules/README.md
    """
    from preflight.ruleviews import render_page

    rulesets = catalog.resolve(list(names)) if names else tuple(catalog.load(name) for name in catalog.names())
    click.echo(render_page(rulesets), nl=False)
