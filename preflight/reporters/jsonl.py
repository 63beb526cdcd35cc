"""One JSON object a line, as soon as it is known."""

from __future__ import annotations

from functools import lru_cache, partial
from json import JSONEncoder
from json.encoder import encode_basestring_ascii as _quoted
from math import isfinite
from typing import IO, Any, Final

from preflight.report import Finding, Report, Result
from preflight.reporters import Options
from preflight.summary import Summary

_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode
_word = lru_cache(4096, typed=True)(_encode)
_limits: Final[dict[int, tuple[dict[str, Any], str]]] = {}

_INDEX: Final = ',"index":'
"""Stands but once in a line: inside a string its quotation marks would be escaped."""


class JsonlReporter:
    """Writes every report as one line; ASCII only, so that no name can break a line or a terminal."""

    def __init__(self, stream: IO[str], options: Options) -> None:
        self.write = stream.write
        self.render = partial(line, quiet=options.quiet, probe=options.probe)

    def add(self, report: Report) -> None:
        self.write(self.render(report))

    def moved(self, text: str, index: int) -> str:
        before, _, after = text.partition(_INDEX)
        return f"{before}{_INDEX}{index},{after.partition(',')[2]}" if after else text

    def close(self, summary: Summary) -> None:
        """Lines stand alone: nothing follows the last."""


def line(report: Report, *, quiet: bool = False, probe: bool = False) -> str:
    """`report.as_json()` as a line; empty where nothing is to be printed.

    What rule sets and findings have in common with those of the last files is not encoded again: a quarter of the time.
    """
    if quiet and not probe and report.passed:
        return ""
    facts = _encode(report.as_probe_json())
    if probe:
        return f"{facts}\n"
    results = ",".join(map(_result, report.results))
    return f'{facts[:-1]},"verdict":"{report.verdict}","results":[{results}],"digest":{_word(report.digest)}}}\n'


def _result(result: Result) -> str:
    findings = ",".join(map(_finding, result.findings))
    return (
        f'{{"rules":{_word(result.rules)},"stage":{_word(result.stage)},"as_of":{_word(result.as_of)},'
        f'"basis":{_word(result.basis)},"verdict":"{result.verdict}","findings":[{findings}]}}'
    )


def _finding(finding: Finding) -> str:
    code, severity, message, fact, value, limit, hint, reference = finding
    return (
        f'{{"code":"{code}","severity":"{severity}","fact":{_word(fact)},'
        f'"value":{_value(value)},'
        f'"limit":{"null" if limit is None else _limit(limit)},"message":{_quoted(message)},'
        f'"hint":{"null" if hint is None else _quoted(hint)},"reference":{_word(reference)}}}'
    )


def _value(value: Any) -> str:
    """Most are numbers, each another one: written as the encoder would, without one."""
    if type(value) is int or (type(value) is float and isfinite(value)):
        return repr(value)
    return _word(value) if isinstance(value, str) else _encode(value)


def _limit(limit: dict[str, Any]) -> str:
    """By identity: all findings of one limit share what the rule file says."""
    known = _limits.get(id(limit))
    if known is None or known[0] is not limit:
        if len(_limits) > 4096:
            _limits.clear()
        known = _limits[id(limit)] = (limit, _encode(limit))
    return known[1]
