"""Collect media files as tests of pytest, and decide whether each passes, fails or is skipped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pytest

from preflight import catalog
from preflight.checker import plan_for
from preflight.confinement import Confinement
from preflight.errors import UsageError
from preflight.report import Problem, Report
from preflight.reporters.text import describe
from preflight.ruleset import RuleSet, is_rule_file_path
from preflight.scan import scan
from preflight.sources.open import display_name, is_url
from preflight.targets import Item, expand, is_media

Choice = Literal["fail", "skip"]

_NEVER_SKIPPED: Final = frozenset(("not_found", "not_a_file", "no_media", "unreadable_line", "internal_error"))
"""Codes of problems that are mistakes in a test, such as a wrong path: a skipped test would hide them."""


class Settings(NamedTuple):
    """The settings of preflight in pytest's ini file and on its command line.

    rules        those of `--preflight`, else of the ini file; may be empty
    unknown      whether tests of sources that are not fully known fail or are skipped
    unreachable  the same for URLs that cannot be fetched
    """

    rules: tuple[RuleSet, ...] = ()
    strict: bool = False
    unknown: Choice = "fail"
    unreachable: Choice = "fail"

    def reason_to_skip(self, report: Report) -> str | None:
        """Return why a test of this report is skipped; None if it passes or fails."""
        if report.verdict != "unknown":
            return None
        if report.error is not None and is_url(report.source):
            return f"unreachable: {report.error.message}" if self.unreachable == "skip" else None
        if report.error is not None and report.error.code in _NEVER_SKIPPED:
            return None
        reasons = (finding.message for finding in report.findings if finding.severity == "unknown")
        return f"unknown: {next(reasons, '')}" if self.unknown == "skip" else None


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings of a run. Raise `pytest.UsageError` for invalid ones."""
    given: list[str] = config.getoption("preflight")
    if given:
        option, folder, confinement = "--preflight", config.invocation_params.dir, None
    else:
        option, folder, confinement = "preflight_rules", config.rootpath, confinement_of(config, "preflight_rules")
    names = [_relative_names(names, folder) for names in given or config.getini(option)]
    for path in (name for part in names for name in part.split(",") if is_rule_file_path(name)):
        if confinement and (problem := catalog.confinement_problem(path, confinement)):
            raise pytest.UsageError(f"{option}: {path} {problem}")
    try:
        rules = catalog.resolve(list(names)) if names else ()
    except UsageError as error:
        raise pytest.UsageError(f"{option}: {error}") from None
    return Settings(
        rules, config.getini("preflight_strict"), _choice(config, "unknown"), _choice(config, "unreachable")
    )


def confinement_of(config: pytest.Config, option: str) -> Confinement | None:
    """Return the confinement of the paths in an ini option; None if the user gave it on the command line."""
    words = (*config.invocation_params.args, *os.environ.get("PYTEST_ADDOPTS", "").split())
    if any(f"{option}=" in str(word) for word in words):  # -o OPTION=VALUE
        return None
    # pytest executes the code in the folder anyway, so URLs in lists add no risk.
    return Confinement(os.fspath(config.inipath or config.rootpath / "pytest.ini"), urls=True)


def _relative_names(names: str, folder: os.PathLike[str]) -> str:
    """Return comma-separated rule sets; paths of rule files in `folder` become relative to the working folder."""
    parts = (name.strip() for name in names.split(","))
    return ",".join(os.path.relpath(os.path.join(folder, name)) if is_rule_file_path(name) else name for name in parts)


def _choice(config: pytest.Config, name: str) -> Choice:
    value = config.getini(f"preflight_{name}")
    if value not in ("fail", "skip"):
        raise pytest.UsageError(f"preflight_{name} = {value!r} is invalid. Write fail or skip.")
    choice: Choice = value
    return choice


def activate(config: pytest.Config) -> None:
    """Collect media files in this run. Raise `pytest.UsageError` for invalid settings."""
    settings = settings_of(config)
    written: list[str] = config.getini("preflight_paths")
    paths = [os.path.normpath(os.path.join(config.rootpath, path.removeprefix("@"))) for path in written]
    lists = {os.path.realpath(path) for path, word in zip(paths, written, strict=True) if word.startswith("@")}
    confinement = confinement_of(config, "preflight_paths")
    for path, word in zip(paths, written, strict=True):
        if confinement and (outside := confinement.problem(path)):
            raise pytest.UsageError(f"preflight_paths: {word} {outside}")
    collector = MediaCollector(settings, paths, lists, confinement, everywhere=bool(config.getoption("preflight")))
    config.pluginmanager.register(collector, "preflight-collector")
    if config.args_source is config.ArgsSource.ARGS:
        return
    for path, word in zip(paths, written, strict=True):
        if not os.path.exists(path):
            raise pytest.UsageError(f"preflight_paths: {word} does not exist. Correct the path.")
    if config.invocation_params.dir == config.rootpath:
        config.args = [*config.args, *(path for path in paths if not _covered(path, config.args))]


def _covered(path: str, args: Iterable[str]) -> bool:
    """Return whether one of pytest's arguments is or contains a path."""
    return any(_is_below(path, os.path.abspath(arg.partition("::")[0])) for arg in args)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


class MediaCollector:
    """The hooks of a run in which media files are tests.

    paths, lists  what `preflight_paths` names; everywhere: all media files are tests, not only those in the paths
    """

    def __init__(
        self,
        settings: Settings,
        paths: list[str],
        lists: set[str],
        confinement: Confinement | None,
        *,
        everywhere: bool,
    ) -> None:
        self.settings = settings
        self.confinement = confinement
        self.plan = plan_for(settings.rules, strict=settings.strict)
        self._paths = paths
        self._lists = lists
        self._everywhere = everywhere

    def pytest_report_header(self) -> str:
        """Return the line that names the rule sets."""
        names = ", ".join(f"{rules.name} ({rules.basis}, read {rules.as_of})" for rules in self.settings.rules)
        return f"preflight: {names}"

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Return the collector for a media file or a list; None for another file."""
        path = os.fspath(file_path)
        if os.path.realpath(path) in self._lists:
            return MediaList.from_parent(parent, path=file_path, collector=self)
        if self._everywhere:
            return MediaFile.from_parent(parent, path=file_path, collector=self) if is_media(path) else None
        if not any(_is_below(path, place) for place in self._paths):
            return None
        outside = self.confinement.problem(path) if self.confinement else None
        if outside or is_media(path):
            return MediaFile.from_parent(parent, path=file_path, collector=self, outside=outside)
        return None


class MediaFile(pytest.File):
    """One media file: one test, named after the rule sets. `outside`: why it is not read."""

    def __init__(self, *, collector: MediaCollector, outside: str | None = None, **node: Any) -> None:
        super().__init__(**node)
        self._collector = collector
        self._problem = Problem("unreadable", f"{self.path} {outside}") if outside else None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the tests."""
        name = os.path.relpath(self.path, self.config.invocation_params.dir)
        rules: tuple[RuleSet, ...] = self._collector.settings.rules
        item = Item(os.fspath(self.path), name, problem=self._problem)
        yield MediaTest.from_parent(
            self, name=",".join(ruleset.name for ruleset in rules), target=item, collector=self._collector
        )


class MediaList(pytest.File):
    """A list with one path or URL per line, as the command line reads it: one test for each, named after it."""

    def __init__(self, *, collector: MediaCollector, **node: Any) -> None:
        super().__init__(**node)
        self._collector = collector

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the tests."""
        for item in expand([f"@{self.path}"], confinement=self._collector.confinement):
            if item.explicit or is_media(str(item.target)):
                name = item.name or display_name(item.target)
                yield MediaTest.from_parent(self, name=name, target=item, collector=self._collector)


class MediaTest(pytest.Item):
    """The test of one source by all rule sets of the run."""

    def __init__(self, *, target: Item, collector: MediaCollector, **node: Any) -> None:
        super().__init__(**node)
        self._target = target
        self._settings = collector.settings
        self._plan = collector.plan

    def runtest(self) -> None:
        """Check the source."""
        report = next(iter(scan([self._target], self._plan)))
        assert report is not None
        self.user_properties.append(("preflight_verdict", report.verdict))
        reason = self._settings.reason_to_skip(report)
        if reason is not None:
            pytest.skip(reason)
        if not report.passed:
            # pytest repeats the first line in its short summary.
            codes = dict.fromkeys(finding.code for finding in report.findings if finding.severity != "note")
            pytest.fail(f"{', '.join(codes)}\n{describe(report)}", pytrace=False)
        if report.findings:
            self.add_report_section("call", "preflight", describe(report))

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return the location and the name of the test."""
        return self.path, None, f"{self.parent.nodeid if self.parent else ''} [{self.name}]"
