"""The exceptions of preflight, and the remedy for an unknown word. A bad file is a value (`Report`), not an exception.

PreflightError
├── UsageError               the call is wrong: the problem and the remedy
│   ├── RuleFileError        a rule file is invalid: file, line, closest valid word
│   └── MissingExtra         an optional dependency is not installed: which extra to install
├── OutputError              an output file cannot be written completely
├── FfmpegError              ffmpeg cannot do what one file needs, or failed
├── SourceError              a source cannot be read: becomes a report, never ends a run
│   ├── SourceChanged        it changed while it was read
│   ├── WorkerTimeout        a decoder exceeded its deadline and was stopped
│   ├── WorkerCrashed        a decoder crashed, or exceeded its memory limit
│   └── ReadLimit            a decoder asked for more of the source than may be read
├── report.Rejected          submit: the file does not pass; carries the report
├── submission.NotActive     submit: the file passed and is not active at the provider; carries the submission
├── LedgerError              the ledger cannot be read or written
├── Stopped                  a run was stopped while a call waited; the same call continues it
└── ProviderError            a provider answered with an error or not at all: which call, why, what to do
    ├── AccountRefused       the account may not do this: key, permission, plan, credits, quota, disabled feature
    ├── AssetNotFound        the provider has nothing with this id
    ├── ProviderUnavailable  the provider fails or is under maintenance
    ├── ProviderUnreachable  no connection, no TLS, no response in time, or the connection was lost
    ├── RateLimited          too many calls in too short a time
    ├── RequestRefused       the provider refuses what was sent: the file, its URL, a name
    └── UnusableAnswer       the response is not one of the provider's: a web page, an empty body, a redirect
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import Final


class PreflightError(Exception):
    """An error with a message for people: one sentence for the problem, one for the remedy.

    parameters  names of parameters that the message mentions, each as `name=` or `name=VALUE`. The command line shows
                the options of the running command in their place.
    """

    def __init__(self, message: str, *, parameters: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.parameters = parameters


class UsageError(PreflightError):
    """The call is wrong: an argument, a rule set, a configuration, an output that cannot be written."""


class RuleFileError(UsageError):
    """A rule file is invalid. `problems` has one sentence each: file, line, problem, closest valid word."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingExtra(UsageError):
    """An optional dependency is not installed; `extra` is the extra of preflight-media that installs it."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs an optional dependency. Install it: pip install 'preflight-media[{extra}]'")
        self.extra = extra


class OutputError(PreflightError):
    """An output file cannot be written completely. A file that it would have replaced is unchanged."""

    def __init__(self, path: str, reason: str) -> None:
        is_full = reason in (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
        remedy = "Free space, or give another path." if is_full else "Give another path."
        super().__init__(f"{path} cannot be written to the end ({reason}). {remedy}")
        self.path = path


class FfmpegError(PreflightError):
    """The ffmpeg cannot do what one file needs, or failed. Other files may succeed.

    code  `ffmpeg_unusable`: the program does not work; `ffmpeg_incomplete`: it lacks an encoder, a filter or a format;
          `ffmpeg_failed`, `ffmpeg_timeout`: it could not change or decode this file, or not in time;
          `ffmpeg_output_too_large`: the result would exceed the size that was allowed
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SourceError(PreflightError):
    """A source cannot be read. `code` is one of `preflight.codes.CODES`; its severity decides the verdict."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SourceChanged(SourceError):
    """The bytes of the source changed between two reads."""

    def __init__(self, name: str) -> None:
        super().__init__("source_changed", f"{name} changed while it was read. Check it again once it is complete.")


class WorkerTimeout(SourceError):
    """A decoder did not finish with this source in time and was stopped."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__("probe_timeout", f"{name}: the decoder was stopped after {seconds:g} s")


class WorkerCrashed(SourceError):
    """A decoder failed on this source for a `reason` that says nothing about the media."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__("probe_crashed", f"{name}: the decoder {reason}")


class ReadLimit(SourceError):
    """A decoder asked for more bytes of this source than may be read."""

    def __init__(self, name: str, max_bytes: int) -> None:
        super().__init__("read_limit", f"{name}: the decoder needs more than the {max_bytes:,} bytes that may be read")


class LedgerError(PreflightError):
    """The ledger cannot be read or written. The message names the file and the remedy."""


class Stopped(PreflightError):
    """The run was stopped while a call waited. The same call continues it."""

    def __init__(self) -> None:
        super().__init__("The run was stopped. Repeat the call to continue it.")


class ProviderError(PreflightError):
    """One call to a provider did not succeed. `str()` names the provider, the call, the code and the remedy.

    provider     name of the provider; call: the provider's name for the call (`CreateAsset`, `POST /v1/ark/assets`)
    reason       a key of `preflight.providers.refusals.REASONS`
    status       the HTTP status, if there was a response; code: the provider's error code
    finding      the key of `preflight.codes.CODES` for the same problem of a file, if the error is about a file
    remedy       what to do
    ambiguous    the call may have taken effect: look it up before you repeat it
    retryable    the same call may succeed later; retry_after: seconds that the provider asks to wait
    request_id   the id that the provider's support asks for
    """

    def __init__(  # noqa: PLR0913 - one keyword for each attribute
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
        parameters: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, parameters=parameters)
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
    """The account is refused, not the file: `auth`, `access_denied`, `subscription_required`, `credits`, `quota`.

    `rate_limited` if the account accepted no registration at all for the time to poll.
    """


class AssetNotFound(ProviderError):
    """The provider has no asset and no group with this id, or none that this account may see."""


class ProviderUnavailable(ProviderError):
    """The provider fails (`server`) or is under `maintenance`."""


class ProviderUnreachable(ProviderError):
    """There is no response: `connection_failed`, `tls_failed`, `timed_out`, `connection_lost`."""


class RateLimited(ProviderError):
    """There were too many calls in too short a time; `retry_after` is the wait that the provider asks for, if any."""


class RequestRefused(ProviderError):
    """The request is refused; `finding` is the code of the limit that the provider names."""


class UnusableAnswer(ProviderError):
    """The response is not one of the provider's: `redirected`, `response_invalid`."""


_MAX_COMPARED_CHARS: Final = 60
"""Characters of a word that are compared: comparing takes time that grows with the square of its length."""
_MAX_CHOICES: Final = 24
"""Known words that a message lists."""


def suggestion(word: str, known: Iterable[str], meant: str | None = None) -> str:
    """Return a sentence that names the nearest known word or, if none is near, those to choose from.

    meant  the known word that a common synonym stands for

    >>> suggestion("pixel", ["pixels", "size"]), suggestion("quality", ["min", "max"])
    ("Did you mean 'pixels'?", 'Choose one of min, max.')
    """
    from difflib import get_close_matches  # only for wrong words

    words = list(known)
    if meant not in words:
        plain = word[:_MAX_COMPARED_CHARS].lower().replace("-", "_")
        meant = next(iter(get_close_matches(plain, words, n=1, cutoff=0.6)), None)
    if meant is not None:
        return f"Did you mean {meant!r}?"
    return f"Choose one of {', '.join(words)}." if len(words) <= _MAX_CHOICES else "Check its spelling."
