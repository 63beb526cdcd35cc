"""The counts of a run, and the exit code that follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from preflight.report import Report
    from preflight.ruleset import RuleSet

PASSED: Final = 0
FAILED: Final = 1
WRONG_CALL: Final = 2
UNKNOWN: Final = 3

UnknownPolicy = Literal["fail", "pass"]


class ExitPolicy(NamedTuple):
    """How verdicts become an exit code.

    unknown         `fail` or `pass`: how an unknown verdict counts; None: it has its own code
    is_report_only  the code is 0 whatever the verdicts are
    """

    unknown: UnknownPolicy | None = None
    is_report_only: bool = False

    def code(self, *, any_failed: bool, any_unknown: bool) -> int:
        """Return 1 if something failed, else 3 if something is unknown, else 0.

        >>> ExitPolicy().code(any_failed=False, any_unknown=True)
        3
        >>> ExitPolicy(unknown="fail").code(any_failed=False, any_unknown=True)
        1
        """
        if self.is_report_only:
            return PASSED
        if any_failed or (any_unknown and self.unknown == "fail"):
            return FAILED
        return UNKNOWN if any_unknown and self.unknown != "pass" else PASSED


DEFAULT_POLICY: Final = ExitPolicy()

Score = tuple[str, ...]
"""The counted part of a report: its outcome, then name and outcome of each rule set."""


def score_of(report: Report) -> Score:
    """Return the counted part of a report.

    >>> score_of(preflight.check("fixtures/refused/png-too-narrow.png", "atlas,ltx"))
    ('fail', 'atlas', 'fail', 'ltx', 'pass')
    """
    return (report.outcome, *(word for result in report.results for word in (result.rules, result.outcome)))


_COUNTED_AS: Final = {
    "pass": ("passed",),
    "pass_with_warning": ("passed", "warnings"),
    "fail": ("failed",),
    "unknown": ("unknown",),
}


class Tally(NamedTuple):
    """Counts of verdicts; `warnings` are the passes that a lenient bound allowed."""

    passed: int = 0
    warnings: int = 0
    failed: int = 0
    unknown: int = 0

    def plus(self, outcome: str, count: int = 1) -> Tally:
        """Return the counts with more of one outcome."""
        return self._replace(**{name: getattr(self, name) + count for name in _COUNTED_AS[outcome]})

    def as_json(self) -> dict[str, int]:
        """Return the counts as a JSON object."""
        return {"pass": self.passed, "warnings": self.warnings, "fail": self.failed, "unknown": self.unknown}


class Summary:
    """The counts of a run. Reports are counted and not kept.

    files    those that have a report
    skipped  files in folders that are not media files, by content and name
    ignored  files and folders that .gitignore files exclude, and dependencies
    bases    of each rule set: its basis, and the ISO day on which its limits were read
    """

    def __init__(self, rules: Iterable[RuleSet] = (), policy: ExitPolicy = DEFAULT_POLICY) -> None:
        self._policy = policy
        self.files = 0
        self.skipped = 0
        self.ignored = 0
        self.bytes_read = 0
        self.requests = 0
        self.bases = {ruleset.name: (ruleset.basis, ruleset.as_of) for ruleset in rules}
        self._scores: dict[Score, int] = {}

    def add(self, report: Report) -> None:
        """Count a report."""
        self.count(score_of(report), report.bytes_read, report.requests)
        for result in report.results:
            if result.rules not in self.bases:
                self.bases[result.rules] = (result.basis, result.as_of)

    def count(self, score: Score, bytes_read: int = 0, requests: int = 0) -> None:
        """Count a report by its score."""
        self.files += 1
        self.bytes_read += bytes_read
        self.requests += requests
        self._scores[score] = self._scores.get(score, 0) + 1

    @property
    def overall(self) -> Tally:
        """The counts of the reports' verdicts."""
        tally = Tally()
        for score, count in self._scores.items():
            tally = tally.plus(score[0], count)
        return tally

    @property
    def by_rules(self) -> dict[str, Tally]:
        """The counts of each rule set's verdicts, in the order in which the rule sets were chosen."""
        tallies: dict[str, Tally] = {}
        for score, count in self._scores.items():
            for name, word in zip(score[1::2], score[2::2], strict=True):
                tallies[name] = tallies.get(name, Tally()).plus(word, count)
        return tallies

    @property
    def exit_code(self) -> int:
        """The exit code of the run; a run without any file is unknown."""
        tally = self.overall
        return self._policy.code(any_failed=tally.failed > 0, any_unknown=tally.unknown > 0 or not self.files)

    def as_json(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "files": self.files,
            "skipped": self.skipped,
            "ignored": self.ignored,
            **self.overall.as_json(),
            "by_rules": {name: tally.as_json() for name, tally in self.by_rules.items()},
            "bytes_read": self.bytes_read,
            "requests": self.requests,
        }
