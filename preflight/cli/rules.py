"""`preflight rules …`: what the rule sets are and say."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

import click

from preflight import catalog
from preflight.cli import params, rules_compare
from preflight.cli.output import console
from preflight.cli.terminal import CALL_CODES, Subcommands, color_option, wrapped
from preflight.errors import RuleFileError
from preflight.escape import printable
from preflight.facts import label
from preflight.ruleset import Limit, RuleSet
from preflight.ruleviews import data_uri_kinds
from preflight.wording import accepted

_WIDEST: Final = 1000


@click.group("rules", cls=Subcommands, epilog=CALL_CODES)
def command() -> None:
    """List, show, compare, validate and explain rule sets: one TOML file each.

    \b
    Examples:
      preflight rules list
      preflight rules show atlas
      preflight rules diff atlas volcengine
      preflight rules explain pixel_count_too_large
      preflight rules validate ./mine.toml
    """


for _part in (rules_compare.diff, rules_compare.explain, rules_compare.table):
    command.add_command(_part)


@command.command("list", epilog=CALL_CODES)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@color_option
def list_rules(format_: str) -> None:
    """List the built-in rule sets; NAME@YYYY-MM is an earlier or an observed text.

    \b
    Examples:
      preflight rules list
      preflight rules list --format json
    """
    sets = [catalog.load(name) for name in catalog.names()]
    if format_ == "json":
        click.echo(json.dumps([_head(rules) for rules in sets], indent=2))
        return
    from rich.table import Table

    screen = console(160)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("name", "stage", "basis", "as of", "takes", "title"):
        table.add_column(heading, no_wrap=True)
    for rules in sets:
        takes = ", ".join(rules.sections)
        table.add_row(rules.name, rules.stage, rules.basis, rules.as_of, takes, printable(rules.title))
    if screen.measure(table, options=screen.options.update(width=_WIDEST)).maximum <= screen.width:
        screen.print(table)
        return
    for rules in sets:
        click.echo(rules.name)
        about = f"{rules.stage}, {rules.basis}, {rules.as_of}: {', '.join(rules.sections)}"
        for text in (printable(rules.title), about):
            click.echo(wrapped(text, screen.width, "  ", "  "))


def _head(rules: RuleSet) -> dict[str, Any]:
    return {
        "name": rules.name,
        "title": rules.title,
        "stage": rules.stage,
        "basis": rules.basis,
        "as_of": rules.as_of,
        "source": rules.source_url,
        "kinds": list(rules.sections),
        "not_checked": list(rules.not_checked),
    }


@command.command("show", epilog=CALL_CODES)
@click.argument("names", nargs=-1, required=True, metavar="RULES…", shell_complete=params.complete_rule_sets)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(names: tuple[str, ...], format_: str) -> None:
    """Show what rule sets accept, after everything that they extend.

    \b
    Examples:
      preflight rules show atlas
      preflight rules show atlas volcengine@2026-03
      preflight rules show ./mine.toml --format json
    """
    sets = catalog.resolve(list(names))
    if format_ == "json":
        click.echo(json.dumps([{**rules.table, "name": rules.name} for rules in sets], indent=2, default=str))
        return
    for rules in sets:
        for line in _described(rules):
            click.echo(printable(line))


def _described(rules: RuleSet) -> list[str]:
    lines = [
        f"{rules.name}: {rules.title}",
        f"  stage {rules.stage}, {rules.basis}, read on {rules.as_of} at",
        f"  {rules.source_url}",
    ]
    lines += [f"  not checked: {thing}" for thing in rules.not_checked]
    for kind, section in rules.sections.items():
        lines += ["", f"  [{kind}]", *map(_limit, section.limits)]
        for name, limits in section.by_format.items():
            changed = [limit for limit in limits if limit not in section.limits]
            lines += [f"  [{kind}] in {name}", *map(_limit, changed)]
    lines += ["", "  [url]", *map(_limit, rules.url)]
    if rules.data_uri is not None:
        lines += ["", "  [data_uri]", f"    {'kinds':20} {data_uri_kinds(rules) or ', '.join(rules.sections)}"]
        lines += [f"  {_limit(limit)} ({kind})" for kind, of_kind in rules.data_uri.limits.items() for limit in of_kind]
    if rules.request is not None:
        lines += ["", "  [request]"]
        for group, limits in rules.request.limits.items():
            lines += [f"  {_limit(limit)} ({group or 'all'})" for limit in limits]
        lines += [
            f"    {kind} needs {' or '.join(others)} beside it" for kind, others in rules.request.companions.items()
        ]
    return [*lines, ""]


def _limit(limit: Limit) -> str:
    tolerated = f"; tolerated with a warning: {accepted(limit.lenient)}" if limit.lenient is not None else ""
    return f"    {label(limit.fact):20} {accepted(limit)}{tolerated}"


@command.command("validate", epilog=CALL_CODES)
@click.argument("paths", nargs=-1, required=True, metavar="FILE…", shell_complete=params.complete_targets)
def validate(paths: tuple[str, ...]) -> None:
    """Validate rule files of your own: words, units, types, bounds, and the examples in them.

    \b
    Examples:
      preflight rules validate ./mine.toml
    """
    from preflight.rulecheck import validate_file

    problems = [problem for path in paths for problem in validate_file(path)]
    if problems:
        raise RuleFileError(problems)
    for path in paths:
        rules = catalog.load(path)
        age = (date.today() - date.fromisoformat(rules.as_of)).days
        read = "today" if age <= 0 else "yesterday" if age == 1 else f"{age:,} days ago"
        count = sum(len(section.limits) for section in rules.sections.values())
        click.echo(f"{printable(path)}: valid, {count} limit{'' if count == 1 else 's'}, read {read}")


@command.command("schema", epilog=CALL_CODES)
@click.option("--report", is_flag=True, help="The schema of a report (a line of `check --format jsonl`) instead.")
def schema(report: bool) -> None:
    """Print the JSON Schema of rule files, by which editors complete and check them.

    \b
    Examples:
      preflight rules schema > rules.schema.json
      preflight rules schema --report
    """
    from preflight.rulefile import json_schema
    from preflight.schemas import report_schema

    click.echo(json.dumps(report_schema() if report else json_schema(), indent=2))
