"""The options that `submit` and `assets` share: the provider, how to call it, and the ledger."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, cast

import click

from preflight.cli import params
from preflight.cli.options import add_options, ca_bundle_option, config_option, empty_value
from preflight.cli.output import Printer, PrintOptions, print_options
from preflight.cli.overwrite import ledger_files
from preflight.cli.params import Decorator
from preflight.clock import SYSTEM_CLOCK
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.hosts import Host
from preflight.ledger import Ledger
from preflight.providers import (
    ACCOUNT_VARIABLE,
    PROVIDERS,
    Provider,
    ProviderSettings,
    ProviderSpec,
    find_provider,
    open_provider,
    provider_names,
)
from preflight.rates import FoundRate, Pacer
from preflight.submission.account import choose_account
from preflight.submission.manage import provider_of
from preflight.submission.recover import account_key


@dataclass(frozen=True)
class ProviderOptions:
    """How a provider is called.

    settings         values of `--set`, as NAME=VALUE; named_settings: values of options such as `--project`
    """

    account: str | None
    endpoint: str | None
    rate: str
    proxy: str | None
    ca_bundle: str | None
    settings: tuple[str, ...]
    named_settings: Mapping[str, str] = field(default_factory=dict)

    def settings_for(self, provider: ProviderSpec) -> ProviderSettings:
        """Return the options of a provider. Raise `UsageError` for a `--set` that it does not have."""
        chosen = dict(self.named_settings)
        for text in self.settings:
            name, _, value = text.partition("=")
            name = name.replace("-", "_")
            if not value:
                raise UsageError(f"--set {printable(text)} has no value. Write NAME=VALUE.")
            if name not in provider.options:
                known = ", ".join(provider.options)
                remedy = f"Its options are {known}." if known else "It has no options."
                raise UsageError(f"--set: {provider.title} has no option {printable(repr(name))}. {remedy}")
            chosen[name] = value
        return cast("ProviderSettings", chosen)

    @contextmanager
    def open_provider(self, spec: ProviderSpec, ledger: Ledger | None = None) -> Iterator[Provider]:
        """Open the provider, with calls at its account's rates, which the ledger remembers.

        Raise `UsageError`, also if the ledger has several accounts and none is named.
        """
        stop = threading.Event()
        with open_provider(
            spec,
            account=self.account,
            endpoint=self.endpoint,
            rate=self.rate,
            proxy=self.proxy,
            ca_bundle=self.ca_bundle,
            clock=SYSTEM_CLOCK.stopped_by(stop),
            **self.settings_for(spec),
        ) as provider:
            memory = None
            if ledger is not None:
                choose_account(provider, ledger)
                memory = ledger.rates(account_key(provider))
            provider.connection.middleware = Pacer(
                provider.rate_limits,
                provider.clock,
                memory,
                lambda action, rate: print_rate(FoundRate(provider.title, action, rate.calls, rate.per)),
            )
            try:
                yield provider
            finally:
                stop.set()


def print_rate(found: FoundRate) -> None:
    """Print on standard error the rate that an account was found to have."""
    click.echo(str(found), err=True)


def one_provider(ledger: Ledger, words: Iterable[str], to: str | None) -> ProviderSpec:
    """Return the provider of all these assets. Raise `UsageError` if they are at several, or the ledger lacks one."""
    names = {to} if to is not None else {provider_of(ledger, word) for word in words}
    if len(names) > 1:
        raise UsageError(f"These assets are at {' and '.join(sorted(names))}. Choose one provider with --to.")
    return find_provider(names.pop())


@dataclass(frozen=True)
class Destination:
    """Where a run registers and hosts files: at the provider, or in a sandbox."""

    endpoint: str | None
    host: str | Host | None
    public_base: str | None
    ledger: str | None
    group: str | None
    keys: Mapping[str, str] | None = None
    allow_private: bool = False


@dataclass(frozen=True)
class LedgerCommand:
    """The options that all commands on assets share. ledger: its path; None: the user's."""

    to: str | None
    printing: PrintOptions
    ledger: str | None

    @property
    def provider_name(self) -> str | None:
        """The name of the given provider; None: all."""
        return None if self.to is None else find_provider(self.to).name

    def open_ledger(self, *, must_exist: bool = False) -> Ledger:
        """Open the ledger. With `must_exist` raise `UsageError` if the named ledger does not exist."""
        if must_exist and self.ledger is not None and not os.path.lexists(self.ledger):
            raise UsageError(f"--ledger {printable(self.ledger)} does not exist. Check the path.")
        return Ledger(self.ledger)

    def printer(self, *columns: str, is_single: bool = False) -> AbstractContextManager[Printer]:
        """Open the output, which must not be the ledger."""
        return self.printing.printer(columns, is_single=is_single, ledger=self.ledger, inputs=ledger_files(self.ledger))


@dataclass(frozen=True)
class ProviderCommand(LedgerCommand):
    """The options that commands on assets share which may call a provider."""

    provider: ProviderOptions


class _ToOption(click.Option):
    """An option whose help may name the {providers}: looking for those of other packages takes a while."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = (self.help or "").replace("{providers}", ", ".join(provider_names()))
        return super().get_help_record(ctx)


def to_option(help_text: str, *, required: bool) -> Decorator:
    """Return the option --to PROVIDER."""

    def require(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if required and value is None and not ctx.resilient_parsing:
            raise click.MissingParameter(f"Choose one of {', '.join(provider_names())}.", ctx=ctx, param=param)
        return value

    help_text = f"{help_text}  [required]" if required else help_text
    return click.option(
        "--to",
        cls=_ToOption,
        callback=require,
        metavar="PROVIDER",
        help=help_text,
        shell_complete=params.complete_providers,
    )


def _keep_setting(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Collect the options that only some providers have."""
    if value == "":
        raise empty_value(ctx, param)
    if value is not None:
        ctx.params.setdefault("named_settings", {})[param.name] = value


def _no_name(ctx: click.Context, _param: click.Parameter, is_given: bool) -> None:  # noqa: FBT001 - by click
    if is_given:
        ctx.params.setdefault("named_settings", {})["send_name"] = "no"


def _having(option: str) -> str:
    """Return the names of the providers that have an option."""
    return ", ".join(name for name, provider in PROVIDERS.items() if option in provider.options)


_SETTING_HELP: Final = {
    "project": "The project of the groups and assets",
    "reference_id": "The id by which requests refer to an asset",
    "signing": "How calls are signed: as the SDKs do, or as the published sample code does",
}


def _named_settings() -> Iterator[Decorator]:
    """Yield an option for each setting that some providers have; its help names them and their values."""
    for name in sorted({name for provider in PROVIDERS.values() for name in provider.options} - {"send_name"}):
        values = ", ".join(dict.fromkeys(v for provider in PROVIDERS.values() for v in provider.options.get(name, ())))
        yield click.option(
            f"--{name.replace('_', '-')}",
            metavar="WORD",
            expose_value=False,
            callback=_keep_setting,
            help=f"{_SETTING_HELP.get(name, 'A setting')}. For {_having(name)}{values and f': {values}'}.",
        )


ledger_option = click.option(
    "--ledger",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="The ledger.  [default: in the user's data folder]",
)
provider_options = add_options(
    click.option(
        "--account",
        metavar="NAME",
        envvar=ACCOUNT_VARIABLE,
        help="The account's name, which stays the same when its key changes.  [default: $PREFLIGHT_ACCOUNT, the "
        "configuration's or the ledger's]",
    ),
    click.option("--endpoint", metavar="URL", help="Call this origin instead of the provider's hosts."),
    click.option(
        "--rate",
        default="auto",
        show_default=True,
        metavar="RATE",
        help="The account's rate: auto (learned), published, or registrations such as 3/min or 30/s.",
    ),
    click.option(
        "--proxy",
        metavar="URL",
        help="The proxy for calls to the provider, and for fetching URLs; the environment's is not used.",
    ),
    ca_bundle_option,
    click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A provider's option; repeatable."),
    *_named_settings(),
    click.option(
        "--no-name",
        "send_name",
        is_flag=True,
        expose_value=False,
        callback=_no_name,
        help=f"For {_having('send_name')}: send no name; a lost registration is then looked up by its URL alone.",
    ),
    config_option("account", "rate"),
)


def ledger_command_options(*formats: str, default: str = "text") -> Decorator:
    """Return the options of a `LedgerCommand` except --to."""
    return add_options(print_options(*formats, default=default), ledger_option)


def provider_command_options(*formats: str, default: str = "text") -> Decorator:
    """Return the options of a `ProviderCommand` except --to."""
    return add_options(ledger_command_options(*formats, default=default), provider_options)
