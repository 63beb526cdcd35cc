"""Media files as tests of pytest: which files, and how each passes, fails or is skipped. Loaded only when wanted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from preflight.checker import plan_for
from preflight.integrations.pytest_settings import Settings, confinement_of, readable, settings_of
from preflight.report import Problem
from preflight.scan import scan
from preflight.sources.open import display_name
from preflight.targets import Item, expand, is_media

if TYPE_CHECKING:
    from preflight.confinement import Confinement
    from preflight.ruleset import RuleSet


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
