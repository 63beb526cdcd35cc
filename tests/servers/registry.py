"""Which behaviour responds to which path: the functions' names, with dashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.servers.talk import Behaviour, Talk

BEHAVIOURS: Final[dict[str, Behaviour]] = {}


def behaviour(talk: Callable[[Talk], None]) -> Callable[[Talk], None]:
    """Register a behaviour under a name that no other has."""
    name = talk.__name__.replace("_", "-")
    assert name not in BEHAVIOURS, f"two behaviours are called {name}"
    BEHAVIOURS[name] = talk
    return talk
