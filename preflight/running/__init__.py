"""A run: many sources through the rules into a reporter, with what an earlier run did or saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from preflight.checker import Plan
from preflight.reporters import LineReporter, Reporter, is_line_reporter
from preflight.running.progress import Progress
from preflight.running.rows import Rendering, Row
from preflight.scan import Outcome, pour
from preflight.summary import Summary
from preflight.targets import Item

if TYPE_CHECKING:
    from preflight.running.cache import Cache
    from preflight.running.resume import Earlier

__all__ = ["Options", "Progress", "run"]


class Options(NamedTuple):
    """How a run goes.

    workers    processes for files, threads for URLs; ordered: in input order
    fail_fast  stop after the first file that fails
    earlier    what an interrupted run has done: it is counted, and not done again
    cache      what was seen of unchanged files
    """

    workers: int | None = None
    ordered: bool = True
    fail_fast: bool = False
    earlier: Earlier | None = None
    cache: Cache | None = None


_USUAL: Final = Options()


def run(
    items: Iterable[Item],
    plan: Plan,
    reporter: Reporter,
    summary: Summary,
    options: Options = _USUAL,
    *,
    progress: Progress | None = None,
    flush: Callable[[], None] = lambda: None,
) -> None:
    """Examine the items, report and count each as soon as it is known.

    flush  pass on what the reporter wrote; done before anything that may take its time, so that nobody waits
    """
    progress = progress or Progress()

    def idle() -> None:
        progress.make_way()
        flush()

    numbered: Iterator[tuple[int, Item]] = enumerate(items)
    if options.earlier is not None:
        numbered = options.earlier.rest(numbered)
    settings: dict[str, Any] = {"workers": options.workers, "ordered": options.ordered, "idle": idle}
    if is_line_reporter(reporter):
        failing = _rows(numbered, plan, reporter, summary, options.cache, settings)
    else:
        failing = _reports(pour(numbered, plan, **settings), reporter, summary)
    try:
        for failed in failing:
            progress.advance()
            if failed and options.fail_fast:
                break
        idle()
    finally:
        progress.clear()


def _rows(
    numbered: Iterator[tuple[int, Item]],
    plan: Plan,
    reporter: LineReporter,
    summary: Summary,
    cache: Cache | None,
    settings: dict[str, Any],
) -> Iterator[bool]:
    """Rows as they come; whether each is of a file that fails."""
    rows: Iterator[Row] = pour(
        cache.known(numbered) if cache else numbered, plan, Rendering(reporter.render), **settings
    )
    for row in rows:
        if cache:
            cache.keep(row)
        if row.text is None:
            summary.skipped += 1
            yield False
            continue
        summary.count(row.score, row.bytes_read, row.requests)
        reporter.write(row.text)
        yield row.score[0] == "fail"


def _reports(outcomes: Iterable[Outcome], reporter: Reporter, summary: Summary) -> Iterator[bool]:
    for report in outcomes:
        if report is None:
            summary.skipped += 1
            yield False
            continue
        summary.add(report)
        reporter.add(report)
        yield report.verdict == "fail"
