"""`preflight fix`: turn files that do not pass into files that do, changed as little as possible."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, get_args

import click

from preflight.catalog import resolve
from preflight.cli import params
from preflight.cli.choices import ChoicesOptions, choices_options
from preflight.cli.options import (
    TargetOptions,
    UrlOptions,
    config_option,
    pass_options,
    rules_option,
    selection_options,
    url_options,
)
from preflight.cli.overwrite import OverwriteGuard, configuration_files, output_files, rule_files, target_files
from preflight.cli.params import Bytes, IntRange, split_role
from preflight.cli.terminal import FIX_CODES, color_option, is_always, message_with_options, standard_output, use_color
from preflight.errors import PreflightError, UsageError
from preflight.fixer import settings_for
from preflight.fixer.apply import FixSettings
from preflight.fixer.fix_run import FixJob, FixRun
from preflight.fixer.inputs import DEFAULT_MAX_SIZE
from preflight.fixer.jobs import file_ids, find_sources, jobs_for, output_path, require_accepted, require_apart
from preflight.fixer.naming import LocatedTarget, written_format
from preflight.fixer.outputs import OthersAction
from preflight.fixer.request_fix import RequestFix
from preflight.fixer.result import FixOutcome, FixResult
from preflight.fixer.scheduling import CoreShares, Job, run_jobs, share_cores
from preflight.output import Outputs, ending_like_interrupted
from preflight.report import Report, Verdict
from preflight.reporters import Reporter, add_report, with_reports
from preflight.reporters.fixes import FixJsonl, FixReporter, FixText
from preflight.reporters.view import View
from preflight.run.fix_progress import FixProgress
from preflight.summary import DEFAULT_POLICY, Summary
from preflight.targets import Item

_NAMED: Final = ("max_size", "output", "overwrite")
"""Parameters that messages about files may name."""


@dataclass(frozen=True, eq=False, repr=False)
class FixCommand:
    """The options of `preflight fix`."""

    inputs: TargetOptions
    urls: UrlOptions
    chosen: ChoicesOptions
    rules: tuple[str, ...]
    strict: bool
    output: str | None
    dry_run: bool
    each: bool
    together: bool
    others: OthersAction
    overwrite: bool
    max_size: int
    measure: bool
    jobs: int | None
    format_: str
    report: tuple[str, ...]

    def guard(self) -> None:
        """Raise `UsageError` if a report would replace a file that this call reads."""
        inputs = chain(target_files(self.inputs.targets), rule_files(self.rules), configuration_files())
        OverwriteGuard(output_files(self.report), inputs)

    def settings(self, output_format: str | None, cores: CoreShares) -> list[tuple[str | None, FixSettings]]:
        """Return pairs of a rule set's name and its settings; for all rule sets together, one pair with None."""
        choices, http = self.chosen.choices(), self.urls.http()

        def for_rules(rules: object) -> FixSettings:
            settings = settings_for(rules, choices, http=http, strict=self.strict, output_format=output_format)  # type: ignore[arg-type]
            return settings._replace(
                max_size=self.max_size,
                overwrite=self.overwrite,
                dry_run=self.dry_run,
                measure=self.measure,
                threads=cores.threads,
            )

        together = for_rules(self.rules)
        if not self.each:
            return [(None, together)]
        return [(rules.name, for_rules([rules])) for rules in together.check.rules]

    def items(self, word: str, counts: Counter[str]) -> Iterator[Item]:
        """Yield the targets that one argument names."""
        is_list = word == "-" or word.startswith("@")
        inputs = replace(self.inputs, targets=(word,), column=self.inputs.column if is_list else None)
        return inputs.items(lambda: counts.update(["ignored"]))


@click.command("fix", epilog=FIX_CODES)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…", shell_complete=params.complete_targets)
@rules_option
@click.option(
    "--output",
    "-o",
    type=click.Path(),
    metavar="FILE|DIR",
    help="Output file or folder. Several files need a folder, which mirrors theirs.  [default: NAME.fixed.EXT beside "
    "the file; for a URL, in the current folder]",
)
@click.option("--dry-run", is_flag=True, help="Print the plans, what is lost and the commands; write nothing.")
@choices_options
@click.option("--strict/--no-strict", default=False, help="Make warnings fail, and fix what causes them too.")
@click.option("--each", is_flag=True, help="Write one file per rule set instead of one that passes all of them.")
@click.option(
    "--together",
    is_flag=True,
    help="Fix the files so that they pass together as one request; the rule set must limit requests. ROLE=TARGET gives "
    "a file a role.",
)
@click.option(
    "--others",
    type=click.Choice(get_args(OthersAction)),
    default="skip",
    show_default=True,
    help="What to do with files that pass: leave them out, link them (hard links; on another file system, symbolic "
    "links) or copy them.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing outputs, by renaming complete files onto them.")
@click.option(
    "--max-size",
    type=Bytes(),
    default=DEFAULT_MAX_SIZE,
    metavar="BYTES",
    help="Maximum size of a URL that is downloaded, such as 500MB.  [default: 4GiB]",
)
@click.option(
    "--measure", is_flag=True, help="Compare results with their sources: SSIM, and VMAF if ffmpeg supports it."
)
@click.option(
    "--jobs",
    "-j",
    type=IntRange(1, 256),
    metavar="N",
    help="Files to fix at once; they share the processors.  [default: one picture per processor, or one video]",
)
@selection_options
@url_options
@click.option("--format", "format_", type=click.Choice(["text", "jsonl"]), default="text", show_default=True)
@click.option(
    "--report",
    multiple=True,
    metavar="FILE",
    help="Write a report on the files after fixing; repeatable. Its extension selects the format (.html .xml .sarif "
    ".csv …), or write FORMAT=FILE.",
)
@color_option
@config_option("rules", "strict", "include", "exclude", "timeout", "user_agent")
@pass_options(FixCommand)
def command(options: FixCommand) -> int:
    """Turn each TARGET that does not pass into a file that does, changed as little as possible.

    Each result is checked against the same rule sets and decoded completely before it is renamed into place; if it does
    not pass, nothing is left behind. Content that is missing (duration, audio, pixels) is only added with the option
    that allows it. Sources are never changed.

    TARGETs are those of `check`: files, folders, globs, URLs, @LIST and -. An existing file is never replaced without
    --overwrite. To continue an interrupted run, run the same command again: a file is skipped if its output exists,
    passes and is not older than the file.

    Examples:
      preflight fix clip.mp4 --for atlas
      preflight fix clip.mp4 --for atlas -o out/clip.mp4 --fit pad
      preflight fix media/ --for atlas,volcengine -o out/ --others link
      preflight fix media/ --for atlas --dry-run -o out/
      preflight fix clip.mp4 --for atlas,x --each
      preflight fix a.png b.mp4 --for seedance-2.0 --together -o out/
      preflight fix https://cdn.example.com/clip.mov --for atlas --max-size 500MB
      preflight fix media/ --for atlas -o out/ --format jsonl --report after.html
    """
    options.guard()
    options.inputs.items()  # refuses a column without a list
    if options.together and options.each:
        raise UsageError("--together cannot be used with --each. Leave one of them out.")
    roles = [split_role(word) for word in options.inputs.targets] if options.together else []
    words = tuple([word for _, word in roles]) or options.inputs.targets
    cores, counts = share_cores(options.jobs), Counter[str]()
    path = output_path(words, options.output, several=options.each)
    if path is not None:
        require_accepted(path, resolve(options.rules))
    settings = options.settings(written_format(path) if path is not None else None, cores)
    located = _located(options, roles or [(None, word) for word in words], counts)
    folder = options.output if path is None else None
    if folder is not None:
        require_apart(words, located, folder)
    jobs = jobs_for(located, settings, folder, path)
    if not options.together:
        return _fix(options, jobs, located, cores, counts)
    request = RequestFix([each.item for each in located], settings[0][1])
    jobs = [job._replace(settings=own) for job in jobs if (own := request.settings(job.number)) is not None]
    return _fix(options, jobs, located, cores, counts, request)


def _located(options: FixCommand, words: Sequence[tuple[str | None, str]], counts: Counter[str]) -> list[LocatedTarget]:
    """Return the files that the arguments name, each with the role that its argument gives."""

    def skipped() -> None:
        counts.update(["skipped"])

    if all(role is None for role, _ in words):
        return find_sources([word for _, word in words], lambda word: options.items(word, counts), skipped)
    found = []
    for role, word in words:
        of_word = find_sources([word], lambda word: options.items(word, counts), skipped)
        found += [each._replace(item=each.item._replace(role=role)) for each in of_word]
    return found


def _fix(
    options: FixCommand,
    jobs: Sequence[FixJob],
    located: Sequence[LocatedTarget],
    cores: CoreShares,
    counts: Counter[str],
    request: RequestFix | None = None,
) -> int:
    with ExitStack() as stack:
        stack.enter_context(ending_like_interrupted())
        outputs = stack.enter_context(Outputs())
        stream = stack.enter_context(standard_output())
        text = FixText(stream, View(use_color(stream)), _remedy)
        printer: FixReporter = text if options.format_ == "text" else FixJsonl(stream)
        rules = jobs[0].settings.check.rules if jobs else ()
        reports = with_reports(_NoReport(), options.report, rules, outputs, color=is_always())
        progress = FixProgress({job.number: _size(job) for job in jobs}, shares_terminal=stream.isatty())
        stack.callback(progress.clear)
        handler = _ResultHandler(printer, reports, progress, counts, request)
        run = FixRun(options.others, file_ids(located), lambda job, how: progress.update(job.number, _name(job), how))

        def work(job: FixJob, stop: threading.Event) -> tuple[FixJob, FixResult]:
            return job, run.fix(job, stop)

        slots = [Job(job, 1 if job.is_picture else cores.video) for job in jobs]
        try:
            run_jobs(slots, work, handler.take, cores.slots)
        except KeyboardInterrupt:
            handler.close()
            outputs.publish_new()
            click.echo(f"Interrupted: {handler.done()}. Run the same command again to continue.", err=True)
            raise
        handler.judge_request()
        handler.close()
        handler.explain_skipped()
        outputs.publish()
    return handler.exit_code()


class _ResultHandler:
    """Prints and counts results as they arrive, and forwards the reports of the files after fixing."""

    def __init__(
        self,
        printer: FixReporter,
        reports: Reporter,
        progress: FixProgress,
        counts: Counter[str],
        request: RequestFix | None,
    ) -> None:
        self._request = request
        self._printer = printer
        self._reports = reports
        self._progress = progress
        self._counts = counts
        self._summary = Summary()
        self._outcomes: Counter[str] = Counter()

    def take(self, done: tuple[FixJob, FixResult]) -> None:
        """Print one result."""
        job, result = done
        self._outcomes[result.outcome] += 1
        if self._request is not None:
            self._request.take(job.number, result)
        with self._progress.making_room():
            self._printer.add(_with_options(result), job.rules)
        after = result.after if result.outcome == "fixed" and result.after is not None else result.before
        self._summary.add(add_report(self._reports, after))
        self._progress.advance(job.number)

    def judge_request(self) -> None:
        """Judge the files together if they form a request, and print the result."""
        request = self._request
        if request is None or (self._outcomes["planned"] and not request.obstacles):  # only results can be judged
            return
        result = request.finish()
        obstacles = " ".join(each.message for each in request.obstacles)
        problem = obstacles or "; ".join(each.message for each in result.findings)
        self._printer.add_request(result, problem if result.verdict != "pass" else None)
        self._outcomes.update([_OF_REQUEST[result.verdict]])

    def close(self) -> None:
        """Print the end."""
        self._progress.clear()
        self._printer.close()
        self._reports.close(self._summary)

    def explain_skipped(self) -> None:
        """Print how many files were skipped and, if no file remained, what to check."""
        skipped = [f"{self._counts[word]:,} {text}" for word, text in _SKIPPED.items() if self._counts[word]]
        if not self._outcomes:
            click.echo(f"Nothing to fix{': ' if skipped else ''}{', '.join(skipped)}. Check the paths.", err=True)
        elif skipped:
            click.echo(", ".join(skipped), err=True)

    def done(self) -> str:
        """Return how many files are done, and how."""
        count = self._outcomes.total()
        named = ", ".join(f"{number:,} {outcome.replace('_', ' ')}" for outcome, number in self._outcomes.items())
        return f"{'1 file is' if count == 1 else f'{count:,} files are'} done{f' ({named})' if named else ''}"

    def exit_code(self) -> int:
        """Return the exit code of the run; a run without any file is unknown."""
        any_failed = self._outcomes["not_fixable"] + self._outcomes["failed"] > 0
        return DEFAULT_POLICY.code(
            any_failed=any_failed, any_unknown=self._outcomes["unknown"] > 0 or not self._outcomes
        )


_OF_REQUEST: Final[dict[Verdict, FixOutcome]] = {"pass": "passed", "fail": "failed", "unknown": "unknown"}
"""The outcome of a request by its verdict."""
_SKIPPED: Final = {"skipped": "non-media files skipped", "ignored": "files and folders ignored"}


class _NoReport:
    """A reporter that writes nothing."""

    def add(self, report: Report) -> None:
        """Write nothing."""

    def close(self, summary: Summary) -> None:
        """Write nothing."""


def _with_options(result: FixResult) -> FixResult:
    """Replace the parameters that the problem of a result names by options of the command."""
    if result.problem is None:
        return result
    named = (*_NAMED, *(each.parameter for each in result.plan.obstacles if each.parameter is not None))
    error = PreflightError(result.problem, parameters=named)
    return replace(result, problem=message_with_options(error, click.get_current_context().command))


def _remedy(parameter: str) -> str | None:
    """Return the option of a parameter as the user types it: `--extend loop|hold`."""
    context = click.get_current_context()
    for option in context.command.params:
        if option.name == parameter and isinstance(option, click.Option):
            spelling = max(option.opts, key=len)
            if option.is_flag:
                return spelling
            if isinstance(option.type, click.Choice):
                others = [str(word) for word in option.type.choices if word != context.params.get(parameter)]
                return f"{spelling} {'|'.join(others)}"
            return f"{spelling} {option.metavar}"
    return None


def _size(job: FixJob) -> int:
    try:
        return os.stat(str(job.item.target)).st_size
    except (OSError, ValueError):
        return 0


def _name(job: FixJob) -> str:
    return os.path.basename(str(job.item.name or job.item.target))
