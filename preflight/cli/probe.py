"""`preflight probe`: print facts without verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import click

from preflight.checker import plan_for
from preflight.cli.options import UrlOptions, format_option, pass_options, target_options
from preflight.cli.overwrite import OverwriteGuard, configuration_files, output_files, target_files
from preflight.cli.run import Run, RunOptions
from preflight.cli.terminal import READ_CODES, use_color
from preflight.reporters import PROBE_FORMATS, ReporterOptions, make_reporter
from preflight.summary import ExitPolicy


@dataclass(frozen=True, eq=False, repr=False)
class ProbeCommand:
    """The options of `preflight probe`."""

    run: RunOptions
    urls: UrlOptions
    deep: bool


@click.command("probe", epilog=READ_CODES)
@target_options
@format_option(PROBE_FORMATS)
@pass_options(ProbeCommand)
def command(options: ProbeCommand) -> int:
    """Print what every TARGET is: format, displayed size, duration, frame rate, codecs and more.

    A fact that could not be read is left out (null in JSON), never guessed.

    Examples:
      preflight probe clip.mp4
      preflight probe media/ --format jsonl
      preflight probe media/ --include '*.mp4' --deep
    """
    plan = plan_for(None, deep=options.deep, http=options.urls.http())
    inputs = (*target_files(options.run.inputs.targets), *configuration_files())
    guard = OverwriteGuard(output_files(output=options.run.output), inputs)
    run = Run(options.run, plan, ExitPolicy(), guard)
    with run.output() as stream:
        run.go(make_reporter(options.run.format, stream, ReporterOptions(use_color(stream), probe=True)))
    return run.summary.exit_code
