"""`preflight probe`: the facts alone."""

from __future__ import annotations

from typing import Any

import click

from preflight.checker import plan_for
from preflight.cli.options import format_option, http_options, target_options
from preflight.cli.overwrite import OverwriteGuard
from preflight.cli.run import Run
from preflight.cli.terminal import READ_CODES, use_colour
from preflight.reporters import PROBE_FORMATS, make_reporter


@click.command("probe", epilog=READ_CODES)
@target_options
@format_option(PROBE_FORMATS)
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], **options: Any) -> None:
    """Print what every TARGET is: format, displayed size, duration, frame rate, codecs …

    What could not be read is left out (null in JSON): nothing is guessed.

    \b
    Examples:
      preflight probe clip.mp4
      preflight probe media/ --format jsonl
      preflight probe media/ --include '*.mp4' --deep
    """
    plan = plan_for(None, deep=options["deep"], http=http_options(options))
    run = Run(targets, options, plan, OverwriteGuard(ctx, targets, options))
    with run.output() as stream:
        run.go(make_reporter(options["format_"], stream, colour=use_colour(stream), probe=True))
    ctx.exit(run.summary.exit_code)
