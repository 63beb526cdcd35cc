"""`preflight check`: the main job."""

from __future__ import annotations

from typing import Any

import click

from preflight.checker import plan_for
from preflight.cli.options import colours, dropped_codes, items_of, output_stream, run, target_options
from preflight.report import Report
from preflight.reporters import make_reporter
from preflight.request import examine_together
from preflight.summary import Summary


@click.command("check")
@target_options
@click.option("--for", "rules", multiple=True, required=True, metavar="RULES", help="Rule sets: names, paths, `all`.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--together", is_flag=True, help="Judge the files as one request, by a rule set that limits requests.")
@click.option("--select", multiple=True, metavar="CODE", help="Only findings with this code count; repeatable.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Findings with this code do not count; repeatable.")
@click.option("--fail-fast", is_flag=True, help="Stop after the first file that fails.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what does not pass.")
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], **options: Any) -> None:
    """Say of every TARGET whether the services of the rule sets will accept it, and why not.

    A TARGET is a file, a folder, a glob, an http(s) URL, @LIST (a file with one target a line) or - (such a list, or
    one media file, on standard input).

    \b
    preflight check photo.jpg --for atlas
    preflight check media/ --for atlas,volcengine --strict
    preflight check @urls.txt --for runway --format jsonl
    preflight check a.png b.mp4 --for seedance-2.0 --together
    preflight check media/ --for ./mine.toml --ignore fps_too_low
    """
    plan = plan_for(
        options["rules"],
        strict=options["strict"],
        deep=options["deep"],
        timeout=options["timeout"],
        allow_private=options["allow_private"],
        dropped=dropped_codes(options["select"], options["ignore"]),
    )
    items = items_of(targets, options)
    summary = Summary()
    with output_stream(options["output"]) as stream:
        reporter = make_reporter(options["format_"], stream, colour=colours(stream), quiet=options["quiet"])
        if options["together"]:
            result, reports = examine_together(items, plan)
            request = Report("<request>", None, (result,), len(reports))
            for report in (*reports, request):
                summary.add(report)
                reporter.add(report)
        else:
            run(items, plan, reporter, summary, options, fail_fast=options["fail_fast"])
        reporter.close(summary)
    ctx.exit(summary.exit_code)
