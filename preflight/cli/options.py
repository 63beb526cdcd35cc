"""Options and steps that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import IO, Any

import click

from preflight.checker import Plan
from preflight.codes import CODES
from preflight.errors import UsageError
from preflight.reporters import REPORTERS, Reporter
from preflight.scan import scan
from preflight.summary import Summary
from preflight.targets import Item, Selection, expand

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """TARGET… and what selects and reads targets."""
    for decorate in reversed(_TARGET_OPTIONS):
        command = decorate(command)
    return command


_TARGET_OPTIONS: tuple[Decorator, ...] = (
    click.argument("targets", nargs=-1, required=True, metavar="TARGET…"),
    click.option(
        "--format",
        "format_",
        type=click.Choice(sorted(REPORTERS)),
        default="text",
        show_default=True,
        help="How to print.",
    ),
    click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write there, not to standard output."),
    click.option("--include", multiple=True, metavar="PATTERN", help="Only files of folders that match; repeatable."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="No files of folders that match; repeatable."),
    click.option("--column", metavar="NAME", help="Lists are CSV or JSON lines; the targets are under this name."),
    click.option("--jobs", "-j", type=click.IntRange(1, 256), help="Worker processes for files, threads for URLs."),
    click.option("--timeout", type=click.FloatRange(0.1), metavar="S", help="Seconds for a URL in all.  [default: 30]"),
    click.option("--allow-private", is_flag=True, help="Fetch URLs of private addresses too; they stay a warning."),
    click.option("--unordered", is_flag=True, help="Print as results come, not in the order of the input."),
    click.option("--deep", is_flag=True, help="Decode every file completely too: finds what no header shows."),
)


def items_of(targets: tuple[str, ...], options: dict[str, Any]) -> Iterator[Item]:
    """The single targets that a command line names."""
    selection = Selection(tuple(options["include"]), tuple(options["exclude"]))
    return expand(targets, selection, options["column"])


def colours(stream: IO[str]) -> bool:
    """Whether a stream is a terminal on which colour is wanted (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def output_stream(path: str | None) -> Iterator[IO[str]]:
    """Standard output, or a new file at `path`; an unwritable one is known before anything is read."""
    if path is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        stream = open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UsageError(f"--output {path} cannot be written ({error.strerror}): give another path") from None
    with stream:
        yield stream


@contextmanager
def progress(wanted: bool) -> Iterator[Callable[[], None]]:
    """A call that counts one more file, shown on standard error where that is a terminal."""
    if not wanted or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} files, {task.speed:.0f}/s"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda: bar.advance(task)


def dropped_codes(select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[str]:
    """The finding codes that do not count. Raises `UsageError` for a code that does not exist."""
    for code in (*select, *ignore):
        if code not in CODES:
            near = get_close_matches(code, CODES, n=1)
            meant = f"; did you mean {near[0]}?" if near else ": `preflight rules explain` lists them"
            raise UsageError(f"there is no finding code {code!r}{meant}")
    unselected = frozenset(CODES).difference(select) if select else frozenset()
    return unselected | frozenset(ignore)


def run(
    items: Iterable[Item],
    plan: Plan,
    reporter: Reporter,
    summary: Summary,
    options: dict[str, Any],
    *,
    fail_fast: bool = False,
) -> None:
    """Scan the items and report each; Ctrl-C ends with what was done so far."""
    terminal = options["format_"] == "text" and options["output"] is None and sys.stdout.isatty()
    with progress(wanted=not terminal) as advance:
        outcomes = scan(items, plan, workers=options["jobs"], ordered=not options["unordered"])
        try:
            for outcome in outcomes:
                advance()
                if outcome is None:
                    summary.skipped += 1
                    continue
                summary.add(outcome)
                reporter.add(outcome)
                if fail_fast and outcome.verdict == "fail":
                    break
        except KeyboardInterrupt:
            reporter.close(summary)
            click.echo(f"interrupted after {summary.files} files", err=True)
            raise
