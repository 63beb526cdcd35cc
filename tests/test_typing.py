"""The public API under mypy --strict: what is misspelt or of a wrong type is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from preflight.providers import PROVIDERS
from preflight.providers.provider import ProviderSettings
from preflight.submission.options import SubmissionOptions, SubmitOptions
from tests.conftest import ROOT


@pytest.mark.slow  # `mypy` checks the same file
def test_wrong_calls_of_the_api_are_type_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = pytest.importorskip("mypy.api")
    monkeypatch.chdir(ROOT)
    options = ["--strict", "--warn-unused-ignores", "--follow-imports=silent", f"--cache-dir={tmp_path}"]
    report, errors, _ = api.run([*options, "tests/typing/api.py"])
    assert (errors, report) == ("", "Success: no issues found in 1 source file\n")


def test_typed_options_are_those_that_a_run_takes() -> None:
    assert set(SubmitOptions.__annotations__) == set(SubmissionOptions.__annotations__)


def test_typed_provider_settings_are_the_options_of_all_providers() -> None:
    assert set(ProviderSettings.__annotations__) == {name for spec in PROVIDERS.values() for name in spec.options}
