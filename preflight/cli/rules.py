"""`preflight rules list`, `show`, `diff` and `table`: rule sets and their limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import click

from preflight import catalog
from preflight.cli import params
from preflight.cli.output import console
from preflight.cli.rule_codes import explain
from preflight.cli.rule_files import export, import_command, new, schema, validate
from preflight.cli.terminal import CALL_CODES, Subcommands, color_option, stacked_rows, wrapped
from preflight.escape import printable
from preflight.facts import label
from preflight.limit import Limit
from preflight.reporters.text import table_text
from preflight.ruleset import RuleSet
from preflight.ruleviews import (
    Difference,
    compare_rulesets,
    data_uri_kinds,
    request_rows,
    variant_names,
    with_variants,
)
from preflight.wording import accepted

_MAX_WIDTH: Final = 1000
"""Columns of a table whose width is measured."""


@click.group("rules", cls=Subcommands, epilog=CALL_CODES)
def command() -> None:
    """List, show, compare, validate and explain rule sets: one TOML file each.

    Examples:
      preflight rules list
      preflight rules show atlas
      preflight rules diff atlas volcengine
      preflight rules explain pixel_count_too_large
      preflight rules validate ./mine.toml
      preflight rules new house.toml
    """


for _subcommand in (explain, validate, schema, export, new, import_command):
    command.add_command(_subcommand)


@command.command("list", short_help="List the built-in and installed rule sets.", epilog=CALL_CODES)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@color_option
def list_rules(format_: str) -> None:
    """List the built-in rule sets and those of installed packages; NAME@YYYY-MM is an earlier or observed version.

    Examples:
      preflight rules list
      preflight rules list --format json
    """
    rulesets = list(catalog.load_usable(catalog.names()))
    if format_ == "json":
        click.echo(json.dumps([_summary(ruleset) for ruleset in rulesets], indent=2))
        return
    from rich.table import Table

    screen = console(160)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("name", "stage", "basis", "as of", "takes", "from", "title"):
        table.add_column(heading, no_wrap=True)
    for ruleset in rulesets:
        kinds = ", ".join(ruleset.sections)
        head = (ruleset.name, ruleset.stage, ruleset.basis, ruleset.as_of, kinds)
        table.add_row(*head, catalog.origin(ruleset.name), printable(ruleset.title))
        for name in variant_names(ruleset):
            table.add_row(f"  :{name}")
    if screen.measure(table, options=screen.options.update(width=_MAX_WIDTH)).maximum <= screen.width:
        screen.print(table)
        return
    for ruleset in rulesets:
        click.echo(ruleset.name)
        details = f"{ruleset.stage}, {ruleset.basis}, {ruleset.as_of}: {', '.join(ruleset.sections)}"
        variants = ", ".join(f":{name}" for name in variant_names(ruleset))
        origin = f"from {catalog.origin(ruleset.name)}"
        for text in filter(None, (printable(ruleset.title), details, origin, variants)):
            click.echo(wrapped(text, screen.width, "  ", "  "))


def _summary(ruleset: RuleSet) -> dict[str, object]:
    return {
        "name": ruleset.name,
        "origin": catalog.origin(ruleset.name),
        "title": ruleset.title,
        "stage": ruleset.stage,
        "basis": ruleset.basis,
        "as_of": ruleset.as_of,
        "source": ruleset.source_url,
        "kinds": list(ruleset.sections),
        "not_checked": list(ruleset.not_checked),
        "variants": list(ruleset.table.get("variants", ())),
        "default_variant": ruleset.variant,
    }


@command.command("show", short_help="Show the limits of rule sets.", epilog=CALL_CODES)
@click.argument("names", nargs=-1, required=True, metavar="RULES…", shell_complete=params.complete_rule_sets)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(names: tuple[str, ...], format_: str) -> None:
    """Show the limits of rule sets, with everything that they inherit by `extends`.

    Examples:
      preflight rules show atlas
      preflight rules show atlas volcengine@2026-03
      preflight rules show ./mine.toml --format json
    """
    rulesets = catalog.resolve(list(names))
    if format_ == "json":
        click.echo(json.dumps([{**ruleset.table, "name": ruleset.name} for ruleset in rulesets], indent=2, default=str))
        return
    for ruleset in rulesets:
        for line in _description(ruleset):
            click.echo(printable(line))


def _description(rules: RuleSet) -> list[str]:
    lines = [
        f"{rules.name}: {rules.title}",
        f"  stage {rules.stage}, {rules.basis}, read on {rules.as_of} at",
        f"  {rules.source_url}",
    ]
    lines += [f"  not checked: {topic}" for topic in rules.not_checked]
    if names := variant_names(rules):
        lines.append(f"  variants: {', '.join(names)}")
    for kind in rules.sections:
        lines.append("")
        lines += _section_lines(rules, kind)
    lines += ["", "  [url]", *map(_limit_line, rules.url)]
    if rules.data_uri is not None:
        lines += ["", "  [data_uri]", f"    {'kinds':20} {data_uri_kinds(rules) or ', '.join(rules.sections)}"]
        lines += [
            f"  {_limit_line(limit)} ({kind})" for kind, of_kind in rules.data_uri.limits.items() for limit in of_kind
        ]
    if rules.request is not None:
        lines += ["", "  [request]"]
        lines += [f"    {files}: {label(what)} {limit}" for files, what, limit in request_rows(rules)]
    return [*lines, ""]


def _section_lines(rules: RuleSet, kind: str) -> Iterator[str]:
    """Yield the limits on a kind, then those of each condition and variant."""
    heading = f"  [{kind}]"
    yield heading
    for name, placed in with_variants(rules):
        if placed.section == kind:
            variant = f" in the variant {name.rpartition(':')[2]}" if name != rules.name else ""
            new = f"  [{kind}]{variant}{f' {placed.condition}' if placed.condition else ''}"
            if new != heading:
                heading = new
                yield heading
            yield _limit_line(placed.limit)


def _limit_line(limit: Limit) -> str:
    tolerated = f"; tolerated with a warning: {accepted(limit.lenient)}" if limit.lenient is not None else ""
    changed = f"; else {limit.otherwise}" if limit.otherwise else ""
    return f"    {label(limit.fact):20} {accepted(limit)}{tolerated}{changed}"


@command.command("diff", short_help="Show the differences between two rule sets.", epilog=CALL_CODES)
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
        where = difference.place
        cells = (printable(difference.first or "–"), printable(difference.second or "–"))
        table.add_row(where, label(difference.fact), *cells)
        names = (printable(ours.name), printable(theirs.name))
        named_cells = tuple(f"{name}: {cell}" for name, cell in zip(names, cells, strict=True))
        rows.append((f"{where} {label(difference.fact)}".strip(), named_cells))
    screen = console(120)
    text = table_text(screen, table)
    print(text if text is not None else "\n".join(stacked_rows(rows, screen.width)) + "\n", end="")


@command.command("table", short_help="Print the limits of rule sets side by side.", epilog=CALL_CODES)
@click.argument("names", nargs=-1, metavar="[RULES]…", shell_complete=params.complete_rule_sets)
def table(names: tuple[str, ...]) -> None:
    """Print the limits of rule sets side by side, as Markdown; without RULES, those of all built-in rule sets.

    Examples:
      preflight rules table atlas volcengine runway
      preflight rules table > rules/README.md
    """
    from preflight.ruleviews import render_page

    rulesets = catalog.resolve(list(names)) if names else tuple(catalog.load_usable(catalog.names()))
    click.echo(render_page(rulesets), nl=False)
