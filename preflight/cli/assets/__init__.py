"""`preflight assets …`. Here: get, rename, delete and restore single assets; each call also updates the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click

from preflight.cli.assets.groups import command as groups
from preflight.cli.assets.ledger import commands as ledger_commands
from preflight.cli.assets.listing import command as list_assets
from preflight.cli.assets.request import command as request
from preflight.cli.assets.session import command as session
from preflight.cli.options import add_options, pass_options
from preflight.cli.output import Printer, asset_json
from preflight.cli.params import Decorator
from preflight.cli.provider_options import ProviderCommand, one_provider, provider_command_options, to_option
from preflight.cli.terminal import ASSETS_CODES, Subcommands, error_code, message_with_options
from preflight.errors import AccountRefused, LedgerError, ProviderError, ProviderUnreachable, UsageError
from preflight.escape import printable
from preflight.providers import find_provider
from preflight.submission.manage import AssetManager, ManagedAsset
from preflight.summary import FAILED, PASSED, UNKNOWN


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


_FATAL: Final = (AccountRefused, ProviderUnreachable, LedgerError)
"""Errors that affect all other assets too."""


@dataclass(frozen=True)
class AssetsCommand(ProviderCommand):
    """The options of a command on single assets; each command uses some of them."""

    words: tuple[str, ...] = ()
    word: str = ""
    name: str = ""
    description: str | None = None
    yes: bool = False
    show_url: bool = False

    @contextmanager
    def manager(self, verb: str, words: Iterable[str]) -> Iterator[AssetManager]:
        """Open the manager of the assets' provider. Raise `UsageError` if it lacks the call, or for several."""
        with self.open_ledger(must_exist=self.to is None) as ledger:
            spec = one_provider(ledger, words, self.to)
            if verb not in spec.can:
                raise UsageError(f"{spec.title} has no call to {verb} an asset. Choose a provider that has one.")
            with self.provider.open_provider(spec, ledger) as provider:
                yield AssetManager(provider, ledger, clock=provider.clock)


_asset_options: Decorator = add_options(
    to_option("The provider of the assets, if the ledger does not know it.", required=False),
    provider_command_options("text", "json", "jsonl"),
)
_assets_argument = click.argument("words", nargs=-1, required=True, metavar="ASSET…")


def _each(words: Iterable[str], act: Callable[[str], ManagedAsset], show: Callable[[ManagedAsset], None]) -> int:
    """Act on each asset, and return the exit code. An error of one asset does not stop the others."""
    words, codes = list(dict.fromkeys(words)), {PASSED}
    for word in words:
        try:
            managed = act(word)
        except (ProviderError, UsageError) as error:
            if isinstance(error, _FATAL) or len(words) == 1:
                raise
            message = message_with_options(error, click.get_current_context().command)
            click.echo(f"preflight: {printable(word)}: {printable(message)}", err=True)
            codes.add(FAILED if error_code(error) == FAILED else UNKNOWN)
        else:
            show(managed)
    return FAILED if FAILED in codes else max(codes)


def _show_changed(printer: Printer, word: str) -> Callable[[ManagedAsset], None]:
    def show(managed: ManagedAsset) -> None:
        asset, entry = managed.asset, managed.entry
        source = None if entry is None else f"from {entry.source}"
        printer.row(asset_json(asset, entry), word, asset.id, asset.name, source)

    return show


@click.command("get", short_help="Show an asset's present status, reference and use.", epilog=ASSETS_CODES)
@_assets_argument
@click.option("--show-url", is_flag=True, help="Show the provider's URL in full; anyone who has it can fetch the file.")
@_asset_options
@pass_options(AssetsCommand)
def _get(options: AssetsCommand) -> int:
    """Ask the provider for the present state of every ASSET: status, reference, how to use it, why it failed.

    Examples:
      preflight assets get asset://asset-20260921120000-a1b2c
      preflight assets get 2094548 --to atlas --format json
      preflight assets get media/clip.mp4
      preflight assets get 2094548 --to atlas --show-url
    """
    with options.manager("get", options.words) as manager, options.printer() as printer:
        return _each(options.words, manager.get, lambda managed: _describe(printer, managed, show_url=options.show_url))


def _describe(printer: Printer, managed: ManagedAsset, *, show_url: bool) -> None:
    asset, entry = managed.asset, managed.entry
    data = asset_json(asset, entry)
    if show_url:
        data["url"] = asset.url
    has_failed = asset.status == "failed"
    reason = asset.error_message or asset.provider_code or "no reason is given"
    facts = {
        "kind": asset.kind,
        "name": asset.name,
        "group": asset.group,
        "ids": " ".join(f"{name}={value}" for name, value in asset.ids.items() if value != asset.id),
        "reference": asset.reference,
        "use it": None if has_failed else asset.usage,
        "failed": f"{reason} [{asset.error_code}]" if has_failed else None,
        "url": None if show_url else data["url"],
        "url ends": data["url_expires"],
        "created": data["created"],
        "updated": data["updated"],
        "source": entry.source if entry is not None else None,
    }
    below = [f"{name:9} {value}" for name, value in facts.items() if value]
    complete = [f"{'url':9} {asset.url}"] if show_url and asset.url else []
    title = find_provider(asset.provider).title
    printer.row(data, asset.status, title, asset.id, below=below, unredacted=complete)


@click.command("rename", short_help="Rename an asset.", epilog=ASSETS_CODES)
@click.argument("word", metavar="ASSET")
@click.argument("name", metavar="NAME")
@click.option("--description", metavar="TEXT", help="Change its description too, if the provider has one.")
@_asset_options
@pass_options(AssetsCommand)
def _rename(options: AssetsCommand) -> None:
    """Rename ASSET to NAME, at the provider and in the ledger.

    Examples:
      preflight assets rename 2094548 hero-front --to atlas
    """
    with options.manager("rename", [options.word]) as manager, options.printer(is_single=True) as printer:
        _show_changed(printer, "renamed")(manager.rename(options.word, options.name, description=options.description))


@click.command("delete", short_help="Delete assets at the provider.", epilog=ASSETS_CODES)
@_assets_argument
@click.option("--yes", is_flag=True, help="Delete assets that cannot be restored.")
@_asset_options
@pass_options(AssetsCommand)
def _delete(options: AssetsCommand) -> int:
    """Delete every ASSET at the provider. The ledger marks it as gone, and `submit` registers its file again.

    If the provider has a trash, `restore` restores the asset. Otherwise it is deleted permanently, which needs --yes.

    Examples:
      preflight assets delete 2094548 --to atlas
      preflight assets delete asset-20260921120000-a1b2c --to volcengine --yes
    """
    with options.manager("delete", options.words) as manager:
        if "restore" not in manager.provider.spec.can and not options.yes:
            raise UsageError(f"{manager.provider.title} cannot restore a deleted asset. Add --yes to delete it.")
        with options.printer() as printer:
            return _each(options.words, manager.delete, _show_changed(printer, "deleted"))


@click.command("restore", short_help="Restore assets from the provider's trash.", epilog=ASSETS_CODES)
@_assets_argument
@_asset_options
@pass_options(AssetsCommand)
def _restore(options: AssetsCommand) -> int:
    """Restore every ASSET from the provider's trash; `assets list --trash` lists its contents.

    Examples:
      preflight assets restore 2094548 --to atlas
    """
    with options.manager("restore", options.words) as manager, options.printer() as printer:
        return _each(options.words, manager.restore, _show_changed(printer, "restored"))


for part in (list_assets, _get, request, _rename, _delete, _restore, *ledger_commands, groups, session):
    command.add_command(part)
