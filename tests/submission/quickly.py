"""`preflight submit` on a clock that runs fast, to a web that may be private."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from preflight import sandbox
from preflight.cli import main as run
from preflight.cli import submit as command
from preflight.retry import Backoff
from preflight.sandbox import Sandbox
from preflight.submission import RecoveryWindow, Submission, submit_many
from tests.submission.clocks import quick_clock


def main() -> None:
    def quick(targets: Any, to: str, **settings: Any) -> Generator[Submission]:
        window = RecoveryWindow(3.0, Backoff(first=0.5))
        settings |= {"allow_private": True, "recovery_window": window, "clock": quick_clock()}
        return submit_many(targets, to, **settings)

    def quick_sandbox(**settings: Any) -> sandbox.Sandbox:
        return Sandbox(**settings | {"delay": 0.02})

    sandbox.Sandbox = quick_sandbox  # type: ignore[assignment, misc]
    command.submit_many = quick  # type: ignore[attr-defined]
    run()
