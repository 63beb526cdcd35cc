"""Which provider, how it is reached, and which ledger: options that `submit` and `assets` share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from preflight.cli import params
from preflight.cli.params import Decorator
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.ledger import Ledger
from preflight.providers import PROVIDERS, Provider, find_provider
from preflight.rates import Clock, Pacer

REACH: Final = ("endpoint", "plan", "proxy")
"""Options that every provider takes as they are."""


def to_option(*, required: bool, said: str) -> Decorator:
    """--to PROVIDER."""

    def needed(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if required and value is None and not ctx.resilient_parsing:
            raise click.MissingParameter(f"Name one of {', '.join(PROVIDERS)}.", ctx=ctx, param=param)
        return value

    said = f"{said}  [required]" if required else said
    return click.option(
        "--to", callback=needed, metavar="PROVIDER", help=said, shell_complete=params.complete_providers
    )


def ledger_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--ledger FILE."""
    return click.option(
        "--ledger",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="The ledger.  [default: in the user's data folder]",
    )(command)


def reach_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--endpoint, --plan, --proxy, and the options that some providers have: --set, or each by its name."""
    for decorate in reversed(_REACH):
        command = decorate(command)
    return command


def _own_options() -> dict[str, str]:
    """The options that some providers have, with whose they are and what they take."""
    options = sorted({name for provider in PROVIDERS.values() for name in provider.options})
    said = {}
    for option in options:
        having = [provider for provider in PROVIDERS.values() if option in provider.options]
        values = ", ".join(dict.fromkeys(value for provider in having for value in provider.options[option]))
        said[option] = f"For {', '.join(provider.name for provider in having)}{values and f': {values}'}."
    return said


_REACH: tuple[Decorator, ...] = (
    click.option("--endpoint", metavar="URL", help="In place of the origin of all of the provider's hosts."),
    click.option("--plan", default="published", show_default=True, help="The account's rates."),
    click.option("--proxy", metavar="URL", help="The proxy for calls to the provider; none is taken from elsewhere."),
    click.option(
        "--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the provider; repeatable."
    ),
    *(click.option(f"--{name.replace('_', '-')}", metavar="WORD", help=said) for name, said in _own_options().items()),
)


def settings_of(to: str, options: dict[str, Any]) -> dict[str, Any]:
    """What the provider is opened with. Raises `UsageError` for a `--set` that it does not know."""
    provider = find_provider(to)
    settings = {name: options[name] for name in REACH}
    settings |= {name: options[name] for name in _own_options() if options[name] is not None}
    for text in options["settings"]:
        name, equals, value = text.partition("=")
        name = name.replace("-", "_")
        if not equals or not value:
            raise UsageError(f"--set {printable(text)}: write NAME=VALUE")
        if name not in provider.options:
            has = f"its options are {', '.join(provider.options)}" if provider.options else "it has no options"
            raise UsageError(f"--set {printable(text)}: {provider.title} has no option {printable(name)!r}: {has}")
        settings[name] = value
    return settings


@contextmanager
def open_provider(to: str, options: dict[str, Any]) -> Iterator[tuple[Provider, Clock]]:
    """The provider, ready to be called at its account's rates."""
    clock = Clock()
    with find_provider(to)(None, **settings_of(to, options)) as provider:
        provider.middleware = Pacer(provider.plan, clock)
        try:
            yield provider, clock
        finally:
            clock.stop()


def open_ledger(options: dict[str, Any], *, there: bool = False) -> Ledger:
    """The ledger; `there`: a file that is named and does not exist is an error, not an empty ledger."""
    path = options["ledger"]
    if there and path is not None and not os.path.lexists(path):
        raise UsageError(f"--ledger {printable(path)}: there is no such file: check the path")
    return Ledger(path)
