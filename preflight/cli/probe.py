"""`preflight probe`: the facts alone."""

from __future__ import annotations

from typing import Any

import click

from preflight.checker import plan_for
from preflight.cli.options import colours, items_of, output_stream, run, target_options
from preflight.reporters import make_reporter
from preflight.summary import Summary


@click.command("probe")
@target_options
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], **options: Any) -> None:
    """Print what every TARGET is: format, displayed size, duration, frame rate, codecs …

    What could not be read is left out (null in JSON): nothing is guessed. Exit code 2 where a TARGET cannot be read.

    \b
    preflight probe clip.mp4
    preflight probe media/ --format jsonl
    """
    plan = plan_for(None, deep=options["deep"], timeout=options["timeout"], allow_private=options["allow_private"])
    summary = Summary()
    with output_stream(options["output"]) as stream:
        reporter = make_reporter(options["format_"], stream, colour=colours(stream), probe=True)
        run(items_of(targets, options), plan, reporter, summary, options)
        reporter.close(summary)
    ctx.exit(summary.exit_code)
