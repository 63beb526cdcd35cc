"""`preflight rules …`: what the rule sets are and say."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import click

from preflight import catalog
from preflight.errors import RuleFileError
from preflight.judge import accepted
from preflight.ruleset import Limit, RuleSet
from preflight.units import label


@click.group("rules")
def command() -> None:
    """List, show, validate and describe rule sets: one TOML file each."""


@command.command("list")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_rules(format_: str) -> None:
    """List the built-in rule sets; NAME@YYYY-MM is an earlier or an observed text."""
    sets = [catalog.load(name) for name in catalog.names()]
    if format_ == "json":
        click.echo(json.dumps([_head(rules) for rules in sets], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for heading in ("name", "stage", "basis", "as of", "takes", "title"):
        table.add_column(heading, no_wrap=heading != "title")
    for rules in sets:
        takes = ", ".join(rules.sections)
        table.add_row(rules.name, rules.stage, rules.basis, rules.as_of, takes, rules.title)
    Console().print(table)


def _head(rules: RuleSet) -> dict[str, Any]:
    return {
        "name": rules.name,
        "title": rules.title,
        "stage": rules.stage,
        "basis": rules.basis,
        "as_of": rules.as_of,
        "source": rules.source,
        "kinds": list(rules.sections),
        "not_checked": list(rules.not_checked),
    }


@command.command("show")
@click.argument("names", nargs=-1, required=True, metavar="RULES…")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(names: tuple[str, ...], format_: str) -> None:
    """Show what rule sets accept, after everything that they extend.

    \b
    preflight rules show atlas
    preflight rules show ./mine.toml --format json
    """
    sets = catalog.resolve(list(names))
    if format_ == "json":
        click.echo(json.dumps([{**rules.table, "name": rules.name} for rules in sets], indent=2, default=str))
        return
    for rules in sets:
        for line in _described(rules):
            click.echo(line)


def _described(rules: RuleSet) -> list[str]:
    lines = [
        f"{rules.name}: {rules.title}",
        f"  stage {rules.stage}, {rules.basis}, read on {rules.as_of} at",
        f"  {rules.source}",
    ]
    lines += [f"  not checked: {thing}" for thing in rules.not_checked]
    for kind, section in rules.sections.items():
        lines += ["", f"  [{kind}]", *map(_limit, section.limits)]
        for name, limits in section.by_format.items():
            changed = [limit for limit in limits if limit not in section.limits]
            lines += [f"  [{kind}] in {name}", *map(_limit, changed)]
    lines += ["", "  [url]", *map(_limit, rules.url)]
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


@command.command("validate")
@click.argument("paths", nargs=-1, required=True, metavar="FILE…")
def validate(paths: tuple[str, ...]) -> None:
    """Validate rule files of your own: words, units, types, bounds, and the examples in them."""
    from preflight.rulecheck import validate_file

    problems = [problem for path in paths for problem in validate_file(path)]
    if problems:
        raise RuleFileError(problems)
    for path in paths:
        rules = catalog.load(path)
        age = (date.today() - date.fromisoformat(rules.as_of)).days
        click.echo(f"{path}: valid, {sum(len(s.limits) for s in rules.sections.values())} limits, read {age} days ago")


@command.command("schema")
@click.option("--report", is_flag=True, help="The schema of a report (a line of `check --format jsonl`) instead.")
def schema(report: bool) -> None:
    """Print the JSON Schema of rule files, by which editors complete and check them."""
    from preflight.rulefile import json_schema
    from preflight.schemas import report_schema

    click.echo(json.dumps(report_schema() if report else json_schema(), indent=2))
