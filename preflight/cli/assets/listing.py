"""`preflight assets list`: the assets in the ledger, or those that the provider has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, get_args

import click

from preflight.cli.options import pass_options
from preflight.cli.output import Printer, asset_json, entry_json, entry_lines
from preflight.cli.params import IntRange
from preflight.cli.provider_options import ProviderCommand, provider_command_options, to_option
from preflight.cli.terminal import ASSETS_CODES
from preflight.errors import UsageError
from preflight.ledger import Entry, Ledger, State
from preflight.providers import STATUSES, Asset, Provider, find_provider
from preflight.submission.groups import GroupManager
from preflight.submission.manage import AssetFilter, AssetListing

COLUMNS: Final = ("state", "provider", "asset_id", "reference", "kind", "name", "group", "source", "error_code",
                  "error_message", "created", "updated", "account")  # fmt: skip
_REMOTE_COLUMNS: Final = ("status", "provider", "id", "reference", "kind", "name", "group", "url", "error_code",
                          "error_message", "created", "updated", "account")  # fmt: skip
_STATES: Final = get_args(State)
_PAGE_SIZE: Final = 100


@dataclass(frozen=True)
class ListCommand(ProviderCommand):
    """The options of `preflight assets list`."""

    remote: bool
    trash: bool
    state: str | None
    kind: str | None
    group: str | None
    name: str | None
    limit: int | None
    page: str | None
    page_size: int | None

    @property
    def wanted(self) -> AssetFilter:
        """Which assets are listed."""
        return AssetFilter(self.group, self.state, self.kind, self.name)


@click.command("list", short_help="List the ledger's assets, or the provider's.", epilog=ASSETS_CODES)
@to_option("Only assets of this provider; required with --remote and --trash.", required=False)
@click.option("--remote", is_flag=True, help="Ask the provider: includes what others registered.")
@click.option("--trash", is_flag=True, help="Ask the provider for the contents of its trash.")
@click.option("--state", type=click.Choice(_STATES), help="Only assets in this state.  [default: all except gone]")
@click.option("--kind", type=click.Choice(["image", "video", "audio"]), help="Only assets of this kind.")
@click.option("--group", metavar="GROUP", help="Only assets of this group, by its name or id.")
@click.option("--name", metavar="TEXT", help="Only assets whose name contains this.")
@click.option("--limit", type=IntRange(1), metavar="N", help="The maximum number of assets.")
@click.option("--page", metavar="PAGE", help="Only one page: a number, or what the previous page printed.")
@click.option("--page-size", type=IntRange(1, 1000), metavar="N", help="Assets per page.")
@provider_command_options("text", "json", "jsonl", "csv")
@pass_options(ListCommand)
def command(options: ListCommand) -> None:
    """List the assets in the ledger, or with --remote those at the provider.

    The ledger has what `submit` registered with it at every provider, with the source file and the last known state;
    reading it needs neither a key nor the network. --remote asks the provider, page by page, and adds the source file
    if the ledger knows it.

    Examples:
      preflight assets list --state failed
      preflight assets list --to atlas --format csv --output assets.csv
      preflight assets list --to atlas --remote --name hero
      preflight assets list --to volcengine --remote --group heroes --page 2 --page-size 50
      preflight assets list --to atlas --trash
    """
    if not (options.remote or options.trash):
        _list_ledger(options)
    elif options.to is None:
        raise UsageError("--remote and --trash ask a provider. Choose it with --to.")
    else:
        _list_remote(options, options.to)


def _list_ledger(options: ListCommand) -> None:
    with options.open_ledger(must_exist=True) as ledger, options.printer(*COLUMNS) as printer:
        several, account = ledger.providers_with_several_accounts(), options.provider.account
        entries = _entries(ledger, options.provider_name, account, options.wanted)
        if options.page is not None or options.page_size is not None:
            page, size = _page_number(options.page), options.page_size or _PAGE_SIZE
            entries = islice(entries, (page - 1) * size, page * size)
        counts: Counter[str] = Counter()
        for entry in islice(entries, options.limit):
            counts[entry.state] += 1
            fix = ledger.fixes.for_entry(entry)
            line, below = entry_lines(entry, several, fix)
            printer.row(entry_json(entry, fix), entry.state, *line, below=below)
    remedy = "" if counts else "; --remote asks a provider"
    where = f"in the ledger {ledger.path}{f' (account {account})' if account else ''}"
    options.printing.remark(f"{_counted(counts, where)}{remedy}")


def _entries(ledger: Ledger, provider: str | None, account: str | None, wanted: AssetFilter) -> Iterator[Entry]:
    groups = None if wanted.group_id is None else {wanted.group_id, *ledger.group_ids(wanted.group_id)}
    for entry in ledger.entries(provider=provider, state=wanted.state, account=account):
        fits = wanted.selects(entry.name, entry.media_kind, entry.state)
        if fits and (wanted.state or entry.state != "gone") and (groups is None or entry.group_id in groups):
            yield entry


def _page_number(page: str | None) -> int:
    if page is None:
        return 1
    if not page.isdecimal() or not 0 < int(page[:12]) < 10**9:
        raise UsageError(f"--page {page[:40]!r} is not a page of the ledger. Write a number from 1.")
    return int(page)


def _list_remote(options: ListCommand, to: str) -> None:
    kind, wanted = find_provider(to), options.wanted
    if options.trash and "list_trash" not in kind.can:
        raise UsageError(f"{kind.title} has no trash. Leave --trash out.")
    if "list" not in kind.can:
        raise UsageError(f"{kind.title} has no call to list assets. Without --remote the ledger's are listed.")
    if wanted.state is not None and wanted.state not in STATUSES:
        raise UsageError(f"--state {wanted.state} exists only in the ledger. Leave --remote out.")
    next_page = None
    with options.open_ledger() as ledger, options.provider.open_provider(kind, ledger) as provider:
        clock = provider.clock
        if wanted.group_id is not None:
            wanted = replace(wanted, group_id=GroupManager(provider, ledger, clock=clock).find(wanted.group_id).id)
        listing = AssetListing(provider, wanted, trash=options.trash, size=options.page_size, clock=clock)
        assets: Iterator[Asset]
        if options.page is None:
            assets = listing.all()
        else:
            page = listing.page(options.page)
            assets, next_page = iter(page.items), page.next
        with options.printer(*_REMOTE_COLUMNS) as printer:
            counts = _print(islice(assets, options.limit), provider, ledger, printer)
        account = f" (account {provider.account})" if provider.name in ledger.providers_with_several_accounts() else ""
    where = f"at {provider.title}{account}{' in the trash' if options.trash else ''}"
    options.printing.remark(_counted(counts, where))
    if next_page is not None:
        click.echo(f"next: --page {next_page}", err=True)


def _print(assets: Iterator[Asset], provider: Provider, ledger: Ledger, printer: Printer) -> Counter[str]:
    counts: Counter[str] = Counter()
    for asset in assets:
        counts[asset.status] += 1
        entry = ledger.by_asset(provider.name, asset.id, provider.origin)
        source = None if entry is None else f"from {entry.source}"
        code = f" [{asset.error_code}]" if asset.error_code else ""
        reason = f"{asset.error_message or asset.provider_code or 'it failed'}{code}" if code else None
        line = (asset.id, asset.reference, asset.name, source)
        data = {**asset_json(asset, entry), "account": provider.account}
        printer.row(data, asset.status, *line, below=[reason])
    return counts


def _counted(counts: Counter[str], where: str) -> str:
    total = sum(counts.values())
    parts = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{total} {'asset' if total == 1 else 'assets'} {where}{f': {parts}' if parts else ''}"
