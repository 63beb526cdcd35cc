"""`preflight rules validate`, `schema`, `export`, `new` and `import`: what is read from and written to rule files."""

from __future__ import annotations

import json
import os
import re
import shlex
from datetime import date

import click

from preflight import catalog
from preflight.cli import params
from preflight.cli.options import allow_private_option, ca_bundle_option, timeout_option
from preflight.cli.terminal import CALL_CODES
from preflight.errors import RuleFileError, UsageError
from preflight.escape import printable


@click.command("validate", short_help="Validate your rule files.", epilog=CALL_CODES)
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


@click.command("schema", short_help="Print the JSON Schema of rule files.", epilog=CALL_CODES)
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


@click.command("export", short_help="Print compiled rule sets as JSON.", epilog=CALL_CODES)
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


@click.command("new", short_help="Write a new rule file.", epilog=CALL_CODES)
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


@click.command("import", short_help="Write a rule file with the limits of a server.", epilog=CALL_CODES)
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
