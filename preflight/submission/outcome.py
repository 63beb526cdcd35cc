"""The outcome of one target: `Submission`, and the message of each outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from preflight.errors import LedgerError, PreflightError, ProviderError, SourceError, UsageError
from preflight.formats import KINDS
from preflight.ledger import Entry
from preflight.plans.choices import obstacle_text
from preflight.providers import Asset, Provider, ProviderSpec
from preflight.report import Plan, Report

SubmissionOutcome = Literal["active", "processing", "failed", "rejected", "unknown", "error", "cancelled"]
"""`rejected`: it does not pass, or no host is given for it, and nothing was sent; `unknown`: it may be registered, and
is not registered again before that is settled; `error`: something else prevented it, and the same call may succeed
later; `cancelled`: it was stopped before it was registered, and the same call continues it."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One target and its outcome.

    asset    as the provider last described it; None if there is none
    code     why it is not active: one of `preflight.codes.CODES`, or the reason of a `ProviderError`
    message  the same as a sentence, with the remedy
    reused   it was registered before this call
    fix      how the file was changed before it was registered, or what prevents that; None: it is registered as it is
    """

    source: str
    outcome: SubmissionOutcome
    index: int = 0
    report: Report | None = None
    asset: Asset | None = None
    code: str | None = None
    message: str | None = None
    reused: bool = False
    error: PreflightError | None = None
    fix: Plan | None = None

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object: `submit --format jsonl` prints one a line."""
        return {
            "source": self.source,
            "index": self.index,
            "outcome": self.outcome,
            "reused": self.reused,
            "code": self.code,
            "message": self.message,
            "asset": self.asset.as_json() if self.asset is not None else None,
            "report": self.report.as_json() if self.report is not None else None,
            "fix": self.fix.as_json() if self.fix is not None else None,
        }


class NotActive(PreflightError):
    """The file passed, but is not an active asset. `submission` says why."""

    def __init__(self, message: str, submission: Submission) -> None:
        super().__init__(message)
        self.submission = submission


RETRY: Final = "It failed before, and is not registered again. Change the file, or submit it with retry_failed=True."
_OUTCOMES: Final[dict[str, SubmissionOutcome]] = {
    "active": "active",
    "processing": "processing",
    "failed": "failed",
    "intended": "unknown",
    "unknown": "unknown",
}
"""By the state of the ledger's entry."""


def rejected(report: Report) -> Submission:
    """Return the submission of a target that does not pass: its first problem, and the number of others."""
    strict = ""
    findings = [finding for finding in report.findings if finding.severity in ("error", "unknown")]
    if not findings:
        findings = [finding for finding in report.findings if finding.severity == "warning"]
        strict = " (a warning, which strict makes a failure)"
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        code, message = findings[0].code, f"{findings[0].message}{strict}{more}"
    elif report.error is not None:
        code, message = report.error.code, report.error.message
    else:
        code, message = "internal_error", "It does not pass, and no rule says why."
    error = UsageError(message) if code == "not_a_media_source" else None
    return Submission(report.source, "rejected", report.index, report, code=code, message=message, error=error)


def not_fixable(report: Report, plan: Plan) -> Submission:
    """Return the submission of a target that does not pass, and for which there is no plan: with the obstacles."""
    submission = rejected(report)
    known = submission.message or ""
    texts = [obstacle_text(each) for each in plan.obstacles if each.message.rstrip(".") not in known]
    message = join_sentences(known, *texts)
    return replace(submission, message=message, fix=plan if plan.obstacles else None)


def not_fixed(report: Report, plan: Plan, error: PreflightError) -> Submission:
    """Return the submission of a target that does not pass, and whose plan could not be applied."""
    message = join_sentences(rejected(report).message, str(error))
    return Submission(report.source, "rejected", report.index, report, code="not_fixed", message=message, fix=plan)


def not_hosted(report: Report, error: UsageError, plan: Plan | None = None) -> Submission:
    """Return the submission of a file that passes or can be fixed, when the call does not say where it is hosted."""
    return Submission(
        report.source, "rejected", report.index, report, code="not_hosted", message=str(error), error=error, fix=plan
    )


def prevented(source: str, index: int, report: Report | None, error: PreflightError) -> Submission:
    """Return the submission of a target that an error prevented."""
    code = "ledger_error" if isinstance(error, LedgerError) else None
    if isinstance(error, ProviderError | SourceError):
        code = error.reason if isinstance(error, ProviderError) else error.code
    return Submission(source, "error", index, report, code=code, message=str(error), error=error)


def cancelled(source: str, index: int) -> Submission:
    """Return the submission of a target that was stopped before it was registered."""
    text = "It was cancelled before it was registered. The same call continues it."
    return Submission(source, "cancelled", index, code="cancelled", message=text)


def settled(
    report: Report,
    entry: Entry,
    asset: Asset | None,
    provider: Provider,
    *,
    reused: bool,
    note: str | None,
    fix: Plan | None = None,
) -> Submission:
    """Return the submission of a target that the ledger has.

    asset  as the provider last described it
    note   a further sentence for the message
    """
    message = entry.error_message
    if entry.state == "failed":
        message = message or entry.provider_code or f"{provider.title} gives no reason."
        if asset is None and reused:
            message = join_sentences(message, RETRY)
    return Submission(
        report.source,
        _OUTCOMES[entry.state],
        report.index,
        report,
        asset or asset_from_entry(entry, provider.spec),
        entry.error_code,
        join_sentences(message, note) or None,
        reused,
        fix=fix,
    )


def join_sentences(*texts: str | None) -> str:
    """Join texts, each as a sentence, if there are several."""
    given = [text for text in texts if text]
    return " ".join(text if text.endswith((".", "!", "?", "。")) or len(given) == 1 else f"{text}." for text in given)


def asset_from_entry(entry: Entry, spec: ProviderSpec) -> Asset | None:
    """Return the asset as recorded in the ledger, without a call to the provider."""
    if entry.asset_id is None:
        return None
    kind = entry.media_kind
    origins = spec.origins if entry.origin == spec.origins["main"] else dict.fromkeys(spec.origins, entry.origin)
    return Asset(
        entry.asset_id,
        entry.provider,
        entry.state if entry.state in ("active", "failed") else "processing",
        kind if kind in KINDS else None,
        entry.reference,
        entry.name,
        entry.group_id or None,
        error_code=entry.error_code,
        error_message=entry.error_message,
        provider_code=entry.provider_code,
        usage=spec.usage.get(kind, spec.usage.get("")),
        generation=None if spec.generation is None else spec.generation.at(origins),
    )
