"""Fix one of many files: name its output, reuse that of an earlier run, link or copy a file that passes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final, NamedTuple

from preflight.errors import MissingExtra, OutputError, PreflightError, SourceError
from preflight.fixer.apply import FixSettings, fix_file
from preflight.fixer.ffmpeg.progress import FileProgress
from preflight.fixer.hooks import Hooks
from preflight.fixer.inputs import open_local
from preflight.fixer.naming import OutputName
from preflight.fixer.outputs import OthersAction, OutputRefused, is_same_file, link_or_copy
from preflight.fixer.planning import FixGoal, examine_source, propose
from preflight.fixer.result import FixResult
from preflight.formats import FORMATS, IMAGE, extension_of
from preflight.report import Plan, Problem, Report, internal_error
from preflight.scan.items import failed
from preflight.sources.open import display_name, is_url
from preflight.targets import Item

FileId = tuple[int, int]
"""Device and inode of a file."""
_PICTURES: Final = frozenset(ext for fmt in FORMATS.values() if fmt.kinds == (IMAGE,) for ext in fmt.extensions)

_WRITTEN: Final = tuple(dict.fromkeys(fmt.extensions[0] for fmt in FORMATS.values() if fmt.kinds))
"""The extensions that outputs may have."""


class FixJob(NamedTuple):
    """One file to fix.

    number  its position in the input; output: the name of its result
    rules   the only rule set that it is fixed for; None: all chosen ones
    """

    number: int
    item: Item
    output: OutputName
    settings: FixSettings
    rules: str | None = None

    @property
    def is_picture(self) -> bool:
        """Return whether its name is that of a picture."""
        target = self.item.target
        name = target.partition("?")[0] if is_url(target) and isinstance(target, str) else str(target)
        return extension_of(name) in _PICTURES


class FixRun(NamedTuple):
    """The settings that all files of a run share.

    others       what happens to files that pass
    inputs       the files that the run reads, none of which is ever replaced
    on_progress  is called, in any thread, with a job and how far it is
    """

    others: OthersAction = "skip"
    inputs: Collection[FileId] = frozenset()
    on_progress: Callable[[FixJob, FileProgress], None] | None = None

    def fix(self, job: FixJob, stop: threading.Event) -> FixResult:
        """Return the result of one file, or raise `Stopped` when `stop` is set.

        A file that passes is linked or copied, as was chosen. Raise `UsageError`.
        """
        try:
            result = self._result(job, stop)
        except PreflightError:
            raise
        except Exception as error:  # noqa: BLE001 - an error of preflight affects one file, not the run
            result = _unread(job, Problem("internal_error", internal_error(error).message))
        after = None if result.after is None else replace(result.after, index=job.number)
        return replace(result, before=replace(result.before, index=job.number), after=after)

    def _result(self, job: FixJob, stop: threading.Event) -> FixResult:
        item, hooks = job.item, self._hooks(job, stop)
        if item.problem is not None:
            return _unread(job, item.problem)
        if not isinstance(item.target, str | os.PathLike):
            return self._of_stream(job, stop)
        earlier = self._earlier(job)
        if earlier is not None:
            return earlier
        try:
            result = fix_file(item.target, job.settings, _OutputPath(self, job), name=item.name, hooks=hooks)
        except MissingExtra as error:  # pictures need no ffmpeg
            before = examine_source(item.target, job.settings.check, job.number, item.name)
            plan = propose(before, job.settings.goal).plan
            return FixResult(before.source, "failed", plan, before, problem=str(error))
        if result.outcome == "failed" and (written := self._earlier(job)) is not None:  # by another run meanwhile
            return written
        return self._with_others(job, result, hooks)

    def _hooks(self, job: FixJob, stop: threading.Event) -> Hooks:
        on_progress = self.on_progress
        return Hooks(None if on_progress is None else lambda progress: on_progress(job, progress), stop)

    def _of_stream(self, job: FixJob, stop: threading.Event) -> FixResult:
        """Return the result of an open stream, which is read once."""
        item, settings = job.item, job.settings
        try:
            with open_local(item.target, settings.check.http, settings.max_size, self._hooks(job, stop)) as given:
                named = Item(given.path, item.name or display_name(item.target))
                return self._result(job._replace(item=named), stop)
        except (SourceError, OutputError) as error:
            return _unread(job, Problem(getattr(error, "code", "unreadable"), str(error)))

    def _earlier(self, job: FixJob) -> FixResult | None:
        """Return the result of an earlier run, if its output is there and not older than the source.

        It must pass, and the choices must not call for another change of it: a location that is to be removed now.
        """
        given = job.output.path
        extensions = _WRITTEN if given is None else (extension_of(given),)
        there = {extension: path for extension in extensions if os.path.isfile(path := job.output.path_for(extension))}
        if job.settings.overwrite or not there:
            return None
        before = examine_source(job.item.target, job.settings.check, job.number, job.item.name)
        plan, changes = propose(before, job.settings.goal)
        if changes is None:
            return None
        expected = FORMATS[changes.written]
        possible = _PICTURES if expected.kinds == (IMAGE,) else expected.extensions
        for extension, path in there.items():
            if extension not in possible or self._is_read(path):
                continue
            after = examine_source(path, job.settings.check, job.number)
            if _needs_nothing(after, job.settings.goal) and not _is_older(path, job.item.target):
                return FixResult(before.source, "fixed", plan, before, after, path, reused=True)
        return None

    def _with_others(self, job: FixJob, result: FixResult, hooks: Hooks) -> FixResult:
        """Return the result of a file that passes, after linking or copying it if that was chosen."""
        if result.outcome != "passed" or self.others == "skip" or job.settings.dry_run:
            return result
        path = job.output.path_for(_extension(result))
        is_local = not is_url(job.item.target)
        try:
            if not (is_local and is_same_file(path, str(job.item.target))):
                self.require_unread(path)
            if not is_local and not job.settings.overwrite and examine_source(path, job.settings.check).passed:
                return replace(result, output=path, reused=True)
            settings = job.settings
            with open_local(job.item.target, settings.check.http, settings.max_size, hooks) as given:
                others = self.others if is_local else "copy"
                link_or_copy(given.path, path, others, overwrite=job.settings.overwrite)
        except (OutputError, SourceError) as error:
            return replace(result, outcome="failed", problem=str(error))
        return replace(result, output=path)

    def require_unread(self, path: str) -> None:
        """Raise `OutputRefused` for a path that leads to a file that the run reads."""
        if self._is_read(path):
            raise OutputRefused(path, f"{path} is another source of this call. Give another path.")

    def _is_read(self, path: str) -> bool:
        return file_id(path) in self.inputs


class _OutputPath:
    """Returns the path of the output of one file. Raises `OutputRefused` if a file exists that must stay."""

    def __init__(self, run: FixRun, job: FixJob) -> None:
        self._run = run
        self._job = job

    def __call__(self, extension: str) -> str:
        path, target = self._job.output.path_for(extension), self._job.item.target
        if is_same_file(path, str(target)):
            raise OutputRefused(path, f"{path} is the source itself. Give another path.")
        self._run.require_unread(path)
        if os.path.isfile(path) and not self._job.settings.overwrite:
            why = "does not pass"
            if _is_older(path, target):
                why = "is older than its source"
            elif examine_source(path, self._job.settings.check).passed:
                why = "was made with other options"
            message = f"{path} exists and {why}. Give another path, or overwrite=True."
            raise OutputRefused(path, message, parameters=("overwrite",))
        return path


def file_id(path: str) -> FileId | None:
    """Return the id of the file at a path; None if there is none."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino


def _needs_nothing(report: Report, goal: FixGoal) -> bool:
    """Return whether an output passes and has no location that is to be removed.

    Whether it has other metadata is not known.
    """
    choices = goal.choices
    if choices.strip_metadata:
        choices = choices._replace(strip_metadata=False, strip_location=True)
    return report.passed and propose(report, goal._replace(choices=choices)).changes is None


def _is_older(path: str, target: object) -> bool:
    """Return whether an output was written before its source was last changed."""
    try:
        return os.stat(path).st_mtime_ns < os.stat(str(target)).st_mtime_ns
    except (OSError, ValueError):  # a URL
        return False


def _extension(result: FixResult) -> str:
    """Return the extension of a file that stays as it is: its own, or that of its format."""
    known = FORMATS.get((result.before.media.format if result.before.media else None) or "")
    own = extension_of(result.source.partition("?")[0] if is_url(result.source) else result.source)
    return own if known is None or own in known.extensions else known.extensions[0]


def _unread(job: FixJob, problem: Problem) -> FixResult:
    """Return the result of a file that was not opened, or on which preflight failed."""
    before = failed(job.number, job.item, job.settings.check, problem)
    return FixResult(before.source, "unknown", Plan("", ()), before, problem=problem.message)
