"""Parameters that click lacks: numbers whose errors have a remedy, `--as` by position, shell completion."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from preflight.errors import UsageError
from preflight.escape import printable
from preflight.formats import KINDS
from preflight.sources.open import AssetReference, asset_of
from preflight.targets import Item
from preflight.units import parse_quantity

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Decorator = Callable[[Callable[..., None]], Callable[..., None]]
"""A decorator that adds options to a command."""


class IntRange(click.IntRange):
    """A whole number between bounds; the error message says what to write."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number. Raise `click.BadParameter` if it is not a number or out of bounds."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            bounds = f", {self.min} or more" if self.max is None else f" from {self.min} to {self.max:,}"
            return self.fail(f"{printable(str(value))} is not allowed. Write a whole number{bounds}.", param, ctx)


class Number(click.FloatRange):
    """A finite number between bounds; the error message says what to write."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number. Raise `click.BadParameter` if it is not finite or out of bounds."""
        with suppress(click.BadParameter):
            number = super().convert(value, param, ctx)
            if math.isfinite(number):
                return number
        bounds = f"from {self.min:g} to {self.max:g}"
        return self.fail(f"{printable(str(value))} is not allowed. Write a number {bounds}.", param, ctx)


class Seconds(click.FloatRange):
    """A finite number of seconds with a minimum; the error message says what to write."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds. Raise `click.BadParameter` if they are not a finite number or out of bounds."""
        with suppress(click.BadParameter):
            seconds = super().convert(value, param, ctx)
            if math.isfinite(seconds):
                return seconds
        return self.fail(f"{printable(str(value))} is not allowed. Write seconds, {self.min} or more.", param, ctx)


if TYPE_CHECKING:
    _IntType = click.ParamType[int]
else:
    _IntType = click.ParamType  # which older versions of click do not let be subscripted


class Bytes(_IntType):
    """A positive number of bytes, optionally with a unit: `500MB`."""

    name = "bytes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes. Raise `click.BadParameter` unless it is positive."""
        with suppress(ValueError):
            size = parse_quantity(int(value) if isinstance(value, str) and value.isdecimal() else value, "bytes")
            if 0 < size == int(size):
                return int(size)
        return self.fail(f'{printable(str(value))} is not allowed. Write a size such as "500 MB".', param, ctx)


_MARK: Final = "\0"
"""Prefix of a kind among the targets: no program argument can contain this character."""


class OrderedKinds(click.Command):
    """A command that keeps the position of `--as KIND` among the targets: click's options have no order."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, with each kind marked at its position."""
        return super().parse_args(ctx, list(_marked(args)))


def _marked(args: Iterable[str]) -> Iterator[str]:
    words = iter(args)
    for word in words:
        if word == "--":  # everything after it is a target
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
        else:  # click reports the error
            yield from (option, kind) if kind else (option,)


def with_kinds(words: Iterable[str]) -> Iterator[str]:
    """Yield the targets; an asset that follows `--as KIND` becomes `KIND=asset://ID`.

    Raise `UsageError` for a kind that no asset follows.
    """
    kind, is_used = "", True
    for word in words:
        if word.startswith(_MARK):
            _require_used(kind, is_used=is_used)
            kind, is_used = word.removeprefix(_MARK), False
            continue
        role, target = split_role(word) if kind else (None, word)
        asset = asset_of(target) if kind else None
        is_used |= asset is not None
        with_kind = f"{kind}={target}" if asset is not None and asset.kind is None else target
        yield f"{role}={with_kind}" if role else with_kind
    _require_used(kind, is_used=is_used)


def _require_used(kind: str, *, is_used: bool) -> None:
    if not is_used:
        raise UsageError(
            f"--as {kind} is not followed by an asset. Write asset://ID after it, or leave the option out."
        )


def with_registered_kinds(items: Iterable[Item], ledger: str | None) -> Iterator[Item]:
    """Yield the items; an asset without a kind gets the one that the ledger knows. The ledger is only read.

    Raise `UsageError` if the given ledger does not exist.
    """
    if ledger is not None and not os.path.exists(ledger):
        raise UsageError(f"--ledger {printable(ledger)} does not exist. Check the path.")
    for item in items:
        asset = item.target
        if isinstance(asset, AssetReference) and asset.kind is None:
            from preflight.ledger import registered_kind  # SQLite is loaded only for requests with such assets

            item = item._replace(target=replace(asset, kind=registered_kind(asset.reference, ledger)))
        yield item


_ROLE: Final = re.compile(r"([a-z][a-z0-9_]{0,39})=(?=.)", re.DOTALL)


def split_role(word: str) -> tuple[str | None, str]:
    """Return the role and the target of `ROLE=TARGET`; None and the word if it is a path, or names a kind of an asset.

    >>> split_role("first_frame=a.png"), split_role("image=asset://asset-1"), split_role("b.mp4")
    (('first_frame', 'a.png'), (None, 'image=asset://asset-1'), (None, 'b.mp4'))
    """
    match = _ROLE.match(word)
    if match is None or match[1] in KINDS or os.path.lexists(word):
        return None, word
    return match[1], word[match.end() :]


def complete_targets(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete files and folders, as the shell does."""
    return [_item(incomplete, type="file")]


def complete_rule_sets(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of rule sets with their variants (the last name of a list), stages, and paths to files."""
    from preflight import catalog

    done, comma, word = incomplete.rpartition(",")
    if word.startswith(".") or os.sep in word:
        return [_item(incomplete, type="file")]
    if ":" in word:
        return [_item(f"{done}{comma}{name}") for name in _with_colon(word.partition(":")[0]) if name.startswith(word)]
    taken = done.split(",")
    names = [name for name in catalog.names() if name.startswith(word) and name not in taken]
    items = [_item(f"{done}{comma}{name}", help=catalog.load(name).title) for name in names]
    if not comma and catalog.ALL.startswith(word):
        items.append(_item(catalog.ALL, help="every current rule set"))
    return items


def _with_colon(start: str) -> list[str]:
    """Return what may follow a name and a colon, with them: the variants of a rule set, or the stages."""
    from preflight import catalog
    from preflight.ruleset import STAGES

    if start == catalog.STAGE:
        words: Iterable[str] = STAGES
    else:
        words = catalog.load(start).table.get("variants", ()) if start in catalog.names() else ()
    return [f"{start}:{word}" for word in words]


def complete_finding_codes(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete codes of findings, each with its title."""
    from preflight.codes import CODES

    return [_item(code, help=CODES[code].title) for code in CODES if code.startswith(incomplete)]


def complete_providers(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of providers."""
    from preflight.providers import provider_names

    return [_item(name) for name in provider_names() if name.startswith(incomplete)]


def _item(value: str, **details: str) -> CompletionItem:
    from click.shell_completion import CompletionItem  # needed only when Tab is pressed

    return CompletionItem(value, **details)
