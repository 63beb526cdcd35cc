"""Fix targets that do not pass: each into a private temporary folder, where it stays until it is hosted."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from preflight.checker import CheckPlan
from preflight.clock import InterruptibleLock
from preflight.errors import PreflightError, SourceChanged, SourceError, Stopped
from preflight.fixer.apply import FixSettings, fix_file
from preflight.fixer.hooks import Hooks
from preflight.fixer.inputs import DEFAULT_MAX_SIZE
from preflight.fixer.naming import LocatedTarget, file_name, name_outputs
from preflight.fixer.planning import FixGoal, propose
from preflight.fixer.result import FixResult
from preflight.forks import SharedByThreads
from preflight.formats import KINDS
from preflight.hosts import LocalFile
from preflight.ledger import SHA256_PREFIX, ContentId, FixRecord, Ledger
from preflight.plans.choices import DEFAULT_CHOICES, Choices
from preflight.report import Plan, Report, internal_error
from preflight.ruleset import RuleSet
from preflight.submission.account import WorkerPool
from preflight.submission.fix_folder import FixFolder
from preflight.submission.register import sha256_of
from preflight.targets import Item
from preflight.units import format_value

UNKNOWN_MIME: Final = "application/octet-stream"
_CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
MAX_DOWNLOAD: Final = DEFAULT_MAX_SIZE
"""Bytes of a URL that are downloaded to be fixed."""
MAX_FIXES: Final = max(1, _CORES // 2)
"""Files that a process fixes at once; their encoders share the processors."""

_REMARKS: Final = ("note", "hint")
_slots: Final = SharedByThreads[str, threading.Semaphore]()


class NotFixed(PreflightError):
    """A target could not be fixed, although there is a plan."""

    def __init__(self, message: str, plan: Plan) -> None:
        super().__init__(message)
        self.plan = plan


class FixedFile(NamedTuple):
    """A file that was made from a target, and passes.

    plan      what was changed
    warnings  codes of the findings with which it passes, separated by commas
    """

    local: LocalFile
    plan: Plan
    warnings: str


def fix_digest(rules: Sequence[RuleSet], choices: Choices, *, strict: bool) -> str:
    """Return the digest of everything that decides what is made from a file.

    Texts and the order of rule sets do not, nor a choice that is the default.
    """
    parts = (*KINDS, "default_variant", "variants")
    limits = {
        _as_text([ruleset.variant, *(_without_remarks(ruleset.table.get(part)) for part in parts)]) for ruleset in rules
    }
    chosen = {name: value for name, value in choices._asdict().items() if value != getattr(DEFAULT_CHOICES, name)}
    return hashlib.sha256(_as_text([sorted(limits), strict, chosen]).encode()).hexdigest()[:16]


def _as_text(data: object) -> str:
    return json.dumps(data, sort_keys=True, default=str)


def _without_remarks(table: object) -> object:
    """Return a part of a rule file without the texts that change no verdict."""
    if isinstance(table, Mapping):
        return {name: _without_remarks(inner) for name, inner in table.items() if name not in _REMARKS}
    return [_without_remarks(inner) for inner in table] if isinstance(table, list | tuple) else table


class RunFixer:
    """Plans and makes the fixes of one run. Thread-safe.

    digest  of the limits and the choices
    """

    def __init__(self, check: CheckPlan, choices: Choices, pool: WorkerPool) -> None:
        self.digest = fix_digest(check.rules, choices, strict=check.strict)
        threads = max(1, _CORES // MAX_FIXES)
        goal = FixGoal(check.rules, choices, check.strict)
        self._settings = FixSettings(goal, check._replace(hints=False), MAX_DOWNLOAD, threads=threads, keeps_kind=True)
        self._folder = FixFolder()
        self._pool = pool

    def plan(self, report: Report) -> tuple[Plan, str | None]:
        """Return the plan for a target, and the kind of what is made from it; None if nothing can be made."""
        try:
            proposal = propose(report, self._settings.goal)
        except Exception as error:  # noqa: BLE001 - an error of preflight affects one file, not the run
            raise SourceError("internal_error", internal_error(error).message) from None
        if proposal.changes is None or not proposal.plan.steps:
            return proposal.plan, None
        kinds = [proposal.changes.media.kind, *(step.kind for step in proposal.plan.steps)]
        return proposal.plan, [kind for kind in kinds if kind is not None][-1]

    @contextmanager
    def fixed(self, target: str) -> Iterator[FixedFile]:
        """Yield a file that is made from a target and passes; it is removed at the end of the block.

        Raise `NotFixed`, `SourceError`, `MissingExtra`, `Stopped`.
        """
        with self._fix_slot(), ExitStack() as stack:
            folder = stack.enter_context(self._folder.subfolder())
            file = _file_of(self.fix(target, folder))
            kept = stack.pop_all()
        with kept:
            yield file

    @contextmanager
    def _fix_slot(self) -> Iterator[None]:
        """Wait until fewer than `MAX_FIXES` files are fixed. The end of the run waits for the end of the block.

        Raise `Stopped` for every error of a call that is stopped.
        """
        try:
            with InterruptibleLock(self._pool.clock, _slots_of_process()), self._pool.in_flight:
                yield
        except PreflightError:
            self.require_running()
            raise

    def require_running(self) -> None:
        """Raise `Stopped` if the call that this thread works for is stopped."""
        if self._pool.scope.stop.is_set():
            raise Stopped

    def close(self) -> None:
        """Remove the folder of what was fixed."""
        self._folder.close()

    def fix(self, target: str, folder: str) -> FixResult:
        """Fix a target into a folder. The call that this thread works for can stop it, and waits for its end."""
        item = Item(target)
        (name,) = name_outputs([LocatedTarget(item, "", file_name(item))], folder)
        result = fix_file(target, self._settings, name.path_for, hooks=Hooks(stop=self._pool.scope.stop))
        if result.outcome == "passed":
            raise SourceChanged(result.source)
        if any(obstacle.parameter == "max_size" for obstacle in result.plan.obstacles):
            most = format_value("size", self._settings.max_size)
            text = f"{result.source} exceeds the download limit of {most}. Submit it as a local file."
            raise NotFixed(text, result.plan)
        if result.outcome == "unknown":
            error = result.before.error
            raise SourceError(error.code if error is not None else "source_changed", result.problem or "")
        if result.output is None:
            raise NotFixed(result.problem or "The plan could not be applied.", result.plan)
        return result


def _slots_of_process() -> threading.Semaphore:
    with _slots.lock:
        return _slots.setdefault("fixes", threading.BoundedSemaphore(MAX_FIXES))


def warnings_of(report: Report) -> str:
    """Return the codes of the findings with which a file passes, separated by commas."""
    return ",".join(dict.fromkeys(finding.code for finding in report.findings if finding.severity == "warning"))


def _file_of(result: FixResult) -> FixedFile:
    path, report = result.output, result.after
    assert path is not None
    assert report is not None
    assert report.media is not None  # it passes
    size = report.media.size or 0
    mime = report.media.mime or UNKNOWN_MIME
    local = LocalFile(path, os.path.basename(path), size, mime, sha256_of(path), temporary=True)
    return FixedFile(local, result.plan, warnings_of(report))


@dataclass(slots=True)
class TargetFix:
    """The fix of one target. It is made when the URL is needed, and only once.

    plan      of the changes, before they are made
    original  the identity of the target's content
    put       hosts a file
    key       digest of the registration's key, once it is known
    made      the file as it was hosted: it no longer exists
    """

    fixer: RunFixer
    ledger: Ledger
    target: str
    plan: Plan
    original: ContentId
    put: Callable[[LocalFile], str]
    key: str = ""
    made: FixedFile | None = None
    url: str = ""

    def make_url(self) -> str:
        """Make and host the file, unless that is done; return its URL."""
        if self.made is None:
            with self.fixer.fixed(self.target) as file:
                self.url = self._put(file)
            self.made = file
        return self.url

    def _put(self, file: FixedFile) -> str:
        try:
            return self.put(file.local)
        except PreflightError:
            self.fixer.require_running()  # the file is gone once the call is stopped
            raise

    def warnings(self) -> str:
        """Return the codes of the findings with which the file passes."""
        return self.made.warnings if self.made is not None else ""

    def record(self, require_same: Callable[[], None]) -> None:
        """Raise `SourceChanged` unless the target has the content that was fixed; write to the ledger how it was."""
        require_same()
        if self.made is not None and self.key:
            plan, fixed = self.made.plan, SHA256_PREFIX + self.made.local.sha256
            self.ledger.fixes.save(
                FixRecord(self.key, self.original.identity, self.fixer.digest, fixed, plan.sentence, plan.losses)
            )

    def done(self) -> Plan:
        """Return what was done to the registered file, in this call or in an earlier one."""
        if self.made is not None:
            return self.made.plan
        record = self.ledger.fixes.load(self.key)
        return self.plan if record is None else Plan(record.sentence, (), losses=record.losses)
