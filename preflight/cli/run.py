"""Run `check` and `probe` with their options: output, resuming, interruption."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import click

from preflight import run as runs
from preflight.checker import CheckPlan
from preflight.cli.options import TargetOptions
from preflight.cli.terminal import standard_output
from preflight.errors import OutputError, UsageError
from preflight.output import Outputs
from preflight.reporters import Reporter, is_line_reporter
from preflight.run import Progress, RunSettings
from preflight.summary import ExitPolicy, Summary

if TYPE_CHECKING:
    from preflight.cli.overwrite import OverwriteGuard
    from preflight.run.cache import Cache
    from preflight.run.resume import PreviousRun
    from preflight.targets import Item


@dataclass(frozen=True, eq=False, repr=False)
class RunOptions:
    """The options of a run over targets; `probe` has only the first five."""

    inputs: TargetOptions
    output: str | None
    format_: str | None
    jobs: int | None
    unordered: bool
    resume: str | None = None
    cache: str | None = None
    report: tuple[str, ...] = ()
    quiet: bool = False
    commands: bool = False
    fail_fast: bool = False

    @property
    def format(self) -> str:
        """The format of the main output: `text`, unless an option implies another."""
        implied = "commands" if self.commands else "jsonl" if self.resume is not None else "text"
        return self.format_ or implied


class Run:
    """One call of a command: open from before its first file until after its last.

    summary   what was counted; outputs: every file that is written, except that of `--resume`
    previous  the interrupted run that `--resume` continues
    """

    def __init__(self, options: RunOptions, plan: CheckPlan, policy: ExitPolicy, guard: OverwriteGuard | None) -> None:
        self._options = options
        self._plan = plan
        self._guard = guard
        self.summary = Summary(plan.rules, policy)
        self.previous: PreviousRun | None = None
        self.outputs = Outputs()
        self.stream: IO[str] = sys.stdout

    @contextmanager
    def output(self) -> Iterator[IO[str]]:
        """Open the main output, and publish all outputs unless an error occurs.

        Raise `UsageError` before anything is read if it cannot be written.
        """
        options = self._options
        with ExitStack() as stack:
            stack.enter_context(self.outputs)
            if options.resume is not None:
                from preflight.run.resume import PreviousRun

                self.previous = PreviousRun(options.resume, self._plan, self.summary)
                self.stream = stack.enter_context(self.previous.stream)
            elif options.output is not None:
                self.stream = self.outputs.open(options.output)
            else:
                self.stream = stack.enter_context(standard_output())
            yield self.stream
            self.outputs.publish()

    def items(self, inputs: TargetOptions | None = None) -> Iterator[Item]:
        """Return the targets, or only some. Raise `UsageError` at one that an output of this call would overwrite."""
        items = (inputs or self._options.inputs).items(self._count_ignored)
        return items if self._guard is None else self._guard.checked(items)

    def _count_ignored(self) -> None:
        self.summary.ignored += 1

    def go(self, reporter: Reporter) -> None:
        """Examine and report every target, then complete the report; after Ctrl-C, with the targets done so far."""
        with self._cache(reporter) as cache:
            self._examine(reporter, cache)
        if self.previous is not None:
            click.echo(f"{self._done()}: {self.previous.path}", err=True)
        if not self.summary.files:
            self._explain_empty_run()

    def _examine(self, reporter: Reporter, cache: Cache | None) -> None:
        options = self._options
        settings = RunSettings(options.jobs, not options.unordered, options.fail_fast, self.previous, cache)
        progress = Progress(self._count, shares_terminal=self.stream.isatty())
        items = self.items()
        gc.enable()
        gc.freeze()  # loaded modules stay, so collecting them repeatedly wastes time
        is_complete = False
        try:
            runs.run(items, self._plan, reporter, self.summary, settings, progress=progress, flush=self.stream.flush)
            is_complete = True
            reporter.close(self.summary)
        except KeyboardInterrupt:
            if not is_complete:
                reporter.close(self.summary)
                self._publish_new()
            remedy = "The report is incomplete." if is_complete else self._how_to_continue()
            click.echo(f"Interrupted: {self._done()}. {remedy}", err=True)
            raise
        except BrokenPipeError:  # the main output was closed; other reports keep the files done so far
            if is_complete:
                self.outputs.publish()
            else:
                with suppress(BrokenPipeError):  # the summary cannot be written either
                    reporter.close(self.summary)
                self._publish_new()
            raise
        except OutputError as error:
            if options.format == "jsonl":  # each line is complete in itself
                self.outputs.publish_new(self.stream)
            error.add_note(self._how_to_continue())
            raise

    def _explain_empty_run(self) -> None:
        count = self.summary.skipped
        found = f"None of the {count:,} files found is a media file" if count else "No file was found"
        ignored = self.summary.ignored
        also = f"; {ignored:,} files and folders are ignored (--no-ignore includes them)" if ignored else ""
        click.echo(f"Nothing to check. {found}{also}. Check the paths and the patterns.", err=True)

    @contextmanager
    def _cache(self, reporter: Reporter) -> Iterator[Cache | None]:
        path = self._options.cache
        if path is None:
            yield None
            return
        if not is_line_reporter(reporter):
            raise UsageError("--cache keeps the printed lines of files. Use it with --format text or jsonl.")
        from preflight.run.cache import Cache

        with Cache(path, self._plan, reporter, warn=lambda text: click.echo(text, err=True)) as cache:
            yield cache

    def _count(self) -> int | None:
        """Return the number of targets without reading any; None if they can be read only once."""
        inputs = self._options.inputs
        lists = (word[1:] for word in inputs.targets if word.startswith("@"))
        if "-" in inputs.targets or not all(map(os.path.isfile, lists)):
            return None
        return sum(1 for _ in inputs.items())

    def _done(self) -> str:
        tally = self.summary.overall
        counts = {"pass": tally.passed, "fail": tally.failed, "unknown": tally.unknown}
        verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.items() if count)
        files = "1 file is" if self.summary.files == 1 else f"{self.summary.files:,} files are"
        return f"{files} done" + (f" ({verdicts})" if verdicts and self._plan.rules else "")

    def _publish_new(self) -> None:
        """Publish partial reports that replace no file."""
        with suppress(BrokenPipeError):
            self.stream.flush()
        self.outputs.publish_new()

    def _how_to_continue(self) -> str:
        if self.previous is not None:
            return "Run the same command again to continue."
        if not self._plan.rules:
            return "The same command starts from the beginning."
        output, conflicts = self._options.output, self._conflicts_with_resume()
        kept = [path for path in self.outputs.paths() if self.outputs.existed(path)]
        if kept:
            unchanged = f"{' and '.join(kept)} {'is' if len(kept) == 1 else 'are'} unchanged."
            return f"{unchanged} {_start_resumable(conflicts)}"
        if self._options.format == "jsonl" and not conflicts and (not output or os.path.isfile(output)):
            if output:
                return f"To continue, run it again with --resume {output} instead of --output."
            return "To continue, save the printed lines as FILE and run it again with --resume FILE."
        return _start_resumable(conflicts)

    def _conflicts_with_resume(self) -> list[str]:
        """Return the options of this call that cannot be used with --resume."""
        options = self._options
        given = {"--report": options.report, "--quiet": options.quiet, "--format": options.format not in _RESUMABLE}
        return [name for name, is_given in given.items() if is_given]


_RESUMABLE = ("jsonl", "text")
"""Formats of a call that needs no other `--format` to be repeated with `--resume`."""


def _start_resumable(conflicts: list[str]) -> str:
    without = f", without {' and '.join(conflicts)}" if conflicts else ""
    return f"A run that can be continued needs --resume FILE.jsonl from the start{without}."
