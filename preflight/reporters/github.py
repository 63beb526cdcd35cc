"""Annotations for GitHub Actions: a workflow command for each finding, shown at the file in a pull request.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from typing import IO, Final

from preflight.codes import CODES
from preflight.escape import printable
from preflight.report import Finding, Report
from preflight.reporters import ReporterOptions, is_path
from preflight.reporters.commands import shell_command
from preflight.summary import Summary

_COMMAND: Final = {"error": "error", "unknown": "error", "warning": "warning", "note": "notice"}
"""By severity. Unknown is not a pass: it fails the step, so it is an error here."""


class GithubReporter:
    """Writes annotations for each report. GitHub shows ten errors and ten warnings of a step; the log shows all."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        self._write = stream.write

    def add(self, report: Report) -> None:
        """Write the annotations of one report."""
        several, remarks = len(report.results) > 1, report.remarks
        lines = [_annotation(report.source, finding) for finding in remarks]
        for result in report.results:
            command = result.plan.command if result.plan is not None else None
            for finding in result.findings:
                if finding not in remarks:
                    fix = command if finding.hint and finding.severity == "error" else None
                    lines.append(_annotation(report.source, finding, result.rules if several else "", fix))
                    command = None if fix else command
        self._write("".join(lines))

    def close(self, summary: Summary) -> None:
        """Write the counts as a line of the log."""
        tally = summary.overall
        counts = f"{tally.passed:,} pass, {tally.failed:,} fail, {tally.unknown:,} unknown"
        self._write(f"preflight: {summary.files:,} files: {counts}\n")


def _annotation(source: str, finding: Finding, rules: str = "", command: tuple[str, ...] | None = None) -> str:
    title = CODES[finding.code].title + (f" ({rules})" if rules else "")
    properties = {"file": source, "title": title} if is_path(source) else {"title": title}
    message = finding.message if finding.message.startswith(source) else f"{source}: {finding.message}"
    if finding.hint:
        message += f" → {finding.hint}"
    message += f" [{finding.code}]"
    if command is not None:
        message += f"\nCommand that fixes it: {shell_command(command)}"
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMAND[finding.severity]} {listed}::{_data(message)}\n"


def _data(text: str) -> str:
    """Return the text with the runner's escapes, so that it cannot end the command or begin another."""
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
