"""Which behaviour answers which path: the functions' names, with dashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.servers.talk import Behaviour, Talk

BEHAVIOURS: Final[dict[str, Behaviour]] = {}


def behaviour(talk: Callable[[Talk], None]) -> Callable[[Talk], None]:
    """Register a behaviour."""
    BEHAVIOURS[talk.__name__.replace("_", "-")] = talk
    return talk
