"""Prove that a result passes before it is renamed: judge it by the same rule sets, and decode it completely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from preflight.checker import CheckPlan, examine
from preflight.fixer.ffmpeg import Ffmpeg, decode_fully
from preflight.fixer.planning import DAMAGED, FixGoal
from preflight.formats import IMAGE
from preflight.judge import limit_findings
from preflight.report import Report

if TYPE_CHECKING:
    import threading

_NOT_DECODED: Final = DAMAGED | {"decode_unconfirmed"}
"""Codes of findings on a result that is damaged, or may be."""
MIN_TIMEOUT: Final = 600.0
"""Minimum timeout (s) of decoding."""
_SECONDS_PER_SECOND: Final = 30.0
"""Timeout (s) of decoding per second of media."""


class Proof(NamedTuple):
    """The report of a result, and why it is rejected; None if it passes."""

    report: Report
    problem: str | None


def prove(
    path: str, name: str, check: CheckPlan, goal: FixGoal, *, ffmpeg: Ffmpeg | None, stop: threading.Event | None = None
) -> Proof:
    """Judge and decode the result at a path.

    name    the final name of the result, whose extension rule sets may check
    goal    what the result must satisfy, with further limits
    ffmpeg  decodes video and audio files; None for pictures, which a deep check decodes
    """
    report = examine(path, check._replace(deep=ffmpeg is None, hints=False), name=name)
    if report.error is not None:
        return _not_proven(report, "cannot be read", report.error.message)
    for finding in report.findings:
        if finding.severity == "error" or finding.code in _NOT_DECODED:
            return _not_proven(report, "does not pass", finding.message)
    if not report.passed:
        unknown = [finding.message for finding in report.findings if finding.severity in ("unknown", "warning")]
        return _not_proven(report, "may not pass", unknown[0] if unknown else report.verdict)
    media = report.media
    assert media is not None
    for who, section in goal.extra_limits:
        for finding in limit_findings(media, section.for_format(media.format), goal.rules[0]):
            if finding.severity == "error":
                return _not_proven(report, f"does not match {who}", finding.message)
    if ffmpeg is not None and media.kind != IMAGE:
        timeout = max(MIN_TIMEOUT, _SECONDS_PER_SECOND * (media.duration or 0))
        fault = decode_fully(ffmpeg, path, media.format or "", timeout=timeout, stop=stop)
        if fault is not None:
            return _not_proven(report, "cannot be decoded", fault)
    return Proof(report, None)


def _not_proven(report: Report, what: str, why: str) -> Proof:
    """Return a failed proof: one sentence for the problem, one for the remedy."""
    return Proof(
        report, f"The result {what}: {why.rstrip('. ')}. Nothing was written; fix the file with another program."
    )
