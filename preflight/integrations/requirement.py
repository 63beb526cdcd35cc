"""Require that sources pass, without any framework: `assert_passes`; `Requirement` for values of an application."""

from __future__ import annotations

import io
import os
from collections.abc import Hashable, Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Unpack

from preflight.checker import CheckKeywords, CheckPlan, Rules, examine, plan_for, require_rules
from preflight.errors import SourceError, UsageError
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.report import Finding, Plan, Report, Result
from preflight.reporters.text import describe
from preflight.ruleset import RuleSet
from preflight.sources.open import Target, display_name, is_url

_MAX_PATH_CHARS: Final = 4096
"""PATH_MAX of Linux. Resolving the links of a path takes time that grows with the square of its length."""
_FAILS: Final = ("error", "unknown")


class Objection(NamedTuple):
    """One finding that keeps a value from passing, and the rule set that it comes from."""

    rules: str
    finding: Finding

    def context(self) -> dict[str, object]:
        """Return the details for machines, as plain JSON values; unknown ones are left out."""
        details = {"rules": self.rules, **self.finding.as_json()}
        return {key: details[key] for key in details if key not in ("code", "message") and details[key] is not None}


@dataclass(frozen=True, eq=False)  # compared by identity, since `typing` must be able to hash it
class Requirement:
    """The rule sets that a value must pass, with options of `preflight.check` and bounds for untrusted values.

    rules      as for `preflight.check`; an unknown one raises `UsageError` when the requirement is created
    max_bytes  the largest accepted size; by default the largest that the rule sets accept of any kind
    within     the folder in which a path must be, with links resolved; None: any path, which is safe only if the path
               comes from your own code and never from a request
    """

    rules: Rules
    _: KW_ONLY
    strict: bool = False
    deep: bool = False
    max_bytes: int | None = None
    timeout: float | None = None
    allow_private: bool = False
    within: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.within is not None and not os.path.isdir(self.within):
            raise UsageError(
                f"within={os.fspath(self.within)!r} is not a folder. Give the folder of the accepted files.",
                parameters=("within",),
            )
        if self.max_bytes is not None and not (isinstance(self.max_bytes, int) and self.max_bytes >= 1):
            raise UsageError(
                f"max_bytes={self.max_bytes!r} is not a number of bytes. Give 1 or more.", parameters=("max_bytes",)
            )
        assert self.plan  # an unknown rule set is reported here, not for the first value

    @cached_property
    def plan(self) -> CheckPlan:
        """Return the plan of the check."""
        rules = require_rules(self.rules)
        return plan_for(
            rules, strict=self.strict, deep=self.deep, timeout=self.timeout, allow_private=self.allow_private
        )

    @cached_property
    def identity(self) -> Hashable:
        """Return a key that is equal for two requirements with the same report for every value."""
        within = None if self.within is None else os.path.abspath(self.within)
        return self.plan.digest, self.max_bytes, self.timeout, self.allow_private, within

    @cached_property
    def size_limit(self) -> int | None:
        """Return the bytes above which nothing passes: `max_bytes`, else the largest size that all rule sets accept."""
        if self.max_bytes is not None:
            return self.max_bytes
        bounds = [bound for rules in self.plan.rules if (bound := _largest(rules)) is not None]
        return min(bounds, default=None)

    def report(self, value: object) -> Report:
        """Return the report of a path, a URL, bytes, an open binary file or an upload; reads at most the size limit.

        Raises `UsageError` for any other value.
        """
        target: Any
        target, name = _target(value)
        label = name or display_name(target)
        if self.within is not None and isinstance(target, os.PathLike):
            resolved = _resolve_within(target, self.within)
            if resolved is None:
                return self._refused(label, _OUTSIDE)
            target = resolved
        size = size_of(target)
        if self.max_bytes is not None and size is not None and size > self.max_bytes:
            return self._too_large(label, size)
        if size is None and self.size_limit is not None and hasattr(target, "read"):
            target = BoundedFile(target, self.size_limit)
        return examine(target, self.plan, name=label)

    def objections(self, report: Report) -> Iterator[Objection]:
        """Yield the findings that keep a report from passing; one that several rule sets share, once."""
        counts = (*_FAILS, "warning") if self.strict else _FAILS
        seen = set()
        for result in report.results:
            for finding in result.findings:
                if finding.severity in counts and (finding.code, finding.message) not in seen:
                    seen.add((finding.code, finding.message))
                    yield Objection(result.rules, finding)

    def _too_large(self, label: str, size: int) -> Report:
        message = f"size {size:,} bytes: above the {self.max_bytes:,} bytes that are accepted here"
        finding = Finding("file_size_too_large", "error", message, "size", size, {"max": self.max_bytes})
        return self._refused(label, finding)

    def _refused(self, label: str, finding: Finding) -> Report:
        """Return the report of a value that is refused without being read."""
        results = tuple(
            Result(rules.name, rules.stage, rules.as_of, rules.basis, "fail", (finding,), variant=rules.variant)
            for rules in self.plan.rules
        )
        return Report(label, None, results)


def _largest(rules: RuleSet) -> int | None:
    """Return the largest size that a rule set accepts of any kind, even with a warning; None if a kind has no limit."""
    largest = 0.0
    for section in rules.sections.values():
        groups = [section.limits, *section.by_format.values()]
        groups += [when.limits for when in section.whens if any(limit.fact == "size" for limit in when.limits)]
        for limits in groups:
            size = next((limit for limit in limits if limit.fact == "size"), None)
            highs = [limit.high for limit in (size, size.lenient if size else None) if limit and limit.high is not None]
            if not highs:
                return None
            largest = max(largest, *highs)
    return int(largest) or None


_OUTSIDE: Final = Finding(
    "path_outside",
    "error",
    "the path is outside the folder from which files are accepted here",
    hint="give a file in that folder",
)


def _resolve_within(path: os.PathLike[str], folder: str | os.PathLike[str]) -> Path | None:
    """Return the path with all links resolved if it is below the folder, whether or not it exists."""
    name = os.fsdecode(path)
    if len(name) > _MAX_PATH_CHARS:
        return None
    try:
        resolved, root = Path(os.path.realpath(name)), Path(os.path.realpath(folder))
    except (OSError, ValueError):  # a NUL, or a name that no file system takes
        return None
    return resolved if resolved.is_relative_to(root) else None


def _target(value: object) -> tuple[Target, str | None]:
    """Return the target for a value, and a name if the target has none."""
    if isinstance(value, bytes | bytearray | memoryview | os.PathLike):
        return value, None
    if type(value).__module__.partition(".")[0] in ("pydantic", "pydantic_core") and is_url(str(value)):
        return str(value), None
    if isinstance(value, str):
        raise UsageError("a str could be a path or a URL. Give a pathlib.Path or an AnyHttpUrl.")
    file, name = file_of(value)
    if file is None:
        raise UsageError(
            f"{type(value).__name__} cannot be checked. Give a pathlib.Path, an AnyHttpUrl, bytes, a file or an upload."
        )
    return file, name


def file_of(value: object) -> tuple[IO[bytes] | None, str | None]:
    """Return the open binary file of an upload, and the name that the client gave it; (None, None) for other values.

    Uploads are Starlette's `UploadFile` (`file`, `filename`), Django's `UploadedFile` and `FieldFile` (`file`, `name`),
    and any open binary file (`read`).
    """
    name = getattr(value, "filename", None) or getattr(value, "name", None)
    inside: Any = getattr(value, "file", None)
    if callable(getattr(inside, "read", None)):
        value = inside
    elif not callable(getattr(value, "read", None)):
        return None, None
    file: Any = value
    return file, name if isinstance(name, str) else "<upload>"


def size_of(target: Any) -> int | None:
    """Return the size of a target if it can be known without reading it; the position of a file does not change."""
    if isinstance(target, bytes | bytearray | memoryview):
        return len(target)
    if isinstance(target, str | os.PathLike):
        try:
            return os.stat(target).st_size
        except OSError:  # a URL, or a missing path, which the report will mention
            return None
    try:
        if not target.seekable():
            return None
        here = target.tell()
        size: int = target.seek(0, io.SEEK_END)
        target.seek(here)
    except (AttributeError, OSError, ValueError):
        return None
    return size


class BoundedFile:
    """A file that cannot seek; reading more than `size_limit` bytes raises `file_size_too_large`."""

    def __init__(self, file: IO[bytes], size_limit: int) -> None:
        self._file = file
        self._left = size_limit
        self._size_limit = size_limit

    def read(self, length: int) -> bytes:
        """Read at most `length` bytes. Raise `SourceError` beyond the size limit."""
        # One more byte than allowed distinguishes a file of exactly that size from a larger one.
        data = self._file.read(min(length, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            message = f"size above the {self._size_limit:,} bytes that are accepted here; the rest was not read"
            raise SourceError("file_size_too_large", message)
        return data


def assert_passes(target: Target, rules: Rules, **options: Unpack[CheckKeywords]) -> Report:
    """Raise AssertionError with the findings as text unless the source passes; unknown fails too.

    Takes the arguments of `check`, and returns its report.
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    plan = plan_for(require_rules(rules), **options)
    report = examine(target, plan)
    if not report.passed:
        raise AssertionError(describe_failure(report, plan))
    return report


def describe_failure(report: Report, check: CheckPlan, choices: Choices = DEFAULT_CHOICES) -> str:
    """Return the findings of a source that does not pass, and the plan that makes it pass all rule sets at once."""
    from preflight.fixer.planning import FixGoal, propose  # needed only for what does not pass

    try:
        plan: Plan | None = propose(report, FixGoal(check.rules, choices, check.strict)).plan
    except Exception:  # noqa: BLE001 - an error of preflight must not hide the findings
        plan = None
    return describe(report, plan)
