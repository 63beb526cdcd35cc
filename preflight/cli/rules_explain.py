"""`preflight rules explain`: what a finding code or a note means, and where it comes from."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any

import click

from preflight import catalog
from preflight.cli import complete
from preflight.cli.help import CALL_CODES
from preflight.codes import CODES, NOTES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.ruleviews import Line, brief
from preflight.ruleviews.uses import uses
from preflight.units import label


@click.command("explain", epilog=CALL_CODES)
@click.argument("code", required=False, shell_complete=complete.finding_codes)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(code: str | None, format_: str) -> None:
    """Explain a finding code: what it means, what to do, and which rule sets have limits that give it.

    Without CODE all codes are listed. The words of `notes`, such as `estimated_duration`, are explained too.

    \b
    Examples:
      preflight rules explain pixel_count_too_large
      preflight rules explain
    """
    if code is None:
        _list(format_)
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


def _list(format_: str) -> None:
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
    limits = [{**_where(line), "rules": names} for line, names in uses(code, sets)]
    return {
        "code": code,
        "title": known.title if known else None,
        "severity": known.severity if known else None,
        "explanation": known.explanation if known else None,
        "note": NOTES.get(code),
        "limits": limits,
    }


def _where(line: Line) -> dict[str, Any]:
    return {
        "section": line.section,
        "format": line.format or None,
        "fact": line.limit.fact,
        "accepts": brief(line.limit),
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
