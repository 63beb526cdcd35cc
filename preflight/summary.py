"""What a run amounts to: counts and the exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from preflight.report import Report, Result, Verdict


@dataclass(slots=True)
class Tally:
    """Verdicts counted; `warnings` are passes that a lenient bound allowed."""

    passed: int = 0
    warnings: int = 0
    failed: int = 0
    unknown: int = 0

    def add(self, verdict: Verdict, *, warned: bool) -> None:
        if verdict == "pass":
            self.passed += 1
            self.warnings += warned
        elif verdict == "fail":
            self.failed += 1
        else:
            self.unknown += 1

    def as_json(self) -> dict[str, int]:
        return {"pass": self.passed, "warnings": self.warnings, "fail": self.failed, "unknown": self.unknown}


@dataclass(slots=True)
class Summary:
    """All reports of a run counted, never kept.

    skipped  files in folders whose content and name are no media
    """

    files: int = 0
    skipped: int = 0
    bytes_read: int = 0
    requests: int = 0
    overall: Tally = field(default_factory=Tally)
    by_rules: dict[str, Tally] = field(default_factory=dict)
    bases: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, report: Report) -> None:
        self.files += 1
        self.bytes_read += report.bytes_read
        self.requests += report.requests
        self.overall.add(report.verdict, warned=any(map(_warned, report.results)))
        for result in report.results:
            tally = self.by_rules.get(result.rules)
            if tally is None:
                tally = self.by_rules[result.rules] = Tally()
                self.bases[result.rules] = (result.basis, result.as_of)
            tally.add(result.verdict, warned=_warned(result))

    @property
    def exit_code(self) -> int:
        """1: something failed; else 2: something is unknown; else 0."""
        return 1 if self.overall.failed else 2 if self.overall.unknown else 0

    def as_json(self) -> dict[str, Any]:
        """A JSON object with the counts."""
        return {
            "files": self.files,
            "skipped": self.skipped,
            **self.overall.as_json(),
            "by_rules": {name: tally.as_json() for name, tally in self.by_rules.items()},
            "bytes_read": self.bytes_read,
            "requests": self.requests,
        }


def _warned(result: Result) -> bool:
    return any(finding.severity == "warning" for finding in result.findings)
