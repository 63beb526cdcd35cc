"""`preflight assets …`: what is registered, and what can be done with it; a file a command or a few of one kind."""

from __future__ import annotations

import click

from preflight.cli.assets.groups import command as groups
from preflight.cli.assets.ledger import commands as of_ledger
from preflight.cli.assets.list import command as list_
from preflight.cli.assets.manage import commands as manage
from preflight.cli.assets.session import command as session
from preflight.cli.assets.sync import command as sync
from preflight.cli.terminal import ASSETS_CODES, Subcommands


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


for part in (list_, *manage, sync, *of_ledger, groups, session):
    command.add_command(part)
