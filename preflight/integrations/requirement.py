"""What an application requires of a value: `Requirement`, in the words of `preflight.check`. Knows no framework."""

from __future__ import annotations

import io
import os
from collections.abc import Hashable, Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from preflight.checker import CheckPlan, Rules, examine, plan_for, require_rules
from preflight.errors import SourceError, UsageError
from preflight.report import Finding, Report, Result
from preflight.ruleset import RuleSet
from preflight.sources.open import Target, display_name, is_url

_MAX_PATH_CHARS: Final = 4096
"""PATH_MAX of Linux. Resolving the links of a path takes time that grows with the square of its length."""
_FAILS: Final = ("error", "unknown")


class Objection(NamedTuple):
    """One finding that keeps a value from passing, and the rule set that it comes from."""

    rules: str
    finding: Finding

    def context(self) -> dict[str, Any]:
        """What a machine may want to know of it, as plain JSON values; what is not known is left out."""
        finding = self.finding
        told = {"rules": self.rules, "severity": finding.severity, "fact": finding.fact, "value": finding.value}
        told |= {"limit": finding.limit, "hint": finding.hint, "reference": finding.reference}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, eq=False)  # compared by identity: typing must be able to hash it wherever it stands
class Requirement:
    """A value has to pass rule sets. Takes the options of `preflight.check`, and bounds for values of strangers.

    rules      as after `--for`; resolved when the requirement is made. Raises `UsageError` for an unknown one
    max_bytes  the most that is accepted at all; without it, the most that the rule sets accept of any kind
    within     the folder in which a path must be, links resolved; None: any path, which is safe only where the path
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
                f"within={os.fspath(self.within)!r} is not a folder. Give the folder of the accepted files."
            )
        if self.max_bytes is not None and not (isinstance(self.max_bytes, int) and self.max_bytes >= 1):
            raise UsageError(f"max_bytes {self.max_bytes!r}: give a number of bytes, 1 or more")
        assert self.plan  # an unknown rule set is said here, not at the first value

    @cached_property
    def plan(self) -> CheckPlan:
        """What is to be read and judged."""
        rules = require_rules(self.rules)
        return plan_for(
            rules, strict=self.strict, deep=self.deep, timeout=self.timeout, allow_private=self.allow_private
        )

    @cached_property
    def identity(self) -> Hashable:
        """Return a key that is equal for two requirements that give the same report for every value."""
        within = None if self.within is None else os.path.abspath(self.within)
        return self.plan.digest, self.max_bytes, self.timeout, self.allow_private, within

    @cached_property
    def most(self) -> int | None:
        """Bytes beyond which nothing can pass: `max_bytes`, else the largest file that all rule sets accept."""
        if self.max_bytes is not None:
            return self.max_bytes
        bounds = [bound for rules in self.plan.rules if (bound := _largest(rules)) is not None]
        return min(bounds, default=None)

    def report(self, value: object) -> Report:
        """The report of a path, a URL, bytes, an open binary file or an upload. Reads no more of it than it may have.

        Raises `UsageError` for what is none of these.
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
        if size is None and self.most is not None and hasattr(target, "read"):
            target = Stopping(target, self.most)
        return examine(target, self.plan, name=label)

    def objections(self, report: Report) -> Iterator[Objection]:
        """The findings that keep a report from passing; what several rule sets say in the same words, once."""
        counts = (*_FAILS, "warning") if self.strict else _FAILS
        said = set()
        for result in report.results:
            for finding in result.findings:
                if finding.severity in counts and (finding.code, finding.message) not in said:
                    said.add((finding.code, finding.message))
                    yield Objection(result.rules, finding)

    def _too_large(self, label: str, size: int) -> Report:
        message = f"size {size:,} bytes: above the {self.max_bytes:,} bytes that are accepted here"
        return self._refused(
            label, Finding("file_size_too_large", "error", message, "size", size, {"max": self.max_bytes})
        )

    def _refused(self, label: str, finding: Finding) -> Report:
        """Return the report of a value that is refused without being read."""
        results = tuple(
            Result(rules.name, rules.stage, rules.as_of, rules.basis, "fail", (finding,)) for rules in self.plan.rules
        )
        return Report(label, None, results)


def _largest(rules: RuleSet) -> int | None:
    """The most bytes that a rule set accepts of any kind, with a warning too; None where a kind has no such limit."""
    most = 0.0
    for section in rules.sections.values():
        for limits in (section.limits, *section.by_format.values()):
            size = next((limit for limit in limits if limit.fact == "size"), None)
            highs = [one.high for one in (size, size.lenient if size else None) if one and one.high is not None]
            if not highs:
                return None
            most = max(most, *highs)
    return int(most) or None


_OUTSIDE: Final = Finding(
    "path_outside",
    "error",
    "the path is outside the folder from which files are accepted here",
    hint="give a file in that folder",
)


def _resolve_within(path: os.PathLike[str], folder: str | os.PathLike[str]) -> Path | None:
    """Return the path with all links resolved if it is below the folder; whether it exists plays no part."""
    name = os.fsdecode(path)
    if len(name) > _MAX_PATH_CHARS:
        return None
    try:
        resolved, root = Path(os.path.realpath(name)), Path(os.path.realpath(folder))
    except (OSError, ValueError):  # a NUL, or a name that no file system takes
        return None
    return resolved if resolved.is_relative_to(root) else None


def _target(value: object) -> tuple[Target, str | None]:
    """What to check for a value, and how it is called where it does not say so itself."""
    if isinstance(value, bytes | bytearray | memoryview | os.PathLike):
        return value, None
    if type(value).__module__.partition(".")[0] in ("pydantic", "pydantic_core") and is_url(str(value)):
        return str(value), None
    if isinstance(value, str):
        raise UsageError("a str may be a path or a URL. Give a pathlib.Path or an AnyHttpUrl")
    file, name = file_of(value)
    if file is None:
        raise UsageError(
            f"{type(value).__name__} cannot be checked. Give a pathlib.Path, an AnyHttpUrl, bytes, a file or an upload"
        )
    return file, name


def file_of(value: object) -> tuple[IO[bytes] | None, str | None]:
    """The open binary file inside an upload, and the name that the client gave it; (None, None): it is none.

    Known: Starlette's `UploadFile` (`file`, `filename`), Django's `UploadedFile` and `FieldFile` (`file`, `name`), any
    open binary file (`read`).
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
    """Bytes of a target where they can be known without reading it; a file's position stays where it is."""
    if isinstance(target, bytes | bytearray | memoryview):
        return len(target)
    if isinstance(target, str | os.PathLike):
        try:
            return os.stat(target).st_size
        except OSError:  # a URL; or a path that is not there: the report says so
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


class Stopping:
    """A file that cannot seek, of which at most `most` bytes are read: then it is `file_size_too_large`."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._left = most
        self._most = most

    def read(self, length: int) -> bytes:
        # One byte more than may be read tells a file of exactly that size from a larger one.
        data = self._file.read(min(length, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            message = f"size above the {self._most:,} bytes that are accepted here: the rest was not read"
            raise SourceError("file_size_too_large", message)
        return data
