"""Decide whether output is coloured: by `--color`, the environment and the terminal, in this order."""

from __future__ import annotations

import os
import sys
from typing import IO, Final

import click

_KEY: Final = "preflight.color"


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[_KEY] = value


color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    expose_value=False,
    callback=_keep,
    help="Colour the output; with always, also in files. auto checks NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE, then "
    "CLICOLOR=0, TERM=dumb and whether the output is a terminal.  [default: auto]",
)


def is_always() -> bool:
    """Return whether `--color always` was given, which colours files too."""
    return _chosen() == "always"


def use_colour(stream: IO[str]) -> bool:
    """Return whether a stream is to be coloured (https://no-color.org, https://force-color.org)."""
    chosen = _chosen()
    if chosen != "auto":
        return chosen == "always"
    environment = os.environ
    if environment.get("NO_COLOR"):
        return False
    if stream is sys.stdout and (_is_on("FORCE_COLOR") or _is_on("CLICOLOR_FORCE")):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb" and environment.get("CLICOLOR") != "0"


def _chosen() -> str:
    context = click.get_current_context(silent=True)
    chosen: str = context.meta.get(_KEY, "auto") if context is not None else "auto"
    return chosen


def _is_on(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")
