"""A run: many sources through the rules into a reporter, with what an earlier run did or saw."""

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
    from preflight.run.resume import Earlier

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
    plan: CheckPlan,
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
    interrupts = Interrupts()

    def idle() -> None:
        progress.make_way()
        interrupts.hold()
        flush()
        interrupts.release()

    if options.fail_fast and summary.overall.failed:
        return  # by what an earlier run has done
    numbered: Iterator[tuple[int, Item]] = enumerate(items)
    if options.earlier is not None:
        progress.begin_after(summary.files)
        numbered = options.earlier.rest(numbered)
    settings: dict[str, Any] = {"jobs": options.workers, "ordered": options.ordered, "before_wait": idle}
    take: Callable[[Any], bool]
    found: Generator[Any, None, None]
    if is_line_reporter(reporter):
        cache, rendering = options.cache, Rendering(reporter.render)
        found = scan_encoded(cache.known(numbered) if cache else numbered, plan, rendering, **settings)
        take = partial(_take_row, reporter, summary, cache)
    else:
        found = scan_encoded(numbered, plan, as_outcomes, **settings)
        take = partial(_take_report, reporter, summary)
    try:
        with interrupts:
            for one in found:
                interrupts.hold()
                fails = take(one)
                interrupts.release()
                progress.advance()
                if fails and options.fail_fast:
                    break
            idle()
    finally:
        found.close()  # ends the processes, whatever they are doing
        progress.clear()


def _take_row(reporter: LineReporter, summary: Summary, cache: Cache | None, row: Row) -> bool:
    """Write and count it; whether its file fails."""
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
