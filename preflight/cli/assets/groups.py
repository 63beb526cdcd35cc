"""`preflight assets groups list|get|create|rename|delete`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click

from preflight.cli.options import add_options, pass_options
from preflight.cli.output import Printer
from preflight.cli.params import Decorator, IntRange
from preflight.cli.provider_options import ProviderCommand, provider_command_options, to_option
from preflight.cli.terminal import ASSETS_CODES, Subcommands
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.providers import Group, find_provider
from preflight.submission.groups import GroupManager

_COLUMNS: Final = ("id", "provider", "name", "description", "type", "created", "updated")


@dataclass(frozen=True)
class GroupsCommand(ProviderCommand):
    """The options of a command on groups; each command uses some of the last six."""

    to: str
    group: str = ""
    name: str | None = None
    description: str | None = None
    page: str | None = None
    page_size: int | None = None
    yes: bool = False

    @contextmanager
    def manager(self) -> Iterator[GroupManager]:
        """Return the manager of the provider's groups. Raise `UsageError` if it has no groups."""
        kind = find_provider(self.to)
        if "list_groups" not in kind.can:
            raise UsageError(f"{kind.title} has no groups. Choose a provider that has them.")
        with self.open_ledger() as ledger, self.provider.open_provider(kind, ledger) as provider:
            yield GroupManager(provider, ledger, clock=provider.clock)


def _group_options(*formats: str) -> Decorator:
    return add_options(to_option("The provider of the groups.", required=True), provider_command_options(*formats))


@click.group("groups", cls=Subcommands, short_help="List, show, create, rename and delete groups.", epilog=ASSETS_CODES)
def command() -> None:
    """List, show, create, rename and delete the groups of assets that some providers have.

    GROUP is a group's id, or its name if only one group has it.

    Examples:
      preflight assets groups list --to volcengine
      preflight assets groups create heroes --to volcengine
    """


def _print(printer: Printer, group: Group, word: str = "group", more: Iterable[str] = ()) -> None:
    kind = f"({group.type})" if group.type else None
    printer.row(group.as_json(), word, group.id, group.name, kind, below=[group.description, *more])


@command.command("list", short_help="List the groups of an account.", epilog=ASSETS_CODES)
@click.option("--name", metavar="TEXT", help="Only groups whose name contains this.")
@click.option("--page", metavar="PAGE", help="Only one page: a number, or what the previous page printed.")
@click.option("--page-size", type=IntRange(1, 1000), metavar="N", help="Groups per page.")
@_group_options("text", "json", "jsonl", "csv")
@pass_options(GroupsCommand)
def _list(options: GroupsCommand) -> None:
    """List the groups of an account.

    Examples:
      preflight assets groups list --to byteplus --format jsonl
    """
    next_page = None
    with options.manager() as manager, options.printer(*_COLUMNS) as printer:
        if options.page is None:
            groups = iter(manager.all(options.page_size))
        else:
            page = manager.page(options.page, options.page_size)
            groups, next_page = iter(page.items), page.next
        count = 0
        for group in groups:
            if options.name is None or options.name in (group.name or ""):
                _print(printer, group)
                count += 1
    options.printing.remark(f"{count} {'group' if count == 1 else 'groups'}")
    if next_page is not None:
        click.echo(f"next: --page {next_page}", err=True)


@command.command("get", short_help="Show a group.", epilog=ASSETS_CODES)
@click.argument("group", metavar="GROUP")
@_group_options("text", "json", "jsonl")
@pass_options(GroupsCommand)
def _get(options: GroupsCommand) -> None:
    """Ask the provider for GROUP as it is now: id, name, type, description, times.

    Examples:
      preflight assets groups get heroes --to volcengine
      preflight assets groups get group-20260101000000-abcde --to byteplus --format json
    """
    with options.manager() as manager, options.printer(is_single=True) as printer:
        group = manager.get(options.group)
        data = group.as_json()
        times = [f"{name:9} {data[name]}" for name in ("created", "updated") if data[name]]
        _print(printer, group, more=times)


@command.command("create", short_help="Create a group.", epilog=ASSETS_CODES)
@click.argument("name", metavar="NAME")
@click.option("--description", metavar="TEXT", help="Its description, if the provider has one.")
@_group_options("text", "json", "jsonl")
@pass_options(GroupsCommand)
def _create(options: GroupsCommand) -> None:
    """Create a group called NAME. The name must be new: `submit --group` could not tell two groups apart.

    Examples:
      preflight assets groups create heroes --to volcengine --description "season two"
    """
    with options.manager() as manager, options.printer(is_single=True) as printer:
        _print(printer, manager.create(options.name or "", options.description), "created")


@command.command("rename", short_help="Change a group's name or description.", epilog=ASSETS_CODES)
@click.argument("group", metavar="GROUP")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--description", metavar="TEXT", help="Change its description too, or only that.")
@_group_options("text", "json", "jsonl")
@pass_options(GroupsCommand)
def _rename(options: GroupsCommand) -> None:
    """Change the name of GROUP to NAME, its description, or both.

    Examples:
      preflight assets groups rename heroes villains --to volcengine
    """
    if options.name is None and options.description is None:
        raise UsageError("No change is given. Give a new NAME, or --description.")
    with options.manager() as manager, options.printer(is_single=True) as printer:
        _print(printer, manager.rename(options.group, options.name, options.description), "renamed")


@command.command("delete", short_help="Delete a group with all its assets.", epilog=ASSETS_CODES)
@click.argument("group", metavar="GROUP")
@click.option("--yes", is_flag=True, help="Delete it and all its assets permanently.")
@_group_options("text", "json", "jsonl")
@pass_options(GroupsCommand)
def _delete(options: GroupsCommand) -> None:
    """Delete GROUP and all its assets permanently. Without --yes, only print how many there are.

    Examples:
      preflight assets groups delete heroes --to volcengine --yes
    """
    with options.manager() as manager:
        group = manager.find(options.group)
        if not options.yes:
            count = manager.count_assets(group)
            assets = "all its assets" if count is None else "its asset" if count == 1 else f"its {count} assets"
            raise UsageError(
                f"{manager.provider.title} deletes the group '{printable(group.name or '')}' ({group.id}) with "
                f"{assets} permanently. Add --yes to delete it."
            )
        manager.delete(group)
        with options.printer(is_single=True) as printer:
            _print(printer, group, "deleted")
