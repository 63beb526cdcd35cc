"""`preflight assets groups list|create|rename|delete`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from preflight.cli.output import Printer, output_options, printer_for
from preflight.cli.params import Decorator, IntRange
from preflight.cli.provider_options import (
    ledger_option,
    open_ledger,
    open_provider,
    reach_options,
    to_option,
)
from preflight.cli.terminal import ASSETS_CODES, Subcommands
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.providers import Group, find_provider
from preflight.submission.grouping import GroupManager

_COLUMNS: Final = ("id", "provider", "name", "description", "type", "created", "updated")


@click.group("groups", cls=Subcommands, short_help="List, create, rename and delete groups.", epilog=ASSETS_CODES)
def command() -> None:
    """List, create, rename and delete the groups of assets that some providers have.

    GROUP is a group's id, or its name where only one has it.

    \b
    Examples:
      preflight assets groups list --to volcengine
      preflight assets groups create heroes --to volcengine
    """


def _group_options(*formats: str) -> Decorator:
    def decorate(function: Any) -> Any:
        for part in (reach_options, ledger_option, output_options(*formats), _to):
            function = part(function)
        return function

    return decorate


_to = to_option(required=True, said="Whose groups.")


@contextmanager
def _keeper(to: str, options: dict[str, Any]) -> Iterator[GroupManager]:
    kind = find_provider(to)
    if "list_groups" not in kind.can:
        raise UsageError(f"{kind.title} has no groups")
    with open_provider(to, options) as (provider, clock), open_ledger(options) as ledger:
        yield GroupManager(provider, ledger, clock)


def _print(printer: Printer, group: Group, word: str = "group") -> None:
    kind = f"({group.type})" if group.type else None
    printer.row(group.as_json(), word, group.id, group.name, kind, below=[group.description])


@command.command("list", short_help="List the groups of an account.", epilog=ASSETS_CODES)
@click.option("--name", metavar="TEXT", help="Only groups whose name contains this.")
@click.option("--page", metavar="PAGE", help="One page alone: a number, or what the page before named.")
@click.option("--page-size", type=IntRange(1, 1000), metavar="N", help="Groups to a page.")
@_group_options("text", "json", "jsonl", "csv")
def _list(to: str, name: str | None, page: str | None, page_size: int | None, **options: Any) -> None:
    """List the groups of an account.

    \b
    Examples:
      preflight assets groups list --to byteplus --format jsonl
    """
    with _keeper(to, options) as keeper, printer_for(options, _COLUMNS) as printer:
        found = keeper.all(page_size) if page is None else None
        turned = keeper.page(page, page_size) if page is not None else None
        count = 0
        for group in found if found is not None else turned.items if turned is not None else ():
            if name is None or name in (group.name or ""):
                _print(printer, group)
                count += 1
    if options["format_"] == "text":
        click.echo(f"{count} {'group' if count == 1 else 'groups'}", err=True)
    if turned is not None and turned.next is not None:
        click.echo(f"next: --page {turned.next}", err=True)


@command.command("create", short_help="Make a group.", epilog=ASSETS_CODES)
@click.argument("name", metavar="NAME")
@click.option("--description", metavar="TEXT", help="Where the provider takes one.")
@_group_options("text", "json", "jsonl")
def _create(to: str, name: str, description: str | None, **options: Any) -> None:
    """Make a group called NAME. There must be none of this name: two could not be told apart by `submit --group`.

    \b
    Examples:
      preflight assets groups create heroes --to volcengine --description "season two"
    """
    with _keeper(to, options) as keeper, printer_for(options, one=True) as printer:
        _print(printer, keeper.create(name, description), "created")


@command.command("rename", short_help="Give a group another name or description.", epilog=ASSETS_CODES)
@click.argument("group", metavar="GROUP")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--description", metavar="TEXT", help="Another description too, or alone.")
@_group_options("text", "json", "jsonl")
def _rename(to: str, group: str, name: str | None, description: str | None, **options: Any) -> None:
    """Give GROUP another NAME, another description, or both.

    \b
    Examples:
      preflight assets groups rename heroes villains --to volcengine
    """
    if name is None and description is None:
        raise UsageError("say what to change: a new NAME, or --description")
    with _keeper(to, options) as keeper, printer_for(options, one=True) as printer:
        _print(printer, keeper.rename(group, name, description), "renamed")


@command.command("delete", short_help="Delete a group with all its assets.", epilog=ASSETS_CODES)
@click.argument("group", metavar="GROUP")
@click.option("--yes", is_flag=True, help="Delete it with all its assets, for good.")
@_group_options("text", "json", "jsonl")
def _delete(to: str, group: str, yes: bool, **options: Any) -> None:
    """Delete GROUP and all its assets, for good. Without --yes it only says how many those are.

    \b
    Examples:
      preflight assets groups delete heroes --to volcengine --yes
    """
    with _keeper(to, options) as keeper:
        found = keeper.find(group)
        if not yes:
            count = keeper.assets_in(found)
            many = "all its assets" if count is None else "its asset" if count == 1 else f"its {count} assets"
            raise UsageError(
                f"{keeper.provider.title} deletes the group '{printable(found.name or '')}' ({found.id}) "
                f"with {many}, for good: repeat the command with --yes"
            )
        keeper.delete(found)
        with printer_for(options, one=True) as printer:
            _print(printer, found, "deleted")
