"""Report what was found: `Report` (one source), `Result` (one rule set), `Finding` (one rule), `Plan` (the changes)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

from preflight.codes import Severity
from preflight.errors import PreflightError
from preflight.media import Delivery, Media

SCHEMA: Final = "preflight.report/1"
"""Name and version of the JSON shape of a report."""

Verdict = Literal["pass", "fail", "unknown"]

Outcome = Literal["pass", "pass_with_warning", "unknown", "fail"]
"""A verdict that distinguishes passes with a warning."""

OUTCOMES: Final[tuple[Outcome, ...]] = ("pass", "pass_with_warning", "unknown", "fail")
"""All outcomes, from best to worst."""

Action = Literal[
    "rotate", "square_pixels", "crop", "scale", "pad", "change_fps", "trim", "extend", "deinterlace", "tone_map",
    "convert_color", "change_pixel_format", "flatten", "keep_first_frame", "transcode", "compress", "add_silence",
    "remove_audio", "apply_edit_list", "remux", "convert", "move_index", "remove_location", "remove_metadata",
]  # fmt: skip
"""The action of a step of a plan."""

LimitData = dict[str, Any]
"""A limit as the rule file states it: `{"min": 2, "max": 15}`."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict: fail before unknown before pass.

    >>> worst(["pass", "unknown"])
    'unknown'
    """
    return max(verdicts, key=OUTCOMES.index, default="pass")


def verdict_of(findings: Iterable[Finding], *, strict: bool = False) -> Verdict:
    """Return the verdict for findings; `strict` makes warnings fail."""
    verdict: Verdict = "pass"
    for finding in findings:
        if finding.severity == "error" or (strict and finding.severity == "warning"):
            return "fail"
        if finding.severity == "unknown":
            verdict = "unknown"
    return verdict


def needs_change(finding: Finding, *, strict: bool) -> bool:
    """Return whether a file must be changed to pass: an error; if `strict`, also what the service would change."""
    if finding.severity == "error":
        return True
    return strict and finding.severity == "warning" and finding.limit is not None and "otherwise" in finding.limit


class Finding(NamedTuple):
    """The result of one rule for one source.

    code       a key of `preflight.codes.CODES`
    severity   `error`, `unknown`, `warning` or `note`
    fact       the fact that it is about; value: as measured; limit: as the rule file states it
    hint       one sentence on how to make it pass, never a command
    reference  where the limit is published
    """

    code: str
    severity: Severity
    message: str
    fact: str | None = None
    value: object = None
    limit: LimitData | None = None
    hint: str | None = None
    reference: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return a JSON object with all eight fields."""
        return {
            "code": self.code,
            "severity": self.severity,
            "fact": self.fact,
            "value": self.value,
            "limit": self.limit,
            "message": self.message,
            "hint": self.hint,
            "reference": self.reference,
        }


def internal_error(error: Exception) -> Finding:
    """Return the finding for an internal error of preflight, which affects one file only."""
    message = f"preflight itself failed on this file ({type(error).__name__}: {error})"
    return Finding("internal_error", "unknown", message)


def faulted(report: Report, error: Exception) -> Report:
    """Return the replacement for a report that could not be written: failures stay, all other verdicts are unknown."""
    finding = internal_error(error)
    results = tuple(
        result._replace(verdict=worst((result.verdict, "unknown")), findings=(finding,), plan=None)
        for result in report.results
    )
    problem = report.error or Problem(finding.code, finding.message)
    return replace(report, media=None, delivery=None, results=results, error=problem)


class Step(NamedTuple):
    """One change of a plan.

    facts  names of the facts that it brings inside their limits; empty if only the encoder requires the step

    Every other field is named like the fact that it changes, and holds the new value; None if it does not change it.
    """

    action: Action
    facts: tuple[str, ...]
    kind: str | None = None
    size: int | None = None
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    orientation: int | None = None
    pixel_aspect_ratio: float | None = None
    fps: float | None = None
    variable_fps: bool | None = None
    duration: float | None = None
    animated: bool | None = None
    multi_picture: bool | None = None
    frames: int | None = None
    bit_depth: int | None = None
    color_model: str | None = None
    chroma: str | None = None
    primaries: str | None = None
    transfer: str | None = None
    hdr: str | None = None
    coding: str | None = None
    scan: str | None = None
    has_alpha: bool | None = None
    video_codec: str | None = None
    video_profile: str | None = None
    video_level: float | None = None
    video_bit_rate: int | None = None
    keyframe_interval: float | None = None
    audio_codec: str | None = None
    audio_profile: str | None = None
    audio_bit_rate: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    sample_bits: int | None = None
    format: str | None = None
    video_tracks: int | None = None
    audio_tracks: int | None = None
    fragmented: bool | None = None
    edit_list: bool | None = None
    streamable: bool | None = None
    location: bool | None = None

    def as_json(self) -> dict[str, object]:
        """Return a JSON object: `action`, `facts`, and the new values."""
        row: dict[str, object] = {"action": self.action, "facts": list(self.facts)}
        row |= {name: value for name, value in zip(self._fields[2:], self[2:], strict=True) if value is not None}
        return row


class Obstacle(NamedTuple):
    """Why no change makes a file pass: one sentence, and the parameter of `preflight.fix` that would allow a change."""

    message: str
    parameter: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return a JSON object with both fields."""
        return {"message": self.message, "parameter": self.parameter}


class Plan(NamedTuple):
    """The smallest set of changes that makes a file pass.

    sentence   the steps in words; empty without steps
    command    the arguments of a command that makes all changes and writes a new file; None if no command can
    losses     what the changes lose, each a phrase: `crops 12 % of the picture`
    obstacles  why there are no steps, although the file does not pass
    """

    sentence: str
    steps: tuple[Step, ...]
    command: tuple[str, ...] | None = None
    losses: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def changed(self) -> frozenset[str]:
        """Return the facts that its steps set."""
        return frozenset(name for step in self.steps for name in step.as_json())

    def as_json(self) -> dict[str, object]:
        """Return a JSON object with all five fields."""
        return {
            "sentence": self.sentence,
            "steps": [step.as_json() for step in self.steps],
            "command": None if self.command is None else list(self.command),
            "losses": list(self.losses),
            "obstacles": [obstacle.as_json() for obstacle in self.obstacles],
        }


class Result(NamedTuple):
    """The result of one rule set for one source.

    as_of, basis  the ISO day on which its limits were read; what they rest on
    plan          the changes that make the file pass; None if it passes, or if no such changes are known
    variant       the variant of the rule set that judged; None if it has none, or only others
    """

    rules: str
    stage: str
    as_of: str
    basis: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    plan: Plan | None = None
    variant: str | None = None

    @property
    def outcome(self) -> Outcome:
        """Return the verdict, or `pass_with_warning` for a pass that has a warning."""
        if self.verdict == "pass":
            for finding in self.findings:
                if finding.severity == "warning":
                    return "pass_with_warning"
        return self.verdict

    def as_json(self) -> dict[str, object]:
        """Return a JSON object, with findings and plan as objects."""
        return {
            "rules": self.rules,
            "variant": self.variant,
            "stage": self.stage,
            "as_of": self.as_of,
            "basis": self.basis,
            "verdict": self.verdict,
            "outcome": self.outcome,
            "findings": [finding.as_json() for finding in self.findings],
            "plan": None if self.plan is None else self.plan.as_json(),
        }


class Problem(NamedTuple):
    """Why a source could not be read: a code of `preflight.codes.CODES` and one sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """One source with its facts and all its results.

    source      as it is shown: a path, or a URL without its secrets
    index       its position in the input, from 0
    media       None if the source could not be read; then `error` says why
    requests    HTTP requests made; bytes_read: bytes read from the source
    digest      differs for other rule sets and options; None if nothing was judged
    """

    source: str
    media: Media | None
    results: tuple[Result, ...] = ()
    index: int = 0
    error: Problem | None = None
    requests: int = 0
    bytes_read: int = 0
    delivery: Delivery | None = None
    digest: str | None = None

    @property
    def verdict(self) -> Verdict:
        """Return the worst verdict of the results; `unknown` if there are none and the source could not be read."""
        if self.error is not None and not self.results:
            return "unknown"
        return self.results[0].verdict if len(self.results) == 1 else worst(result.verdict for result in self.results)

    @property
    def outcome(self) -> Outcome:
        """Return the worst outcome of the results; without results, the verdict."""
        if len(self.results) == 1:
            return self.results[0].outcome
        return max((result.outcome for result in self.results), key=OUTCOMES.index, default=self.verdict)

    @property
    def passed(self) -> bool:
        """Return whether every rule set accepts the source. Unknown is not a pass."""
        return bool(self.results) and self.verdict == "pass"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all findings of all results, in order."""
        return tuple(finding for result in self.results for finding in result.findings)

    @property
    def shared(self) -> tuple[Finding, ...]:
        """Return the findings that all of several results have in common: they are about the source."""
        if len(self.results) < 2:
            return ()
        first, *others = self.results
        return tuple(finding for finding in first.findings if all(finding in other.findings for other in others))

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """Return the shared findings of severity `note`."""
        return tuple(finding for finding in self.shared if finding.severity == "note")

    def as_json(self, *, probe: bool = False) -> dict[str, object]:
        """Return the one JSON shape of a report: each fact, and everything else, is a top-level key.

        probe  leave out verdict and results
        """
        row: dict[str, object] = {"schema": SCHEMA, "source": self.source, "index": self.index}
        if self.media is not None:
            row |= self.media.facts()
        if self.error is not None:
            row["error"] = {"code": self.error.code, "message": self.error.message}
        row["requests"] = self.requests
        row["bytes_read"] = self.bytes_read
        if not probe:
            row["verdict"] = self.verdict
            row["outcome"] = self.outcome
            row["results"] = [result.as_json() for result in self.results]
            row["digest"] = self.digest
        return row


class Rejected(PreflightError):
    """A file that `submit` refused, or a generation request, does not pass. `report` says why."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report
