"""Reports with invented facts, and with names that an attacker would choose."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from preflight import catalog
from preflight.judge import judge
from preflight.media import Media
from preflight.report import Finding, Problem, Report
from preflight.reporters import ReporterOptions, make_reporter
from preflight.summary import Summary

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "</script><script>window.pwned=1</script>.png",
    "<!--<script>.png",
    "{{ 7*7 }}{% raw %}.png",
    '"><svg onload=window.pwned=1>&lt;.png',
    "javascript:window.pwned=1//.png",
    "]]>&amp;<b>'\".png",
    '=HYPERLINK("http://example.com","x").png',
    "+1+1.png",
    "-2.png",
    "@SUM(1).png",
    " =1+1.png",
    "＝1+1.png",
    "a,b;c\td.png",
    "two\r\nlines\n::error::x.png",
    "::set-output name=x::y.png",
    "100%0A::error::x%.png",
    "##[error]x.png",
    "\x1b[31mred\x1b]0;title\x07.png",
    "\x00\x01\x08\x0b\x0c\x7f\x85.png",
    "\u202egnp.exe\u2066\ufeff.png",
    "\udcff\udcfe.png",
    "\ufffe\uffff\U0001ffff.png",
    "[link](http://example.com){0}\\.png",
    "ordner/ü 😀 %20#?.png",
)


def report_of(source: str, rules: str = "atlas", index: int = 0, **facts: Any) -> Report:
    """Return the report of a picture of 299×400 pixels, or of other facts."""
    media = Media(**{"kind": "image", "format": "png", "width": 299, "height": 400, "size": 90_000, **facts})
    results = tuple(judge(media, one, name=source) for one in catalog.resolve(rules))
    return Report(source, media, results, index)


def unreadable(source: str, rules: str = "atlas", index: int = 0) -> Report:
    """Return the report of a missing file."""
    problem = Problem("not_found", f"{source} does not exist. Check the path.")
    results = tuple(judge(None, one, problem=problem) for one in catalog.resolve(rules))
    return Report(source, None, results, index, problem)


def written(name: str, reports: Iterable[Report], rules: str = "atlas", **options: Any) -> str:
    """Return what a reporter writes for reports."""
    stream = io.StringIO(newline="")
    reporter = make_reporter(name, stream, ReporterOptions(rules=catalog.resolve(rules), **options))
    summary = Summary()
    for report in reports:
        summary.add(report)
        reporter.add(report)
    reporter.close(summary)
    text = stream.getvalue()
    text.encode()  # nothing is left that UTF-8 cannot hold
    return text


@pytest.fixture
def three() -> list[Report]:
    """Return three reports: one fails, one is unknown, one passes with a warning and has a note."""
    warned = report_of(
        "c.mp4", kind="video", format="mp4", width=640, height=640, duration=15.1, fps=24.0, size=900_000
    )
    (result,) = warned.results
    note = Finding("extension_mismatch", "note", "the name ends in .mov, the content is mp4", "format", "mp4")
    noted = replace(warned, results=(result._replace(findings=(*result.findings, note)),))
    return [report_of("a.png"), unreadable("b.png"), noted]
