"""Submit files: check → host → register → poll. `submit` for one target, `submit_many` for a stream of them.

A target that does not pass is never sent. What the ledger knows is not sent again.
"""

from __future__ import annotations

from preflight.submission.api import SubmitOptions, submit, submit_many
from preflight.submission.outcome import NotActive, Submission, SubmissionOutcome
from preflight.submission.recover import RecoveryWindow

__all__ = ["NotActive", "RecoveryWindow", "Submission", "SubmissionOutcome", "SubmitOptions", "submit", "submit_many"]
