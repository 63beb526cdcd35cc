"""`preflight check`: the main job."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final

import click

from preflight import catalog
from preflight.checker import CheckPlan, plan_for
from preflight.cli import params
from preflight.cli.options import announce, dropped_codes, format_option, http_options, target_options
from preflight.cli.overwrite import OverwriteGuard
from preflight.cli.params import OrderedKinds, with_registered_kinds
from preflight.cli.run import Run
from preflight.cli.terminal import EXIT_CODES, is_always, use_colour
from preflight.errors import UsageError
from preflight.formats import KINDS
from preflight.report import Report
from preflight.reporters import REPORTERS, Reporter, make_reporter
from preflight.reporters.outputs import add_report, with_reports
from preflight.sources.open import asset_of, is_url
from preflight.summary import Summary
from preflight.targets import Item

FEW: Final = 8
"""Files for which text shows the ready commands: in long lists nobody runs them, and they are long themselves."""


def _needed(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """The rule sets; where the call and the configuration name none, the message says which there are."""
    if not value and not ctx.resilient_parsing:
        there = ", ".join(catalog.current())
        raise click.MissingParameter(f"Name one of {there}, a rule file, or {catalog.ALL}.", ctx=ctx, param=param)
    return value


@click.command("check", cls=OrderedKinds, epilog=EXIT_CODES)
@click.option(
    "--for",
    "rules",
    multiple=True,
    callback=_needed,
    metavar="RULES",
    help="Rule sets: names, paths of rule files, `all`; several with commas or by repeating.  [required]",
    shell_complete=params.complete_rule_sets,
)
@click.option("--strict/--no-strict", default=False, help="Warnings fail too.")
@click.option("--together", is_flag=True, help="Judge the files as one request, by a rule set that limits requests.")
@click.option(
    "--as",
    type=click.Choice(KINDS, case_sensitive=False),
    expose_value=False,
    help="The kind of the asset:// targets that follow, up to the next --as. Without it, the ledger is consulted.",
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Read the kinds of assets from this ledger; it is not changed.  [default: in the user's data folder]",
)
@click.option(
    "--select",
    multiple=True,
    metavar="CODE",
    help="Only findings with this code count; repeatable.",
    shell_complete=params.complete_finding_codes,
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODE",
    help="Findings with this code do not count; repeatable.",
    shell_complete=params.complete_finding_codes,
)
@click.option("--fail-fast", is_flag=True, help="Stop after the first file that fails.")
@click.option("--quiet", "-q", is_flag=True, help="Print only what does not pass.")
@format_option(REPORTERS)
@click.option(
    "--report",
    multiple=True,
    metavar="FILE",
    help="Write a report there too, repeatable; its name tells the format (.html .xml .sarif .csv …), or FORMAT=FILE.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write JSON lines there; where FILE is of an interrupted run of the same call, go on with it.",
)
@click.option(
    "--cache",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Remember there what is said of files, and say it again as long as they do not change; for text and JSON "
    "lines, without --report.",
)
@target_options
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[str, ...], **options: Any) -> None:
    """Say of every TARGET whether the services of the rule sets will accept it, and why not.

    A TARGET is a file, a folder, a glob, an http(s) URL, a data URI, @LIST (a file with one target per line) or - (such
    a list, or one media file, on standard input). In folders, media files are found by content. Hidden files, files
    that .gitignore ignores and dependencies (node_modules, virtual environments) are skipped.
    With --together, asset://ID counts as a file of its kind: write --as KIND before it, or KIND=asset://ID.

    Defaults for a project are read from [tool.preflight] of pyproject.toml or in preflight.toml: rules, paths, include,
    exclude, strict, deep, select, ignore, jobs, timeout, user_agent. Command-line options take precedence.

    \b
    Examples:
      preflight check photo.jpg --for atlas
      preflight check media/ --for atlas,volcengine --strict
      preflight check clip.mp4 --for all
      preflight check @urls.txt --for runway --format jsonl
      preflight check a.png b.mp4 --for seedance-2.0 --together
      preflight check a.png --as video asset://asset-1 --for seedance-2.0 --together
      preflight check media/ --for ./mine.toml --ignore fps_too_low
      preflight check media/ --for atlas --report report.xml --report report.csv
      preflight check media/ --for atlas -j 8 --resume run.jsonl
    """
    plan = plan_for(
        options["rules"],
        strict=options["strict"],
        deep=options["deep"],
        http=http_options(options),
        dropped=dropped_codes(options["select"], options["ignore"]),
    )
    announce(ctx, options)
    _settle_output(ctx, options)
    run = Run(targets, options, plan, OverwriteGuard(ctx, targets, options))
    with run.output() as stream:
        main = make_reporter(
            options["format_"],
            stream,
            colour=use_colour(stream),
            quiet=options["quiet"],
            rules=plan.rules,
            commands=len(targets) <= FEW and not any(map(_holds_many, targets)),
        )
        reporter = with_reports(main, options["report"], plan.rules, run.outputs, colour=is_always())
        if options["together"]:
            items = with_registered_kinds(run.items(), options["ledger"])
            _together(items, plan, reporter, run.summary)
        else:
            run.go(reporter)
    ctx.exit(run.summary.exit_code)


def _holds_many(target: str) -> bool:
    """Whether a target may be many files: a folder, a list, a pattern."""
    is_one = is_url(target) or asset_of(target) is not None or os.path.isfile(target)
    return target == "-" or target.startswith("@") or not is_one


def _settle_output(ctx: click.Context, options: dict[str, Any]) -> None:
    """--resume is an output of its own. Raises `UsageError` for what does not go together."""
    for option in ("resume", "cache"):
        if options[option] is not None and (options["together"] or options["report"]):
            raise UsageError(f"--{option} goes neither with --together nor with --report: leave one of them out")
    if options["resume"] is None:
        return
    if options["output"] is not None:
        raise UsageError("--resume FILE is the output too: leave --output out")
    if ctx.get_parameter_source("format_") is click.core.ParameterSource.DEFAULT:
        options["format_"] = "jsonl"
    if options["format_"] != "jsonl":
        raise UsageError("--resume goes on with JSON lines: leave --format out")
    if options["quiet"]:
        raise UsageError("--resume knows what is done by its line: leave --quiet out")


def _together(items: Iterable[Item], plan: CheckPlan, reporter: Reporter, summary: Summary) -> None:
    from preflight.request import examine_together

    result, reports = examine_together(items, plan)
    request = Report("<request>", None, (result,), len(reports))
    for report in (*reports, request):
        summary.add(add_report(reporter, report))
    reporter.close(summary)
