"""Where the options of a command get their defaults: from the project's configuration, unless `--no-config`."""

from __future__ import annotations

from typing import Any, Final

import click

from preflight.cli.kinds import with_kinds
from preflight.confinement import Confinement
from preflight.escape import printable

_OPTIONS: Final = {"paths": "targets"}
"""Keys of the configuration whose parameter has another name."""
_LOOSENING: Final = ("select", "ignore")


def _load(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Put the configuration under what the command line says: click takes the explicit option first."""
    if value or ctx.resilient_parsing:
        return
    from preflight.config import load

    config = load()
    if config is None:
        return
    known = {parameter.name for parameter in ctx.command.params}
    values = {_OPTIONS.get(key, key): given for key, given in config.values.items()}
    ctx.default_map = {**(ctx.default_map or {}), **{name: values[name] for name in values if name in known}}
    ctx.meta["preflight.config"] = config.path


config_option = click.option(
    "--no-config",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_load,
    help="Take no defaults from [tool.preflight] in pyproject.toml, nor from preflight.toml.",
)
"""Eager: the other options find the configuration's values when they look for their defaults."""


def configured_targets(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The targets of the call, else those of the configuration."""
    given = tuple(with_kinds(value))
    targets: tuple[str, ...] = given or tuple((ctx.default_map or {}).get("targets", ()))
    # Targets of the configuration are confined to its repository, those of the command line are not.
    is_configured = not given or ctx.get_parameter_source("targets") is click.core.ParameterSource.DEFAULT_MAP
    ctx.params["confinement"] = Confinement(ctx.meta["preflight.config"]) if targets and is_configured else None
    if not targets and not ctx.resilient_parsing:
        raise click.MissingParameter("Name some, or set `paths` in [tool.preflight].", ctx=ctx, param=param)
    return targets


def announce(ctx: click.Context, options: dict[str, Any]) -> None:
    """Say on standard error what a configuration leaves out of the verdict: nobody typed it."""
    path = ctx.meta.get("preflight.config")
    for name in _LOOSENING:
        if path and options[name] and ctx.get_parameter_source(name) is click.core.ParameterSource.DEFAULT_MAP:
            words = "counts only" if name == "select" else "ignores"
            click.echo(f"{printable(path)} {words} {', '.join(options[name])}", err=True)
