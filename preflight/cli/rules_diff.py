"""`preflight rules diff`: what differs between two rule sets, or between two texts of one."""

from __future__ import annotations

import json

import click

from preflight import catalog
from preflight.cli import complete
from preflight.cli.colour import color_option
from preflight.cli.help import CALL_CODES
from preflight.cli.options import console
from preflight.cli.wrapping import stacked_rows
from preflight.escape import printable
from preflight.reporters.tables import table_text
from preflight.ruleset import RuleSet
from preflight.ruleviews.differences import Difference, differences
from preflight.units import label


@click.command("diff", epilog=CALL_CODES)
@click.argument("first", shell_complete=complete.rule_sets)
@click.argument("second", shell_complete=complete.rule_sets)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@color_option
def command(first: str, second: str, format_: str) -> None:
    """Show what two rule sets say differently; NAME@YYYY-MM is an earlier or an observed text of NAME.

    In parentheses stands what passes with a warning. Remarks, hints and examples are not compared.

    \b
    Examples:
      preflight rules diff atlas volcengine
      preflight rules diff volcengine@2026-03 volcengine
      preflight rules diff atlas ./mine.toml --format json
    """
    ours, theirs = catalog.load(first), catalog.load(second)
    found = differences(ours, theirs)
    if format_ == "json":
        rows = [one.as_json() for one in found]
        click.echo(json.dumps({"first": ours.name, "second": theirs.name, "differences": rows}, indent=2))
    elif found:
        _table(ours, theirs, found)
    else:
        click.echo(f"{printable(ours.name)} and {printable(theirs.name)} say the same")


def _table(ours: RuleSet, theirs: RuleSet, found: list[Difference]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("of", "what", printable(ours.name), printable(theirs.name)):
        table.add_column(heading, no_wrap=heading in ("of", "what"), overflow="fold")
    rows = []
    for one in found:
        where = f"{one.section}{f' in {one.format}' if one.format else ''}"
        cells = (printable(one.first or "–"), printable(one.second or "–"))
        table.add_row(where, label(one.fact), *cells)
        names = (printable(ours.name), printable(theirs.name))
        says = (f"{name}: {cell}" for name, cell in zip(names, cells, strict=True))
        rows.append((f"{where} {label(one.fact)}".strip(), tuple(says)))
    screen = console(120)
    text = table_text(screen, table)
    print(text if text is not None else "\n".join(stacked_rows(rows, screen.width)) + "\n", end="")
