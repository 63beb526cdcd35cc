"""What a run amounts to: counts and the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from preflight.report import Report, Result
from preflight.ruleset import RuleSet

WARNING: Final = "warning"
"""In place of `pass`: a pass that a lenient bound allowed."""
_GRAVITY: Final[dict[str, int]] = {"pass": 0, WARNING: 1, "unknown": 2, "fail": 3}
VERDICTS: Final = frozenset(_GRAVITY)
"""The words of a score."""

Score = tuple[str, ...]
"""What is counted of a report: the verdict of all of it, then name and verdict of each rule set."""


def score_of(report: Report) -> Score:
    """A report's score.

    >>> score_of(preflight.check("fixtures/refused/png-too-narrow.png", "atlas,ltx"))
    ('fail', 'atlas', 'fail', 'ltx', 'pass')
    """
    if not report.results:
        return ("unknown" if report.error is not None else "pass",)
    if len(report.results) == 1:
        (result,) = report.results
        word = _word(result)
        return (word, result.rules, word)
    words = [(result.rules, _word(result)) for result in report.results]
    return (max((word for _, word in words), key=_GRAVITY.__getitem__), *(part for pair in words for part in pair))


def _word(result: Result) -> str:
    if result.verdict == "pass" and result.findings and any(one.severity == "warning" for one in result.findings):
        return WARNING
    return result.verdict


class Tally(NamedTuple):
    """Verdicts counted; `warnings` are passes that a lenient bound allowed."""

    passed: int = 0
    warnings: int = 0
    failed: int = 0
    unknown: int = 0

    def plus(self, word: str, count: int = 1) -> Tally:
        """With so many more of a verdict."""
        passed, warnings, failed, unknown = self
        if word in ("pass", WARNING):
            return Tally(passed + count, warnings + count * (word == WARNING), failed, unknown)
        return Tally(passed, warnings, failed + count * (word == "fail"), unknown + count * (word == "unknown"))

    def as_json(self) -> dict[str, int]:
        return {"pass": self.passed, "warnings": self.warnings, "fail": self.failed, "unknown": self.unknown}


class Summary:
    """All reports of a run counted, never kept.

    files, skipped  those that have a report; files in folders whose content and name are no media
    ignored         files and folders that were left out by .gitignore files, or as dependencies
    bases           of each rule set: its basis, and the ISO day on which its limits were read
    """

    def __init__(self, rules: Iterable[RuleSet] = ()) -> None:
        self.files = 0
        self.skipped = 0
        self.ignored = 0
        self.bytes_read = 0
        self.requests = 0
        self.bases = {one.name: (one.basis, one.as_of) for one in rules}
        self._scores: dict[Score, int] = {}

    def add(self, report: Report) -> None:
        """Count a report."""
        self.count(score_of(report), report.bytes_read, report.requests)
        for result in report.results:
            if result.rules not in self.bases:
                self.bases[result.rules] = (result.basis, result.as_of)

    def count(self, score: Score, bytes_read: int = 0, requests: int = 0) -> None:
        """Count a report of which only the score is there."""
        self.files += 1
        self.bytes_read += bytes_read
        self.requests += requests
        self._scores[score] = self._scores.get(score, 0) + 1

    @property
    def overall(self) -> Tally:
        """The verdicts of the reports."""
        tally = Tally()
        for score, count in self._scores.items():
            tally = tally.plus(score[0], count)
        return tally

    @property
    def by_rules(self) -> dict[str, Tally]:
        """The verdicts of each rule set, in the order in which they were chosen."""
        tallies: dict[str, Tally] = {}
        for score, count in self._scores.items():
            for name, word in zip(score[1::2], score[2::2], strict=True):
                tallies[name] = tallies.get(name, Tally()).plus(word, count)
        return tallies

    @property
    def exit_code(self) -> int:
        """1: something failed; else 2: something is unknown, or nothing was there to check; else 0."""
        tally = self.overall
        return 1 if tally.failed else 2 if tally.unknown or not self.files else 0

    def as_json(self) -> dict[str, Any]:
        """A JSON object with the counts."""
        return {
            "files": self.files,
            "skipped": self.skipped,
            "ignored": self.ignored,
            **self.overall.as_json(),
            "by_rules": {name: tally.as_json() for name, tally in self.by_rules.items()},
            "bytes_read": self.bytes_read,
            "requests": self.requests,
        }
