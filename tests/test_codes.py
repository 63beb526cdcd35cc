"""Every finding code that is used is registered, with a title and an explanation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from preflight.codes import CODES, SEVERITIES
from preflight.providers import PROVIDERS
from preflight.providers.refusals import REASONS
from tests.rows import each_row

PACKAGE = Path(__file__).parents[1] / "preflight"
MAKERS = {"SourceError": 0, "Problem": 0, "Finding": 0, "Passing": 0}
"""Classes that are made with a code, and the position of that argument."""
WORDS = ("code", "error_code")
"""Keyword arguments that are codes, except in responses of providers."""


def used() -> Iterator[tuple[str, str]]:
    """Yield (file and line, code) for each literal code in the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            found = [*node.args[MAKERS[name] : MAKERS[name] + 1]] if name in MAKERS else []
            if room not in ("sandbox", "providers"):
                found += [keyword.value for keyword in node.keywords if keyword.arg in WORDS]
            for value in found:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield f"{path.relative_to(PACKAGE)}:{value.lineno}", value.value


def test_every_code_that_is_used_is_registered() -> None:
    everywhere = list(used())
    assert len(everywhere) > 40
    assert [(where, code) for where, code in everywhere if code not in CODES] == []


def test_codes_of_submissions_are_registered_or_are_reasons() -> None:
    assert {"unknown_outcome", "deadline", "upload_failed", "asset_gone", "ledger_error"} <= CODES.keys()
    assert {"auth", "credits", "rate_limited", "server", "connection_lost"} <= REASONS.keys()


@each_row("name", sorted(PROVIDERS))
def test_failure_codes_of_providers_are_registered(name: str) -> None:
    assert set(PROVIDERS[name].failure_codes.values()) <= CODES.keys()
    assert PROVIDERS[name].retryable_failures <= CODES.keys()


@each_row("code", sorted(CODES))
def test_every_code_has_a_title_and_an_explanation(code: str) -> None:
    entry = CODES[code]
    assert entry.severity in SEVERITIES
    assert entry.title
    assert entry.explanation.endswith(".")
    assert code == code.lower()
