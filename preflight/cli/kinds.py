"""`--as KIND`: the kind of the assets that follow it on the command line, and what the ledger says of the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import click

from preflight.errors import UsageError
from preflight.escape import printable
from preflight.formats import KINDS
from preflight.sources.assets import AssetReference, asset_of
from preflight.targets import Item

_MARK: Final = "\0"
"""In front of a kind among the targets: no argument of a program can hold this character."""


class OrderedKinds(click.Command):
    """A command whose `--as KIND` stays at its place among the targets: click's own options have no order."""

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
        else:  # click says what is wrong with it
            yield from (option, kind) if kind else (option,)


def with_kinds(words: Iterable[str]) -> Iterator[str]:
    """Yield the targets, assets as `KIND=asset://ID` where a kind was stated before them."""
    kind = ""
    for word in words:
        if word.startswith(_MARK):
            kind = word.removeprefix(_MARK)
            continue
        asset = asset_of(word) if kind else None
        yield f"{kind}={word}" if asset is not None and asset.kind is None else word


def with_registered_kinds(items: Iterable[Item], ledger: str | None) -> Iterator[Item]:
    """Yield the items, assets with their kind where the ledger has it. It is read, never made or written.

    Raise `UsageError` where a ledger is named that does not exist.
    """
    if ledger is not None and not os.path.exists(ledger):
        raise UsageError(f"--ledger {printable(ledger)} does not exist: check the path")
    for item in items:
        asset: Any = item.target
        if isinstance(asset, AssetReference) and asset.kind is None:
            from preflight.ledger import kind_of  # SQLite is loaded for requests with such assets alone

            item = item._replace(target=replace(asset, kind=kind_of(asset.reference, ledger)))
        yield item
