"""Print what became of files that were to be fixed: lines and a closing table for people, or JSON lines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO, Final, Protocol

from preflight.codes import CODES
from preflight.escape import printable
from preflight.fixer.ffmpeg.quality import Quality
from preflight.fixer.result import FIX_OUTCOMES, FIX_SCHEMA, FixOutcome, FixResult
from preflight.report import Result, Verdict
from preflight.reporters.commands import shell_command
from preflight.reporters.text import in_short
from preflight.reporters.view import View

_LABELS: Final[dict[FixOutcome, tuple[str, str]]] = {
    "passed": ("PASS", "pass"),
    "fixed": ("FIXED", "pass"),
    "planned": ("PLANNED", "note"),
    "not_fixable": ("NOT FIXABLE", "fail"),
    "failed": ("FAILED", "fail"),
    "unknown": ("UNKNOWN", "unknown"),
}
"""By outcome, the first word of a line, and its color."""
_REQUESTS: Final[dict[Verdict, tuple[str, str]]] = {
    "pass": ("PASS", "pass"),
    "fail": ("NOT FIXABLE", "fail"),
    "unknown": ("UNKNOWN", "unknown"),
}
"""The same for the files of a request together, by verdict."""
_WIDTH: Final = 11
_MAX_REASONS: Final = 6
"""Reasons that a line of the table names."""


class FixReporter(Protocol):
    """Prints results one by one."""

    def add(self, result: FixResult, rules: str | None) -> None:
        """Print one result. rules: the rule set, if it is for one by itself."""
        ...

    def add_request(self, result: Result, problem: str | None) -> None:
        """Print the result of all files together, and why it is none that passes."""
        ...

    def close(self) -> None:
        """Print the end, after the last result."""
        ...


class FixJsonl:
    """One JSON object for each file, one per line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def add(self, result: FixResult, rules: str | None) -> None:
        """Print one result."""
        row = result.as_json() if rules is None else {**result.as_json(), "rules": rules}
        self._stream.write(json.dumps(row) + "\n")
        self._stream.flush()

    def add_request(self, result: Result, problem: str | None) -> None:
        """Print the result of all files together."""
        self._stream.write(json.dumps({"schema": FIX_SCHEMA, "request": result.as_json(), "problem": problem}) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Print nothing: each line is complete."""


class FixText:
    """A few lines for each file, and a closing table: what passed, what was fixed how, what could not be and why.

    remedy  returns how the caller allows what a parameter stands for; None if it cannot
    """

    def __init__(self, stream: IO[str], view: View, remedy: Callable[[str], str | None]) -> None:
        self._stream = stream
        self._view = view
        self._remedy = remedy
        self._counts: Counter[FixOutcome] = Counter()
        self._details: dict[FixOutcome, Counter[str]] = {}

    def add(self, result: FixResult, rules: str | None) -> None:
        """Print one result."""
        self._stream.writelines(f"{line}\n" for line in self._lines(result, rules))
        self._stream.flush()
        self._counts[result.outcome] += 1
        self._details.setdefault(result.outcome, Counter()).update(self._reasons(result))

    def add_request(self, result: Result, problem: str | None) -> None:
        """Print the result of all files together."""
        word, color = _REQUESTS[result.verdict]
        self._stream.write(f"{self._view.styled(word.ljust(_WIDTH), color)} all files together\n")
        if problem is not None:
            self._stream.write(f"{' ' * (_WIDTH + 1)}{printable(problem)}\n")
        self._stream.flush()

    def close(self) -> None:
        """Print the table, if there is more than one result."""
        if self._counts.total() < 2:
            return
        self._stream.write("\n")
        for outcome in FIX_OUTCOMES:
            if count := self._counts[outcome]:
                details = self._details[outcome].most_common()
                named = [f"{name} ({number:,})" for name, number in details[:_MAX_REASONS]]
                named += ["…"] if len(details) > _MAX_REASONS else []
                label = _LABELS[outcome][0].lower()
                self._stream.write(f"{label:{_WIDTH}} {count:6,}   {', '.join(named)}".rstrip() + "\n")

    def _lines(self, result: FixResult, rules: str | None) -> Iterator[str]:
        view, (word, color) = self._view, _LABELS[result.outcome]
        media = result.before.media
        facts = view.styled(f"  ({in_short(media)})", "hint") if media is not None else ""
        target = f" → {printable(result.output)}" if result.output is not None else ""
        after = result.after.media if result.after is not None and result.output is not None else None
        target += view.styled(f"  ({in_short(after)})", "hint") if after is not None else ""
        label = view.styled(word.ljust(_WIDTH), color)
        yield f"{label} {printable(result.source)}{facts}{target}{f'  for {printable(rules)}' if rules else ''}"
        indent = " " * (_WIDTH + 1)
        if result.problem is not None:
            yield f"{indent}{printable(result.problem)}"
        for remedy in self._remedies(result):
            if remedy.partition(" ")[0] not in (result.problem or ""):
                yield f"{indent}To allow it, add {remedy}."
        if result.outcome in ("fixed", "planned"):
            yield from (f"{indent}{line}" for line in self._described(result))

    def _described(self, result: FixResult) -> Iterator[str]:
        """Yield what was or would be done, what is lost, and the command."""
        plan = result.plan
        reused = "already fixed: " if result.reused else ""
        yield f"{reused}{printable(plan.sentence)}"
        if plan.losses:
            yield self._view.styled(f"{printable('; '.join(plan.losses))}", "hint")
        if result.quality is not None:
            yield self._view.styled(_quality(result.quality), "hint")
        if result.outcome == "planned" and plan.command is not None:
            yield self._view.styled(f"$ {shell_command(plan.command)}", "hint")

    def _remedies(self, result: FixResult) -> list[str]:
        if result.outcome != "not_fixable":
            return []
        parameters = dict.fromkeys(each.parameter for each in result.plan.obstacles if each.parameter is not None)
        return [remedy for name in parameters if (remedy := self._remedy(name)) is not None]

    def _reasons(self, result: FixResult) -> list[str]:
        """Return what the table counts: the actions of a plan, or why there is none."""
        if result.outcome in ("fixed", "planned"):
            return list(dict.fromkeys(step.action.replace("_", " ") for step in result.plan.steps))
        if result.outcome in ("passed", "failed"):
            return []
        if remedies := self._remedies(result):
            return [f"needs {remedy}" for remedy in remedies]
        codes = [finding.code for finding in result.before.findings if finding.severity in ("error", "unknown")]
        return [CODES[codes[0]].title.lower()] if codes else []


def _quality(quality: Quality) -> str:
    """Return how similar a result is, in words."""
    measured = [("SSIM", quality.ssim, 4), ("VMAF", quality.vmaf, 1)]
    found = [f"{name} {value:.{digits}f}" for name, value, digits in measured if value is not None]
    return ", ".join(found) or "similarity not measured: there is no video, or ffmpeg lacks the filter"
