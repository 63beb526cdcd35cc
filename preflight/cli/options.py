"""Options that several commands share, and their defaults from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from preflight.cli import params
from preflight.cli.params import Decorator, IntRange, Seconds, with_kinds
from preflight.cli.terminal import color_option
from preflight.codes import CODES
from preflight.confinement import Confinement
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.net.options import checked_headers, checked_user_agent
from preflight.targets import Item, Selection, expand

if TYPE_CHECKING:
    from preflight.net.options import HttpOptions


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


def format_option(names: Iterable[str]) -> Decorator:
    """--format with these formats."""
    choice = click.Choice(sorted(names))
    return click.option("--format", "format_", type=choice, default="text", show_default=True, help="How to print.")


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """TARGET… and what selects and reads targets."""
    for decorate in reversed(_TARGET_OPTIONS):
        command = decorate(command)
    return command


def _user_agent(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    with _refused_as(ctx, param):
        return checked_user_agent(value)


def _headers(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Parse NAME=VALUE into pairs. No message repeats the text: it may hold a secret."""
    pairs = []
    for text in value:
        name, equals, content = text.partition("=")
        if not equals:
            raise click.BadParameter("The header has no '='. Write NAME=VALUE.", ctx=ctx, param=param)
        pairs.append((name, content))
    with _refused_as(ctx, param):
        return checked_headers(pairs)


@contextmanager
def _refused_as(ctx: click.Context, param: click.Parameter) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise click.BadParameter(str(error), ctx=ctx, param=param) from None


no_ignore_option = click.option(
    "--no-ignore",
    is_flag=True,
    help="Include files that .gitignore ignores, and files in node_modules, __pycache__ and virtual environments.",
)

_TARGET_OPTIONS: tuple[Decorator, ...] = (
    click.argument(
        "targets", nargs=-1, metavar="TARGET…", callback=configured_targets, shell_complete=params.complete_targets
    ),
    click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write there, not to standard output."),
    click.option("--include", multiple=True, metavar="PATTERN", help="Only files of folders that match; repeatable."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="No files of folders that match; repeatable."),
    no_ignore_option,
    click.option(
        "--column", metavar="NAME", help="The column of CSV lists, or the key of JSON objects, that holds the targets."
    ),
    click.option(
        "--jobs",
        "-j",
        type=IntRange(1, 256),
        help="Worker processes for files (default: none), threads for URLs (32).",
    ),
    click.option("--timeout", type=Seconds(0.1), metavar="S", help="Seconds for a URL in all.  [default: 30]"),
    click.option("--per-host", type=IntRange(1, 256), metavar="N", help="URLs of one host at once.  [default: 16]"),
    click.option("--allow-private", is_flag=True, help="Fetch URLs of private addresses too; they stay a warning."),
    click.option(
        "--user-agent",
        metavar="TEXT",
        callback=_user_agent,
        help="Send this User-Agent with requests for URLs; services send their own.",
    ),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_headers,
        help="Send this header too, but only to the URL's own host; repeatable. No output shows its value.",
    ),
    click.option("--unordered", is_flag=True, help="Print as results come, not in the order of the input."),
    click.option("--deep/--no-deep", default=False, help="Decode the whole file too: finds what no header shows."),
    color_option,
    config_option,
)


def items_of(
    targets: tuple[str, ...], options: dict[str, Any], ignored: Callable[[], object] = lambda: None
) -> Iterator[Item]:
    """Return the single targets that a command line names; `ignored` is called for each file left out of a folder."""
    ignore = not options.get("no_ignore")
    selection = Selection(tuple(options["include"]), tuple(options["exclude"]), ignore, ignored)
    return expand(targets, selection, options["column"], options.get("confinement"))


def http_options(options: dict[str, Any]) -> HttpOptions | None:
    """How URLs are read; None where nothing is said of it."""
    names = ("timeout", "allow_private", "per_host", "user_agent", "headers")
    chosen = {name: options[name] for name in names if options[name]}
    if not chosen:
        return None
    from preflight.net.options import HttpOptions

    return HttpOptions(**chosen)


def dropped_codes(select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[str]:
    """The finding codes that do not count. Raises `UsageError` for a code that does not exist."""
    for code in (*select, *ignore):
        if code not in CODES:
            from difflib import get_close_matches

            near = get_close_matches(code, CODES, n=1)
            meant = f"; did you mean {near[0]}?" if near else ": `preflight rules explain` lists them"
            raise UsageError(f"there is no finding code {code!r}{meant}")
    unselected = frozenset(CODES).difference(select) if select else frozenset()
    return unselected | frozenset(ignore)


def announce(ctx: click.Context, options: dict[str, Any]) -> None:
    """Say on standard error what a configuration leaves out of the verdict: nobody typed it."""
    path = ctx.meta.get("preflight.config")
    for name in _LOOSENING:
        if path and options[name] and ctx.get_parameter_source(name) is click.core.ParameterSource.DEFAULT_MAP:
            words = "counts only" if name == "select" else "ignores"
            click.echo(f"{printable(path)} {words} {', '.join(options[name])}", err=True)
