"""From the options of `check` and `probe` to a run: where it writes, what it goes on with, how it is interrupted."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

import click

from preflight import run as running
from preflight.checker import CheckPlan
from preflight.cli.options import items_of
from preflight.cli.output import standard_output
from preflight.errors import OutputError, UsageError
from preflight.output import Outputs
from preflight.reporters import Reporter, is_line_reporter
from preflight.run import Options, Progress
from preflight.summary import Summary

if TYPE_CHECKING:
    from preflight.cli.overwrite import OverwriteGuard
    from preflight.run.cache import Cache
    from preflight.run.resume import Earlier
    from preflight.targets import Item


class Run:
    """One call of a command: open from before its first file until after its last.

    written  the guard that compares the files to write with those to read
    earlier  the file that `--resume` names; the output then
    outputs  every other file that is written
    """

    def __init__(
        self, targets: tuple[str, ...], options: dict[str, Any], plan: CheckPlan, written: OverwriteGuard | None = None
    ) -> None:
        self._written = written
        self._targets = targets
        self._options = options
        self._plan = plan
        self.summary = Summary(plan.rules)
        self.earlier: Earlier | None = None
        self.outputs = Outputs()
        self.stream: IO[str] = sys.stdout

    @contextmanager
    def output(self) -> Iterator[IO[str]]:
        """Open the main output, and publish all outputs unless an error occurs.

        Raises `UsageError` before anything is read where it cannot be written.
        """
        resumed, path = self._options.get("resume"), self._options["output"]
        with ExitStack() as stack:
            stack.enter_context(self.outputs)
            if resumed is not None:
                from preflight.run.resume import Earlier

                self.earlier = Earlier(resumed, self._plan, self.summary)
                self.stream = stack.enter_context(self.earlier.stream)
            elif path is not None:
                self.stream = self.outputs.open(path)
            else:
                self.stream = stack.enter_context(standard_output())
            yield self.stream
            self.outputs.publish()

    def items(self) -> Iterator[Item]:
        """Return the targets. Raises `UsageError` at one that an output of this call would overwrite."""
        items = items_of(self._targets, self._options, self._count_ignored)
        return items if self._written is None else self._written.checked(items)

    def _count_ignored(self) -> None:
        self.summary.ignored += 1

    def go(self, reporter: Reporter) -> None:
        """Examine every target, report each, close the reporter; after Ctrl-C with what was done so far."""
        options = self._options
        with self._cache(reporter) as cache:
            how = Options(
                options["jobs"], not options["unordered"], options.get("fail_fast", False), self.earlier, cache
            )
            progress = Progress(self._count, shared=self.stream.isatty())
            items = self.items()
            gc.enable()
            gc.freeze()  # what is loaded stays: nobody needs to look at it again and again
            examined = False
            try:
                running.run(items, self._plan, reporter, self.summary, how, progress=progress, flush=self.stream.flush)
                examined = True
                reporter.close(self.summary)
            except KeyboardInterrupt:
                if not examined:
                    reporter.close(self.summary)
                    self._publish_new()
                then = "what was still to be written of them is incomplete" if examined else self._how_to_go_on()
                click.echo(f"interrupted: {self._done()}; {then}", err=True)
                raise
            except BrokenPipeError:  # nobody reads on: reports beside it have what was done
                if examined:
                    self.outputs.publish()  # these are complete: only the main output was not read to its end
                else:
                    with suppress(BrokenPipeError):  # its summary cannot be written either
                        reporter.close(self.summary)
                    self._publish_new()
                raise
            except OutputError as error:
                if self._options["format_"] == "jsonl":  # each line is complete in itself
                    self.outputs.publish_new(self.stream)
                error.add_note(f"stopped: {self._how_to_go_on()}")
                raise
        if self.earlier is not None:
            click.echo(f"{self._done()}: {self.earlier.path}", err=True)
        if not self.summary.files:
            count = self.summary.skipped
            seen = f"none of the {count:,} files found is media" if count else "no file was found"
            if self.summary.ignored:
                seen += f", {self.summary.ignored:,} files and folders ignored (--no-ignore includes them)"
            click.echo(f"nothing to check: {seen}: check the paths and the patterns", err=True)

    @contextmanager
    def _cache(self, reporter: Reporter) -> Iterator[Cache | None]:
        path = self._options.get("cache")
        if path is None:
            yield None
            return
        if not is_line_reporter(reporter):
            raise UsageError("--cache keeps what is printed of each file: it goes with --format text or jsonl alone")
        from preflight.run.cache import Cache

        cache = Cache(path, self._plan, reporter, lambda note: click.echo(note, err=True))
        try:
            yield cache
        finally:
            cache.close()

    def _count(self) -> int | None:
        """How many targets there are, in a pass that reads none of them; None where they can be read but once."""
        lists = (word[1:] for word in self._targets if word.startswith("@"))
        if "-" in self._targets or not all(map(os.path.isfile, lists)):
            return None
        return sum(1 for _ in items_of(self._targets, self._options))

    def _done(self) -> str:
        tally = self.summary.overall
        counts = {"pass": tally.passed, "fail": tally.failed, "unknown": tally.unknown}
        said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
        files = "1 file is" if self.summary.files == 1 else f"{self.summary.files:,} files are"
        return f"{files} done" + (f" ({said})" if said and self._plan.rules else "")

    def _publish_new(self) -> None:
        """Publish partial reports that replace no file; existing files are kept."""
        with suppress(BrokenPipeError):
            self.stream.flush()
        self.outputs.publish_new()

    def _how_to_go_on(self) -> str:
        if self.earlier is not None:
            return "the same command goes on where it was"
        if not self._plan.rules:
            return "the same command begins anew"
        output, other = self._options["output"], self._not_with_resume()
        kept = [path for path in self.outputs.paths() if self.outputs.existed(path)]
        if kept:
            return f"{' and '.join(kept)} {'is' if len(kept) == 1 else 'are'} unchanged; {self._with_resume(other)}"
        if self._options["format_"] == "jsonl" and not other and (not output or os.path.isfile(output)):
            if output:
                return f"to go on, run it again with --resume {output} in place of --output"
            return "to go on, run it again with --resume FILE, where FILE has what was printed"
        return self._with_resume(other)

    def _with_resume(self, other: list[str]) -> str:
        without = f", without {' and '.join(other)}" if other else ""
        return f"to be able to go on, run it with --resume FILE.jsonl from the start{without}"

    def _not_with_resume(self) -> list[str]:
        """The options of this call that --resume does not go with."""
        given = self._options
        other = [f"--{name}" for name in ("report", "quiet") if given[name]]
        return other if given["format_"] in ("jsonl", "text") else [*other, "--format"]
