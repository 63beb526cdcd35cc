"""Everything that preflight raises.

PreflightError
├── UsageError              the call is wrong: what, and what to write instead
│   ├── RuleFileError       a rule file is wrong: file, line, nearest correct word
│   └── MissingExtra        an optional part is not installed: which extra to install
├── OutputError             a file of results cannot be written to its end
├── SourceError             a source cannot be read: becomes a report, never stops a run
│   ├── SourceChanged       it changed while it was read
│   ├── WorkerTimeout       a decoder took longer than its deadline and was stopped
│   ├── WorkerCrashed       a decoder crashed, or took more memory than it may
│   └── ReadLimit           a decoder wants more of the source than may be read
├── Rejected                submit: the file does not pass; carries the report
├── NotActive               submit: it passed, and is not active at the provider; carries what became of it
├── LedgerError             the ledger cannot be read or written
├── Stopped                 a run was stopped while something waited; the same call goes on
└── ProviderError           a provider answered with an error or not at all: which call, why, what to do
    ├── AccountRefused      the account may not do this: key, permission, plan, credits, quota, a feature switched off
    ├── AssetNotFound       the provider has nothing with this id
    ├── ProviderUnavailable the provider fails or is under maintenance
    ├── ProviderUnreachable no connection, no TLS, no answer in time, or the connection was lost
    ├── RateLimited         too many calls in too short a time
    ├── RequestRefused      the provider refuses what was sent: the file, its URL, a name
    └── UnusableAnswer      an answer that is not in the provider's own language: a web page, nothing, a redirect

A bad file is a value (a `Report`), not an exception.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preflight.report import Report
    from preflight.submission import Submission


class PreflightError(Exception):
    """The root of the tree; `str()` of it is one sentence for a person."""


class UsageError(PreflightError):
    """The call is wrong. The message names the argument and the remedy."""


class RuleFileError(UsageError):
    """A rule file cannot be used. `problems` holds one sentence each: file, line, what is wrong, nearest word."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingExtra(UsageError):
    """An optional dependency is missing; the message names the extra that brings it."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs an optional part: pip install 'preflight-media[{extra}]'")
        self.extra = extra


class OutputError(PreflightError):
    """An output file cannot be written to its end. A file that it would have replaced is unchanged."""

    def __init__(self, path: str, reason: str) -> None:
        is_full = reason in (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
        remedy = "free space, or give another path" if is_full else "give another path"
        super().__init__(f"{path} cannot be written to the end ({reason}): {remedy}")
        self.path = path


class SourceError(PreflightError):
    """A source cannot be read. `code` is one of `preflight.codes.CODES`; its severity decides the verdict."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SourceChanged(SourceError):
    """The source's bytes changed between two reads."""

    def __init__(self, name: str) -> None:
        super().__init__("source_changed", f"{name} changed while it was read: check it again once it is complete")


class WorkerTimeout(SourceError):
    """A decoder did not come to an end with this source and was stopped."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__("probe_timeout", f"{name}: the decoder was stopped after {seconds:g} s")


class WorkerCrashed(SourceError):
    """A decoder failed on this source in a way that says nothing about the media: `reason` says how."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__("probe_crashed", f"{name}: the decoder {reason}")


class ReadLimit(SourceError):
    """A decoder asked for more bytes of this source than may be read."""

    def __init__(self, name: str, max_bytes: int) -> None:
        super().__init__("read_limit", f"{name}: the decoder wants more than the {max_bytes:,} bytes that may be read")


class Rejected(PreflightError):
    """`submit` refused a file that does not pass. `report` says why."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


class NotActive(PreflightError):
    """`submit` made no active asset of a file that passed. `submission` says what became of it."""

    def __init__(self, message: str, submission: Submission) -> None:
        super().__init__(message)
        self.submission = submission


class LedgerError(PreflightError):
    """The ledger cannot be read or written. The message names the file and the remedy."""


class Stopped(PreflightError):
    """The run was stopped while something waited."""

    def __init__(self) -> None:
        super().__init__("stopped: run the same command again to go on")


class ProviderError(PreflightError):
    """One call to a provider did not succeed. `str()` names the provider, the call, the code and the remedy.

    provider     its name; call: what the provider calls it (`CreateAsset`, `POST /v1/ark/assets`)
    reason       why, as a key of `preflight.providers.reasons.REASONS`
    status       the HTTP status, where one was seen; code: the provider's own word or number for it
    finding      the key of `preflight.codes.CODES` that says the same of a file, where the provider speaks of one
    remedy       what to do
    ambiguous    the call may have taken effect all the same: look it up, never just repeat it
    retryable    the same call may succeed later; retry_after: s that the provider asks to wait
    request_id   what the provider's support asks for
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        call: str,
        reason: str,
        status: int | None = None,
        code: str | None = None,
        finding: str | None = None,
        remedy: str = "",
        ambiguous: bool = False,
        retryable: bool = False,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.call = call
        self.reason = reason
        self.status = status
        self.code = code
        self.finding = finding
        self.remedy = remedy
        self.ambiguous = ambiguous
        self.retryable = retryable
        self.retry_after = retry_after
        self.request_id = request_id


class AccountRefused(ProviderError):
    """The account, not the file: `auth`, `access_denied`, `subscription_required`, `credits`, `quota` …"""


class AssetNotFound(ProviderError):
    """The provider has no asset and no group with this id, or none that this account may see."""


class ProviderUnavailable(ProviderError):
    """The provider's own fault: it fails (`server`), or is under `maintenance`."""


class ProviderUnreachable(ProviderError):
    """There is no answer: `connection_failed`, `tls_failed`, `timed_out`, `connection_lost`."""


class RateLimited(ProviderError):
    """Too many calls in too short a time. `retry_after` says how long to wait, where the provider does."""


class RequestRefused(ProviderError):
    """What was sent is refused; `finding` says which limit the provider names."""


class UnusableAnswer(ProviderError):
    """Something answered, but not as the provider does: `redirected`, `response_invalid`."""
