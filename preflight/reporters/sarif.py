"""SARIF 2.1.0 for code scanning services and editors: a rule for each finding code, a result for each finding.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from hashlib import sha256
from json import JSONEncoder
from typing import IO, Final
from urllib.parse import quote

from preflight.codes import CODES
from preflight.escape import printable
from preflight.report import Finding, Plan, Report
from preflight.reporters import ReporterOptions
from preflight.sources.open import is_url
from preflight.summary import Summary
from preflight.version import VERSION

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVEL: Final = {"error": "error", "unknown": "error", "warning": "warning", "note": "note"}
"""By severity. Unknown is not a pass, so it is an error; the result's properties have the severity itself."""
_NUMBER: Final = {code: number for number, code in enumerate(CODES)}
_WHOLE_FILE: Final = {"startLine": 1}
"""Media files have no lines, but code scanning requires one."""


class SarifReporter:
    """Writes results as reports come; the tool and its rules precede them, the counts follow."""

    def __init__(self, stream: IO[str], options: ReporterOptions) -> None:
        self._write = stream.write
        self._encode = JSONEncoder(separators=(",", ":")).encode
        head = self._encode({"$schema": _SCHEMA, "version": "2.1.0"})[:-1]
        run = self._encode({"tool": {"driver": _driver()}, "columnKind": "utf16CodeUnits"})[:-1]
        self._before = f'{head},"runs":[{run},"results":[\n'

    def add(self, report: Report) -> None:
        """Write the results of one report."""
        remarks, names = report.remarks, ",".join(result.rules for result in report.results)
        rows = [_result(report.source, names, report.verdict, finding, finding.message, None) for finding in remarks]
        for result in report.results:
            for finding in result.findings:
                if finding not in remarks:
                    message = f"{result.rules}: {finding.message}"
                    rows.append(_result(report.source, result.rules, result.verdict, finding, message, result.plan))
        for text in list(map(self._encode, rows)):  # an error here must not leave part of a report
            self._write(self._before + text)
            self._before = ",\n"

    def close(self, summary: Summary) -> None:
        """Write the counts, and end the document."""
        opening = self._before if self._before != ",\n" else "\n"
        invocation = {"executionSuccessful": True, "exitCode": summary.exit_code, "properties": summary.as_json()}
        self._write(f'{opening}],"invocations":[{self._encode(invocation)}]}}]}}\n')


def _driver() -> dict[str, object]:
    return {
        "name": "preflight",
        "version": VERSION,
        "rules": [
            {
                "id": code,
                "shortDescription": {"text": _message(known.title)},
                "fullDescription": {"text": _message(known.explanation)},
                "help": {"text": _message(known.explanation)},
                "defaultConfiguration": {"level": _LEVEL[known.severity]},
            }
            for code, known in CODES.items()
        ],
    }


def _result(
    source: str, rules: str, verdict: str, finding: Finding, message: str, plan: Plan | None
) -> dict[str, object]:
    """Return one result; `rules` are the names of the rule sets that it is from. Errors carry the plan."""
    identity = "\0".join((rules, finding.code, finding.fact or "", source))
    return {
        "ruleId": finding.code,
        "ruleIndex": _NUMBER[finding.code],
        "level": _LEVEL[finding.severity],
        "message": {"text": _message(message)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(source)}, "region": _WHOLE_FILE}}],
        "partialFingerprints": {"preflight/v1": sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]},
        "properties": {
            "rules": rules,
            "verdict": verdict,
            "severity": finding.severity,
            "fact": finding.fact,
            "value": finding.value,
            "limit": finding.limit,
            "hint": finding.hint,
            "plan": plan.as_json() if plan is not None and finding.severity == "error" else None,
        },
    }


def uri(source: str) -> str:
    """Return the location of a source as a URI reference; the bytes of a path are percent-encoded.

    >>> uri("media/a b:c.png"), uri("/srv/ü.mp4"), uri("https://example.com/a b.mp4?x=1")
    ('media/a%20b%3Ac.png', 'file:///srv/%C3%BC.mp4', 'https://example.com/a%20b.mp4?x=1')
    """
    if is_url(source):
        return quote(source, safe="%:/?#[]@!$&'()*+,;=~", errors="replace")
    path = quote(source, safe="/", errors="surrogateescape")
    return f"file://{path}" if path.startswith("/") else path


def _message(text: str) -> str:
    """Return plain text; unescaped brackets and braces would be links and placeholders (SARIF 3.11.5, 3.11.6)."""
    text = printable(text)
    for mark, escaped in (("\\", "\\\\"), ("[", "\\["), ("]", "\\]"), ("{", "{{"), ("}", "}}")):
        text = text.replace(mark, escaped)
    return text
