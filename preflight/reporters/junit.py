"""JUnit XML for Ant, Jenkins, GitLab and others: a suite for each rule set, a case for each file.

It is valid against the schema of Ant's tasks (Windy Road) and against that of Jenkins. Both require a suite's counts
before its cases, so the cases are kept in a temporary file until the last one is known.
"""

from __future__ import annotations

from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Final
from xml.sax.saxutils import escape, quoteattr

from preflight.codes import SEVERITIES
from preflight.escape import printable
from preflight.report import Report, Result
from preflight.reporters import ReporterOptions
from preflight.reporters.commands import shell_command
from preflight.summary import Summary

_IN_MEMORY: Final = 1 << 20
_ELEMENT: Final = {"fail": "failure", "unknown": "error"}


class JunitReporter:
    """Writes a failing file as a failure, an unknown one as an error, and the findings of passing files as output."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        self._stream = stream
        self._began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        self._quiet = options.quiet
        self._suites: dict[str, _Suite] = {}

    def add(self, report: Report) -> None:
        """Keep the cases of one report."""
        if self._quiet and report.passed:
            return
        cases = [_case(report.source, result) for result in report.results]  # an error must not leave part of a report
        for result, (case, output) in zip(report.results, cases, strict=True):
            suite = self._suites.get(result.rules)
            if suite is None:
                suite = self._suites[result.rules] = _Suite(result)
            suite.add(result, case, output)

    def close(self, summary: Summary) -> None:
        """Write the document."""
        self._stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n')
        for number, suite in enumerate(self._suites.values()):
            suite.write(self._stream, number, self._began)
        self._stream.write("</testsuites>\n")


class _Suite:
    """The cases of one rule set and the findings of those that pass, on disk if there are many."""

    def __init__(self, first: Result) -> None:
        self._name = first.rules
        self._properties = {"stage": first.stage, "basis": first.basis, "as_of": first.as_of}
        self._counts = {"pass": 0, "fail": 0, "unknown": 0}
        self._cases = _spool()
        self._output = _spool()

    def add(self, result: Result, case: str, output: str) -> None:
        self._counts[result.verdict] += 1
        self._cases.write(case)
        self._output.write(output)

    def write(self, stream: IO[str], number: int, began: str) -> None:
        counts = self._counts
        stream.write(
            f'<testsuite name={_attribute(self._name)} package="preflight" id="{number}" hostname="localhost" '
            f'timestamp="{began}" time="0" tests="{sum(counts.values())}" '
            f'failures="{counts["fail"]}" errors="{counts["unknown"]}">\n<properties>\n'
        )
        for name, value in self._properties.items():
            stream.write(f"<property name={_attribute(name)} value={_attribute(value)}/>\n")
        stream.write("</properties>\n")
        _copy(self._cases, stream)
        stream.write("<system-out>")
        _copy(self._output, stream)
        stream.write("</system-out>\n<system-err/>\n</testsuite>\n")


def _case(source: str, result: Result) -> tuple[str, str]:
    """Return the case of one file, and its lines in the output of the suite."""
    case = f'<testcase name={_attribute(source)} classname={_attribute(f"preflight.{result.rules}")} time="0"'
    if result.verdict == "pass":
        lines = [f"{source}: {line}" for line in _lines(result)]
        return f"{case}/>\n", "".join(f"{escape(printable(line))}\n" for line in lines)
    element = _ELEMENT[result.verdict]
    worst = min(result.findings, key=lambda finding: SEVERITIES.index(finding.severity))
    text = "\n".join(escape(printable(line)) for line in _lines(result))
    opening = f"<{element} type={_attribute(worst.code)} message={_attribute(worst.message)}>"
    return f"{case}>\n{opening}{text}</{element}>\n</testcase>\n", ""


def _spool() -> SpooledTemporaryFile[str]:
    return SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="")


def _copy(spool: SpooledTemporaryFile[str], stream: IO[str]) -> None:
    spool.seek(0)
    while piece := spool.read(1 << 16):
        stream.write(piece)
    spool.close()


def _lines(result: Result) -> list[str]:
    lines = []
    for finding in result.findings:
        lines.append(f"{finding.severity}: {finding.message} [{finding.code}]")
        if finding.hint:
            lines.append(f"  → {finding.hint}")
    if result.plan is not None and result.plan.command is not None:
        lines.append(f"fix: {shell_command(result.plan.command)}")
    return lines


def _attribute(text: str) -> str:
    """Return a quoted attribute; characters that XML 1.0 does not allow are readable escapes."""
    return quoteattr(printable(text))
