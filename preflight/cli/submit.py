"""`preflight submit`: register only what passes, and wait until it is active."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import click

from preflight.cli import complete
from preflight.cli.colour import color_option, use_colour
from preflight.cli.help import SUBMIT_CODES
from preflight.cli.numbers import Seconds
from preflight.cli.options import items_of, no_ignore_option, output_stream, progress
from preflight.cli.overwrite import OverwriteGuard
from preflight.cli.reaching import ledger_option, reach_options, settings_of, to_option
from preflight.cli.submissions import Jsonl, Lines, Show
from preflight.providers import PROVIDERS
from preflight.submission import Submission, submit_many
from preflight.targets import Item, is_media


@click.command("submit", epilog=SUBMIT_CODES)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…", shell_complete=complete.targets)
@to_option(required=True, said=f"Where to register: {', '.join(PROVIDERS)}.")
@click.option(
    "--for",
    "rules",
    multiple=True,
    metavar="RULES",
    help="Further rule sets; the provider's own always holds.",
    shell_complete=complete.rule_sets,
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
        from preflight.cli.sandboxed import in_sandbox

        settings |= in_sandbox(to, options, stack)
    return settings
