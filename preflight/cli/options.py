"""Options and steps that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from preflight.cli import complete
from preflight.cli.colour import color_option, use_colour
from preflight.cli.defaults import config_option, configured_targets
from preflight.cli.numbers import Seconds, Within
from preflight.codes import CODES
from preflight.errors import UsageError
from preflight.net.options import checked_headers, checked_user_agent
from preflight.output import Outputs
from preflight.run.progress import Progress
from preflight.targets import Item, Selection, expand

if TYPE_CHECKING:
    from rich.console import Console

    from preflight.net.options import HttpOptions

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


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
        "targets", nargs=-1, metavar="TARGET…", callback=configured_targets, shell_complete=complete.targets
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
        type=Within(1, 256),
        help="Worker processes for files (default: none), threads for URLs (32).",
    ),
    click.option("--timeout", type=Seconds(0.1), metavar="S", help="Seconds for a URL in all.  [default: 30]"),
    click.option("--per-host", type=Within(1, 256), metavar="N", help="URLs of one host at once.  [default: 16]"),
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


def console(width: int) -> Console:
    """Standard output, for tables: as wide as its terminal, or `width` where it is none."""
    from rich.console import Console

    coloured = use_colour(sys.stdout)
    narrow = sys.stdout.isatty() or os.environ.get("COLUMNS")
    return Console(
        highlight=False,
        markup=False,
        emoji=False,
        width=None if narrow else width,
        color_system="auto" if coloured else None,
        force_terminal=coloured or None,
    )


@contextmanager
def output_stream(path: str | None) -> Iterator[IO[str]]:
    """Open standard output, or a file of lines at `path`, which is known to be writable before anything is read.

    Partial output before an error or Ctrl-C is kept if it replaces no file.
    """
    if path is None:
        with standard_output() as stream:
            yield stream
        return
    with Outputs() as outputs:
        try:
            yield outputs.open(path)
        except BaseException:
            outputs.publish_new()
            raise
        outputs.publish()


@contextmanager
def standard_output() -> Iterator[IO[str]]:
    """Prepare standard output for results, and flush it."""
    if hasattr(sys.stdout, "reconfigure"):
        # Whoever writes flushes too: a line that is not complete shall not push away the progress on a terminal.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=False)
    yield sys.stdout
    sys.stdout.flush()


@contextmanager
def progress(wanted: bool) -> Iterator[Callable[[], None]]:
    """A call that counts one more file, shown on standard error where that is a terminal."""
    if not wanted:
        yield lambda: None
        return
    shown = Progress()
    try:
        yield shown.advance
    finally:
        shown.clear()


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
