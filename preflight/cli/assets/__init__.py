"""`preflight assets …`: list and manage registered assets; one file per group of commands."""

from __future__ import annotations

import click

from preflight.cli.assets.groups import command as groups
from preflight.cli.assets.ledger import commands as ledger_commands
from preflight.cli.assets.list import command as list_assets
from preflight.cli.assets.manage import commands as manage_commands
from preflight.cli.assets.session import command as session
from preflight.cli.assets.sync import command as sync
from preflight.cli.terminal import ASSETS_CODES, Subcommands


@click.group("assets", cls=Subcommands, epilog=ASSETS_CODES)
def command() -> None:
    """List, inspect, rename, delete and restore registered assets; settle open entries of the ledger.

    The ledger records the assets that `submit` registered, and their files; reading it needs neither a key nor the
    network. `list --remote` asks the provider, and shows all other assets too. ASSET is an asset's id, its asset://
    reference, or its name or source in the ledger. --to names its PROVIDER if the ledger does not know it.

    Examples:
      preflight assets list
      preflight assets list --to atlas --remote --state failed
      preflight assets get 2094548 --to atlas
      preflight assets sync --to atlas
    """


for part in (list_assets, *manage_commands, sync, *ledger_commands, groups, session):
    command.add_command(part)
