"""JUnit XML, as Ant, Jenkins, GitLab and others read it: a suite a rule set, a case a file.

Valid against the schema of Ant's tasks (Windy Road) and against that of Jenkins, which both want a suite's counts in
front of its cases: cases are kept in a file of their own until the last one is known.
"""

from __future__ import annotations

from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Final
from xml.sax.saxutils import escape, quoteattr

from preflight.escape import printable
from preflight.report import Report, Result
from preflight.reporters import Options
from preflight.summary import Summary

_IN_MEMORY: Final = 1 << 20
_ELEMENT: Final = {"fail": "failure", "unknown": "error"}


class JunitReporter:
    """A failing file is a failure, an unknown one an error; warnings of files that pass are the suite's output."""

    def __init__(self, stream: IO[str], options: Options) -> None:
        self._stream = stream
        self._began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        self._quiet = options.quiet
        self._suites: dict[str, _Suite] = {}

    def add(self, report: Report) -> None:
        if self._quiet and report.passed:
            return
        for result in report.results:
            suite = self._suites.get(result.rules)
            if suite is None:
                suite = self._suites[result.rules] = _Suite(result)
            suite.add(report.source, result)

    def close(self, summary: Summary) -> None:
        self._stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n')
        for number, suite in enumerate(self._suites.values()):
            suite.write(self._stream, number, self._began)
        self._stream.write("</testsuites>\n")


class _Suite:
    """One rule set's cases and the warnings of those that pass, on disk where there are many."""

    def __init__(self, first: Result) -> None:
        self._name = first.rules
        self._properties = {"stage": first.stage, "basis": first.basis, "as_of": first.as_of}
        self._counts = {"pass": 0, "fail": 0, "unknown": 0}
        self._cases = _spool()
        self._warnings = _spool()

    def add(self, source: str, result: Result) -> None:
        self._counts[result.verdict] += 1
        name = _attribute(source)
        case = f'<testcase name={name} classname={_attribute(f"preflight.{self._name}")} time="0"'
        if result.verdict == "pass":
            self._cases.write(f"{case}/>\n")
            lines = [f"{source}: {line}" for line in _lines(result)]
            self._warnings.write("".join(f"{escape(printable(line))}\n" for line in lines))
            return
        element = _ELEMENT[result.verdict]
        worst = next((one for one in result.findings if one.severity in ("error", "unknown")), result.findings[0])
        text = "\n".join(escape(printable(line)) for line in _lines(result))
        opening = f"<{element} type={_attribute(worst.code)} message={_attribute(worst.message)}>"
        self._cases.write(f"{case}>\n{opening}{text}</{element}>\n</testcase>\n")

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
        _pour(self._cases, stream)
        stream.write("<system-out>")
        _pour(self._warnings, stream)
        stream.write("</system-out>\n<system-err/>\n</testsuite>\n")


def _spool() -> SpooledTemporaryFile[str]:
    return SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="")


def _pour(spool: SpooledTemporaryFile[str], stream: IO[str]) -> None:
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
    return lines


def _attribute(text: str) -> str:
    """Quoted; what XML 1.0 cannot hold at all (control codes, lone surrogates) as a readable escape."""
    return quoteattr(printable(text))
