"""`preflight assets sync`: settle open entries of the ledger."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import click

from preflight.cli.options import pass_options
from preflight.cli.output import Printer, PrintOptions, print_options
from preflight.cli.params import Seconds
from preflight.cli.provider_options import LedgerOptions, ProviderOptions, ledger_option, provider_options, to_option
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.ledger import Entry, Ledger
from preflight.submission.manage import entries_of
from preflight.submission.recover import RecoveryWindow
from preflight.submission.sync import OPEN_STATES, LedgerSync, SyncResult
from preflight.summary import DEFAULT_POLICY

_UNSETTLED: Final = frozenset({"processing", "unknown", "unreachable"})


@dataclass(frozen=True)
class SyncCommand:
    """The options of `preflight assets sync`."""

    to: str
    active: bool
    settle: float
    entry: str | None
    asset_id: str | None
    printing: PrintOptions
    ledger: LedgerOptions
    provider: ProviderOptions


@click.command("sync", short_help="Settle open entries of the ledger.", epilog=ASSETS_CODES)
@to_option("The provider whose entries are settled.", required=True)
@click.option("--active", is_flag=True, help="Also ask whether active assets still exist.")
@click.option(
    "--settle",
    type=Seconds(0),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds after which an asset that is not found counts as never registered.",
)
@click.option("--entry", metavar="NAME", help="Only this entry of the ledger, by its name or source.")
@click.option("--id", "asset_id", metavar="ID", help="The asset of --entry, as you found it in the provider's console.")
@print_options("text", "json", "jsonl")
@ledger_option
@provider_options
@pass_options(SyncCommand)
def command(options: SyncCommand) -> int:
    """Settle the open entries of the ledger at PROVIDER, without registering anything.

    A registration whose response was lost is looked up by its unique name in everything that the provider lists,
    until it is found or certainly absent. The status of an asset that is processing is queried once. If a provider
    has no list, nothing can be looked up: look in its console, then give the asset's --id, or `assets forget` the
    entry.

    Examples:
      preflight assets sync --to atlas
      preflight assets sync --to crun --entry clip-0a1b2c3d4e5f --id asset-20260921120000-a1b2c
    """
    if options.asset_id is not None and options.entry is None:
        raise UsageError("--id settles one entry. Choose it with --entry.")
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        provider, clock = stack.enter_context(options.provider.open_provider(options.to))
        ledger = stack.enter_context(options.ledger.open(must_exist=True))
        sync = LedgerSync(provider, ledger, clock=clock, window=RecoveryWindow(seconds=options.settle))
        pending = _pending(sync, ledger, provider.name, options)
        entries = [entry for entry in pending if sync.is_mine(entry)]
        others = len(pending) - len(entries)
        if others:
            _skip_others(others, options.entry)
        lost = sum(entry.asset_id is None for entry in entries)
        if lost and provider.spec.recover_by and options.asset_id is None:
            registrations = "registration" if lost == 1 else "registrations"
            click.echo(f"looking up {lost} lost {registrations}, for up to {options.settle:g} s …", err=True)
        with options.printing.printer(ledger=options.ledger) as printer:
            adopted = None if options.asset_id is None else [sync.adopt(entries[0], options.asset_id)]
            for synced in sync.settle(entries) if adopted is None else adopted:
                counts[synced.found] += 1
                _print(printer, synced)
    options.printing.remark(", ".join(f"{count} {found}" for found, count in counts.items()) or "nothing is open")
    any_unknown = bool(others or _UNSETTLED & counts.keys())
    return DEFAULT_POLICY.code(any_failed=counts["failed"] > 0, any_unknown=any_unknown)


def _pending(sync: LedgerSync, ledger: Ledger, provider: str, options: SyncCommand) -> list[Entry]:
    """Return the open entries, or the one that `--entry` names."""
    if options.entry is None:
        return sync.pending(active=options.active)
    found = [
        entry for entry in entries_of(ledger, options.entry, provider) if entry.state in (*OPEN_STATES, "processing")
    ]
    if len(found) != 1:
        names = ", ".join(entry.name for entry in found[:10])
        problem = f"{len(found)} open entries for it: {names}" if found else "no open entry of this name"
        raise UsageError(f"--entry {printable(options.entry)}: the ledger has {problem}.")
    return found


def _skip_others(count: int, entry: str | None) -> None:
    if entry is not None:
        raise UsageError(f"--entry {printable(entry)} belongs to another key, endpoint or project. Sync with that one.")
    what = "open entry belongs" if count == 1 else "open entries belong"
    click.echo(f"{count} {what} to another key, endpoint or project. Sync again with that one.", err=True)


def _print(printer: Printer, synced: SyncResult) -> None:
    entry = synced.entry
    code = f" [{entry.error_code}]" if synced.found == "failed" else ""
    below = [f"{synced.message}{code}"] if synced.message else []
    line = (entry.asset_id, entry.reference, entry.name, f"from {entry.source}")
    printer.row(synced.as_json(), synced.found, *line, below=below)
