"""Media files as tests of pytest, each of which passes, fails or is skipped; and the fixture `preflight_check`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Unpack

import pytest

from preflight import catalog
from preflight.checker import CheckKeywords, CheckPlan, Rules, check, plan_for
from preflight.confinement import Confinement
from preflight.errors import UsageError
from preflight.formats import extension_of
from preflight.integrations.requirement import describe_failure
from preflight.report import Problem, Report
from preflight.reporters.text import describe
from preflight.ruleset import RuleSet, is_rule_file_path
from preflight.scan import scan
from preflight.sources.open import Target, display_name, is_url
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
            pytest.fail(f"{', '.join(codes)}\n{describe_failure(report, self._plan)}", pytrace=False)
        if report.findings:
            self.add_report_section("call", "preflight", describe(report))

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return the location and the name of the test."""
        return self.path, None, f"{self.parent.nodeid if self.parent else ''} [{self.name}]"


_LARGE: Final = 16 << 20
"""Bytes above which a file is identified by its state, not its digest: reading all of it takes longer than checking."""


class Checker:
    """`preflight.check` and `preflight.assert_passes` with a cache.

    The same content with the same extension, rule sets and options is checked once, whatever its path. URLs are fetched
    once a session. A source that could not be read is tried again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[Hashable, tuple[Report, tuple[RuleSet, ...]]] = {}
        self._digests: dict[tuple[int, ...], bytes] = {}

    def __call__(self, target: Target, rules: Rules | None = None, **options: Unpack[CheckKeywords]) -> Report:
        """Return the report of a source; `rules` default to those of `preflight_rules`."""
        chosen = catalog.resolve(rules) if rules is not None else self._settings.rules
        if not chosen:
            raise UsageError('No rule set given. Call preflight_check(target, "RULES"), or set preflight_rules.')
        options.setdefault("strict", self._settings.strict)
        key = self._key(target, chosen, options)
        known = self._known.get(key)
        label = display_name(target)
        if known is not None and (known[0].source == label or not known[0].findings):
            return replace(known[0], source=label)
        report = check(target, chosen, **options)
        if key is not None and report.error is None:
            self._known[key] = (report, chosen)
        return report

    def assert_passes(self, target: Target, rules: Rules | None = None, **options: Unpack[CheckKeywords]) -> Report:
        """Fail with the readable findings unless the source passes.

        Unknown and unreachable sources fail too, unless `preflight_unknown` or `preflight_unreachable` is "skip".
        """
        __tracebackhide__ = True
        report = self(target, rules, **options)
        reason = self._settings.reason_to_skip(report)
        if reason is not None:
            pytest.skip(reason)
        if not report.passed:
            chosen = catalog.resolve(rules) if rules is not None else self._settings.rules
            strict = options.get("strict", self._settings.strict)
            raise AssertionError(describe_failure(report, CheckPlan(chosen, strict=strict)))
        return report

    def _key(self, target: Target, rules: tuple[RuleSet, ...], options: CheckKeywords) -> Hashable:
        """Return a key of everything that the report depends on; None if the target can be read only once."""
        content = self._content(target)
        if content is None:
            return None
        # Compiled rule sets are not hashable; the cache keeps them, so that their ids stay unique.
        return content, tuple(map(id, rules)), tuple(sorted(options.items()))

    def _content(self, target: Target) -> tuple[Hashable, ...] | None:
        if isinstance(target, bytes | bytearray | memoryview):
            return "", hashlib.sha256(bytes(target)).digest()
        if isinstance(target, str) and is_url(target):
            return ("url", target)
        if not isinstance(target, str | os.PathLike):
            return None
        try:
            with open(target, "rb", opener=_open_nonblocking) as file:
                status = os.fstat(file.fileno())
                state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                if status.st_size > _LARGE:
                    return extension_of(os.fspath(target)), state
                if state not in self._digests:
                    self._digests[state] = hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return None
        return extension_of(os.fspath(target)), self._digests[state]


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a FIFO would wait for its writer
