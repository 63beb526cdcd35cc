"""`preflight rules table`: all limits side by side, as Markdown."""

from __future__ import annotations

import click

from preflight import catalog
from preflight.cli import complete
from preflight.cli.help import CALL_CODES


@click.command("table", epilog=CALL_CODES)
@click.argument("names", nargs=-1, metavar="[RULES]…", shell_complete=complete.rule_sets)
def command(names: tuple[str, ...]) -> None:
    """Print the limits of rule sets side by side, as Markdown: of all built-in ones where none is named.

    \b
    Examples:
      preflight rules table atlas volcengine runway
      preflight rules table > rules/README.md
    """
    from preflight.ruleviews.page import page

    sets = catalog.resolve(list(names)) if names else tuple(catalog.load(name) for name in catalog.names())
    click.echo(page(sets), nl=False)
