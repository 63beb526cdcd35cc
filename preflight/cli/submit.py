"""`preflight submit`: register only what passes, and wait until it is active."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any

import click

from preflight.cli.options import colours, items_of, output_stream, progress
from preflight.errors import UsageError
from preflight.escape import printable
from preflight.submitting import Submission, submit_many
from preflight.targets import Item

_CODES = {"active": 0, "processing": 2, "failed": 1, "rejected": 1, "unknown": 2, "error": 2}
_STYLES = {"active": "green", "processing": "yellow", "unknown": "yellow"}


@click.command("submit")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@click.option("--to", required=True, metavar="PROVIDER", help="Where to register: atlas, volcengine, sunra …")
@click.option(
    "--for", "rules", multiple=True, metavar="RULES", help="Further rule sets; the provider's own always holds."
)
@click.option("--strict", is_flag=True, help="Warnings stop a file too.")
@click.option("--group", metavar="NAME", help="The group to register into, by name or id; a new name makes one.")
@click.option("--name", metavar="STEM", help="The start of the assets' names.  [default: the file's own name]")
@click.option("--type", "type_", metavar="TYPE", help="The provider's own word, where a kind has several types.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Poll until active or failed.")
@click.option("--poll-timeout", type=click.FloatRange(0), metavar="S", help="Seconds to wait.  [default: by kind]")
@click.option("--host", metavar="WAY", help="Where local files get a URL: the provider's name, s3://bucket/prefix.")
@click.option("--public-base", metavar="URL", help="Local files are served under this URL already.")
@click.option("--ledger", type=click.Path(dir_okay=False), help="The ledger.  [default: in the user's data folder]")
@click.option("--retry-failed", is_flag=True, help="Register again what the ledger knows to have failed.")
@click.option("--endpoint", metavar="URL", help="In place of the origin of all of the provider's hosts.")
@click.option("--plan", default="published", show_default=True, help="The account's rates.")
@click.option("--proxy", metavar="URL", help="The proxy for calls to the provider; none is taken from elsewhere.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the provider; repeatable.")
@click.option("--sandbox", is_flag=True, help="Try it: a local server, its own key, a temporary ledger.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Only files of folders that match; repeatable.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="No files of folders that match; repeatable.")
@click.option("--column", metavar="NAME", help="Lists are CSV or JSON lines; the targets are under this name.")
@click.option("--timeout", type=click.FloatRange(0.1), metavar="S", help="Seconds for a URL in all.  [default: 30]")
@click.option("--format", "format_", type=click.Choice(["text", "jsonl"]), default="text", show_default=True)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write there, not to standard output.")
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], to: str, **options: Any) -> None:
    """Check every TARGET, register those that pass at PROVIDER, and wait until they are active.

    What does not pass is never sent. What is registered already is used again: the ledger knows. An interrupted run
    goes on where it was when the same command is run again.

    \b
    preflight submit clip.mp4 --to atlas --host atlas
    preflight submit https://cdn.example.com/clip.mp4 --to volcengine --group heroes
    preflight submit media/ --to sunra --public-base https://cdn.example.com/media/
    preflight submit fixtures/ --to atlas --sandbox      try it: no key, no network

    Exit code: 1 a file was rejected or failed, 2 the outcome of one is unknown or still open, else 0.
    """
    codes: set[int] = set()
    counts: dict[str, int] = {}
    with ExitStack() as stack:
        settings = _settings(options, to, stack)
        stream = stack.enter_context(output_stream(options["output"]))
        show = _Lines(stream, colours(stream)) if options["format_"] == "text" else _Jsonl(stream)
        advance = stack.enter_context(progress(wanted=not stream.isatty()))
        try:
            for submission in submit_many(_media(items_of(targets, options)), to, **settings):
                advance()
                codes.add(_CODES[submission.outcome])
                counts[submission.outcome] = counts.get(submission.outcome, 0) + 1
                show.add(submission)
        except KeyboardInterrupt:
            click.echo("interrupted: everything is in the ledger; run the same command again to go on", err=True)
            raise
        show.close(counts)
    ctx.exit(1 if 1 in codes else 2 if 2 in codes else 0)


def _media(items: Iterator[Item]) -> Iterator[Item]:
    """Items without those files of folders that neither are media nor are called so: they are not submitted."""
    from preflight.formats import MEDIA_EXTENSIONS, extension_of

    for item in items:
        if item.explicit or extension_of(str(item.target)) in MEDIA_EXTENSIONS:
            yield item


def _settings(options: dict[str, Any], to: str, stack: ExitStack) -> dict[str, Any]:
    names = ("strict", "group", "name", "wait", "poll_timeout", "host", "public_base", "ledger", "retry_failed")
    settings = {name: options[name] for name in (*names, "endpoint", "plan", "proxy", "timeout")}
    settings["rules"] = ",".join(options["rules"]) or None
    settings["type"] = options["type_"]
    for text in options["settings"]:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set {text}: write NAME=VALUE")
        settings[name] = value
    if options["sandbox"]:
        from preflight.cli.sandboxed import in_sandbox

        settings |= in_sandbox(to, options, stack)
    return settings


class _Lines:
    """A line for each submission, with its reference or the reason; a table of counts at the end."""

    def __init__(self, stream: IO[str], colour: bool) -> None:
        self._stream = stream
        self._colour = colour
        self._usage: dict[str, str] = {}

    def add(self, submission: Submission) -> None:
        style = _STYLES.get(submission.outcome, "red")
        word = (
            click.style(f"{submission.outcome.upper():10}", fg=style)
            if self._colour
            else f"{submission.outcome.upper():10}"
        )
        asset = submission.asset
        said = (
            asset.reference or asset.id if asset is not None and submission.outcome in ("active", "processing") else ""
        )
        again = " (registered before)" if submission.reused else ""
        self._stream.write(f"{word} {printable(submission.source)}  {printable(said)}{again}\n")
        if submission.message:
            code = f" [{submission.code}]" if submission.code else ""
            self._stream.write(f"           {printable(submission.message)}{code}\n")
        if asset is not None and asset.usage and asset.kind:
            self._usage[asset.kind] = asset.usage

    def close(self, counts: dict[str, int]) -> None:
        from rich.console import Console
        from rich.table import Table

        for kind, usage in self._usage.items():
            self._stream.write(f"{kind}: use it {usage}\n")
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for outcome in counts:
            table.add_column(outcome, justify="right")
        table.add_row(*map(str, counts.values()))
        self._stream.write("\n")
        Console(file=self._stream, width=100, no_color=not self._colour, force_terminal=self._colour).print(table)


class _Jsonl:
    """One JSON object a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def add(self, submission: Submission) -> None:
        self._stream.write(json.dumps(submission.as_json()) + "\n")
        self._stream.flush()

    def close(self, counts: dict[str, int]) -> None:
        print(json.dumps(counts), file=sys.stderr)
