"""What is done with one target, or with several at a time: in this process, in another one, in anybody's executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from preflight.checker import CheckPlan, examine, result_of
from preflight.formats import MEDIA_EXTENSIONS, extension_of
from preflight.report import Problem, Report
from preflight.sources.open import display_name
from preflight.targets import Item

Outcome = Report | None
"""None: found in a folder, and neither its content nor its name is media. Counted, not judged."""
Batch = list[tuple[int, Item]]
"""Items with their positions in the input."""
Encoder = Callable[[list[tuple[int, Outcome]]], list[Any]]
"""What turns numbered outcomes into what its caller wants of them; pickled where it is sent to other processes."""


class Cached(NamedTuple):
    """In place of an item: what `encoder` would make of its outcome is there already."""

    result: Any


Numbered = tuple[int, Item | Cached]


def examine_batch(work: Iterable[tuple[int, Item]], plan: CheckPlan, encoder: Encoder | None = None) -> list[Any]:
    """Return the outcomes of a batch, or what `encoder` makes of them. Module-level, so that it is picklable."""
    outcomes = [(index, examine_item(index, item, plan)) for index, item in work]
    return [outcome for _, outcome in outcomes] if encoder is None else encoder(outcomes)


def examine_item(index: int, item: Item, plan: CheckPlan) -> Outcome:
    """One item's outcome."""
    if item.problem is not None:
        return failed(index, item, plan, item.problem)
    report = examine(item.target, plan, index, item.name)
    if item.explicit or report.media is None or report.media.kind is not None:
        return report
    return report if extension_of(report.source) in MEDIA_EXTENSIONS else None


def failed(index: int, item: Item, plan: CheckPlan, problem: Problem) -> Report:
    """The report of an item that could not be examined."""
    results = tuple(result_of(rules, plan, problem=problem) for rules in plan.rules)
    return Report(name_of(item), None, results, index, problem, digest=plan.digest)


def name_of(item: Item) -> str:
    """How an item is called in its report."""
    return item.name or display_name(item.target)
