"""`preflight assets sync|forget|export|disagreements`: the entries of the ledger; only `sync` calls a provider."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from typing import Final, get_args

import click

from preflight.cli.options import pass_options
from preflight.cli.output import Printer, account_of, entry_json, entry_lines
from preflight.cli.params import Seconds
from preflight.cli.provider_options import (
    LedgerCommand,
    ProviderCommand,
    ledger_command_options,
    provider_command_options,
    to_option,
)
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.ledger import ENTRY_COLUMNS, Disagreement, Entry, Ledger, State
from preflight.providers import find_provider
from preflight.submission.manage import LedgerSync, SyncResult, entries_of
from preflight.submission.recover import RecoveryWindow
from preflight.submission.register import OPEN_STATES
from preflight.summary import DEFAULT_POLICY

_UNSETTLED: Final = frozenset({"processing", "unknown", "unreachable"})
_DISAGREEMENT: Final = tuple(field.name for field in fields(Disagreement))


@dataclass(frozen=True)
class ForgetCommand(LedgerCommand):
    """The options of `forget`."""

    words: tuple[str, ...]
    state: State | None
    account: str | None
    yes: bool


@click.command("forget", short_help="Remove entries from the ledger.", epilog=ASSETS_CODES)
@click.argument("words", nargs=-1, metavar="[ASSET…]")
@to_option("Only entries of this provider.", required=False)
@click.option("--state", type=click.Choice(get_args(State)), help="All entries in this state.")
@click.option("--account", metavar="NAME", help="Only entries of this account.")
@click.option("--yes", is_flag=True, help="Forget all entries of one name or state.")
@ledger_command_options("text", "json", "jsonl")
@pass_options(ForgetCommand)
def _forget(options: ForgetCommand) -> None:
    """Remove entries from the ledger. The provider keeps its assets.

    `submit` uses such an asset again if the provider lists it, and registers the file otherwise. This settles what
    cannot be looked up; the file is then registered twice if its asset exists. ASSET is an id, a reference, a
    name or a source.

    Examples:
      preflight assets forget clip-0a1b2c3d4e5f
      preflight assets forget --state unknown --to crun --yes
      preflight assets forget --state active --to atlas --account studio --yes
    """
    if bool(options.words) == (options.state is not None):
        raise UsageError("No entry is chosen, or two ways of choosing are mixed. Give ASSET, or --state.")
    provider = options.provider_name
    with options.open_ledger(must_exist=True) as ledger:
        entries, several = _chosen(ledger, options, provider), ledger.providers_with_several_accounts()
        with options.printer() as printer:
            for entry in {(entry.key, entry.attempt): entry for entry in entries}.values():
                with ledger.claim(entry.registration):
                    ledger.forget(entry)
                line, below = entry_lines(entry, several)
                printer.row(entry.as_json(), "forgotten", *line, below=below)
    if not entries:
        options.printing.remark(f"no entry is {options.state}")


def _chosen(ledger: Ledger, options: ForgetCommand, provider: str | None) -> list[Entry]:
    if options.state is None:
        return [entry for word in dict.fromkeys(options.words) for entry in _named(ledger, word, provider, options)]
    entries = list(ledger.entries(provider=provider, state=options.state, account=options.account))
    if len(entries) > 1 and not options.yes:
        raise UsageError(f"{len(entries)} entries are {options.state}. Add --yes to forget all of them.")
    return entries


def _named(ledger: Ledger, word: str, provider: str | None, options: ForgetCommand) -> list[Entry]:
    found = entries_of(ledger, word, provider)
    entries = [entry for entry in found if options.account in (None, entry.account)]
    if not entries:
        at = f" of {find_provider(provider).title}" if provider else ""
        raise UsageError(
            f"The ledger {printable(ledger.path)} has no entry{at} for {printable(repr(word))}. `assets list` shows "
            "the entries."
        )
    if len(entries) > 1 and not options.yes:
        several = ledger.providers_with_several_accounts()
        names = ", ".join(f"{entry.name} ({account_of(entry, several)}, {entry.state})" for entry in entries[:10])
        raise UsageError(
            f"{printable(repr(word))} means {len(entries)} entries. Choose one of {names}, or add --yes to forget all."
        )
    return entries


@click.command("export", short_help="Export the whole ledger.", epilog=ASSETS_CODES)
@to_option("Only entries of this provider.", required=False)
@ledger_command_options("jsonl", "json", "csv", default="jsonl")
@pass_options(LedgerCommand)
def _export(options: LedgerCommand) -> None:
    """Export the whole ledger, deleted assets included: every field of every entry, oldest first.

    It contains no key and no signed URL: an account is a name. `fix` describes how a fixed file was made.

    Examples:
      preflight assets export --output ledger.jsonl
      preflight assets export --to sunra --format csv
    """
    provider = options.provider_name
    with options.open_ledger(must_exist=True) as ledger, options.printer(*ENTRY_COLUMNS, "fix") as printer:
        for entry in ledger.entries(provider=provider):
            printer.row(entry_json(entry, ledger.fixes.for_entry(entry)), entry.state)


@click.command("disagreements", short_help="List files that only the provider failed.", epilog=ASSETS_CODES)
@to_option("Only disagreements with this provider.", required=False)
@ledger_command_options("text", "json", "jsonl", "csv")
@pass_options(LedgerCommand)
def _disagreements(options: LedgerCommand) -> None:
    """List the files that passed here and failed at the provider: its rule set may be out of date.

    `preflight rules show PROVIDER` shows the limits of the rule set and the day on which they were read.

    Examples:
      preflight assets disagreements
      preflight assets disagreements --to atlas --format csv
    """
    provider = options.provider_name
    with options.open_ledger(must_exist=True) as ledger, options.printer(*_DISAGREEMENT) as printer:
        found = [disagreement for disagreement in ledger.disagreements() if provider in (None, disagreement.provider)]
        for disagreement in found:
            line = (disagreement.provider, disagreement.source, f"(here: {disagreement.ours}; {disagreement.at})")
            printer.row(asdict(disagreement), disagreement.theirs, *line, below=[disagreement.message])
    if not found:
        options.printing.remark(
            "no disagreements: every file that passed here was accepted, as far as the ledger knows"
        )


@dataclass(frozen=True)
class SyncCommand(ProviderCommand):
    """The options of `preflight assets sync`."""

    to: str
    active: bool
    settle: float
    entry: str | None
    asset_id: str | None


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
@click.option("--id", "asset_id", metavar="ID", help="The id of the asset of --entry, if you know it, as from a log.")
@provider_command_options("text", "json", "jsonl")
@pass_options(SyncCommand)
def _sync(options: SyncCommand) -> int:
    """Settle the open entries of the ledger at PROVIDER, without registering anything.

    Registrations whose responses were lost are looked up together, by their unique names, in the provider's list, until
    they are found or certainly absent. The status of an asset that is processing is queried once. If a provider has no
    list, nothing can be looked up: `assets forget` the entry, so that the next `submit` registers the file again, or
    give the asset's --id if you know it.

    Examples:
      preflight assets sync --to atlas
      preflight assets sync --to crun --entry clip-0a1b2c3d4e5f --id asset-20260921120000-a1b2c
    """
    if options.asset_id is not None and options.entry is None:
        raise UsageError("--id settles one entry. Choose it with --entry.")
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        ledger = stack.enter_context(options.open_ledger(must_exist=True))
        provider = stack.enter_context(options.provider.open_provider(find_provider(options.to), ledger))
        sync = LedgerSync(provider, ledger, clock=provider.clock, window=RecoveryWindow(seconds=options.settle))
        pending = _pending(sync, ledger, provider.name, options)
        entries = [entry for entry in pending if sync.is_mine(entry)]
        others = [entry for entry in pending if not sync.is_mine(entry)]
        if others:
            _skip_others(others, provider.account, options.entry)
        lost = sum(entry.asset_id is None for entry in entries)
        if lost and provider.spec.recover_by and options.asset_id is None:
            registrations = "registration" if lost == 1 else "registrations"
            click.echo(f"looking up {lost} lost {registrations}, for up to {options.settle:g} s …", err=True)
        with options.printer() as printer:
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
        problem = "no open entry of this name. `assets list` shows the entries."
        if found:
            problem = f"{len(found)} open entries for it. Give the name of one: {names}."
        raise UsageError(f"--entry {printable(options.entry)}: the ledger has {problem}")
    return found


def _skip_others(others: list[Entry], account: str, entry: str | None) -> None:
    """Print how many open entries are skipped, and whose they are. Raise `UsageError` if `--entry` names one."""
    names = ", ".join(sorted({other.account for other in others} - {account}))
    remedy = f"Name it with --account: {names}." if names else "Give its --endpoint or --project."
    where = "another account" if names else "another endpoint or project"
    if entry is not None:
        raise UsageError(f"--entry {printable(entry)} belongs to {where}. {remedy}")
    what = "open entry belongs" if len(others) == 1 else "open entries belong"
    click.echo(f"{len(others)} {what} to {where}. {remedy}", err=True)


def _print(printer: Printer, synced: SyncResult) -> None:
    entry = synced.entry
    code = f" [{entry.error_code}]" if synced.found == "failed" else ""
    below = [f"{synced.message}{code}"] if synced.message else []
    line = (entry.asset_id, entry.reference, entry.name, f"from {entry.source}")
    printer.row(synced.as_json(), synced.found, *line, below=below)


commands = (_sync, _forget, _export, _disagreements)
