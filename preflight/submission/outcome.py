"""What became of one target: `Submission`, and how each way to end is worded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from preflight.errors import LedgerError, PreflightError, ProviderError, SourceError
from preflight.ledger import Entry
from preflight.providers import Asset, Provider
from preflight.report import Report

Outcome = Literal["active", "processing", "failed", "rejected", "unknown", "error"]
"""`rejected`: it does not pass, and nothing was sent; `unknown`: whether it is registered is not known, and it is not
registered again before that is; `error`: something else stood in the way, and the same call may succeed later."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One target and what became of it.

    asset    as the provider last described it; None where there is none
    code     why it is not active: one of `preflight.codes.CODES`, or the reason of a `ProviderError`
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


_OUTCOMES: Final[dict[str, Outcome]] = {
    "active": "active",
    "processing": "processing",
    "failed": "failed",
    "intended": "unknown",
    "unknown": "unknown",
}
"""By the state of the ledger's entry."""


def rejected(report: Report) -> Submission:
    """A target that does not pass: the first thing that is wrong with it, and how many more there are."""
    strict = ""
    findings = [finding for finding in report.findings if finding.severity in ("error", "unknown")]
    if not findings:
        findings = [finding for finding in report.findings if finding.severity == "warning"]
        strict = ": a warning, which stops it under --strict"
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        code, message = findings[0].code, f"{findings[0].message}{strict}{more}"
    else:
        code, message = ("internal_error", "it does not pass, and no rule says why")
        if report.error is not None:
            code, message = report.error.code, report.error.message
    return Submission(report.source, "rejected", report.index, report, code=code, message=message)


def stopped(source: str, index: int, report: Report | None, error: PreflightError) -> Submission:
    """A target in whose way something else stood."""
    code = error.reason if isinstance(error, ProviderError) else None
    code = error.code if isinstance(error, SourceError) else code
    code = "ledger_error" if isinstance(error, LedgerError) else code
    return Submission(source, "error", index, report, code=code, message=str(error), error=error)


def settled(
    report: Report, entry: Entry, asset: Asset | None, provider: Provider, *, reused: bool, note: str | None
) -> Submission:
    """A target as the ledger has it. asset: as the provider was seen to have it; note: what there is to say besides."""
    said = [entry.error_message, note]
    if entry.state == "failed":
        said[0] = entry.error_message or entry.provider_code or f"{provider.title} gives no reason"
        if asset is None and reused:
            said.append("it failed before, and is not sent again: change the file, or use --retry-failed")
    return Submission(
        report.source,
        _OUTCOMES[entry.state],
        report.index,
        report,
        asset or known(entry, provider),
        entry.error_code,
        "; ".join(filter(None, said)) or None,
        reused,
    )


def known(entry: Entry, provider: Provider) -> Asset | None:
    """The asset as the ledger has it, where the provider was not asked."""
    if entry.asset_id is None:
        return None
    kind = entry.kind.split(":")[0]
    return Asset(
        entry.asset_id,
        provider.name,
        entry.state if entry.state in ("active", "failed") else "processing",
        kind,
        entry.reference,
        entry.name,
        entry.group or None,
        error_code=entry.error_code,
        error_message=entry.error_message,
        provider_code=entry.provider_code,
        usage=provider.usage.get(kind, provider.usage.get("")),
    )


class NotActive(PreflightError):
    """`submit` accepted a file that is not an active asset now. `submission` says why."""

    def __init__(self, message: str, submission: Submission) -> None:
        super().__init__(message)
        self.submission = submission
