"""The pytest plugin: its options and fixtures, and nothing else. pytest imports this file at each start.

pytest --preflight=RULES media/     every media file becomes a test that passes or fails with its findings

ini options: `preflight_rules` and `preflight_paths` do the same without `--preflight` for what stands in these paths;
`preflight_strict` lets warnings fail; `preflight_unknown`, `preflight_unreachable`: "fail" (default) or "skip".
Fixtures: `preflight_check`, `preflight_sandbox`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from preflight.integrations.pytest_checker import Checker
    from preflight.sandbox import Sandbox


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("preflight", "media files that services must accept")
    group.addoption(
        "--preflight",
        action="append",
        default=[],
        metavar="RULES",
        help="Make a test of every media file, judged by these rule sets (names, rule files, with commas).",
    )
    parser.addini("preflight_rules", "Rule sets by which media files are judged.", "args", [])
    parser.addini("preflight_paths", "Files, folders and @lists that are tested without --preflight too.", "args", [])
    parser.addini("preflight_strict", "Whether warnings fail.", "bool", False)
    parser.addini("preflight_unknown", "What becomes of files that are not fully known: fail or skip.", default="fail")
    parser.addini("preflight_unreachable", "What becomes of URLs that give no answer: fail or skip.", default="fail")


def pytest_configure(config: pytest.Config) -> None:
    if config.getini("preflight_paths") and not (config.getoption("preflight") or config.getini("preflight_rules")):
        raise pytest.UsageError("preflight_paths names files, and nothing says by which rule set: set preflight_rules")
    if config.getoption("preflight") or (config.getini("preflight_rules") and config.getini("preflight_paths")):
        from preflight.integrations.pytest_files import activate

        activate(config)


@pytest.fixture(scope="session")
def preflight_check(pytestconfig: pytest.Config) -> Checker:
    """`preflight_check(target, rules)` gives the report, `preflight_check.assert_passes(target, rules)` asserts.

    The rule sets default to `preflight_rules`. What was checked is known again by its content for the whole session.
    """
    from preflight.integrations.pytest_checker import Checker
    from preflight.integrations.pytest_files import settings_of

    return Checker(settings_of(pytestconfig))


@pytest.fixture
def preflight_sandbox() -> Iterator[Sandbox]:
    """A local server that speaks every provider's protocol, new for each test: a `preflight.sandbox.Sandbox`.

    `endpoint(provider)`, `key(provider)`, `misbehave.on("lose-after", action="register")`, `stats` …
    """
    from preflight.sandbox import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
