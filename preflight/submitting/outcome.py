"""What became of one target: `Submission`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from preflight.errors import PreflightError
from preflight.providers import Asset
from preflight.report import Report

Outcome = Literal["active", "processing", "failed", "rejected", "unknown", "error"]
"""`rejected`: it does not pass, and nothing was sent; `unknown`: whether it is registered cannot be found out;
`error`: something else stood in the way, and nothing was registered."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One target and what became of it.

    asset    as the provider last described it; None where there is none
    code     why it is neither active nor processing, as one of `preflight.codes.CODES` or of a provider's reasons
    message  a sentence about it; reused: it had been registered before
    """

    source: str
    outcome: Outcome
    index: int = 0
    report: Report | None = None
    asset: Asset | None = None
    code: str | None = None
    message: str | None = None
    reused: bool = False
    error: PreflightError | None = None

    def as_json(self) -> dict[str, Any]:
        """A JSON object: `submit --format jsonl` prints one a line."""
        return {
            "source": self.source,
            "index": self.index,
            "outcome": self.outcome,
            "reused": self.reused,
            "code": self.code,
            "message": self.message,
            "asset": self.asset.as_json() if self.asset is not None else None,
            "report": self.report.as_json() if self.report is not None else None,
        }


class NotActive(PreflightError):
    """`submit` could not make an active asset of a file that passed. `submission` says what became of it."""

    def __init__(self, submission: Submission) -> None:
        super().__init__(f"{submission.source}: {submission.message}")
        self.submission = submission
