"""Parameters that click does not have: numbers with a remedy, `--as` by its position, shell completion."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from preflight.errors import UsageError
from preflight.escape import printable
from preflight.formats import KINDS
from preflight.sources.open import AssetReference, asset_of
from preflight.targets import Item

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
"""What adds options to a command."""


class IntRange(click.IntRange):
    """A whole number between bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Raises `click.BadParameter`."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            bounds = f", {self.min} or more" if self.max is None else f" from {self.min} to {self.max:,}"
            return self.fail(f"{printable(str(value))}: write a whole number{bounds}", param, ctx)


class Seconds(click.FloatRange):
    """A time that has a least value."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The seconds. Raises `click.BadParameter`."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            return self.fail(f"{printable(str(value))}: write seconds, {self.min} or more", param, ctx)


_MARK: Final = "\0"
"""Prefix of a kind among the targets: no program argument can hold this character."""


class OrderedKinds(click.Command):
    """A command that keeps the position of `--as KIND` among the targets: click's own options have no order."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_marked(args)))


def _marked(args: Iterable[str]) -> Iterator[str]:
    words = iter(args)
    for word in words:
        if word == "--":  # all that follows are targets
            yield word
            yield from words
            return
        option, equals, kind = word.partition("=")
        if option != "--as":
            yield word
            continue
        if not equals:
            kind = next(words, "")
        if kind.lower() in KINDS:
            yield _MARK + kind.lower()
        else:  # click reports what is wrong
            yield from (option, kind) if kind else (option,)


def with_kinds(words: Iterable[str]) -> Iterator[str]:
    """Yield the targets, assets as `KIND=asset://ID` where a kind was stated before them.

    Raise `UsageError` for a kind that no asset follows.
    """
    kind, is_used = "", True
    for word in words:
        if word.startswith(_MARK):
            _require_used(kind, is_used)
            kind, is_used = word.removeprefix(_MARK), False
            continue
        asset = asset_of(word) if kind else None
        is_used |= asset is not None
        yield f"{kind}={word}" if asset is not None and asset.kind is None else word
    _require_used(kind, is_used)


def _require_used(kind: str, is_used: bool) -> None:
    if not is_used:
        raise UsageError(f"--as {kind} is not followed by an asset: write asset://ID after it, or leave the option out")


def with_registered_kinds(items: Iterable[Item], ledger: str | None) -> Iterator[Item]:
    """Yield the items, with the kind of assets that the ledger knows. The ledger is never created or written.

    Raise `UsageError` if the given ledger does not exist.
    """
    if ledger is not None and not os.path.exists(ledger):
        raise UsageError(f"--ledger {printable(ledger)} does not exist: check the path")
    for item in items:
        asset: Any = item.target
        if isinstance(asset, AssetReference) and asset.kind is None:
            from preflight.ledger import registered_kind  # SQLite is loaded only for requests with such assets

            item = item._replace(target=replace(asset, kind=registered_kind(asset.reference, ledger)))
        yield item


def complete_targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and folders, as the shell itself completes them."""
    return [_item(incomplete, type="file")]


def complete_rule_sets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of rule sets, the last of several with commas; rule files where a path is begun."""
    from preflight import catalog

    done, comma, word = incomplete.rpartition(",")
    if word.startswith(".") or os.sep in word:
        return [_item(incomplete, type="file")]
    taken = done.split(",")
    names = [name for name in catalog.names() if name.startswith(word) and name not in taken]
    items = [_item(f"{done}{comma}{name}", help=catalog.load(name).title) for name in names]
    if not comma and catalog.ALL.startswith(word):
        items.append(_item(catalog.ALL, help="every current built-in rule set"))
    return items


def complete_finding_codes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Codes of findings, each with its title."""
    from preflight.codes import CODES

    return [_item(code, help=CODES[code].title) for code in CODES if code.startswith(incomplete)]


def complete_providers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of providers."""
    from preflight.providers import PROVIDERS

    return [_item(name) for name in PROVIDERS if name.startswith(incomplete)]


def _item(value: str, **said: str) -> CompletionItem:
    from click.shell_completion import CompletionItem  # loaded at each start, it would cost what nobody uses

    return CompletionItem(value, **said)
