"""Assert in any test framework that a source passes."""

from __future__ import annotations

from typing import Unpack

from preflight.checker import CheckKeywords, Rules, check
from preflight.report import Report
from preflight.reporters.text import describe
from preflight.sources.open import Target


def assert_passes(target: Target, rules: Rules, **options: Unpack[CheckKeywords]) -> Report:
    """Raise AssertionError with the findings as text unless the source passes; unknown fails too.

    Takes the arguments of `check`, and returns its report.
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    report = check(target, rules, **options)
    if not report.passed:
        raise AssertionError(describe(report))
    return report
