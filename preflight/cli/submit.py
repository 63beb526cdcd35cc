"""`preflight submit`: register only what passes, and wait until it is active."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import IO, Any, Final, Protocol, get_args

import click

from preflight.cli import params
from preflight.cli.options import items_of, no_ignore_option
from preflight.cli.output import output_stream, progress
from preflight.cli.overwrite import OverwriteGuard
from preflight.cli.params import Seconds
from preflight.cli.provider_options import ledger_option, reach_options, settings_of, to_option
from preflight.cli.terminal import SUBMIT_CODES, color_option, use_colour
from preflight.escape import printable
from preflight.providers import PROVIDERS
from preflight.reporters.tables import table_text
from preflight.submission import Outcome, Submission, submit_many
from preflight.targets import Item, is_media


@click.command("submit", epilog=SUBMIT_CODES)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…", shell_complete=params.complete_targets)
@to_option(required=True, said=f"Where to register: {', '.join(PROVIDERS)}.")
@click.option(
    "--for",
    "rules",
    multiple=True,
    metavar="RULES",
    help="Further rule sets; the provider's own always holds.",
    shell_complete=params.complete_rule_sets,
)
@click.option("--strict", is_flag=True, help="Warnings stop a file too.")
@click.option("--group", metavar="NAME", help="The group to register into, by name or id; a new name makes one.")
@click.option("--name", metavar="STEM", help="The start of the assets' names.  [default: the file's own name]")
@click.option("--type", "type_", metavar="TYPE", help="The provider's own word, where a kind has several types.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Poll until active or failed.")
@click.option("--poll-timeout", type=Seconds(0), metavar="S", help="Seconds to wait.  [default: by kind]")
@click.option("--host", metavar="WAY", help="Where local files get a URL: the provider's name, s3://bucket/prefix.")
@click.option("--public-base", metavar="URL", help="Local files are served under this URL already.")
@ledger_option
@click.option("--retry-failed", is_flag=True, help="Register again what the ledger knows to have failed.")
@reach_options
@click.option("--sandbox", is_flag=True, help="Try it: a local server, its own key, a temporary ledger.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Only files of folders that match; repeatable.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="No files of folders that match; repeatable.")
@no_ignore_option
@color_option
@click.option(
    "--column", metavar="NAME", help="The column of CSV lists, or the key of JSON objects, that holds the targets."
)
@click.option("--timeout", type=Seconds(0.1), metavar="S", help="Seconds for a URL in all.  [default: 30]")
@click.option("--format", "format_", type=click.Choice(["text", "jsonl"]), default="text", show_default=True)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write there, not to standard output.")
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], to: str, **options: Any) -> None:
    """Check every TARGET, register those that pass at PROVIDER, and wait until they are active.

    What does not pass is never sent. What is registered already is used again: the ledger knows. An interrupted run
    goes on where it was when the same command is run again.

    \b
    Examples:
      preflight submit clip.mp4 --to atlas --host atlas
      preflight submit https://cdn.example.com/clip.mp4 --to volcengine --group heroes
      preflight submit media/ --to sunra --public-base https://cdn.example.com/media/
      preflight submit fixtures/ --to atlas --sandbox      # try it: no key, no network
    """
    counts: Counter[str] = Counter()
    codes: set[int] = set()
    written = OverwriteGuard(ctx, targets, options)
    with ExitStack() as stack:
        settings = _settings(options, to, stack)
        stream = stack.enter_context(output_stream(options["output"]))
        show: Show = Lines(stream, use_colour(stream)) if options["format_"] == "text" else Jsonl(stream)
        advance = stack.enter_context(progress(wanted=not stream.isatty()))
        items = written.checked(items_of(targets, options, lambda: counts.update(["ignored"])))
        try:
            run = stack.enter_context(closing(submit_many(_media(items, counts), to, **settings)))
            for submission in run:
                advance()
                counts[submission.outcome] += 1
                codes.add(_code(submission))
                show.add(submission)
        except KeyboardInterrupt:
            click.echo("interrupted: the ledger has what is registered; the same command goes on from there", err=True)
            raise
        show.close(counts)
    ctx.exit(1 if 1 in codes else 2 if 2 in codes else 0)


def _code(submission: Submission) -> int:
    """What one submission contributes to the exit code; processing that was not waited for is as it should be."""
    if submission.outcome == "active" or (submission.outcome == "processing" and submission.code is None):
        return 0
    return 1 if submission.outcome in ("failed", "rejected") else 2


def _media(items: Iterator[Item], counts: Counter[str]) -> Iterator[Item]:
    """Items without those files of folders that neither are media nor are called so: they are counted, not sent."""
    for item in items:
        if item.explicit or is_media(str(item.target)):
            yield item
        else:
            counts["skipped"] += 1


def _settings(options: dict[str, Any], to: str, stack: ExitStack) -> dict[str, Any]:
    names = ("strict", "group", "name", "wait", "poll_timeout", "host", "public_base", "ledger", "retry_failed")
    settings = {name: options[name] for name in (*names, "timeout")} | settings_of(to, options)
    settings["rules"] = ",".join(options["rules"]) or None
    settings["type"] = options["type_"]
    if options["sandbox"]:
        from preflight.cli.sandbox import in_sandbox

        settings |= in_sandbox(to, options, stack)
    return settings


_STYLES: Final = {"active": "green", "processing": "yellow", "unknown": "yellow"}
_INDENT: Final = 11


class Show(Protocol):
    """Prints submissions as they come, and at the end how many of each there were."""

    def add(self, submission: Submission) -> None: ...
    def close(self, counts: Counter[str]) -> None: ...


class Lines:
    """A line for each submission, with its reference or the reason; then the usage, and a table of counts."""

    def __init__(self, stream: IO[str], colour: bool) -> None:
        self._stream = stream
        self._colour = colour
        self._usage: dict[str, str] = {}

    def add(self, submission: Submission) -> None:
        """Print one."""
        asset = submission.asset
        word = f"{submission.outcome.upper():{_INDENT - 1}}"
        if self._colour:
            word = click.style(word, fg=_STYLES.get(submission.outcome, "red"))
        there = asset is not None and submission.outcome in ("active", "processing")
        said = printable(asset.reference or asset.id) if asset is not None and there else ""
        again = "(registered before)" if there and submission.reused else ""
        line = "  ".join(filter(None, (f"{word} {printable(submission.source)}", said, again)))
        self._stream.write(f"{line}\n")
        if submission.message:
            code = f" [{submission.code}]" if submission.code else ""
            self._stream.write(f"{' ' * _INDENT}{printable(submission.message)}{code}\n")
        self._stream.flush()
        if asset is not None and there and asset.usage and asset.kind:
            self._usage[asset.kind] = asset.usage

    def close(self, counts: Counter[str]) -> None:
        """Print how to use what is registered, and the table."""
        from rich.console import Console
        from rich.table import Table

        self._stream.write("\n")
        for kind, usage in sorted(self._usage.items()):
            self._stream.write(f"{kind}: {usage}\n")
        counts = in_order(counts)
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for outcome in counts:
            table.add_column(outcome, justify="right")
        table.add_row(*map(str, counts.values()))
        width = None if self._stream.isatty() else 100
        console = Console(file=self._stream, width=width, no_color=not self._colour, force_terminal=self._colour)
        text = table_text(console, table)
        self._stream.write(text or "".join(f"{count} {outcome}\n" for outcome, count in counts.items()))


class Jsonl:
    """One JSON object a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def add(self, submission: Submission) -> None:
        """Print one."""
        self._stream.write(json.dumps(submission.as_json()) + "\n")
        self._stream.flush()

    def close(self, counts: Counter[str]) -> None:
        """Print the counts where they do not disturb."""
        print(", ".join(f"{count} {outcome}" for outcome, count in in_order(counts).items()), file=sys.stderr)


def in_order(counts: Counter[str]) -> Counter[str]:
    """The counts of all outcomes that there were, the good ones first."""
    return Counter(
        {outcome: counts[outcome] for outcome in (*get_args(Outcome), "skipped", "ignored") if counts[outcome]}
    )
