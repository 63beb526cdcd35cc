"""What is hosted at the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from preflight.sandbox import Sandbox


@pytest.fixture
def picture(box: Sandbox, fixtures: Path) -> str:
    """The URL of a picture that every rule set takes."""
    return box.host(fixtures / "accepted" / "picture.png")


@pytest.fixture
def clip(box: Sandbox, fixtures: Path) -> str:
    """The URL of a video that every rule set with a section for videos takes."""
    return box.host(fixtures / "accepted" / "clip.mp4")


@pytest.fixture
def narrow(box: Sandbox, fixtures: Path) -> str:
    """The URL of a picture that is too narrow for every rule set."""
    return box.host(fixtures / "refused" / "png-too-narrow.png")
