"""Results and reports: the outcome of several findings and of several rule sets."""

from __future__ import annotations

from typing import get_args

from preflight.codes import Severity
from preflight.media import Media
from preflight.report import OUTCOMES, Finding, Outcome, Problem, Report, Result, Verdict, verdict_of
from tests.rows import each_row


def finding(severity: Severity) -> Finding:
    return Finding("width_too_small", severity, "too narrow")


def result(*severities: Severity, strict: bool = False) -> Result:
    findings = tuple(map(finding, severities))
    return Result("mine", "register", "2026-11-20", "published", verdict_of(findings, strict=strict), findings)


@each_row(
    ("severities", "verdict", "outcome"),
    [
        ((), "pass", "pass"),
        (("note",), "pass", "pass"),
        (("note", "warning"), "pass", "pass_with_warning"),
        (("warning", "unknown"), "unknown", "unknown"),
        (("warning", "unknown", "error"), "fail", "fail"),
    ],
)
def test_result_outcome_tells_passes_with_a_warning_apart(
    severities: tuple[Severity, ...], verdict: Verdict, outcome: Outcome
) -> None:
    one = result(*severities)
    assert (one.verdict, one.outcome) == (verdict, outcome)


def test_warning_that_fails_under_strict_is_a_failure() -> None:
    assert result("warning", strict=True).outcome == "fail"


def test_outcomes_are_ordered_from_best_to_worst() -> None:
    assert get_args(Outcome) == OUTCOMES
    results = {one.outcome: one for one in (result(), result("warning"), result("unknown"), result("error"))}
    for at, outcome in enumerate(OUTCOMES):
        better = [results[one] for one in OUTCOMES[: at + 1]]
        assert Report("clip.mp4", Media(), (*better, *reversed(better))).outcome == outcome


def test_report_without_results_is_unknown_only_if_it_could_not_be_read() -> None:
    assert Report("clip.mp4", Media()).outcome == "pass"
    assert Report("clip.mp4", None, error=Problem("not_found", "clip.mp4 does not exist")).outcome == "unknown"
