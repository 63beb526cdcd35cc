"""Check many sources in order, in executors and in isolation. Results are streamed, never collected."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final, Unpack

from preflight.checker import CheckKeywords, CheckPlan, Rules, plan_for, require_rules
from preflight.errors import UsageError
from preflight.report import Problem, Report
from preflight.scan.items import Cached, Encoder, Numbered, R, ScanOutcome, as_outcomes, examine_item
from preflight.sources.open import Target, display_name, is_target, is_url, not_a_target_message, require_iterable
from preflight.targets import Item

if TYPE_CHECKING:
    from concurrent.futures import Executor


__all__ = ["ScanOutcome", "as_outcomes", "check_many", "examine_item", "scan", "scan_encoded"]

MAX_JOBS: Final = 256


def check_many(
    targets: Iterable[Target],
    rules: Rules,
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    ordered: bool = True,
    **options: Unpack[CheckKeywords],
) -> Iterator[Report]:
    """Yield one report for each target, in the order of the input.

    jobs      processes for local files (default 1: this process reads them), threads for URLs (default 32)
    executor  any `concurrent.futures.Executor` to use instead; arguments and results are small and picklable
    ordered   False: yield each report as soon as it is complete
    options   those of `check`

    An invalid target gives a report, as does one that crashes its process, unless that is this one.
    Raise `UsageError` before anything is read.

    >>> [report.verdict for report in preflight.check_many(["fixtures/accepted/picture.png", "gone.png"], "atlas")]
    ['pass', 'unknown']
    """
    plan = plan_for(require_rules(rules), **options)
    if jobs is not None and (type(jobs) is not int or not 1 <= jobs <= MAX_JOBS):
        message = f"jobs={jobs!r} is out of range. Give a whole number from 1 to {MAX_JOBS}."
        raise UsageError(message, parameters=("jobs",))
    if executor is not None and not callable(getattr(executor, "submit", None)):
        message = f"executor= is {type(executor).__name__}, not an executor. Give one of concurrent.futures."
        raise UsageError(message, parameters=("executor",))
    items = (_item(target) for target in require_iterable(targets))
    outcomes = scan(items, plan, jobs=jobs, executor=executor, ordered=ordered)
    return (outcome for outcome in outcomes if outcome is not None)


def _item(target: Target) -> Item:
    """Return the item of a target. An invalid target affects only its own report, as a missing file does."""
    if isinstance(target, str):
        return Item(target)
    kind = f"<{type(target).__name__}>"
    if not is_target(target):
        return Item("", kind, problem=Problem("not_a_file", not_a_target_message(target)))
    try:
        display_name(target)
    except Exception as error:  # noqa: BLE001 - whatever an object of the caller's raises
        return Item("", kind, problem=Problem("not_a_file", f"{kind} cannot be checked ({error}). Fix its class."))
    return Item(target)


def scan(
    items: Iterable[Item],
    plan: CheckPlan,
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    ordered: bool = True,
) -> Iterator[ScanOutcome]:
    """Yield the outcome of every item."""
    return scan_encoded(enumerate(items), plan, as_outcomes, jobs=jobs, executor=executor, ordered=ordered)


def scan_encoded(
    numbered: Iterable[Numbered[R]],
    plan: CheckPlan,
    encoder: Encoder[R],
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    ordered: bool = True,
    before_wait: Callable[[], None] = lambda: None,
) -> Generator[R, None, None]:
    """Yield the encoded outcomes of items with their positions, and the results of cached items.

    encoder      called where an item is examined, which may be another process: only what it returns is transferred
    before_wait  called before anything that may take time, so that results can be shown before
    """
    pending = iter(numbered)
    if executor is None and (jobs or 1) == 1:
        for index, item in pending:
            if isinstance(item, Cached):
                yield item.result
                continue
            if is_url(item.target) and item.problem is None:
                pending = chain([(index, item)], pending)  # from the first URL on, all items go to executors
                break
            before_wait()
            yield from encoder([(index, examine_item(index, item, plan))])
        else:
            return
    from preflight.scan.executors import Executors, run_window  # futures and processes are loaded where they are used

    executors = Executors(plan, encoder, jobs, executor)
    try:
        yield from run_window(pending, executors, ordered=ordered, before_wait=before_wait)
    finally:
        executors.close()
