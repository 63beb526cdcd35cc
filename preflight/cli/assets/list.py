"""`preflight assets list`: what the ledger knows, or what the provider has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, get_args

import click

from preflight.cli.output import Printer, asset_json, entry_lines, output_options, printer_for
from preflight.cli.params import IntRange
from preflight.cli.provider_options import ledger_option, open_ledger, open_provider, reach_options, to_option
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.ledger import Entry, Ledger, State
from preflight.providers import STATUSES, Asset, Provider, find_provider
from preflight.submission.grouping import GroupManager
from preflight.submission.listing import Filter, Listing

COLUMNS: Final = ("state", "provider", "asset_id", "reference", "kind", "name", "group", "source", "error_code",
                  "error_message", "created", "updated")  # fmt: skip
_REMOTE_COLUMNS: Final = ("status", "provider", "id", "reference", "kind", "name", "group", "url", "error_code",
                          "error_message", "created", "updated")  # fmt: skip
_STATES: Final = get_args(State)
_PAGE: Final = 100


@click.command("list", short_help="List the ledger's assets, or the provider's.", epilog=ASSETS_CODES)
@to_option(required=False, said="Only assets of this provider; needed with --remote and --trash.")
@click.option("--remote", is_flag=True, help="Ask the provider: also what others registered, as it is now.")
@click.option("--trash", is_flag=True, help="Ask the provider for what is in its trash.")
@click.option(
    "--state", type=click.Choice(_STATES), help="Only assets in this state.  [default: all that are not gone]"
)
@click.option("--kind", type=click.Choice(["image", "video", "audio"]), help="Only assets of this kind.")
@click.option("--group", metavar="GROUP", help="Only assets of this group, by its name or id.")
@click.option("--name", metavar="TEXT", help="Only assets whose name contains this.")
@click.option("--limit", type=IntRange(1), metavar="N", help="At most so many.")
@click.option("--page", metavar="PAGE", help="One page alone: a number, or what the page before named.")
@click.option("--page-size", type=IntRange(1, 1000), metavar="N", help="Assets to a page.")
@output_options("text", "json", "jsonl", "csv")
@ledger_option
@reach_options
def command(to: str | None, remote: bool, trash: bool, **options: Any) -> None:
    """List assets: those in the ledger, or with --remote those that the provider has.

    The ledger has what `submit` registered with this computer's ledger, at every provider, with the file that it came
    from, as it was last seen; it needs neither key nor network. --remote asks the provider itself, all its pages one
    after another, and names the file where the ledger knows it.

    \b
    Examples:
      preflight assets list --state failed
      preflight assets list --to atlas --format csv --output assets.csv
      preflight assets list --to atlas --remote --name hero
      preflight assets list --to volcengine --remote --group heroes --page 2 --page-size 50
      preflight assets list --to atlas --trash
    """
    wanted = Filter(options["group"], options["state"], options["kind"], options["name"])
    if remote or trash:
        if to is None:
            raise UsageError("--remote and --trash ask a provider: choose it with --to")
        _remote(to, wanted, trash, options)
    else:
        if to is not None:
            to = find_provider(to).name
        _ledger(to, wanted, options)


def _ledger(to: str | None, wanted: Filter, options: dict[str, Any]) -> None:
    with open_ledger(options, there=True) as ledger, printer_for(options, COLUMNS) as printer:
        entries = _entries(ledger, to, wanted)
        page, size = options["page"], options["page_size"] or _PAGE
        if page is not None or options["page_size"] is not None:
            number = _number(page)
            entries = islice(entries, (number - 1) * size, number * size)
        counts: Counter[str] = Counter()
        for entry in islice(entries, options["limit"]):
            counts[entry.state] += 1
            line, below = entry_lines(entry)
            printer.row(entry.as_json(), entry.state, *line, below=below)
    _counted(counts, options, f"in the ledger {ledger.path}")


def _entries(ledger: Ledger, to: str | None, wanted: Filter) -> Iterator[Entry]:
    groups = None if wanted.group is None else {wanted.group, *ledger.group_ids(wanted.group)}
    for entry in ledger.entries(provider=to, state=wanted.state):
        fits = wanted.takes(entry.name, entry.kind.partition(":")[0], entry.state)
        if fits and (wanted.state or entry.state != "gone") and (groups is None or entry.group in groups):
            yield entry


def _number(page: str | None) -> int:
    if page is None:
        return 1
    if not page.isdecimal() or not 0 < int(page[:12]) < 10**9:
        raise UsageError(f"--page {page[:40]!r}: pages of the ledger are counted from 1")
    return int(page)


def _remote(to: str, wanted: Filter, trash: bool, options: dict[str, Any]) -> None:
    kind = find_provider(to)
    if trash and "list_trash" not in kind.can:
        raise UsageError(f"{kind.title} has no trash")
    if "list" not in kind.can:
        raise UsageError(f"{kind.title} has no call that lists assets: without --remote the ledger's are listed")
    if wanted.state is not None and wanted.state not in STATUSES:
        raise UsageError(f"--state {wanted.state} is one of the ledger's alone: leave --remote out")
    with open_provider(to, options) as (provider, clock), open_ledger(options) as ledger:
        if wanted.group is not None:
            group = GroupManager(provider, ledger, clock).find(wanted.group)
            wanted = Filter(group.id, wanted.state, wanted.kind, wanted.name)
        listing = Listing(provider, clock, wanted, trash=trash, size=options["page_size"])
        following = None
        assets: Iterator[Asset]
        if options["page"] is not None:
            page = listing.page(options["page"])
            assets, following = iter(page.items), page.next
        else:
            assets = listing.all()
        with printer_for(options, _REMOTE_COLUMNS) as printer:
            counts = _print(islice(assets, options["limit"]), provider, ledger, printer)
    _counted(counts, options, f"at {provider.title}{' in the trash' if trash else ''}")
    if following is not None:
        click.echo(f"next: --page {following}", err=True)


def _print(assets: Iterator[Asset], provider: Provider, ledger: Ledger, printer: Printer) -> Counter[str]:
    counts: Counter[str] = Counter()
    for asset in assets:
        counts[asset.status] += 1
        entry = ledger.by_asset(provider.name, asset.id, provider.origin)
        source = None if entry is None else f"from {entry.source}"
        code = f" [{asset.error_code}]" if asset.error_code else ""
        printer.row(
            asset_json(asset, entry),
            asset.status,
            asset.id,
            asset.reference,
            asset.name,
            source,
            below=[f"{asset.error_message or asset.provider_code or 'it failed'}{code}" if code else None],
        )
    return counts


def _counted(counts: Counter[str], options: dict[str, Any], where: str) -> None:
    """A last line for people, which is not part of the output."""
    if options["format_"] != "text":
        return
    total = sum(counts.values())
    parts = ", ".join(f"{count} {state}" for state, count in counts.items())
    hint = "" if total else "; --remote asks a provider" if where.startswith("in") else ""
    click.echo(f"{total} {'asset' if total == 1 else 'assets'} {where}{f': {parts}' if parts else ''}{hint}", err=True)
