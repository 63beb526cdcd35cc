"""Examine one item, or a batch of them: in this process, in another one, in any executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from preflight.checker import CheckPlan, examine, result_of
from preflight.formats import MEDIA_EXTENSIONS, extension_of
from preflight.report import Problem, Report
from preflight.sources.open import display_name
from preflight.targets import Item

R = TypeVar("R")

ScanOutcome = Report | None
"""None: found in a folder, and neither its content nor its name is media. Counted, not judged."""
Batch = list[tuple[int, Item]]
"""Items with their positions in the input."""
Encoder = Callable[[list[tuple[int, ScanOutcome]]], list[R]]
"""Turns outcomes with their positions into the caller's results; pickled to be sent to other processes."""


class Cached(NamedTuple, Generic[R]):
    """Stands for an item whose encoded outcome is already known."""

    result: R


Numbered = tuple[int, Item | Cached[R]]


def as_outcomes(outcomes: list[tuple[int, ScanOutcome]]) -> list[ScanOutcome]:
    """Return the outcomes themselves: the encoder for callers that want whole reports."""
    return [outcome for _, outcome in outcomes]


def examine_batch(batch: Iterable[tuple[int, Item]], plan: CheckPlan, encoder: Encoder[R]) -> list[R]:
    """Return the encoded outcomes of a batch. A module-level function, so that it can be pickled."""
    return encoder([(index, examine_item(index, item, plan)) for index, item in batch])


def examine_item(index: int, item: Item, plan: CheckPlan) -> ScanOutcome:
    """Return one item's outcome."""
    if item.problem is not None:
        return failed(index, item, plan, item.problem)
    report = examine(item.target, plan, index, item.name)
    if item.explicit or report.media is None or report.media.kind is not None:
        return report
    return report if extension_of(report.source) in MEDIA_EXTENSIONS else None


def failed(index: int, item: Item, plan: CheckPlan, problem: Problem) -> Report:
    """Return the report of an item that could not be examined."""
    results = tuple(result_of(rules, plan, problem=problem) for rules in plan.rules)
    return Report(name_of(item), None, results, index, problem, digest=plan.digest)


def name_of(item: Item) -> str:
    """Return the name of an item in its report."""
    return item.name or display_name(item.target)
