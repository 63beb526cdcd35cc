"""`preflight rules diff|explain|table`: what limits say across rule sets."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any

import click

from preflight import catalog
from preflight.cli import params
from preflight.cli.output import console
from preflight.cli.terminal import CALL_CODES, color_option, stacked_rows
from preflight.codes import CODES, NOTES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.facts import label
from preflight.reporters.tables import table_text
from preflight.ruleset import RuleSet
from preflight.ruleviews import PlacedLimit, find_limits, format_limit
from preflight.ruleviews.differences import Difference, compare_rulesets


@click.command("diff", epilog=CALL_CODES)
@click.argument("first", shell_complete=params.complete_rule_sets)
@click.argument("second", shell_complete=params.complete_rule_sets)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@color_option
def diff(first: str, second: str, format_: str) -> None:
    """Show what two rule sets say differently; NAME@YYYY-MM is an earlier or an observed text of NAME.

    In parentheses stands what passes with a warning. Remarks, hints and examples are not compared.

    \b
    Examples:
      preflight rules diff atlas volcengine
      preflight rules diff volcengine@2026-03 volcengine
      preflight rules diff atlas ./mine.toml --format json
    """
    ours, theirs = catalog.load(first), catalog.load(second)
    found = compare_rulesets(ours, theirs)
    if format_ == "json":
        rows = [one.as_json() for one in found]
        click.echo(json.dumps({"first": ours.name, "second": theirs.name, "differences": rows}, indent=2))
    elif found:
        _diff_table(ours, theirs, found)
    else:
        click.echo(f"{printable(ours.name)} and {printable(theirs.name)} say the same")


def _diff_table(ours: RuleSet, theirs: RuleSet, found: list[Difference]) -> None:
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


@click.command("explain", epilog=CALL_CODES)
@click.argument("code", required=False, shell_complete=params.complete_finding_codes)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain(code: str | None, format_: str) -> None:
    """Explain a finding code: what it means, what to do, and which rule sets have limits that give it.

    Without CODE all codes are listed. The words of `notes`, such as `estimated_duration`, are explained too.

    \b
    Examples:
      preflight rules explain pixel_count_too_large
      preflight rules explain
    """
    if code is None:
        _list_codes(format_)
        return
    if code not in CODES and code not in NOTES:
        near = get_close_matches(code, [*CODES, *NOTES], n=3)
        meant = f"; did you mean {' or '.join(near)}?" if near else ": `preflight rules explain` lists them"
        raise UsageError(f"there is no finding code {code!r}{meant}")
    explained = _explained(code)
    if format_ == "json":
        click.echo(json.dumps(explained, indent=2))
    else:
        for line in _as_text(explained).split("\n"):
            click.echo(printable(line))


def _list_codes(format_: str) -> None:
    if format_ == "json":
        rows = [{"code": code, "severity": known.severity, "title": known.title} for code, known in CODES.items()]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(map(len, CODES))
    for code, known in CODES.items():
        click.echo(f"{code:{width}}  {known.severity:7}  {known.title}")


def _explained(code: str) -> dict[str, Any]:
    known = CODES.get(code)
    sets = [catalog.load(name) for name in catalog.names()]
    limits = [{**_where(line), "rules": names} for line, names in find_limits(code, sets)]
    return {
        "code": code,
        "title": known.title if known else None,
        "severity": known.severity if known else None,
        "explanation": known.explanation if known else None,
        "note": NOTES.get(code),
        "limits": limits,
    }


def _where(line: PlacedLimit) -> dict[str, Any]:
    return {
        "section": line.section,
        "format": line.format or None,
        "fact": line.limit.fact,
        "accepts": format_limit(line.limit),
        "remark": line.limit.note,
    }


def _as_text(explained: dict[str, Any]) -> str:
    code = explained["code"]
    said = []
    if explained["title"]:
        said += [f"{code}: {explained['title']} ({explained['severity']})", f"  {explained['explanation']}"]
    if explained["note"] and explained["severity"] != "note":
        said.append(f"{code}, as a note: {explained['note']}")
    if explained["limits"]:
        said += ["", "Limits that give it:"]
        for limit in explained["limits"]:
            where = f"{limit['section']}{' in ' + limit['format'] if limit['format'] else ''}"
            remark = f"  [{limit['remark']}]" if limit["remark"] else ""
            said.append(f"  {where}: {label(limit['fact'])} {limit['accepts']}{remark}")
            said.append(f"    {', '.join(limit['rules'])}")
    elif explained["title"]:
        said += [
            "",
            "No limit gives it: it is said of the content, of the source or by a provider, whatever the rule set.",
        ]
    return "\n".join(said)


@click.command("table", epilog=CALL_CODES)
@click.argument("names", nargs=-1, metavar="[RULES]…", shell_complete=params.complete_rule_sets)
def table(names: tuple[str, ...]) -> None:
    """Print the limits of rule sets side by side, as Markdown: of all built-in ones where none is named.

    \b
    Examples:
      preflight rules table atlas volcengine runway
      preflight rules table > rules/README.md
    """
    from preflight.ruleviews.page import render_page

    sets = catalog.resolve(list(names)) if names else tuple(catalog.load(name) for name in catalog.names())
    click.echo(render_page(sets), nl=False)
