"""`preflight assets get|rename|delete|restore`: single assets at their provider, the ledger kept in step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from preflight.cli.output import Printer, asset_json, output_options, printer_for
from preflight.cli.params import Decorator
from preflight.cli.provider_options import (
    ledger_option,
    open_ledger,
    open_provider,
    reach_options,
    to_option,
)
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import AccountRefused, ProviderError, ProviderUnreachable, UsageError
from preflight.escape import printable
from preflight.ledger import LedgerError
from preflight.providers import find_provider
from preflight.submission.manage import AssetManager, ManagedAsset, provider_of

_ENDS: Final = (AccountRefused, ProviderUnreachable, LedgerError)
"""What holds for all other assets too."""


def _asset_command(name: str, said: str, *, several: bool = True) -> Callable[[Callable[..., Any]], click.Command]:
    parts: tuple[Decorator, ...] = (
        click.argument("words", nargs=-1 if several else 1, required=True, metavar="ASSET…" if several else "ASSET"),
        to_option(required=False, said="The provider of the assets, where the ledger does not know them."),
        output_options("text", "json", "jsonl"),
        ledger_option,
        reach_options,
    )

    def decorate(function: Callable[..., Any]) -> click.Command:
        for part in reversed(parts):
            function = part(function)
        return click.command(name, short_help=said, epilog=ASSETS_CODES)(function)

    return decorate


@contextmanager
def _keeper(verb: str, words: Iterable[str], to: str | None, options: dict[str, Any]) -> Iterator[AssetManager]:
    """The keeper of the provider that is meant, once it is certain that it can do this."""
    with open_ledger(options, there=to is None) as ledger:
        names = {to} if to is not None else {provider_of(ledger, word) for word in words}
        if len(names) > 1:
            raise UsageError(f"these assets are at {' and '.join(sorted(names))}: one call for each, with --to")
        (name,) = names
        kind = find_provider(name)
        if verb not in kind.can:
            raise UsageError(f"{kind.title} has no call that can {verb} an asset")
        with open_provider(name, options) as (provider, clock):
            yield AssetManager(provider, ledger, clock)


def _each(words: Iterable[str], act: Callable[[str], ManagedAsset], show: Callable[[ManagedAsset], None]) -> int:
    """Do it with each; what stops one does not stop the others. Gives the exit code."""
    words, code = list(dict.fromkeys(words)), 0
    for word in words:
        try:
            kept = act(word)
        except (ProviderError, UsageError) as error:
            if isinstance(error, _ENDS) or len(words) == 1:
                raise
            click.echo(f"preflight: {printable(word)}: {printable(str(error))}", err=True)
            code = 2
        else:
            show(kept)
    return code


def _changed(printer: Printer, word: str) -> Callable[[ManagedAsset], None]:
    def show(kept: ManagedAsset) -> None:
        asset, entry = kept.asset, kept.entry
        source = None if entry is None else f"from {entry.source}"
        printer.row(asset_json(asset, entry), word, asset.id, asset.name, source)

    return show


@_asset_command("get", "Ask what an asset is now: status, reference, use.")
@click.pass_context
def _get(ctx: click.Context, /, words: tuple[str, ...], to: str | None, **options: Any) -> None:
    """Ask the provider what every ASSET is now: status, reference, how that is used, why it failed.

    \b
    Examples:
      preflight assets get asset://asset-20260921120000-a1b2c
      preflight assets get 2094548 --to atlas --format json
      preflight assets get media/clip.mp4
    """
    with _keeper("get", words, to, options) as keeper, printer_for(options) as printer:
        code = _each(words, keeper.get, lambda kept: _described(printer, kept))
    ctx.exit(code)


def _described(printer: Printer, kept: ManagedAsset) -> None:
    asset, entry = kept.asset, kept.entry
    ids = " ".join(f"{name}={value}" for name, value in asset.ids.items() if value != asset.id)
    why = asset.error_message or asset.provider_code if asset.status == "failed" else None
    facts = {
        "kind": asset.kind,
        "name": asset.name,
        "group": asset.group,
        "ids": ids,
        "reference": asset.reference,
        "use it": asset.usage if asset.status != "failed" else None,
        "failed": f"{why or 'no reason is given'} [{asset.error_code}]" if asset.status == "failed" else None,
        "url": asset.url and f"{asset.as_json()['url']}",
        "url ends": asset.as_json()["url_expires"],
        "created": asset.as_json()["created"],
        "updated": asset.as_json()["updated"],
        "source": entry.source if entry is not None else None,
    }
    below = [f"{name:9} {value}" for name, value in facts.items() if value]
    printer.row(asset_json(asset, entry), asset.status, find_provider(asset.provider).title, asset.id, below=below)


@_asset_command("rename", "Give an asset another name.", several=False)
@click.argument("name", metavar="NAME")
@click.option("--description", metavar="TEXT", help="Another description too, where the provider takes one.")
def _rename(words: str, to: str | None, name: str, description: str | None, **options: Any) -> None:
    """Give ASSET another NAME, at the provider and in the ledger.

    \b
    Examples:
      preflight assets rename 2094548 hero-front --to atlas
    """
    with _keeper("rename", [words], to, options) as keeper, printer_for(options, one=True) as printer:
        _changed(printer, "renamed")(keeper.rename(words, name, description=description))


@_asset_command("delete", "Delete assets at the provider.")
@click.option("--yes", is_flag=True, help="Delete also what cannot be restored.")
@click.pass_context
def _delete(ctx: click.Context, /, words: tuple[str, ...], to: str | None, yes: bool, **options: Any) -> None:
    """Delete every ASSET at the provider; the ledger then calls it gone, and `submit` registers its file anew.

    Where the provider has a trash, `restore` takes it out again. Everywhere else it is gone for good: say --yes.

    \b
    Examples:
      preflight assets delete 2094548 --to atlas
      preflight assets delete asset-20260921120000-a1b2c --to volcengine --yes
    """
    with _keeper("delete", words, to, options) as keeper:
        title = keeper.provider.title
        if "restore" not in keeper.provider.can and not yes:
            raise UsageError(f"{title} cannot restore an asset that was deleted: repeat the command with --yes")
        with printer_for(options) as printer:
            code = _each(words, keeper.delete, _changed(printer, "deleted"))
    ctx.exit(code)


@_asset_command("restore", "Take assets out of the provider's trash.")
@click.pass_context
def _restore(ctx: click.Context, /, words: tuple[str, ...], to: str | None, **options: Any) -> None:
    """Take every ASSET out of the provider's trash; `assets list --trash` lists what is there.

    \b
    Examples:
      preflight assets restore 2094548 --to atlas
    """
    with _keeper("restore", words, to, options) as keeper, printer_for(options) as printer:
        code = _each(words, keeper.restore, _changed(printer, "restored"))
    ctx.exit(code)


commands = (_get, _rename, _delete, _restore)
