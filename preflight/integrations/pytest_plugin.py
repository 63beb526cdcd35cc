"""The pytest plugin: its options and fixtures. pytest imports this file at every start, so it imports little.

pytest --preflight=RULES media/     makes a test of every media file, which passes or fails with its findings

ini options: `preflight_rules` and `preflight_paths` do the same without `--preflight` for the files in these paths;
`preflight_strict` makes warnings fail; `preflight_unknown`, `preflight_unreachable`: "fail" (default) or "skip".
Fixtures: `preflight_check`, `preflight_fix`, `preflight_sandbox`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from preflight.integrations.pytest_files import Checker
    from preflight.integrations.pytest_fix import MediaFixer
    from preflight.sandbox import Sandbox


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("preflight", "media files that services must accept")
    group.addoption(
        "--preflight",
        action="append",
        default=[],
        metavar="RULES",
        help="Make a test of every media file, with these rule sets (comma-separated names or rule files).",
    )
    parser.addini("preflight_rules", "Rule sets that media files must pass.", "args", [])
    parser.addini("preflight_paths", "Files, folders and @lists that are also tested without --preflight.", "args", [])
    parser.addini("preflight_strict", "Whether warnings fail.", "bool", default=False)
    parser.addini(
        "preflight_unknown", "Result of tests of files that are not fully known: fail or skip.", default="fail"
    )
    parser.addini(
        "preflight_unreachable", "Result of tests of URLs that cannot be fetched: fail or skip.", default="fail"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect media files if the options ask for it."""
    if config.getini("preflight_paths") and not (config.getoption("preflight") or config.getini("preflight_rules")):
        raise pytest.UsageError("preflight_paths is set without a rule set. Set preflight_rules.")
    if config.getoption("preflight") or (config.getini("preflight_rules") and config.getini("preflight_paths")):
        from preflight.integrations.pytest_files import activate

        activate(config)


@pytest.fixture(scope="session")
def preflight_check(pytestconfig: pytest.Config) -> Checker:
    """Return a checker: `preflight_check(target, rules)` and `preflight_check.assert_passes(target, rules)`.

    The rule sets default to `preflight_rules`. The report of a content is reused for the whole session.
    """
    from preflight.integrations.pytest_files import Checker, settings_of

    return Checker(settings_of(pytestconfig))


@pytest.fixture
def preflight_fix(pytestconfig: pytest.Config, tmp_path: Path) -> MediaFixer:
    """Return a fixer: `preflight_fix(target, rules, fit="pad", …)` returns the path of a file that passes.

    It is made in `tmp_path`, unless the target passes. The rule sets default to `preflight_rules`, and the choices are
    those of `preflight.fix`. The test fails if the target cannot be fixed.
    """
    from preflight.integrations.pytest_files import settings_of
    from preflight.integrations.pytest_fix import MediaFixer

    return MediaFixer(settings_of(pytestconfig), tmp_path)


@pytest.fixture
def preflight_sandbox() -> Iterator[Sandbox]:
    """Yield a local server that speaks every provider's protocol: a new `preflight.sandbox.Sandbox` for each test.

    `endpoint(provider)`, `key(provider)`, `faults.on("lose-after", action="register")`, `stats` …
    """
    from preflight.sandbox import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
