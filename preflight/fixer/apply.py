"""Fix one file: plan, apply the plan to a new file, check the result, and only then rename it into place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from preflight.checker import CheckPlan
from preflight.clock import SYSTEM_CLOCK
from preflight.errors import FfmpegError, OutputError, PreflightError, SourceChanged, SourceError
from preflight.fixer.decoding import decode_by_ffmpeg, losses_of_decoding, recipe_of_decoded
from preflight.fixer.ffmpeg import Ffmpeg, FfmpegOutput
from preflight.fixer.ffmpeg.quality import Quality
from preflight.fixer.hooks import NO_HOOKS, Hooks
from preflight.fixer.inputs import DEFAULT_MAX_SIZE, LocalInput, open_local
from preflight.fixer.outputs import OutputFile, OutputRefused
from preflight.fixer.pictures import CannotWrite, apply_picture
from preflight.fixer.planning import FixGoal, Proposal, examine_source, propose, revealed_facts
from preflight.fixer.proof import prove
from preflight.fixer.result import FixOutcome, FixResult
from preflight.fixer.transcode import ResultTooLarge, TranscodeJob, ffmpeg_for, measure_video, transcode_file
from preflight.formats import FORMATS, IMAGE
from preflight.plans.budgets import max_result_size
from preflight.plans.changes import Changes, Shortcut
from preflight.plans.recipes import recipe_for
from preflight.report import Obstacle, Plan, Report, internal_error
from preflight.sources.memory import MemorySource
from preflight.sources.open import Target

OutputPathFor = Callable[[str], str]
"""Returns the path of the result for the extension of its format."""


class FixSettings(NamedTuple):
    """The settings that all files of a call share.

    goal       what the results must satisfy; check: how files are checked before and after
    max_size   bytes of a source that is downloaded
    overwrite  replace an existing output
    dry_run    only plan
    measure    compare results with their sources
    threads    of one encoder; None: as many as there are processors
    keeps_kind  never write a picture instead of the planned video
    """

    goal: FixGoal
    check: CheckPlan
    max_size: int = DEFAULT_MAX_SIZE
    overwrite: bool = False
    dry_run: bool = False
    measure: bool = False
    threads: int | None = None
    keeps_kind: bool = False


def fix_file(
    target: Target, settings: FixSettings, path_for: OutputPathFor, *, name: str | None = None, hooks: Hooks = NO_HOOKS
) -> FixResult:
    """Fix one file. A file that cannot be fixed is a result, not an exception, and leaves nothing behind.

    name  of the source in messages; None: that of the target

    Raise `MissingExtra` if there is no ffmpeg, `UsageError` for a target that cannot be opened.
    """
    before = examine_source(target, settings.check, name=name)
    try:
        proposal = propose(before, settings.goal)
        if proposal.changes is None or settings.dry_run:
            return _unchanged(before, proposal)
        return _Attempt(before, proposal, settings, hooks).run(target, path_for)
    except PreflightError:
        raise
    except Exception as error:  # noqa: BLE001 - an error of preflight affects one file, not the run
        return FixResult(before.source, "unknown", Plan("", ()), before, problem=internal_error(error).message)


def _unchanged(before: Report, proposal: Proposal) -> FixResult:
    """Return the result of a file that is not changed."""
    plan = proposal.plan
    if plan.steps:
        return FixResult(before.source, "planned", plan, before)
    if before.passed and not plan.obstacles:
        return FixResult(before.source, "passed", plan, before)
    outcome: FixOutcome = "unknown" if before.verdict == "unknown" else "not_fixable"
    problem = " ".join(obstacle.message for obstacle in plan.obstacles) or _why_not(before)
    return FixResult(before.source, outcome, plan, before, problem=problem)


def _why_not(before: Report) -> str:
    """Return the findings that no plan resolves."""
    if before.error is not None:
        return before.error.message
    severity = "unknown" if before.verdict == "unknown" else "error"
    messages = dict.fromkeys(finding.message for finding in before.findings if finding.severity == severity)
    return "; ".join(messages) or "a warning counts as a failure"


class _Attempt:
    """The application of a plan to one file."""

    def __init__(self, before: Report, proposal: Proposal, settings: FixSettings, hooks: Hooks) -> None:
        assert proposal.changes is not None
        self._before = before
        self._known = before  # with the facts that only a result has revealed
        self._plan = proposal.plan
        self._changes: Changes = proposal.changes
        self._settings = settings
        self._hooks = hooks
        self._started = _now()

    def run(self, target: Target, path_for: OutputPathFor) -> FixResult:
        """Return the result."""
        try:
            settings = self._settings
            with open_local(target, settings.check.http, settings.max_size, self._hooks) as given:
                return self._made(given, path_for)
        except SourceChanged as error:
            return self._without_output("unknown", str(error))
        except CannotWrite as error:
            remedy = "" if error.parameter else " Convert it with another program first."
            return self._refused(Obstacle(f"The picture {error.reason}.{remedy}", error.parameter))
        except SourceError as error:
            if error.code == "read_limit":
                return self._refused(Obstacle(str(error), "max_size"))
            return self._without_output("failed", str(error))
        except (FfmpegError, OutputError, OutputRefused) as error:
            return self._without_output("failed", str(error))

    def _made(self, given: LocalInput, path_for: OutputPathFor) -> FixResult:
        return self._picture(given, path_for) if self._changes.media.kind == IMAGE else self._av_file(given, path_for)

    def _picture(self, given: LocalInput, path_for: OutputPathFor) -> FixResult:
        media = self._before.media
        assert media is not None
        budget = max_result_size(self._changes.limits)
        recipe, compares, stop = recipe_for(self._changes), self._settings.measure, self._hooks.stop
        try:
            written = apply_picture(given.source, media, recipe, budget, stop, compares=compares)
        except CannotWrite as error:
            decoded = decode_by_ffmpeg(given.path, media, stop) if error.undecoded else None
            if decoded is None:
                raise
            source = MemorySource(decoded, given.source.name)
            written = apply_picture(source, media, recipe_of_decoded(recipe), budget, stop, compares=compares)
            written = written._replace(losses=(*losses_of_decoding(media, recipe), *written.losses))
        self._plan = self._plan._replace(losses=(*self._plan.losses, *written.losses))
        with self._output(path_for, written.format, given) as file:
            file.write(written.data)
            return self._proved(given, None, file, lambda: Quality(written.ssim, None))

    def _av_file(self, given: LocalInput, path_for: OutputPathFor) -> FixResult:
        """Return the result; if it does not do, that of a plan which knows more, or which avoids a shortcut."""
        try:
            result = self._written_av_file(given, path_for)
        except FfmpegError as error:
            if not self._avoids_shortcut(is_too_large=isinstance(error, ResultTooLarge)):
                raise
            return self._made(given, path_for)
        if result.outcome == "fixed":
            return result
        if (learned := self._learns(result)) is not None and learned.changes is None:
            return self._not_planned(learned.plan)
        return self._made(given, path_for) if learned is not None or self._avoids_shortcut() else result

    def _learns(self, result: FixResult) -> Proposal | None:
        """Plan once more with what the result reveals about the source. Return None if the plan stays the same."""
        known = revealed_facts(self._known, self._changes, result.after) if self._known is self._before else None
        if known is None:
            return None
        self._known = known
        proposal = propose(known, self._settings.goal, self._changes.avoided)
        is_other_kind = proposal.changes is not None and proposal.changes.media.kind != self._changes.media.kind
        if is_other_kind and self._settings.keeps_kind:
            return None
        if proposal.changes is not None and proposal.plan.steps != self._plan.steps:
            self._plan, self._changes = proposal.plan, proposal.changes
            return proposal
        return proposal if proposal.plan.obstacles else None

    def _avoids_shortcut(self, *, is_too_large: bool = False) -> bool:
        """Plan once more, without a shortcut that was taken. Return whether that is possible."""
        changes = self._changes
        taken: dict[Shortcut, bool] = {
            "lossless_audio": changes.is_lossless_audio and is_too_large,
            "copied_cut": changes.cuts_by_copy,
            "animation_as_video": changes.is_animation and not self._settings.keeps_kind,
        }
        for shortcut in [name for name, is_taken in taken.items() if is_taken and name not in changes.avoided]:
            proposal = propose(self._known, self._settings.goal, changes.avoided | {shortcut})
            if proposal.changes is not None:
                self._plan, self._changes = proposal.plan, proposal.changes
                return True
        return False

    def _written_av_file(self, given: LocalInput, path_for: OutputPathFor) -> FixResult:
        ffmpeg = ffmpeg_for(self._changes)._replace(threads=self._settings.threads or 0)
        with self._output(path_for, self._changes.written, given) as file:
            output = FfmpegOutput(file.path, name=file.destination)
            job = TranscodeJob(ffmpeg, given.path, self._changes, output, self._hooks)
            transcode_file(job)
            return self._proved(given, ffmpeg, file, lambda: measure_video(job))

    def _output(self, path_for: OutputPathFor, written: str, given: LocalInput) -> OutputFile:
        path = path_for(FORMATS[written].extensions[0])
        return OutputFile(path, overwrite=self._settings.overwrite, source=given.path)

    def _proved(
        self, given: LocalInput, ffmpeg: Ffmpeg | None, file: OutputFile, measured: Callable[[], Quality]
    ) -> FixResult:
        """Check the result, and publish it if it passes.

        measured  returns its similarity to the source, if that is to be measured
        """
        given.verify()
        applied = _now()
        settings = self._settings
        report, problem = prove(
            file.path, file.destination, settings.check, settings.goal, ffmpeg=ffmpeg, stop=self._hooks.stop
        )
        outcome: FixOutcome = "fixed"
        if problem is not None:
            outcome = "unknown" if report.verdict == "unknown" else "failed"
        result = FixResult(
            self._before.source, outcome, self._plan, self._before, report, problem=problem,
            seconds=applied - self._started, proof_seconds=_now() - applied,
        )  # fmt: skip
        if problem is not None:
            return result
        if settings.measure:
            result = replace(result, quality=measured())
        given.verify()
        file.publish()
        return replace(result, output=file.destination)

    def _without_output(self, outcome: FixOutcome, problem: str) -> FixResult:
        return FixResult(
            self._before.source, outcome, self._plan, self._before, problem=problem, seconds=_now() - self._started
        )

    def _not_planned(self, plan: Plan) -> FixResult:
        """Return the result of a file for which no plan is left, now that more is known about it."""
        self._plan = plan
        return self._without_output("not_fixable", " ".join(obstacle.message for obstacle in plan.obstacles))

    def _refused(self, obstacle: Obstacle) -> FixResult:
        """Return the result of a file whose plan turns out to be impossible while it is applied."""
        self._plan = self._plan._replace(obstacles=(obstacle,))
        return self._without_output("not_fixable", obstacle.message)


_now = SYSTEM_CLOCK.monotonic
