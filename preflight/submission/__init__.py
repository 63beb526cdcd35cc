"""Submit files: check → host → register → poll. `Client` for programs that run long, `submit` for one call.

A target that does not pass is never sent. What the ledger knows is not sent again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Unpack

from preflight.providers import Asset
from preflight.sources.open import require_iterable
from preflight.submission.client import Client
from preflight.submission.options import CallOptions, SubmitOptions
from preflight.submission.outcome import NotActive, Submission, SubmissionOutcome
from preflight.submission.recover import RecoveryWindow
from preflight.submission.run import SubmitTarget
from preflight.targets import Item

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


def submit(target: SubmitTarget, to: str, **options: Unpack[SubmitOptions]) -> Asset:
    """Check one file or URL, host it if it is local, register it, and wait until it is active.

    Raise `Rejected`, with the report, before anything is sent; `NotActive` if it failed there, its outcome is
    unknown or it is still processing; `ProviderError` if a call failed. To submit often, keep a `Client`.
    """
    with Client(to, **options) as client:
        return client.submit(target)


def submit_many(
    targets: Iterable[SubmitTarget | Item], to: str, *, ordered: bool = True, **options: Unpack[SubmitOptions]
) -> Generator[Submission, None, None]:
    """Yield exactly one `Submission` for each target, in input order.

    ordered  False: yield submissions as soon as they are ready; the other options are those of `SubmitOptions`

    A run that is not iterated to its end is stopped: registered assets are in the ledger, and the same call continues
    with the same targets. For a queue, use `Client.submit_all`, which reports every target that it took.
    If the provider refuses the account, the remaining targets get the outcome `error`, with the same reason.
    Raise `UsageError` if the call is wrong for all targets.
    """
    require_iterable(targets)
    return _submissions(Client(to, **options), targets, ordered=ordered)


def _submissions(
    client: Client[object], targets: Iterable[SubmitTarget | Item], *, ordered: bool
) -> Generator[Submission, None, None]:
    with client:
        # Without `on_result`, targets that were taken and not yielded would be logged; the same call takes them again.
        yield from client.submit_all(targets, ordered=ordered, on_result=lambda _: None)
