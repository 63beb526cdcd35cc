"""`preflight rules explain`: what a finding code means, and which limits give it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import click

from preflight import catalog
from preflight.cli import params
from preflight.cli.options import unknown_code
from preflight.cli.terminal import CALL_CODES
from preflight.codes import CODES, NOTES, Code
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.facts import label
from preflight.ruleviews import find_limits
from preflight.wording import format_limit


@click.command("explain", short_help="Explain a finding code.", epilog=CALL_CODES)
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
    known = CODES.get(code)
    uses = [
        LimitUse(
            placed.section, placed.condition or None, placed.fact, format_limit(placed.limit), placed.limit.note, names
        )
        for placed, names in find_limits(code, catalog.load_usable(catalog.names()))
    ]
    if format_ == "text":
        for line in _explanation(code, known, uses):
            click.echo(printable(line))
        return
    titles = ("title", "severity", "explanation")
    meaning = {"code": code, **{name: getattr(known, name, None) for name in titles}, "note": NOTES.get(code)}
    click.echo(json.dumps({**meaning, "limits": [use._asdict() for use in uses]}, indent=2))


def _list_codes(format_: str) -> None:
    if format_ == "json":
        rows = [{"code": code, "severity": known.severity, "title": known.title} for code, known in CODES.items()]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(map(len, CODES))
    for code, known in CODES.items():
        click.echo(f"{code:{width}}  {known.severity:7}  {known.title}")


class LimitUse(NamedTuple):
    """A limit that gives a finding code, and the rule sets that have it."""

    section: str
    condition: str | None
    fact: str
    accepts: str
    remark: str | None
    rules: list[str]


def _explanation(code: str, known: Code | None, uses: list[LimitUse]) -> Iterator[str]:
    """Yield the lines that explain a code, a note, or what is both."""
    if known is not None:
        yield f"{code}: {known.title} ({known.severity})"
        yield f"  {known.explanation}"
    if code in NOTES and (known is None or known.severity != "note"):
        yield f"{code}, as a note: {NOTES[code]}"
    if uses:
        yield from ("", "Limits that give it:")
    elif known is not None:
        yield from ("", "No limit on a fact gives it. It concerns the content, the source, the provider or a request.")
    for use in uses:
        where, remark = f" {use.condition}" if use.condition else "", f"  [{use.remark}]" if use.remark else ""
        yield f"  {use.section}{where}: {label(use.fact)} {use.accepts}{remark}"
        yield f"    {', '.join(use.rules)}"
