"""What every test shares: a clean environment, the project's folders, the command as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no colour wish and no key of the machine reaches a test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("NO_COLOR", "FORCE_COLOR") or name.endswith(("_API_KEY", "KEY")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Docstring examples name fixtures from the project's folder."""
    import preflight

    doctest_namespace["preflight"] = preflight
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return ROOT / "fixtures"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of the corpus, from PREFLIGHT_CORPUS; tests that need it skip without."""
    folder = os.environ.get("PREFLIGHT_CORPUS")
    if not folder:
        pytest.skip("PREFLIGHT_CORPUS names no corpus")
    return Path(folder).resolve()


@pytest.fixture
def run() -> Run:
    """The `preflight` command as a process: `run("check", "x.png", "--for", "atlas", input=…, cwd=…)`."""

    def call(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "preflight", *map(str, words)]
        settings: dict[str, object] = {"capture_output": True, "text": True, "timeout": 60, "cwd": ROOT, **options}
        return subprocess.run(command, **settings)  # type: ignore[call-overload, no-any-return]

    return call
