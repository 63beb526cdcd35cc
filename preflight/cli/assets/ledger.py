"""`preflight assets forget|export|disagreements`: commands on the ledger, without calls to a provider."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Final, get_args

import click

from preflight.cli.options import pass_options
from preflight.cli.output import PrintOptions, entry_lines, print_options
from preflight.cli.provider_options import LedgerOptions, ledger_option, to_option
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.ledger import ENTRY_COLUMNS, Disagreement, Entry, Ledger, State
from preflight.providers import find_provider
from preflight.submission.manage import entries_of

_DISAGREEMENT: Final = tuple(field.name for field in fields(Disagreement))


@dataclass(frozen=True)
class LedgerCommand:
    """The options of `export` and `disagreements`."""

    to: str | None
    printing: PrintOptions
    ledger: LedgerOptions

    @property
    def provider(self) -> str | None:
        """The name of the provider whose entries are printed; None: all."""
        return None if self.to is None else find_provider(self.to).name


@dataclass(frozen=True)
class ForgetCommand:
    """The options of `forget`."""

    ledger_command: LedgerCommand
    words: tuple[str, ...]
    state: State | None
    yes: bool


@click.command("forget", short_help="Remove entries from the ledger.", epilog=ASSETS_CODES)
@click.argument("words", nargs=-1, metavar="[ASSET…]")
@to_option("Only entries of this provider.", required=False)
@click.option("--state", type=click.Choice(get_args(State)), help="All entries in this state.")
@click.option("--yes", is_flag=True, help="Forget all entries of one name or state.")
@print_options("text", "json", "jsonl")
@ledger_option
@pass_options(ForgetCommand)
def _forget(options: ForgetCommand) -> None:
    """Remove entries from the ledger. The provider keeps its assets; `submit` registers the file again.

    This settles what cannot be looked up: once you have seen in the provider's console that an asset is not there,
    forget its entry. ASSET is an id, a reference, a name or a source.

    Examples:
      preflight assets forget clip-0a1b2c3d4e5f
      preflight assets forget --state unknown --to crun --yes
    """
    if bool(options.words) == (options.state is not None):
        raise UsageError("No entry is chosen, or two ways of choosing are mixed. Give ASSET, or --state.")
    command = options.ledger_command
    provider = command.provider
    with command.ledger.open(must_exist=True) as ledger:
        entries = _chosen(ledger, options, provider)
        with command.printing.printer(ledger=command.ledger) as printer:
            for entry in {(entry.key, entry.attempt): entry for entry in entries}.values():
                with ledger.claim(entry.registration):
                    ledger.forget(entry)
                line, below = entry_lines(entry)
                printer.row(entry.as_json(), "forgotten", *line, below=below)
    if not entries:
        command.printing.remark(f"no entry is {options.state}")


def _chosen(ledger: Ledger, options: ForgetCommand, provider: str | None) -> list[Entry]:
    if options.state is None:
        return [
            entry
            for word in dict.fromkeys(options.words)
            for entry in _named(ledger, word, provider, allow_several=options.yes)
        ]
    entries = list(ledger.entries(provider=provider, state=options.state))
    if len(entries) > 1 and not options.yes:
        raise UsageError(f"{len(entries)} entries are {options.state}. Add --yes to forget all of them.")
    return entries


def _named(ledger: Ledger, word: str, provider: str | None, *, allow_several: bool) -> list[Entry]:
    entries = entries_of(ledger, word, provider)
    if not entries:
        at = f" of {find_provider(provider).title}" if provider else ""
        raise UsageError(
            f"The ledger {printable(ledger.path)} has no entry{at} for {printable(word)!r}. `assets list` shows the "
            "entries."
        )
    if len(entries) > 1 and not allow_several:
        names = ", ".join(f"{entry.name} ({entry.provider}, {entry.state})" for entry in entries[:10])
        raise UsageError(
            f"{printable(word)!r} means {len(entries)} entries. Choose one of {names}, or add --yes to forget all."
        )
    return entries


@click.command("export", short_help="Export the whole ledger.", epilog=ASSETS_CODES)
@to_option("Only entries of this provider.", required=False)
@print_options("jsonl", "json", "csv", default="jsonl")
@ledger_option
@pass_options(LedgerCommand)
def _export(options: LedgerCommand) -> None:
    """Export the whole ledger, deleted assets included: every field of every entry, oldest first.

    It contains no key and no signed URL: the account is the access key's id, or a fingerprint of the key.

    Examples:
      preflight assets export --output ledger.jsonl
      preflight assets export --to sunra --format csv
    """
    provider = options.provider
    with (
        options.ledger.open(must_exist=True) as ledger,
        options.printing.printer(ENTRY_COLUMNS, ledger=options.ledger) as printer,
    ):
        for entry in ledger.entries(provider=provider):
            printer.row(entry.as_json(), entry.state)


@click.command("disagreements", short_help="List files that only the provider failed.", epilog=ASSETS_CODES)
@to_option("Only disagreements with this provider.", required=False)
@print_options("text", "json", "jsonl", "csv")
@ledger_option
@pass_options(LedgerCommand)
def _disagreements(options: LedgerCommand) -> None:
    """List the files that passed here and failed at the provider: its rule set may be out of date.

    `preflight rules show PROVIDER` shows the limits of the rule set and the day on which they were read.

    Examples:
      preflight assets disagreements
      preflight assets disagreements --to atlas --format csv
    """
    provider = options.provider
    with (
        options.ledger.open(must_exist=True) as ledger,
        options.printing.printer(_DISAGREEMENT, ledger=options.ledger) as printer,
    ):
        found = [disagreement for disagreement in ledger.disagreements() if provider in (None, disagreement.provider)]
        for disagreement in found:
            line = (disagreement.provider, disagreement.source, f"(here: {disagreement.ours}; {disagreement.at})")
            printer.row(asdict(disagreement), disagreement.theirs, *line, below=[disagreement.message])
    if not found:
        options.printing.remark(
            "no disagreements: every file that passed here was accepted, as far as the ledger knows"
        )


commands = (_forget, _export, _disagreements)
