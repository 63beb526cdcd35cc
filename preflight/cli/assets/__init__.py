"""`preflight assets …`: what is registered, and what can be done with it; a file a command or a few of one kind."""

from __future__ import annotations

import click

from preflight.cli.assets.book import commands as book
from preflight.cli.assets.changes import commands as changes
from preflight.cli.assets.groups import command as groups
from preflight.cli.assets.listing import command as listing
from preflight.cli.assets.session import command as session
from preflight.cli.assets.sync import command as sync
from preflight.cli.help import ASSETS_CODES
from preflight.cli.wrapping import Subcommands


@click.group("assets", cls=Subcommands, epilog=ASSETS_CODES)
def command() -> None:
    """List, look at, rename, delete and restore what is registered; settle what a run left open.

    The ledger knows what `submit` registered, from which file, and needs neither key nor network. What else there is
    only the provider knows: `list --remote`. ASSET is an asset's id, its asset:// reference, or its name or source in
    the ledger. --to says at which PROVIDER it is, where the ledger does not.

    \b
    Examples:
      preflight assets list
      preflight assets list --to atlas --remote --state failed
      preflight assets get 2094548 --to atlas
      preflight assets sync --to atlas
    """


for part in (listing, *changes, sync, *book, groups, session):
    command.add_command(part)
