"""`--as KIND`: the kind of the assets that follow it on the command line; that of other assets is in the ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import click

from preflight.errors import UsageError
from preflight.escape import printable
from preflight.formats import KINDS
from preflight.sources.open import AssetReference, asset_of
from preflight.targets import Item

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
