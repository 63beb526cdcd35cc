"""Run: examine, report and count many sources, with progress; continue an interrupted run, reuse a cache."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict, TypeVar

from preflight.checker import CheckPlan
from preflight.output import Interrupts
from preflight.reporters import LineReporter, Reporter, add_report, is_line_reporter
from preflight.run.rows import Rendering, Row
from preflight.run.status_line import StatusLine, remaining_time
from preflight.scan import ScanOutcome, as_outcomes, scan_encoded
from preflight.summary import Summary
from preflight.targets import Item

if TYPE_CHECKING:
    from preflight.run.cache import Cache
    from preflight.run.resume import PreviousRun


R = TypeVar("R")


class RunSettings(NamedTuple):
    """How a run examines its sources.

    jobs       processes for files, threads for URLs; ordered: in input order
    fail_fast  stop after the first file that fails
    previous   the interrupted run to continue: its files are counted, and not examined again
    cache      the results of unchanged files
    """

    jobs: int | None = None
    ordered: bool = True
    fail_fast: bool = False
    previous: PreviousRun | None = None
    cache: Cache | None = None


_DEFAULT_SETTINGS: Final = RunSettings()


def run(
    items: Iterable[Item],
    plan: CheckPlan,
    reporter: Reporter,
    summary: Summary,
    settings: RunSettings = _DEFAULT_SETTINGS,
    *,
    progress: Progress | None = None,
    flush: Callable[[], None] = lambda: None,
) -> None:
    """Examine the items; report and count each as soon as its result is known.

    flush  writes the reporter's buffer; called before anything that may take time
    """
    if settings.fail_fast and summary.overall.failed:
        return  # a file of the previous run failed
    delivery = _Delivery(progress or Progress(), flush, fail_fast=settings.fail_fast)
    numbered: Iterator[tuple[int, Item]] = enumerate(items)
    if settings.previous is not None:
        delivery.progress.begin_after(summary.files)
        numbered = settings.previous.remaining(numbered)
    options = _ScanOptions(jobs=settings.jobs, ordered=settings.ordered, before_wait=delivery.before_wait)
    if is_line_reporter(reporter):
        cache = settings.cache
        known = cache.known(numbered) if cache else numbered
        rows = scan_encoded(known, plan, Rendering(reporter.render), **options)
        delivery.deliver(rows, partial(_take_row, reporter, summary, cache))
    else:
        outcomes = scan_encoded(numbered, plan, as_outcomes, **options)
        delivery.deliver(outcomes, partial(_take_report, reporter, summary))


class _ScanOptions(TypedDict):
    jobs: int | None
    ordered: bool
    before_wait: Callable[[], None]


class _Delivery:
    """Passes each result on as soon as it is known. Ctrl-C does not interrupt the writing of a result."""

    def __init__(self, progress: Progress, flush: Callable[[], None], *, fail_fast: bool) -> None:
        self.progress = progress
        self._flush = flush
        self._fail_fast = fail_fast
        self._interrupts = Interrupts()

    def before_wait(self) -> None:
        """Show all results so far."""
        self.progress.make_room()
        with self._interrupts.deferred():
            self._flush()

    def deliver(self, results: Generator[R, None, None], take: Callable[[R], bool]) -> None:
        """Pass each result to `take`, which returns whether the file fails; close the generator at the end."""
        try:
            with self._interrupts:
                for result in results:
                    with self._interrupts.deferred():
                        fails = take(result)
                    self.progress.advance()
                    if fails and self._fail_fast:
                        break
                self.before_wait()
        finally:
            results.close()  # ends the processes, even during a task
            self.progress.clear()


def _take_row(reporter: LineReporter, summary: Summary, cache: Cache | None, row: Row) -> bool:
    if cache:
        cache.keep(row)
    if row.text is None:
        summary.skipped += 1
        return False
    reporter.write(row.text)
    summary.count(row.score, row.bytes_read, row.requests)
    return row.score[0] == "fail"


def _take_report(reporter: Reporter, summary: Summary, report: ScanOutcome) -> bool:
    if report is None:
        summary.skipped += 1
        return False
    counted = add_report(reporter, report)
    summary.add(counted)
    return counted.verdict == "fail"


class Progress(StatusLine):
    """Counts files that are done. If standard error is a terminal, shows the rate and the remaining time.

    count            returns the total, None if it cannot be known; called in a thread, and only if it is shown
    shares_terminal  the output goes to the same terminal
    """

    def __init__(self, count: Callable[[], int | None] | None = None, *, shares_terminal: bool = False) -> None:
        super().__init__(shares_terminal=shares_terminal)
        self._done = self._done_before = 0
        self._total: int | None = None
        self._started = self._drawn
        if self._is_shown and count is not None:
            threading.Thread(target=self._count, args=(count,), daemon=True).start()

    def begin_after(self, number: int) -> None:
        """Count files of a previous run as done, but not for the rate."""
        self._done_before = number

    def advance(self) -> None:
        """Count one more file."""
        if self._done_before and not self._done:
            self._started = self._drawn = time.monotonic()  # the comparison with the previous run does not count
        self._done += 1
        if self.is_due():
            self.draw(self._line(time.monotonic() - self._started))

    def _count(self, count: Callable[[], int | None]) -> None:
        self._total = count()

    def _line(self, seconds: float) -> str:
        rate = self._done / seconds
        done = self._done_before + self._done
        if self._total is None:
            return f"{done:,} files, {rate:,.0f} a second"
        left = remaining_time(max(0, self._total - done) / rate)
        return f"{done:,} of {self._total:,} files, {rate:,.0f} a second, {left} left"
