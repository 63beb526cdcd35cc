"""A recording server, and providers that talk to it with keys of no use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from preflight.clock import Clock
from preflight.providers import Provider, find_provider, open_provider

from .server import Recorder

KEY = "sk-9f8e7d6c5b4a3210SECRET"
SECRET = "SkThatNobodyMaySee=="
TOKEN = "STS.TokenThatNobodyMaySee"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

Open = Callable[..., Provider]


def keys_of(name: str) -> dict[str, str]:
    """Keys for a provider, of the names that it asks for."""
    kinds = {"api_key": KEY, "access_key": "AKLTexample", "secret_key": SECRET, "session_token": TOKEN}
    return {key.name: kinds[key.name] for key in find_provider(name).credentials if key.required}


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


@pytest.fixture
def open_(server: Recorder) -> Iterator[Open]:
    """Opens a provider at the recording server; `credentials=` and all other options may be given."""
    opened: list[Provider] = []

    def open_one(name: str, **options: Any) -> Provider:
        settings: dict[str, Any] = {
            "credentials": keys_of(name),
            "endpoint": server.url,
            "clock": Clock(wall=NOW.timestamp),
            "timeout": (2.0, 2.0),
        }
        opened.append(open_provider(find_provider(name), **(settings | options)))
        return opened[-1]

    yield open_one
    for provider in opened:
        provider.close()
