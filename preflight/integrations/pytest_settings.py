"""What the ini file and the command line of pytest say about preflight, and what becomes of a report because of it."""

from __future__ import annotations

import os
from typing import Final, Literal, NamedTuple

import pytest

from preflight import catalog
from preflight.confinement import Confinement
from preflight.errors import UsageError
from preflight.report import Report
from preflight.reporters.text import describe
from preflight.ruleset import RuleSet, is_path
from preflight.sources.open import is_url

Choice = Literal["fail", "skip"]

_NEVER_SKIPPED: Final = frozenset(("not_found", "not_a_file", "no_media", "unreadable_line", "internal_error"))
"""A wrong path is a mistake in the test: skipped, it would never be seen."""


class Settings(NamedTuple):
    """rules   those of `--preflight`, else of the ini file; may be empty
    unknown, unreachable  whether the tests of such sources fail or are skipped
    """

    rules: tuple[RuleSet, ...] = ()
    strict: bool = False
    unknown: Choice = "fail"
    unreachable: Choice = "fail"

    def reason_to_skip(self, report: Report) -> str | None:
        """Why a test over this report is skipped; None where it passes or fails."""
        if report.verdict != "unknown":
            return None
        if report.error is not None and is_url(report.source):
            return f"unreachable: {report.error.message}" if self.unreachable == "skip" else None
        if report.error is not None and report.error.code in _NEVER_SKIPPED:
            return None
        reasons = (finding.message for finding in report.findings if finding.severity == "unknown")
        return f"unknown: {next(reasons, '')}" if self.unknown == "skip" else None


def settings_of(config: pytest.Config) -> Settings:
    """The settings of a run. Raises `pytest.UsageError` for what is wrong in them."""
    given: list[str] = config.getoption("preflight")
    words = (
        [_below(word, config.invocation_params.dir) for word in given]
        if given
        else [_below(word, config.rootpath) for word in config.getini("preflight_rules")]
    )
    confinement = None if given else confinement_of(config, "preflight_rules")
    try:
        for path in (word for part in words if confinement for word in part.split(",") if is_path(word)):
            if confinement and (outside := catalog.confinement_problem(path, confinement)):
                raise UsageError(f"{path} {outside}")
        rules = catalog.resolve(list(words)) if words else ()
    except UsageError as error:
        raise pytest.UsageError(f"{'--preflight' if given else 'preflight_rules'}: {error}") from None
    return Settings(
        rules, config.getini("preflight_strict"), _choice(config, "unknown"), _choice(config, "unreachable")
    )


def confinement_of(config: pytest.Config, option: str) -> Confinement | None:
    """Return what an ini option stays inside; None where the user wrote it on the command line."""
    words = (*config.invocation_params.args, *os.environ.get("PYTEST_ADDOPTS", "").split())
    if any(f"{option}=" in str(word) for word in words):  # -o OPTION=VALUE
        return None
    # pytest's own run fetches nothing, but it executes what the folder holds: URLs in lists are no new danger.
    return Confinement(os.fspath(config.inipath or config.rootpath / "pytest.ini"), urls=True)


def readable(report: Report) -> str:
    """A report for a person who reads the failure of a test."""
    return describe(report)


def _below(words: str, folder: os.PathLike[str]) -> str:
    """Rule sets with commas; what is the path of a rule file is taken from `folder`, and named from where we are."""
    parts = (word.strip() for word in words.split(","))
    return ",".join(os.path.relpath(os.path.join(folder, word)) if is_path(word) else word for word in parts)


def _choice(config: pytest.Config, name: str) -> Choice:
    value = config.getini(f"preflight_{name}")
    if value not in ("fail", "skip"):
        raise pytest.UsageError(f"preflight_{name} = {value!r}: write fail or skip")
    choice: Choice = value
    return choice
