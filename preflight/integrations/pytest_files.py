"""Media files as tests of pytest: which files, and how each passes, fails or is skipped. Loaded only when wanted."""

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
from preflight.ruleset import RuleSet, is_path
from preflight.scan import scan
from preflight.sources.open import display_name, is_url
from preflight.targets import Item, expand, is_media

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


def activate(config: pytest.Config) -> None:
    """Collect media files in this run. Raises `pytest.UsageError` for wrong settings."""
    settings = settings_of(config)
    written: list[str] = config.getini("preflight_paths")
    paths = [os.path.normpath(os.path.join(config.rootpath, path.removeprefix("@"))) for path in written]
    lists = {os.path.realpath(path) for path, word in zip(paths, written, strict=True) if word.startswith("@")}
    confinement = confinement_of(config, "preflight_paths")
    for path, word in zip(paths, written, strict=True):
        if confinement and (outside := confinement.problem(path)):
            raise pytest.UsageError(f"preflight_paths: {word} {outside}")
    everywhere = bool(config.getoption("preflight"))
    collecting = _Collecting(settings, paths, lists, everywhere, confinement)
    config.pluginmanager.register(collecting, "preflight-collecting")
    if config.args_source is config.ArgsSource.ARGS:
        return
    for path, word in zip(paths, written, strict=True):
        if not os.path.exists(path):
            raise pytest.UsageError(f"preflight_paths: {word} does not exist: correct it, or name what to test")
    if config.invocation_params.dir == config.rootpath:
        config.args = [*config.args, *(path for path in paths if not _covered(path, config.args))]


def _covered(path: str, args: Iterable[str]) -> bool:
    """Whether pytest meets a path on its way through its arguments."""
    return any(_is_below(path, os.path.abspath(arg.partition("::")[0])) for arg in args)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


class _Collecting:
    """The hooks of a run in which media files are tests."""

    def __init__(
        self,
        settings: Settings,
        paths: list[str],
        lists: set[str],
        everywhere: bool,
        confinement: Confinement | None,
    ) -> None:
        self.settings = settings
        self.confinement = confinement
        self.plan = plan_for(settings.rules, strict=settings.strict)
        self._paths = paths
        self._lists = lists
        self._everywhere = everywhere

    def pytest_report_header(self) -> str:
        names = ", ".join(f"{rules.name} ({rules.basis}, read {rules.as_of})" for rules in self.settings.rules)
        return f"preflight: {names}"

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        path = os.fspath(file_path)
        if os.path.realpath(path) in self._lists:
            return MediaList.from_parent(parent, path=file_path, collecting=self)
        if self._everywhere:
            return MediaFile.from_parent(parent, path=file_path, collecting=self) if is_media(path) else None
        if not any(_is_below(path, place) for place in self._paths):
            return None
        outside = self.confinement.problem(path) if self.confinement else None
        if outside or is_media(path):
            return MediaFile.from_parent(parent, path=file_path, collecting=self, outside=outside)
        return None


class MediaFile(pytest.File):
    """One media file: one test, named for the rule sets. `outside`: why it is not read."""

    def __init__(self, *, collecting: _Collecting, outside: str | None = None, **node: Any) -> None:
        super().__init__(**node)
        self._collecting = collecting
        self._problem = Problem("unreadable", f"{self.path} {outside}") if outside else None

    def collect(self) -> Iterator[pytest.Item]:
        name = os.path.relpath(self.path, self.config.invocation_params.dir)
        rules: tuple[RuleSet, ...] = self._collecting.settings.rules
        item = Item(os.fspath(self.path), name, problem=self._problem)
        yield MediaTest.from_parent(self, name=",".join(one.name for one in rules), target=item, of=self._collecting)


class MediaList(pytest.File):
    """A list with a path or URL a line, as the command line reads it: one test each, named for it."""

    def __init__(self, *, collecting: _Collecting, **node: Any) -> None:
        super().__init__(**node)
        self._collecting = collecting

    def collect(self) -> Iterator[pytest.Item]:
        for item in expand([f"@{self.path}"], confinement=self._collecting.confinement):
            if item.explicit or is_media(str(item.target)):
                name = item.name or display_name(item.target)
                yield MediaTest.from_parent(self, name=name, target=item, of=self._collecting)


class MediaTest(pytest.Item):
    """One source, judged by all rule sets of the run."""

    def __init__(self, *, target: Item, of: _Collecting, **node: Any) -> None:
        super().__init__(**node)
        self._target = target
        self._settings = of.settings
        self._plan = of.plan

    def runtest(self) -> None:
        report = next(iter(scan([self._target], self._plan)))
        assert report is not None
        self.user_properties.append(("preflight_verdict", report.verdict))
        reason = self._settings.reason_to_skip(report)
        if reason is not None:
            pytest.skip(reason)
        if not report.passed:
            # The first line is what pytest repeats in its short summary.
            codes = dict.fromkeys(finding.code for finding in report.findings if finding.severity != "note")
            pytest.fail(f"{', '.join(codes)}\n{readable(report)}", pytrace=False)
        if report.findings:
            self.add_report_section("call", "preflight", readable(report))

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, None, f"{self.parent.nodeid if self.parent else ''} [{self.name}]"
