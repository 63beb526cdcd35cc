"""A sender for each provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from preflight.providers import PROVIDERS
from preflight.sandbox import Sandbox
from tests.submission.sending import Sender

SOME = ("atlas", "volcengine")


@pytest.fixture(params=sorted(PROVIDERS))
def sender(request: pytest.FixtureRequest, box: Sandbox, tmp_path: Path) -> Sender:
    """Each provider in turn."""
    return Sender(box, request.param, tmp_path)


@pytest.fixture(
    params=[name if name == "atlas" else pytest.param(name, marks=pytest.mark.slow) for name in sorted(PROVIDERS)]
)
def mostly(request: pytest.FixtureRequest, box: Sandbox, tmp_path: Path) -> Sender:
    """Each provider in turn, for what is the same code for all: those beside Atlas are slow tests."""
    return Sender(box, request.param, tmp_path)


@pytest.fixture(params=SOME)
def some(request: pytest.FixtureRequest, box: Sandbox, tmp_path: Path) -> Sender:
    """Two providers that differ most: one key without groups, a signature with groups."""
    return Sender(box, request.param, tmp_path)


@pytest.fixture(params=["atlas", pytest.param("volcengine", marks=pytest.mark.slow)])
def fewer(request: pytest.FixtureRequest, box: Sandbox, tmp_path: Path) -> Sender:
    """The two of `some`, for what waits long and is the same code for all: Volcengine is a slow test."""
    return Sender(box, request.param, tmp_path)


@pytest.fixture
def atlas(box: Sandbox, tmp_path: Path) -> Sender:
    return Sender(box, "atlas", tmp_path)
