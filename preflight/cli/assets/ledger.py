"""`preflight assets forget|export|disagreements`: the ledger alone; no provider is asked."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Final, get_args

import click

from preflight.cli.output import entry_lines, output_options, printer_for
from preflight.cli.provider_options import ledger_option, open_ledger, to_option
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.ledger import Disagreement, Entry, Ledger, State
from preflight.providers import find_provider
from preflight.submission.manage import entries_of

_ENTRY: Final = tuple(field.name for field in fields(Entry))
_DISAGREEMENT: Final = tuple(field.name for field in fields(Disagreement))


def _provider(to: str | None) -> str | None:
    return None if to is None else find_provider(to).name


@click.command("forget", short_help="Drop entries of the ledger.", epilog=ASSETS_CODES)
@click.argument("words", nargs=-1, metavar="[ASSET…]")
@to_option(required=False, said="Only entries of this provider.")
@click.option("--state", type=click.Choice(get_args(State)), help="All entries in this state.")
@click.option("--yes", is_flag=True, help="Drop also where a word or a state means several entries.")
@output_options("text", "json", "jsonl")
@ledger_option
def _forget(words: tuple[str, ...], to: str | None, state: str | None, yes: bool, **options: Any) -> None:
    """Drop entries of the ledger. What the provider has stays there; `submit` registers the file anew.

    It settles what nobody can look up: once you have seen in the provider's console that an asset is not there, forget
    its entry. ASSET is an id, a reference, a name or a source.

    \b
    Examples:
      preflight assets forget clip-0a1b2c3d4e5f
      preflight assets forget --state unknown --to crun --yes
    """
    if bool(words) == (state is not None):
        raise UsageError("say which entries: some ASSET, or --state")
    provider = _provider(to)
    with open_ledger(options, there=True) as ledger:
        if state is not None:
            entries = list(ledger.entries(provider=provider, state=state))
            if len(entries) > 1 and not yes:
                raise UsageError(
                    f"{len(entries)} entries are {state}: repeat the command with --yes to forget them all"
                )
        else:
            entries = [entry for word in dict.fromkeys(words) for entry in _meant(ledger, word, provider, yes=yes)]
        with printer_for(options) as printer:
            for entry in {(entry.key, entry.serial): entry for entry in entries}.values():
                with ledger.claim(entry.registration):
                    ledger.forget(entry)
                line, below = entry_lines(entry)
                printer.row(entry.as_json(), "forgotten", *line, below=below)
    if options["format_"] == "text" and not entries:
        click.echo(f"no entry is {state}", err=True)


def _meant(ledger: Ledger, word: str, provider: str | None, *, yes: bool) -> list[Entry]:
    entries = entries_of(ledger, word, provider)
    if not entries:
        at = f" of {find_provider(provider).title}" if provider else ""
        raise UsageError(
            f"the ledger {printable(ledger.path)} has no entry{at} for {printable(word)!r}: `assets list` shows them"
        )
    if len(entries) > 1 and not yes:
        names = ", ".join(f"{entry.name} ({entry.provider}, {entry.state})" for entry in entries[:10])
        raise UsageError(
            f"{len(entries)} entries are meant by {printable(word)!r}: name one of {names}, "
            "or repeat the command with --yes"
        )
    return entries


@click.command("export", short_help="Write out the whole ledger.", epilog=ASSETS_CODES)
@to_option(required=False, said="Only entries of this provider.")
@output_options("jsonl", "json", "csv", default="jsonl")
@ledger_option
def _export(to: str | None, **options: Any) -> None:
    """Write out the whole ledger, what is gone too: every field of every entry, oldest first.

    It holds no key and no signed URL: the account is the access key's id, or a fingerprint of the key.

    \b
    Examples:
      preflight assets export --output ledger.jsonl
      preflight assets export --to sunra --format csv
    """
    provider = _provider(to)
    with open_ledger(options, there=True) as ledger, printer_for(options, _ENTRY) as printer:
        for entry in ledger.entries(provider=provider):
            printer.row(entry.as_json(), entry.state)


@click.command("disagreements", short_help="List what passed here and failed there.", epilog=ASSETS_CODES)
@to_option(required=False, said="Only disagreements with this provider.")
@output_options("text", "json", "jsonl", "csv")
@ledger_option
def _disagreements(to: str | None, **options: Any) -> None:
    """List the files that passed here and failed at the provider: where a rule set may be out of date.

    `preflight rules show PROVIDER` says what the rule set accepts, and since when.

    \b
    Examples:
      preflight assets disagreements
      preflight assets disagreements --to atlas --format csv
    """
    provider = _provider(to)
    with open_ledger(options, there=True) as ledger, printer_for(options, _DISAGREEMENT) as printer:
        found = [each for each in ledger.disagreements() if provider in (None, each.provider)]
        for each in found:
            printer.row(
                asdict(each),
                each.theirs,
                each.provider,
                each.source,
                f"(here: {each.ours}; {each.at})",
                below=[each.message],
            )
    if options["format_"] == "text" and not found:
        click.echo("no disagreements: every file that passed here was accepted, as far as the ledger knows", err=True)


commands = (_forget, _export, _disagreements)
