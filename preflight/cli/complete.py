"""What the shell offers for a word that is being typed; click asks for it when Tab is pressed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and folders, as the shell itself completes them."""
    return [_item(incomplete, type="file")]


def rule_sets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
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


def finding_codes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Codes of findings, each with its title."""
    from preflight.codes import CODES

    return [_item(code, help=CODES[code].title) for code in CODES if code.startswith(incomplete)]


def providers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of providers."""
    from preflight.providers import PROVIDERS

    return [_item(name) for name in PROVIDERS if name.startswith(incomplete)]


def _item(value: str, **said: str) -> CompletionItem:
    from click.shell_completion import CompletionItem  # loaded at each start, it would cost what nobody uses

    return CompletionItem(value, **said)
