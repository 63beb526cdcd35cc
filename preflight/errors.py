"""Everything that preflight raises.

PreflightError
├── UsageError              the call is wrong: what, and what to write instead
│   ├── RuleFileError       a rule file is wrong: file, line, nearest correct word
│   └── MissingExtra        an optional part is not installed: which extra to install
├── SourceError             a source cannot be read: becomes a report, never stops a run
│   └── SourceChanged       it changed while it was read
├── Rejected                submit: the file does not pass; carries the report
└── ProviderError           a provider answered with an error or not at all (preflight.providers)

A bad file is a value (a `Report`), not an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preflight.report import Report


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


class SourceError(PreflightError):
    """A source cannot be read. `code` is one of `preflight.codes.CODES`; its severity decides the verdict."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SourceChanged(SourceError):
    """The source's bytes changed between two reads."""

    def __init__(self, name: str) -> None:
        super().__init__("source_changed", f"{name} changed while it was read: check it again once it is complete")


class Rejected(PreflightError):
    """`submit` refused a file that does not pass. `report` says why."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report
