"""`preflight rules …`: list, show, validate and explain rule sets, and compare their limits."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

import click

from preflight import catalog
from preflight.cli import params
from preflight.cli.options import allow_private_option, ca_bundle_option, timeout_option, unknown_code
from preflight.cli.output import console
from preflight.cli.terminal import CALL_CODES, Subcommands, color_option, stacked_rows, wrapped
from preflight.codes import CODES, NOTES, Code
from preflight.errors import RuleFileError, UsageError
from preflight.escape import printable
from preflight.facts import label
from preflight.limit import Limit
from preflight.reporters.text import table_text
from preflight.ruleset import RuleSet
from preflight.ruleviews import (
    Difference,
    compare_rulesets,
    data_uri_kinds,
    find_limits,
    request_rows,
    variant_names,
    with_variants,
)
from preflight.wording import accepted, format_limit

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


@command.command("validate", short_help="Validate your rule files.", epilog=CALL_CODES)
@click.argument("paths", nargs=-1, required=True, metavar="FILE…", shell_complete=params.complete_targets)
def validate(paths: tuple[str, ...]) -> None:
    """Validate your rule files: keys, words, units, types, bounds, and their examples.

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


@command.command("schema", short_help="Print the JSON Schema of rule files.", epilog=CALL_CODES)
@click.option("--report", is_flag=True, help="Print the schema of a report, a line of `check --format jsonl`.")
@click.option("--export", "exported", is_flag=True, help="Print the schema of a rule set of `rules export`.")
def schema(report: bool, exported: bool) -> None:  # noqa: FBT001 - by click
    """Print the JSON Schema of rule files, which editors use to complete and check them.

    Examples:
      preflight rules schema > rules.schema.json
      preflight rules schema --report
      preflight rules schema --export
    """
    from preflight.export import export_schema
    from preflight.rulefile.model import json_schema
    from preflight.schemas import report_schema

    if report and exported:
        raise UsageError("--report cannot be used with --export. Leave one of them out.")
    made = report_schema() if report else export_schema() if exported else json_schema()
    click.echo(json.dumps(made, indent=2))


@command.command("export", short_help="Print compiled rule sets as JSON.", epilog=CALL_CODES)
@click.argument("names", nargs=-1, metavar="[RULES]…", shell_complete=params.complete_rule_sets)
@click.option(
    "--format", type=click.Choice(["json"]), default="json", show_default=True, expose_value=False, help="How to print."
)
def export(names: tuple[str, ...]) -> None:
    """Print compiled rule sets as JSON for other languages; without RULES, all of them.

    Everything that they extend is merged, and bounds are numbers in the unit of their fact. `rules schema --export`
    prints the schema.

    Examples:
      preflight rules export > rules.json
      preflight rules export atlas ./mine.toml
    """
    from preflight.export import export_ruleset

    rulesets = catalog.resolve(list(names)) if names else tuple(catalog.load_usable(catalog.names()))
    click.echo(json.dumps([export_ruleset(ruleset) for ruleset in rulesets], indent=2, ensure_ascii=True))


@command.command("new", short_help="Write a new rule file.", epilog=CALL_CODES)
@click.argument("path", metavar="FILE", shell_complete=params.complete_targets)
def new(path: str) -> None:
    """Write a new rule file with comments. It is valid as it stands; an existing file is not replaced.

    Examples:
      preflight rules new house.toml
    """
    from preflight.rulefile.skeleton import skeleton

    stem, extension = os.path.splitext(os.path.basename(path))
    if extension not in ("", ".toml") or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,59}", stem):
        raise UsageError(f"{printable(path)} is not a name for a rule file. Write a word such as house.toml.")
    path = path if extension else f"{path}.toml"
    _write_new(path, skeleton(stem, date.today().isoformat()))
    click.echo(f"{printable(path)}: written. Complete it, then run preflight rules validate {shlex.quote(path)}")


@command.command("import", short_help="Write a rule file with the limits of a server.", epilog=CALL_CODES)
@click.argument("kind", metavar="KIND")
@click.argument("server", metavar="URL")
@click.option("--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="Write a new file there.")
@timeout_option
@allow_private_option
@ca_bundle_option
def import_command(
    kind: str,
    server: str,
    output: str | None,
    timeout: float | None,
    allow_private: bool,  # noqa: FBT001 - by click
    ca_bundle: str | None,
) -> None:
    """Write a rule file with the limits that a server states itself. KIND is mastodon.

    Examples:
      preflight rules import mastodon https://mastodon.social > mastodon.toml
      preflight rules import mastodon https://mastodon.social -o mastodon.toml
    """
    from preflight import importers
    from preflight.net.options import HttpOptions

    chosen = {"timeout": timeout, "allow_private": allow_private, "ca_bundle": ca_bundle}
    options = HttpOptions(**{name: value for name, value in chosen.items() if value})  # type: ignore[arg-type]
    text = importers.import_rules(kind, server, options)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write_new(output, text)


def _write_new(path: str, text: str) -> None:
    """Write a file that does not exist yet. Raise `UsageError`."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{printable(path)} exists already. Choose another name.") from None
    except OSError as error:
        raise UsageError(f"{printable(path)} cannot be written ({error.strerror}). Choose another path.") from None


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


@command.command("explain", short_help="Explain a finding code.", epilog=CALL_CODES)
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
