"""The result of fixing one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from preflight.fixer.ffmpeg.quality import Quality
from preflight.report import Plan, Report

FIX_SCHEMA: Final = "preflight.fix/1"
"""Name and version of the JSON shape of a result."""

FixOutcome = Literal["passed", "fixed", "planned", "not_fixable", "failed", "unknown"]
"""What became of a file.

passed       it passes as it is; fixed: the written file passes
planned      it would be changed; nothing was written (`dry_run`)
not_fixable  no change makes it pass, or none without a choice that was not made
failed       the plan was applied, but the result does not pass, or could not be written
unknown      the file, or a fact that limits apply to, could not be read
"""
FIX_OUTCOMES: Final[tuple[FixOutcome, ...]] = get_args(FixOutcome)


@dataclass(frozen=True, slots=True)
class FixResult:
    """One file with its plan, and the file that was written.

    source         its display name: a path, or a URL without its secrets
    output         the path of the written file; None if none was written
    before, after  the reports of the source and of the result
    problem        why it is not fixed, in one or two sentences
    seconds        of applying the plan; proof_seconds: of judging and decoding the result
    reused         the output is that of an earlier run
    quality        how similar the result is to what was encoded; None: not measured
    """

    source: str
    outcome: FixOutcome
    plan: Plan
    before: Report
    after: Report | None = None
    output: str | None = None
    problem: str | None = None
    seconds: float = 0.0
    proof_seconds: float = 0.0
    reused: bool = False
    quality: Quality | None = None

    @property
    def passed(self) -> bool:
        """Return whether there is a file that passes: the source itself, or the output."""
        return self.outcome in ("passed", "fixed")

    def as_json(self) -> dict[str, object]:
        """Return the one JSON shape of a result."""
        return {
            "schema": FIX_SCHEMA,
            "source": self.source,
            "outcome": self.outcome,
            "output": self.output,
            "problem": self.problem,
            "plan": self.plan.as_json(),
            "quality": None if self.quality is None else self.quality._asdict(),
            "seconds": round(self.seconds, 3),
            "proof_seconds": round(self.proof_seconds, 3),
            "reused": self.reused,
            "before": self.before.as_json(),
            "after": None if self.after is None else self.after.as_json(),
        }
