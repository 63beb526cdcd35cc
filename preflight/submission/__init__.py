"""Submit files: check → host → register → poll. `Client` for programs that run long, `submit` for one call.

A target that does not pass is never sent. What the ledger knows is not sent again.
"""

from __future__ import annotations

from preflight.submission.api import submit, submit_many
from preflight.submission.client import Client
from preflight.submission.options import CallOptions, SubmitOptions
from preflight.submission.outcome import NotActive, Submission, SubmissionOutcome
from preflight.submission.recover import RecoveryWindow

__all__ = [
    "CallOptions",
    "Client",
    "NotActive",
    "RecoveryWindow",
    "Submission",
    "SubmissionOutcome",
    "SubmitOptions",
    "submit",
    "submit_many",
]
