"""A run: many sources are examined, reported and counted; an interrupted run is continued, a cache is used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from preflight.checker import CheckPlan
from preflight.reporters import LineReporter, Reporter, is_line_reporter
from preflight.reporters.outputs import add_report
from preflight.run.interrupts import Interrupts
from preflight.run.progress import Progress
from preflight.run.rows import Rendering, Row
from preflight.scan import Outcome, as_outcomes, scan_encoded
from preflight.summary import Summary
from preflight.targets import Item

if TYPE_CHECKING:
    from preflight.run.cache import Cache
    from preflight.run.resume import PreviousRun

__all__ = ["Progress", "RunSettings", "run"]


class RunSettings(NamedTuple):
    """How a run examines its sources.

    jobs       processes for files, threads for URLs; ordered: in input order
    fail_fast  stop after the first file that fails
    previous   the interrupted run to continue: what it did is counted, and not done again
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

    flush  writes what the reporter has buffered; called before anything that may take time
    """
    progress = progress or Progress()
    interrupts = Interrupts()

    def before_wait() -> None:
        progress.make_room()
        interrupts.defer()
        flush()
        interrupts.resume()

    if settings.fail_fast and summary.overall.failed:
        return  # a file of the previous run failed
    numbered: Iterator[tuple[int, Item]] = enumerate(items)
    if settings.previous is not None:
        progress.begin_after(summary.files)
        numbered = settings.previous.remaining(numbered)
    results, take = _examined(numbered, plan, reporter, summary, settings, before_wait)
    try:
        with interrupts:
            for result in results:
                interrupts.defer()
                fails = take(result)
                interrupts.resume()
                progress.advance()
                if fails and settings.fail_fast:
                    break
            before_wait()
    finally:
        results.close()  # ends the processes, whatever they are doing
        progress.clear()


def _examined(
    numbered: Iterator[tuple[int, Item]],
    plan: Plan,
    reporter: Reporter,
    summary: Summary,
    settings: RunSettings,
    before_wait: Callable[[], None],
) -> tuple[Generator[Any, None, None], Callable[[Any], bool]]:
    """Return the results as they come, and what reports and counts one; it returns whether the file fails."""
    options: dict[str, Any] = {"workers": settings.jobs, "ordered": settings.ordered, "idle": before_wait}
    if is_line_reporter(reporter):
        cache = settings.cache
        known = cache.known(numbered) if cache else numbered
        return pour(known, plan, Rendering(reporter.render), **options), partial(_take_row, reporter, summary, cache)
    return pour(numbered, plan, **options), partial(_take_report, reporter, summary)


def _take_row(reporter: LineReporter, summary: Summary, cache: Cache | None, row: Row) -> bool:
    if cache:
        cache.keep(row)
    if row.text is None:
        summary.skipped += 1
        return False
    reporter.write(row.text)
    summary.count(row.score, row.bytes_read, row.requests)
    return row.score[0] == "fail"


def _take_report(reporter: Reporter, summary: Summary, report: Outcome) -> bool:
    if report is None:
        summary.skipped += 1
        return False
    counted = add_report(reporter, report)
    summary.add(counted)
    return counted.verdict == "fail"
