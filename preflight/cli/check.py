"""`preflight check`: judge files and URLs by rule sets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

import click

from preflight.checker import CheckPlan, plan_for
from preflight.cli.options import (
    UrlOptions,
    announce_configured,
    dropped_codes,
    format_option,
    ignore_option,
    pass_options,
    rules_option,
    select_option,
    target_options,
)
from preflight.cli.overwrite import (
    OverwriteGuard,
    configuration_files,
    ledger_files,
    output_files,
    rule_files,
    target_files,
)
from preflight.cli.params import OrderedKinds, split_role, with_registered_kinds
from preflight.cli.run import Run, RunOptions
from preflight.cli.terminal import EXIT_CODES, is_always, use_color
from preflight.errors import UsageError
from preflight.formats import KINDS
from preflight.report import Report
from preflight.reporters import REPORTERS, Reporter, ReporterOptions, add_report, make_reporter, with_reports
from preflight.ruleset import MAX_DETAILED_RULES
from preflight.sources.open import asset_of, is_url
from preflight.summary import ExitPolicy, Summary, UnknownPolicy
from preflight.targets import Item

MAX_TARGETS_WITH_COMMANDS: Final = 8
"""Maximum number of targets for which text shows the commands that fix files: they would dominate longer lists."""


_CONFLICTS: Final = (
    *(("--resume", other) for other in ("--together", "--report", "--quiet", "--commands")),
    *(("--cache", other) for other in ("--together", "--report", "--commands")),
    *(("--commands", other) for other in ("--format", "--quiet")),
)
"""Pairs of options that cannot be used together."""


@dataclass(frozen=True, eq=False, repr=False)
class CheckCommand:
    """The options of `preflight check`."""

    run: RunOptions
    urls: UrlOptions
    rules: tuple[str, ...]
    strict: bool
    deep: bool
    together: bool
    ledger: str | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    unknown: UnknownPolicy | None
    exit_zero: bool

    def plan(self) -> CheckPlan:
        """Return the plan of the check."""
        dropped = dropped_codes(self.select, self.ignore)
        plan = plan_for(self.rules, strict=self.strict, deep=self.deep, http=self.urls.http(), dropped=dropped)
        is_shown = self.run.format != "text" or self.run.report or len(plan.rules) <= MAX_DETAILED_RULES
        return plan if is_shown else plan._replace(hints=False)

    def guard(self) -> OverwriteGuard:
        """Return the guard of the files that this call reads."""
        run = self.run
        outputs = output_files(run.report, output=run.output, resume=run.resume, cache=run.cache, ledger=self.ledger)
        inputs = chain(
            target_files(run.inputs.targets), rule_files(self.rules), configuration_files(), ledger_files(self.ledger)
        )
        return OverwriteGuard(outputs, inputs)


@click.command("check", cls=OrderedKinds, epilog=EXIT_CODES)
@rules_option
@click.option("--strict/--no-strict", default=False, help="Make warnings fail.")
@click.option("--together", is_flag=True, help="Judge the files as one request, by a rule set that limits requests.")
@click.option(
    "--as",
    type=click.Choice(KINDS, case_sensitive=False),
    expose_value=False,
    help="The kind of the asset:// targets that follow, up to the next --as.  [default: as in the ledger]",
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Read the kinds of assets from this ledger; it is not changed.  [default: in the user's data folder]",
)
@select_option
@ignore_option
@click.option("--fail-fast", is_flag=True, help="Stop after the first file that fails.")
@click.option(
    "--unknown",
    type=click.Choice(["fail", "pass"]),
    help="Exit with 1 (fail) or 0 (pass) instead of 3 if something is unknown; the verdicts stay.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever the verdicts are, for runs that only report.")
@click.option(
    "--commands", is_flag=True, help="Print the commands that fix files as a shell script, like --format commands."
)
@click.option("--quiet", "-q", is_flag=True, help="Print only what does not pass.")
@format_option(REPORTERS, "How to print.  [default: text; with --resume jsonl]")
@click.option(
    "--report",
    multiple=True,
    metavar="FILE",
    help="Write a report there too; repeatable. Its name decides the format (.html .xml .sarif .csv …), or write "
    "FORMAT=FILE.",
)
@click.option(
    "--resume",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write JSON lines there. If FILE is from an interrupted run of the same call, continue that run.",
)
@click.option(
    "--cache",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep the results of files there, and reuse them until a file changes; for text and JSON lines, without "
    "--report.",
)
@target_options
@pass_options(CheckCommand)
def command(options: CheckCommand) -> int:
    """Check whether services will accept each TARGET.

    A TARGET is a file, a folder, a glob, an http(s) URL, a data URI, @LIST (a file with one target per line) or -
    (such a list, or one media file, on standard input). In folders, media files are found by content. Hidden files,
    files that .gitignore ignores and dependencies (node_modules, virtual environments) are skipped.
    With --together, asset://ID counts as a file of its kind: write --as KIND before it, or KIND=asset://ID. ROLE=TARGET
    gives a file one of the roles that the rule set has.

    Defaults are read from [tool.preflight] in pyproject.toml or from preflight.toml: rules, paths, include, exclude,
    strict, deep, select, ignore, unknown, jobs, timeout, user_agent. Command-line options take precedence.

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
      preflight check media/ --for atlas --commands > fix.sh
    """
    roles: list[str | None] = []
    if options.together:
        options, roles = _without_roles(options)
    plan = options.plan()
    announce_configured(options.select, options.ignore, options.unknown)
    _require_compatible(options)
    policy = ExitPolicy(options.unknown, is_report_only=options.exit_zero)
    run = Run(options.run, plan, policy, options.guard())
    with run.output():
        reporter = _reporter(options, plan, run)
        if options.together:
            items = _items_with_roles(run, options, roles)
            _together(with_registered_kinds(items, options.ledger), plan, reporter, run.summary)
        else:
            run.go(reporter)
    return run.summary.exit_code


def _reporter(options: CheckCommand, plan: CheckPlan, run: Run) -> Reporter:
    targets = options.run.inputs.targets
    commands = len(targets) <= MAX_TARGETS_WITH_COMMANDS and not any(map(_may_be_several, targets))
    shown = ReporterOptions(use_color(run.stream), options.run.quiet, rules=plan.rules, commands=commands)
    main = make_reporter(options.run.format, run.stream, shown)
    return with_reports(main, options.run.report, plan.rules, run.outputs, color=is_always())


def _may_be_several(target: str) -> bool:
    """Return whether a target may be several files: a folder, a list, a pattern."""
    is_one = is_url(target) or asset_of(target) is not None or os.path.isfile(target)
    return target == "-" or target.startswith("@") or not is_one


def _require_compatible(options: CheckCommand) -> None:
    run = options.run
    given = {
        "--commands": run.commands,
        "--together": options.together,
        "--report": run.report,
        "--resume": run.resume is not None,
        "--cache": run.cache is not None,
        "--format": run.format_ is not None,
        "--quiet": run.quiet,
    }
    for first, second in _CONFLICTS:
        if given[first] and given[second]:
            raise UsageError(f"{first} cannot be used with {second}. Leave one of them out.")
    if run.resume is None:
        return
    if run.output is not None:
        raise UsageError("--resume FILE is the output. Leave --output out.")
    if run.format != "jsonl":
        raise UsageError("--resume writes JSON lines. Leave --format out.")


def _without_roles(options: CheckCommand) -> tuple[CheckCommand, list[str | None]]:
    """Return the options with plain targets, and the role of each target."""
    pairs = [split_role(word) for word in options.run.inputs.targets]
    inputs = replace(options.run.inputs, targets=tuple([word for _, word in pairs]))
    return replace(options, run=replace(options.run, inputs=inputs)), [role for role, _ in pairs]


def _items_with_roles(run: Run, options: CheckCommand, roles: Iterable[str | None]) -> Iterator[Item]:
    """Yield the targets, each with its role."""
    inputs = options.run.inputs
    for role, word in zip(roles, inputs.targets, strict=True):
        for item in run.items(replace(inputs, targets=(word,))):
            yield item._replace(role=role)


def _together(items: Iterable[Item], plan: CheckPlan, reporter: Reporter, summary: Summary) -> None:
    from preflight.request import examine_together

    result, reports = examine_together(items, plan)
    request = Report("<request>", None, (result,), len(reports))
    for report in (*reports, request):
        summary.add(add_report(reporter, report))
    reporter.close(summary)
