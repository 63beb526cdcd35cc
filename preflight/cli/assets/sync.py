"""`preflight assets sync`: settle what a run left open."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import Any, Final

import click

from preflight.cli.output import Printer, output_options, printer_for
from preflight.cli.params import Seconds
from preflight.cli.provider_options import ledger_option, open_ledger, open_provider, reach_options, to_option
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.ledger import Entry, Ledger
from preflight.submission.manage import entries_of
from preflight.submission.recover import RecoveryWindow
from preflight.submission.sync import OPEN, LedgerSync, SyncResult

_OPEN: Final = frozenset({"processing", "unknown", "unreachable"})


@click.command("sync", short_help="Settle what a run left open.", epilog=ASSETS_CODES)
@to_option(required=True, said="Whose entries to settle.")
@click.option("--active", is_flag=True, help="Also ask whether assets that were active are still there.")
@click.option(
    "--settle",
    type=Seconds(0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds of look-ups after which what is not found counts as never registered.",
)
@click.option("--entry", metavar="NAME", help="Only this entry of the ledger, by its name or source.")
@click.option("--id", "asset_id", metavar="ID", help="The asset of --entry, as you found it in the provider's console.")
@output_options("text", "json", "jsonl")
@ledger_option
@reach_options
@click.pass_context
def command(ctx: click.Context, /, to: str, entry: str | None, asset_id: str | None, **options: Any) -> None:
    """Settle what the ledger left open at PROVIDER, without registering anything.

    A registration whose answer was lost is looked up by its unique name, through everything that the provider lists,
    until it is found or certainly absent. An asset that is processing is asked for once. Where a provider has no list,
    nothing can be looked up: see in its console yourself, then give the asset's --id, or `assets forget` the entry.

    \b
    Examples:
      preflight assets sync --to atlas
      preflight assets sync --to crun --entry clip-0a1b2c3d4e5f --id asset-20260921120000-a1b2c
    """
    if (asset_id is not None) and entry is None:
        raise UsageError("--id settles one entry: say with --entry which")
    with ExitStack() as stack:
        provider, clock = stack.enter_context(open_provider(to, options))
        ledger = stack.enter_context(open_ledger(options, there=True))
        sync = LedgerSync(provider, ledger, clock, RecoveryWindow(seconds=options["settle"]))
        pending = sync.pending(active=options["active"]) if entry is None else _named(ledger, provider.name, entry)
        mine = [each for each in pending if sync.is_mine(each)]
        if len(mine) < len(pending):
            _others(len(pending) - len(mine), entry)
        lost = [each for each in mine if each.asset_id is None]
        if lost and provider.recover_by and asset_id is None:
            click.echo(f"looking for {len(lost)} whose answer was lost, for up to {options['settle']:g} s …", err=True)
        counts: Counter[str] = Counter()
        with printer_for(options) as printer:
            for synced in [sync.adopt(mine[0], asset_id)] if asset_id is not None else sync.settle(mine):
                counts[synced.found] += 1
                _print(printer, synced)
    if options["format_"] == "text":
        click.echo(", ".join(f"{count} {found}" for found, count in counts.items()) or "nothing is open", err=True)
    ctx.exit(1 if counts["failed"] else 2 if _OPEN & counts.keys() or len(mine) < len(pending) else 0)


def _named(ledger: Ledger, provider: str, word: str) -> list[Entry]:
    """The one open entry of a name."""
    found = [entry for entry in entries_of(ledger, word, provider) if entry.state in (*OPEN, "processing")]
    if len(found) != 1:
        names = ", ".join(entry.name for entry in found[:10])
        what = f"has {len(found)} open entries for it: {names}" if found else "has no open entry of this name"
        raise UsageError(f"--entry {printable(word)}: the ledger {what}")
    return found


def _others(count: int, entry: str | None) -> None:
    if entry is not None:
        raise UsageError(f"--entry {printable(entry)} belongs to another key, endpoint or project: sync with that one")
    what = "open entry belongs" if count == 1 else "open entries belong"
    click.echo(f"{count} {what} to another key, endpoint or project: sync again with that one", err=True)


def _print(printer: Printer, synced: SyncResult) -> None:
    entry = synced.entry
    below = (
        [f"{synced.message}{f' [{entry.error_code}]' if synced.found == 'failed' else ''}"] if synced.message else []
    )
    printer.row(
        synced.as_json(), synced.found, entry.asset_id, entry.reference, entry.name, f"from {entry.source}", below=below
    )
