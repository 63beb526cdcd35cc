"""Options that several commands share, as frozen dataclasses, and their defaults from the configuration.

The dataclasses that each check loads have no generated comparison and representation: generating them would take
longer than checking a file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_type_hints

import click

from preflight.cli import params
from preflight.cli.params import Decorator, IntRange, Seconds, with_kinds
from preflight.cli.terminal import color_option
from preflight.codes import CODES
from preflight.confinement import Confinement
from preflight.errors import UsageError, suggestion
from preflight.escape import printable
from preflight.net.options import checked_headers, checked_user_agent
from preflight.targets import Item, Selection, expand

if TYPE_CHECKING:
    from preflight.net.options import HttpOptions

Options = TypeVar("Options")

_PARAMETERS: Final = {"paths": "targets"}
"""Keys of the configuration whose parameter has another name."""


def pass_options(kind: type[Options]) -> Callable[[Callable[[Options], int | None]], Callable[..., None]]:
    """Call a command with its parameters as one frozen dataclass, and exit with the code that it returns."""

    def decorate(function: Callable[[Options], int | None]) -> Callable[..., None]:
        @wraps(function)
        def callback(**given: object) -> None:
            require_values(click.get_current_context())
            options = build(kind, given)
            if given:
                raise TypeError(f"{kind.__name__} has no field for {', '.join(given)}")
            click.get_current_context().exit(function(options) or 0)

        return callback

    return decorate


def build(kind: type[Options], given: dict[str, object]) -> Options:
    """Return a dataclass of options, and remove from the parameters those that are its fields.

    A field that is a dataclass of options is built from the same parameters. A field for which the command has no
    parameter has its default.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if is_dataclass(hints[field.name]):
            values[field.name] = build(hints[field.name], given)
        elif field.name in given:
            values[field.name] = given.pop(field.name)
    return kind(**values)


def require_values(ctx: click.Context) -> None:
    """Raise `click.BadParameter` for an option that is given as empty text: often an unset variable of a shell."""
    for param in ctx.command.params:
        value = ctx.params.get(param.name or "")
        values = value if isinstance(value, tuple) else (value,)
        if isinstance(param, click.Option) and "" in values and param.name != "description":
            raise empty_value(ctx, param)


def empty_value(ctx: click.Context, param: click.Parameter) -> click.BadParameter:
    """Return the error for an option that is given as empty text."""
    return click.BadParameter("It is empty. Give a value, or leave the option out.", ctx=ctx, param=param)


@dataclass(frozen=True, eq=False, repr=False)
class TargetOptions:
    """The targets of a call, and which files of their folders are selected."""

    targets: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    no_ignore: bool
    column: str | None
    confinement: Confinement | None = None

    def items(self, ignored: Callable[[], object] = lambda: None) -> Iterator[Item]:
        """Yield each target; `ignored` is called for each file or folder that is skipped."""
        selection = Selection(self.include, self.exclude, not self.no_ignore, ignored)
        return expand(self.targets, selection, self.column, self.confinement)


@dataclass(frozen=True, eq=False, repr=False)
class UrlOptions:
    """How URLs are fetched."""

    timeout: float | None
    per_host: int | None
    allow_private: bool
    user_agent: str | None
    headers: tuple[tuple[str, str], ...]
    proxy: str | None
    ca_bundle: str | None

    def http(self) -> HttpOptions | None:
        """Return the options of the HTTP source; None if all have their defaults."""
        chosen = {name: value for name, value in vars(self).items() if value not in (None, False, ())}
        if not chosen:
            return None
        from preflight.net.options import HttpOptions

        return HttpOptions(**chosen)


def format_option(names: Iterable[str], help_text: str = "How to print.  [default: text]") -> Decorator:
    """Return the option --format with these choices; its default is None."""
    return click.option("--format", "format_", type=click.Choice(sorted(names)), help=help_text)


def add_options(*options: Decorator) -> Decorator:
    """Return a decorator that adds several options, in their order."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for add in reversed(options):
            command = add(command)
        return command

    return decorate


def _load_config(
    keys: Collection[str],
    ctx: click.Context,
    _param: click.Parameter,
    no_config: bool,  # noqa: FBT001 - by click
) -> None:
    """Make the configuration the defaults of the command. keys: only these count; empty: all."""
    if no_config or ctx.resilient_parsing:
        return
    from preflight.config import load

    try:
        config = load()
    except UsageError as error:
        error.add_note("--no-config ignores configuration files.")
        raise
    if config is None:
        return
    known = {parameter.name for parameter in ctx.command.params}
    given = config.values.items()
    values = {_PARAMETERS.get(key, key): value for key, value in given if not keys or key in keys}
    ctx.default_map = {**(ctx.default_map or {}), **{name: values[name] for name in values if name in known}}
    ctx.meta["preflight.config"] = config.path


def _configured_targets(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    given = tuple(with_kinds(value))
    targets: tuple[str, ...] = given or tuple((ctx.default_map or {}).get("targets", ()))
    # Targets of the configuration are confined to its repository, those of the command line are not.
    is_configured = not given or ctx.get_parameter_source("targets") is click.core.ParameterSource.DEFAULT_MAP
    ctx.params["confinement"] = Confinement(ctx.meta["preflight.config"]) if targets and is_configured else None
    if not targets and not ctx.resilient_parsing:
        raise click.MissingParameter("Name some, or set `paths` in [tool.preflight].", ctx=ctx, param=param)
    return targets


def announce_configured(select: tuple[str, ...], ignore: tuple[str, ...], unknown: str | None) -> None:
    """Print on standard error how the configuration makes verdicts or the exit code more lenient."""
    ctx = click.get_current_context()
    changes = {
        "select": f"counts only {', '.join(select)}" if select else None,
        "ignore": f"ignores {', '.join(ignore)}" if ignore else None,
        "unknown": "makes unknown verdicts exit with 0" if unknown == "pass" else None,
    }
    for name, change in changes.items():
        if change and ctx.get_parameter_source(name) is click.core.ParameterSource.DEFAULT_MAP:
            click.echo(f"{printable(ctx.meta['preflight.config'])} {change}", err=True)


def _user_agent(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    with _refused_as(ctx, param):
        return checked_user_agent(value)


def _headers(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Parse NAME=VALUE into pairs. No message repeats the text: it may contain a secret."""
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


def _codes(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for code in value:
        if code not in CODES:
            raise UsageError(unknown_code(code))
    return value


def unknown_code(code: str, known: Iterable[str] = CODES) -> str:
    """Return the message for a finding code that does not exist."""
    return f"Unknown finding code {printable(repr(code))}. {suggestion(code, known)}"


def dropped_codes(select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[str]:
    """Return the finding codes that do not count."""
    unselected = frozenset(CODES).difference(select) if select else frozenset()
    return unselected | frozenset(ignore)


select_option = click.option(
    "--select",
    multiple=True,
    metavar="CODE",
    callback=_codes,
    help="Count only findings with this code; repeatable.",
    shell_complete=params.complete_finding_codes,
)
ignore_option = click.option(
    "--ignore",
    multiple=True,
    metavar="CODE",
    callback=_codes,
    help="Do not count findings with this code; repeatable.",
    shell_complete=params.complete_finding_codes,
)


def config_option(*keys: str) -> Decorator:
    """Return the option --no-config of a command whose defaults are these keys of the configuration, or all.

    It is eager, because the defaults of the other options come from the configuration.
    """
    return click.option(
        "--no-config",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=partial(_load_config, keys),
        help="Ignore [tool.preflight] in pyproject.toml and preflight.toml.",
    )


def _require_rules(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if not value and not ctx.resilient_parsing:
        from preflight import catalog

        raise click.MissingParameter(catalog.choices(), ctx=ctx, param=param)
    return value


rules_option = click.option(
    "--for",
    "rules",
    multiple=True,
    callback=_require_rules,
    metavar="RULES",
    help="Rule sets: names or paths of rule files, each also as NAME:VARIANT; `all`; stage:STAGE. Several separated by "
    "commas, or repeat it.  [required]",
    shell_complete=params.complete_rule_sets,
)
output_option = click.option(
    "--output", "-o", type=click.Path(dir_okay=False), metavar="FILE", help="Write there, not to standard output."
)
timeout_option = click.option(
    "--timeout", type=Seconds(0.1), metavar="S", help="Total seconds for each URL.  [default: 30]"
)
selection_options = add_options(
    click.option(
        "--include", multiple=True, metavar="PATTERN", help="Take only matching files of folders; repeatable."
    ),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Skip matching files of folders; repeatable."),
    click.option(
        "--no-ignore",
        is_flag=True,
        help="Include files that .gitignore ignores, and files in node_modules, __pycache__ and virtual environments.",
    ),
    click.option(
        "--column", metavar="NAME", help="The column of CSV lists, or the key of JSON objects, that has the targets."
    ),
)
allow_private_option = click.option(
    "--allow-private", is_flag=True, help="Also fetch URLs at private addresses; they still cause a warning."
)
ca_bundle_option = click.option(
    "--ca-bundle",
    type=click.Path(),
    metavar="PATH",
    help="Trust the authorities in this PEM file, or folder of certificates.  [default: $REQUESTS_CA_BUNDLE, "
    "$CURL_CA_BUNDLE, $SSL_CERT_FILE or certifi's]",
)
url_options = add_options(
    timeout_option,
    click.option("--per-host", type=IntRange(1, 256), metavar="N", help="Parallel requests to a host.  [default: 16]"),
    allow_private_option,
    click.option("--proxy", metavar="URL", help="Fetch URLs through this proxy; that of the environment is not used."),
    ca_bundle_option,
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
)
target_options = add_options(
    click.argument(
        "targets", nargs=-1, metavar="TARGET…", callback=_configured_targets, shell_complete=params.complete_targets
    ),
    output_option,
    selection_options,
    click.option(
        "--jobs",
        "-j",
        type=IntRange(1, 256),
        metavar="N",
        help="Worker processes for files (default: none), threads for URLs (32).",
    ),
    url_options,
    click.option("--unordered", is_flag=True, help="Print results as they complete, not in the order of the input."),
    click.option("--deep/--no-deep", default=False, help="Decode whole files, to find what headers do not show."),
    color_option,
    config_option(),
)
